// Many live sessions: what each takes, what they do to the time of an answer, and how long it takes until all have expired.
// Alone: `npm run build && node bench/live.js`.
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {load} from './load.js';
import {startChild} from './live/child.js';
import {startPaced} from './paced.js';
import {canPin, median, pin, residentSetSize} from './process.js';
import {isProgram, printMeasured} from './table.js';

const pathOf = file => fileURLToPath(new URL(file, import.meta.url));
const program = pathOf('live/server.js');
const contenders = {bare: pathOf('live/bare.js'), Espalier: pathOf('../dist/bench/live/site.js')};

const pace = {perSecond: 1500, size: 300};
const cookies = 20_000;
const plans = {
  full: {sizes: [10_000, 100_000, 1_000_000], warmUp: 12, windows: 6, seconds: 5, settle: 2},
  quick: {sizes: [1000, 10_000], warmUp: 1, windows: 3, seconds: 2, settle: 1},
};

/** A warmed contender, on its core, without sessions but the one it was warmed with. */
async function start(name, node, {warmUp}) {
  const {child, ready: url, ask, stop} = await startChild(node, ['--expose-gc', program, contenders[name]]);
  const server = {name, child, url, ask, stop, windows: []};
  try {
    const cookie = (await fetch(url)).headers.getSetCookie()[0].split(';')[0];
    await load({url, visitors: [{cookie}], seconds: warmUp, pinned: false});
    await load({url, path: '/ping', visitors: [{cookie}], seconds: Math.ceil(warmUp / 4), pinned: false});
    pin(child);
    return server;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** So many sessions more; what each of them takes of the heap, and what the process then has of memory. */
async function fill(server, count) {
  const before = await server.ask('heap');
  server.cookies = await server.ask('fill', {count, cookies});
  server.heap = ((await server.ask('heap')) - before) / count;
  server.resident = residentSetSize(server);
  await verify(server);
}

/** A session that it was filled with is one like any other: its visitor has it, and gets no new cookie. */
async function verify({name, url, cookies: [cookie]}) {
  const ask = async () => {
    const response = await fetch(url, {headers: {cookie}});
    return {text: await response.text(), isNew: response.headers.has('set-cookie')};
  };
  const [first, second] = [await ask(), await ask()];
  if (first.isNew || first.text !== second.text || !/: [\w-]{43}$/.test(first.text))
    throw new Error(`${name} does not know a session that it was filled with.`);
}

/** A steady load for as long as `act` takes, after one that is not looked at. */
async function paced(server, options, settle, act) {
  const generator = await startPaced({url: server.url, ...pace, ...options});
  try {
    await sleep(settle * 1000);
    await act(() => generator.ask('begin'));
    const {failure, ...figures} = await generator.ask('end');
    if (failure) throw new Error(`${server.name} answered wrongly: ${failure}`);
    return figures;
  } finally {
    await generator.stop();
  }
}

async function timeWindow(server, {seconds, settle}) {
  const figures = await paced(server, {path: '/', cookies: server.cookies}, settle, async begin => {
    await server.ask('watch');
    await begin();
    await sleep(seconds * 1000);
  });
  server.windows.push({...figures, ...(await server.ask('watched'))});
}

/** One after the other; who is not measured stands still, so that nothing it does by itself takes part. */
async function takeTurns(servers, plan) {
  for (const {child} of servers) child.kill('SIGSTOP');
  for (let i = 0; i < plan.windows; i += 1)
    for (const server of servers) {
      server.child.kill('SIGCONT');
      await timeWindow(server, plan);
      server.child.kill('SIGSTOP');
    }
}

function rowOf({name, heap, resident, windows}, count) {
  const of = figure => windows.map(each => each[figure]);
  return {
    sessions: count,
    contender: name,
    'heap, B/session': Math.round(heap),
    'RSS, MiB': Math.round(resident / 2 ** 20),
    'requests/s': Math.round(median(of('perSecond'))),
    'p50, ms': rounded(median(of('p50'))),
    'p99, ms': rounded(median(of('p99'))),
    'max, ms': rounded(Math.max(...of('max'))),
    'longest major collection, ms': rounded(Math.max(...of('longestMajor'))),
    'longest minor collection, ms': rounded(Math.max(...of('longestMinor'))),
    'longest delay of the event loop, ms': rounded(Math.max(...of('longestDelay'))),
    'longest pause of the load, ms': rounded(Math.max(...of('longestPause'))),
  };
}

async function measureSize(count, node, plan) {
  const servers = [];
  try {
    for (const name of Object.keys(contenders)) servers.push(await start(name, node, plan));
    for (const server of servers) await fill(server, count);
    await takeTurns(servers, plan);
    return servers.map(server => rowOf(server, count));
  } finally {
    for (const {stop} of servers) await stop();
  }
}

/** How long so many sessions that become due at one moment take to end, and what others notice of it. */
async function measureExpiry(count, node, plan) {
  const server = await start('Espalier', node, plan);
  try {
    const due = Date.now() + (plan.settle + 5) * 1000 + count * 0.03;
    const [cookie] = await server.ask('fill', {count, cookies: 1, due});
    await server.ask('heap');
    const left = due - Date.now() - (plan.settle + 1) * 1000;
    if (left < 0) throw new Error(`This machine is too slow to begin ${count} sessions in time.`);
    await sleep(left);
    let span;
    const {p99, max} = await paced(server, {path: '/ping', cookies: [cookie]}, plan.settle, async begin => {
      span = await expire(server, count, begin);
    });
    const {longestDelay, longestMajor} = await server.ask('watched');
    return {
      'until all have ended, ms': span.last - due,
      'from the first end to the last, ms': span.last - span.first,
      'longest delay meanwhile, ms': rounded(longestDelay),
      'longest major collection meanwhile, ms': rounded(longestMajor),
      'p99 of untouched requests meanwhile, ms': rounded(p99),
      'max of untouched requests meanwhile, ms': rounded(max),
    };
  } finally {
    await server.stop();
  }
}

async function expire(server, count, begin) {
  await server.ask('watch');
  const first = await server.ask('untilLeft', count - 1);
  await begin();
  return {first, last: await server.ask('untilLeft', 0)};
}

const rounded = value => Number(value.toFixed(2));

export async function measureLive({node, quick, log}) {
  const plan = quick ? plans.quick : plans.full;
  const rows = [];
  for (const count of plan.sizes) {
    log(`${count} live sessions`);
    rows.push(...(await measureSize(count, node, plan)));
  }
  log(`${plan.sizes.at(-1)} sessions expire`);
  Object.assign(rows.at(-1), await measureExpiry(plan.sizes.at(-1), node, plan));
  const {windows, seconds} = plan;
  return {
    id: 'live',
    title: 'Many live sessions, in memory',
    rows,
    notes: [
      `A steady load of ${pace.perSecond} requests a second on ${pace.size} connections that send at random intervals, each with the cookie of one of ${cookies} of the sessions; in ${windows} windows of ${seconds} s for each contender, which take turns${canPin ? ', server and load each on a core of its own' : ''}. p50 and p99 are medians of the windows; the longest of anything is that of all windows.`,
      'An answer is timed from the moment when its request was meant to be sent. The longest pause of the load says how late that can have been.',
      'Heap: what it grew by after full collections, divided by the sessions. RSS: after that.',
      'bare: a Map of sessions by the SHA-256 of their token, each with the moment it was last seen; swept once a minute, outside of the windows.',
      'Bars, at 1,000,000 sessions: 450 bytes of heap for each, a p99 no worse than the bare server’s, and no longer delay than 20 ms while they expire; the aims are 300 bytes, 1.5 times the p99 with 10,000, and 5 ms.',
      'Expiry: all sessions become due at one moment. It is a second or so until the first is looked for; the delays and the untouched requests are those from the first end to the last.',
    ],
  };
}

if (isProgram(import.meta.url)) await printMeasured(measureLive);
