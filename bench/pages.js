// npm run bench:pages: one user with very many sessions. How long is the longest step of signing in, listing and ending them, and what
// does somebody else's look-up cost meanwhile? In milliseconds, on each store. Redis and PostgreSQL are started for it.
import {MemoryStore} from '../dist/src/store/memory.js';
import {PostgresStore} from '../dist/src/store/postgres.js';
import {RedisStore} from '../dist/src/store/redis.js';
import {SqliteStore} from '../dist/src/store/sqlite.js';
import {pageSize} from '../dist/src/session/user-sessions.js';
import {newFile, startPostgres, startRedis} from './backends.js';

const {SESSIONS = 4000} = process.env;
const lifetime = {isSecure: false, idleTimeout: 900_000, absoluteTimeout: 43_200_000};
const text = JSON.stringify('x'.repeat(1000));

const contestants = {
  memory: {start: () => ({stop() {}}), open: () => new MemoryStore()},
  SQLite: {start: newFile, open: path => new SqliteStore({path, durability: 'process'})},
  Redis: {start: startRedis, open: url => new RedisStore({url})},
  PostgreSQL: {start: startPostgres, open: url => new PostgresStore({url})},
};

async function timed(act) {
  const begun = performance.now();
  const result = await act();
  return {result, took: performance.now() - begun};
}

/** How long each step took of what goes page after page. */
async function pages(ask) {
  const steps = [];
  for (let after; ;) {
    const {result, took} = await timed(() => ask({most: pageSize, ...(after !== undefined && {after})}));
    steps.push(took);
    if (result.next === undefined) return steps;
    after = result.next;
    await new Promise(setImmediate);
  }
}

async function signIn(store, user, key, limit = Infinity) {
  await store.create({...lifetime, uid: key});
  await store.write(key, 'notes', 0, text);
  return timed(() => store.renew(key, {from: key, to: `${key}'`, grace: 0, signIn: {user, limit}}));
}

/** Look somebody else's session up again and again while `act` runs: the longest that it took. */
async function whileOthersLook(store, act) {
  const done = new AbortController();
  const result = act().finally(() => done.abort());
  const looks = [];
  while (!done.signal.aborted) {
    looks.push((await timed(() => store.find("other'", true))).took);
    await new Promise(setImmediate);
  }
  return {result: await result, longest: Math.max(0, ...looks)};
}

const high = values => values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;
const shown = milliseconds => milliseconds.toFixed(1);

console.log(`${SESSIONS} sessions of one user; the longest step of each, in ms`);
console.log(
  '| | sign-in, first 100 | sign-in, last 100 | list | endAll | somebody else meanwhile |\n| --- | --- | --- | --- | --- | --- |',
);
for (const [name, {start, open}] of Object.entries(contestants)) {
  const backend = await start();
  if (!backend) {
    console.log(`${name} is not installed.`);
    continue;
  }
  const store = open(backend.at);
  await signIn(store, 'other', 'other');
  const signIns = [];
  for (let i = 0; i < SESSIONS; i += 1) signIns.push((await signIn(store, 'one', `one ${i}`)).took);
  const work = await whileOthersLook(store, async () => {
    const list = await pages(page => store.list('one', {...page, components: []}));
    const endAll = await pages(page => store.endAll('one', 'revoked', page));
    return {list, endAll};
  });
  const {list, endAll} = work.result;
  const cells = [
    high(signIns.slice(0, 100)),
    high(signIns.slice(-100)),
    Math.max(...list),
    Math.max(...endAll),
    work.longest,
  ];
  console.log(`| ${name} | ${cells.map(shown).join(' | ')} |`);
  await store.close();
  await backend.stop();
}
