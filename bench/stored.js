// Sessions that rest in a store: what a request costs the server, and how many commands it costs the store.
// Alone: `npm run build && node bench/install.js && node bench/stored.js`.
import {fileURLToPath} from 'node:url';
import {createClient} from 'redis';
import {newFile, startPostgres, startRedis} from './backends.js';
import {load} from './load.js';
import {canPin, cpuTime, loadCore, median, pin, start} from './process.js';
import {isProgram, printMeasured} from './table.js';

const pathOf = file => fileURLToPath(new URL(file, import.meta.url));
const site = pathOf('../dist/bench/stored/site.js');

const workloads = {
  untouched: {path: '/ping'},
  established: {path: '/'},
  updated: {method: 'POST', path: '/count'},
};

// Each Redis has one client alone, so that all it is asked is that one's doing.
const contenders = [
  {name: 'bare, GETEX and SET', store: 'Redis', program: pathOf('stored/bare.js'), backend: startRedis},
  {name: 'Espalier', store: 'Redis', program: site, backend: startRedis},
  {name: '@fastify/session', store: 'Redis', program: pathOf('stored/fastify.js'), backend: startRedis},
  {name: 'express-session', store: 'Redis', program: pathOf('stored/express.js'), backend: startRedis},
  {name: 'Espalier', store: 'memory', program: site, backend: () => ({at: '', stop() {}})},
  {name: 'Espalier', store: 'SQLite', program: site, backend: newFile},
  {name: 'Espalier', store: 'PostgreSQL', program: site, backend: startPostgres},
];

/** Whose server's time the others' is a ratio to. */
const baseOf = {Redis: 'Redis', memory: 'memory', SQLite: 'memory', PostgreSQL: 'memory'};

const visitors = 1000;
const plans = {
  full: {warmUp: 6, seconds: 2, rounds: 3},
  quick: {warmUp: 1, seconds: 1, rounds: 2},
};

