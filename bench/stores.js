// npm run bench:stores: what a call costs on each store, in one interleaved run, one call at a time. Redis and PostgreSQL are
// started for it where they are installed. Medians of the rounds.
import {MemoryStore} from '../dist/src/store/memory.js';
import {PostgresStore} from '../dist/src/store/postgres.js';
import {RedisStore} from '../dist/src/store/redis.js';
import {SqliteStore} from '../dist/src/store/sqlite.js';
import {newFile, startPostgres, startRedis} from './backends.js';

const {ROUNDS = 7, CALLS = 500} = process.env;
const text = JSON.stringify('x'.repeat(200));
const lifetime = {isSecure: false, device: undefined, idleTimeout: 900_000, absoluteTimeout: 43_200_000};

const operations = {
  find: ({store, key}) => store.find(key, true),
  update: async session => {
    const {store, key, revision} = session;
    session.revision = (await store.write(key, 'cart', revision, text)).revision;
  },
  begin: ({store, key}, i) => store.create({...lifetime, uid: `${key} ${i}`}),
  end: ({store, key}, i) => store.end(`${key} ${i}`, 'logout'),
};
const names = Object.keys(operations);

const contestants = {
  memory: {start: () => ({stop() {}}), open: () => new MemoryStore()},
  SQLite: {start: newFile, open: path => new SqliteStore({path})},
  Redis: {start: startRedis, open: url => new RedisStore({url})},
  PostgreSQL: {start: startPostgres, open: url => new PostgresStore({url})},
};

/** Time one operation: in all, and as long as this process was busy with it. In microseconds for each call. */
async function time(session, operation) {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  for (let i = 0; i < CALLS; i += 1) await operations[operation](session, i);
  const elapsed = (performance.now() - begun) * 1000;
  const {user, system} = process.cpuUsage(cpu);
  return {elapsed: elapsed / CALLS, busy: (user + system) / CALLS};
}

async function enter([name, {start, open}]) {
  const backend = await start();
  if (!backend) return undefined;
  const store = open(backend.at);
  await store.find('nobody', false);
  return {name, store, backend, times: Object.fromEntries(names.map(operation => [operation, []]))};
}

const median = values => values.toSorted((a, b) => a - b)[values.length >> 1].toFixed(0);
const entered = [];
for (const each of Object.entries(contestants)) {
  const contestant = await enter(each);
  if (contestant) entered.push(contestant);
  else console.log(`${each[0]} is not installed.`);
}

for (let round = 0; round < ROUNDS; round += 1) {
  for (const {store, times} of entered) {
    const session = {store, key: `round ${round}`, revision: 0};
    await store.create({...lifetime, uid: session.key});
    for (const operation of names) times[operation].push(await time(session, operation));
  }
}

console.log(`| | ${names.join(' | ')} |\n| --- |${' --- |'.repeat(names.length)}`);
for (const {name, times} of entered) {
  const cells = names.map(operation => {
    const of = what => median(times[operation].map(round => round[what]));
    return `${of('elapsed')} (${of('busy')})`;
  });
  console.log(`| ${name} | ${cells.join(' | ')} |`);
}

for (const {store, backend} of entered) {
  await store.close();
  await backend.stop();
}
