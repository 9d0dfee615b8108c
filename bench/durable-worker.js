// One process of npm run bench:durable: does what it is told on the file it was given, and says how long that took.
import {randomBytes} from 'node:crypto';
import {performance} from 'node:perf_hooks';
import {openEngine} from './durable-engines.js';

const [engineName, path, powerLoss, filled] = process.argv.slice(2);
const engine = await openEngine(engineName, path, powerLoss === 'true');
const text = JSON.stringify({goods: 'x'.repeat(188)});
const names = count => Array.from({length: count}, () => randomBytes(32).toString('base64url'));
const keys = names(Number(filled));
const hour = 3_600_000;
let doomed = [];
let next = 0;

engine.fill(keys, text, Date.now() + hour);

const pick = () => keys[(next = (next + 7919) % keys.length)];
const revisions = new Map();

async function write() {
  const key = pick();
  revisions.set(key, await engine.write(key, revisions.get(key) ?? 1, text));
}

const operations = {
  find: () => engine.find(pick()),
  touch: () => engine.touch(pick()),
  write: engine.isAwaited
    ? write
    : () => {
        const key = pick();
        revisions.set(key, engine.write(key, revisions.get(key) ?? 1, text));
      },
  end: () => engine.end(doomed.pop()),
  'claim 50': () => engine.claim(50),
};

function prepare(operation, count) {
  doomed = operation === 'end' ? names(count) : [];
  if (operation === 'end') engine.fill(doomed, text, Date.now() + hour);
  if (operation === 'claim 50') engine.fill(names(count * 50), text, Date.now() - 1);
}

/** One after the other. As each blocks the event loop until it is done, that is what it costs the loop, too. */
function inTurn(act, count) {
  return Array.from({length: count}, () => {
    const start = performance.now();
    act();
    return (performance.now() - start) * 1000;
  });
}

/** Sixteen at once, as a busy server would have them. */
async function together(act, count) {
  const times = [];
  let left = count;
  const one = async () => {
    while (left > 0) {
      left -= 1;
      const start = performance.now();
      await act();
      times.push((performance.now() - start) * 1000);
    }
  };
  await Promise.all(Array.from({length: 16}, one));
  return times;
}

async function measure({operation, count}) {
  const isAwaited = engine.isAwaited && !['find', 'claim 50'].includes(operation);
  const start = performance.now();
  const utilization = performance.eventLoopUtilization();
  const cpu = process.cpuUsage();
  const times = await (isAwaited ? together : inTurn)(operations[operation], count);
  const {user, system} = process.cpuUsage(cpu);
  const elapsed = performance.now() - start;
  const {active} = performance.eventLoopUtilization(utilization);
  const loop = isAwaited ? (active * 1000) / times.length : (elapsed * 1000) / times.length;
  const sorted = times.toSorted((a, b) => a - b);
  return {
    perSecond: (times.length / elapsed) * 1000,
    median: sorted[Math.floor(sorted.length / 2)],
    worst: sorted.at(-1),
    loop,
    cpu: (user + system) / times.length,
  };
}

async function obey({act, ...order}) {
  if (act === 'prepare') prepare(order.operation, order.count);
  if (act === 'close') await engine.close();
  process.send(act === 'measure' ? await measure(order) : {bytes: act === 'prepare' ? 0 : engine.bytes()});
  if (act === 'close') process.disconnect();
}

process.on('message', message => void obey(message));
process.send('ready');