/** A contender that knows its visitors, on a store of its own; or nothing where there is no such store. */
async function enter({name, store, program, backend}, node, {warmUp}) {
  const place = await backend();
  if (!place) return undefined;
  const stops = [() => place.stop()];
  const stop = async () => {
    for (const each of stops.toReversed()) await each();
  };
  try {
    if (place.pid) pin(place, loadCore);
    const client = store === 'Redis' ? await createClient({url: place.at}).connect() : undefined;
    if (client) stops.push(() => client.close());
    const server = await start(node, [program], {STORE: store, STORE_AT: place.at});
    stops.push(server.stop);
    const entrant = {name, store, client, ...server, stop, rounds: {}, commands: {}};
    entrant.cookies = await beginAll(entrant);
    await verify(entrant);
    for (const workload of workloadsOf(entrant)) await send(entrant, workload, warmUp, false);
    pin(server.child);
    return entrant;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A request that touches no session has nothing to do with the store, unless that is how sessions are kept. */
const workloadsOf = ({store}) => Object.keys(workloads).filter(name => store === 'Redis' || name !== 'untouched');

const send = ({url, cookies}, workload, seconds, pinned) =>
  load({url, visitors: cookies.map(cookie => ({cookie})), ...workloads[workload], seconds, pinned});

/** One after the other, as fetch would open a connection for each of many at once. */
async function beginAll({url}) {
  const cookies = [];
  for (let i = 0; i < visitors; i += 1) {
    const response = await fetch(url);
    await response.text();
    cookies.push(response.headers.getSetCookie()[0].split(';')[0]);
  }
  return cookies;
}

async function ask({url}, workload, cookie) {
  const {method = 'GET', path} = workloads[workload];
  const response = await fetch(url + path, {method, headers: {cookie}});
  return response.text();
}

/** Each visitor has a session of their own, which stays the same, and what is counted in it grows. */
async function verify(entrant) {
  const [one, other] = entrant.cookies;
  const id = await ask(entrant, 'established', one);
  const isKept = (await ask(entrant, 'established', one)) === id && (await ask(entrant, 'established', other)) !== id;
  const counts = [];
  for (const cookie of [one, one, other]) counts.push(await ask(entrant, 'updated', cookie));
  if (!isKept || counts.join() !== '1,2,1' || (await ask(entrant, 'untouched', one)) !== 'pong')
    throw new Error(`${entrant.name} does not keep its sessions: ${id}, ${counts.join()}.`);
}

/** How often Redis has run each command. */
async function commandsOf({client}) {
  const lines = (await client.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm);
  return new Map([...lines].map(([, name, calls]) => [name, Number(calls)]).filter(([name]) => name !== 'info'));
}

/** What a request of each visitor costs, one after the other, so that none is under way when it is counted. */
async function countCommands(entrant, workload) {
  const before = await commandsOf(entrant);
  for (const cookie of entrant.cookies) await ask(entrant, workload, cookie);
  const after = await commandsOf(entrant);
  const counts = [...after].map(([name, calls]) => [name, rounded((calls - (before.get(name) ?? 0)) / visitors)]);
  return counts.filter(([, count]) => count > 0);
}

async function round(entrant, workload, seconds) {
  const before = cpuTime(entrant);
  const sent = await send(entrant, workload, seconds, true);
  const cpu = (cpuTime(entrant) - before) / sent.answered;
  (entrant.rounds[workload] ??= []).push({perSecond: sent.answered / sent.seconds, cpu});
}

const scripts = new Set(['evalsha', 'eval', 'fcall']);

const listed = counts => counts.map(([name, count]) => `${name.toUpperCase()} ${count}`).join(', ');

/** The commands that a server sent, and those that its scripts ran in Redis, which counts them as well. */
function commandColumns(counts) {
  const byScript = counts.filter(([name]) => scripts.has(name));
  // Who has scripts sends nothing else.
  const sent = byScript.length > 0 ? byScript : counts;
  return {
    'commands/request': rounded(sum(sent.map(([, count]) => count))),
    commands: listed(sent),
    'inside scripts': listed(counts.filter(count => !sent.includes(count))),
  };
}

function rowOf(entrant, workload, base) {
  const rounds = entrant.rounds[workload];
  return {
    store: entrant.store,
    workload,
    contender: entrant.name,
    'CPU, µs/request': rounded(median(rounds.map(({cpu}) => cpu))),
    'CPU, ratio': rounded(median(rounds.map(({cpu}, i) => base.rounds[workload][i].cpu / cpu))),
    'requests/s': Math.round(median(rounds.map(({perSecond}) => perSecond))),
    ...(entrant.client && commandColumns(entrant.commands[workload])),
  };
}

const sum = values => values.reduce((all, value) => all + value, 0);
const rounded = value => Number(value.toFixed(2));

async function takeTurns(entrants, {rounds, seconds}, log) {
  for (const workload of Object.keys(workloads)) {
    const taking = entrants.filter(entrant => workloadsOf(entrant).includes(workload));
    for (let i = 0; i < rounds; i += 1) {
      log(`${workload}, round ${i + 1} of ${rounds}`);
      for (const entrant of taking) await round(entrant, workload, seconds);
    }
    for (const entrant of taking.filter(({client}) => client))
      entrant.commands[workload] = await countCommands(entrant, workload);
  }
}

/** By store and workload. The first of a store stands for what the others are compared with. */
function rowsOf(entrants) {
  const stores = [...new Set(entrants.map(({store}) => store))];
  return stores.flatMap(store => {
    const those = entrants.filter(entrant => entrant.store === store);
    const base = entrants.find(entrant => entrant.store === baseOf[store]);
    return workloadsOf(those[0]).flatMap(workload => those.map(entrant => rowOf(entrant, workload, base)));
  });
}

export async function measureStored({node, quick, log}) {
  const plan = quick ? plans.quick : plans.full;
  const [entrants, missing] = [[], new Set()];
  try {
    for (const contender of contenders) {
      log(`${contender.name}, ${contender.store}`);
      const entrant = await enter(contender, node, plan);
      if (entrant) entrants.push(entrant);
      else missing.add(contender.store);
    }
    await takeTurns(entrants, plan, log);
    return {id: 'stored', title: 'Sessions in a store', rows: rowsOf(entrants), notes: notesOf(plan, missing)};
  } finally {
    for (const {stop} of entrants) await stop();
  }
}

function notesOf({rounds, seconds}, missing) {
  return [
    `${rounds} rounds of ${seconds} s, in turn, with the cookies of ${visitors} sessions; medians${canPin ? '. The server has a core of its own, and Redis and PostgreSQL share the one of the load' : ''}.`,
    'The CPU time is that of the server process alone. Its ratio is to the bare server in the same round, and for memory, SQLite and PostgreSQL to Espalier on memory: 1 is as much, 0.5 is twice as much.',
    `Commands are counted by INFO commandstats before and after ${visitors} requests, one after the other. A script counts as the one command that it is sent as; what it runs in Redis is in the column after. That Espalier looks twice a second for what is due is in there too.`,
    'untouched is answered without the session, with its cookie in the request; established tells its id; updated adds one to a count in it.',
    '@fastify/session and express-session keep theirs with connect-redis, for 15 minutes from the last request as the others do; saveUninitialized and resave are false.',
    'Bars, for an established session: 0.75 on Redis, and on SQLite, the embedded durable store; the aims are 0.95 and 0.90. Commands: 0 untouched, 1 read, 2 written.',
    ...[...missing].map(store => `${store} is not installed here.`),
  ];
}

if (isProgram(import.meta.url)) await printMeasured(measureStored);
