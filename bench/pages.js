// npm run bench:pages: one user with very many sessions. For how long does one step of signing in, listing and ending them hold what
// visitors share? In milliseconds, the longest of all steps. With memory and SQLite that is this process's event loop, for as long as
// a call runs before it gives control back; with Redis it is the one thread of the server, by its SLOWLOG. PostgreSQL has a process
// for each connection, so a step holds its own connection and nothing else: its time is that of the call. The last column is what
// somebody else's look-up took meanwhile. Of each: the longest, all but one in a hundred, and half. A single longest is often the
// machine's: below each row stands what a bare event loop and a bare wait for the disk took in the same time, in a process
// without any store. Redis and PostgreSQL are started for it.
import {createClient} from 'redis';
import {MemoryStore} from '../dist/src/store/memory.js';
import {PostgresStore} from '../dist/src/store/postgres.js';
import {RedisStore} from '../dist/src/store/redis.js';
import {SqliteStore} from '../dist/src/store/sqlite.js';
import {pageSize} from '../dist/src/session/user-sessions.js';
import {newFile, startPostgres, startRedis} from './backends.js';
import {at, startFloor} from './floor.js';

const {SESSIONS = 4000} = process.env;
const lifetime = {isSecure: false, device: undefined, idleTimeout: 900_000, absoluteTimeout: 43_200_000};
const text = JSON.stringify('x'.repeat(1000));

const contestants = {
  memory: {start: () => ({stop() {}}), open: () => new MemoryStore()},
  SQLite: {start: newFile, open: path => new SqliteStore({path, durability: 'process'})},
  Redis: {start: startRedis, open: url => new RedisStore({url}), watch: watchRedis},
  PostgreSQL: {start: startPostgres, open: url => new PostgresStore({url}), isApart: true},
};

/** For how long each of the store's scripts held the thread of Redis since this was asked last. */
async function watchRedis(url) {
  const client = await createClient({url}).connect();
  await client.configSet({'slowlog-log-slower-than': '0', 'slowlog-max-len': '1000000'});
  const held = async () => {
    const entries = await client.sendCommand(['SLOWLOG', 'GET', '-1']);
    await client.sendCommand(['SLOWLOG', 'RESET']);
    return entries
      .filter(([, , , [command]]) => /^eval/i.test(command))
      .map(([, , microseconds]) => microseconds / 1000);
  };
  return {held, close: () => client.close()};
}

/** What a call took, and for how long it held up the event loop. */
async function timed(act) {
  const begun = performance.now();
  const answer = act();
  const held = performance.now() - begun;
  await answer;
  return {answer: await answer, held, took: performance.now() - begun};
}

/** Each step of what goes page after page. */
async function pages(ask) {
  const steps = [];
  for (let after; ;) {
    const step = await timed(() => ask({most: pageSize, ...(after !== undefined && {after})}));
    steps.push(step);
    if (step.answer.next === undefined) return steps;
    ({next: after} = step.answer);
    await new Promise(setImmediate);
  }
}

async function signIn(store, user, key, limit = Infinity) {
  await store.create({...lifetime, uid: key});
  await store.write(key, 'notes', 0, text);
  return timed(() => store.renew(key, {from: key, to: `${key}'`, grace: 0, signIn: {user, limit}}));
}

/** Look somebody else's session up again and again while `act` runs. */
async function whileOthersLook(store, act) {
  const done = new AbortController();
  const answer = act().finally(() => done.abort());
  const looks = [];
  while (!done.signal.aborted) {
    looks.push((await timed(() => store.find("other'", true))).took);
    await new Promise(setImmediate);
  }
  return {answer: await answer, looks};
}

const machine = ({longest, usual}) => `${longest.toFixed(1)} at the most, 99.9 % in ${usual.toFixed(1)}`;
const shown = values => [1, 0.99, 0.5].map(part => at(values, part).toFixed(1)).join(', ');

const actions = {
  'sign-in': async store => {
    const steps = [];
    for (let i = 0; i < SESSIONS; i += 1) {
      steps.push(await signIn(store, 'one', `one ${i}`));
      await new Promise(setImmediate);
    }
    return steps;
  },
  'sign-in, the limit lowered': async store => [await signIn(store, 'one', 'lowered', SESSIONS / 2)],
  list: store => pages(page => store.list('one', {...page, components: ['notes']})),
  endAll: store => pages(page => store.endAll('one', 'revoked', page)),
};

console.log(
  `${SESSIONS} sessions of one user; for how long a step holds what is shared, in ms: the longest, 99 % and 50 % of them`,
);
console.log(`| | ${Object.keys(actions).join(' | ')} | somebody else meanwhile |`);
console.log(`| --- |${' --- |'.repeat(Object.keys(actions).length + 1)}`);
for (const [name, {start, open, watch, isApart}] of Object.entries(contestants)) {
  const backend = await start();
  if (!backend) {
    console.log(`${name} is not installed.`);
    continue;
  }
  const store = open(backend.at);
  await store.keepEnds();
  const floor = await startFloor();
  await signIn(store, 'other', 'other');
  const watched = await watch?.(backend.at);
  const cells = [];
  const looks = [];
  for (const [action, act] of Object.entries(actions)) {
    await watched?.held();
    // Nobody looks while Redis is watched, whose scripts are all in one log.
    const work =
      action === 'sign-in' || watched
        ? {answer: await act(store), looks: []}
        : await whileOthersLook(store, () => act(store));
    looks.push(...work.looks);
    const steps = watched ? await watched.held() : work.answer.map(({held, took}) => (isApart ? took : held));
    cells.push(shown(steps));
  }
  const {turn, sync} = await floor.end();
  console.log(`| ${name} | ${[...cells, looks.length > 0 ? shown(looks) : '–'].join(' | ')} |`);
  console.log(
    `| the machine meanwhile | a bare turn: ${machine(turn)} | a bare wait for the disk: ${machine(sync)} | | | |`,
  );
  await watched?.close();
  await store.close();
  await backend.stop();
}
