// npm run bench:volume: a PostgreSQL store with very many sessions, of which so many end each second while as many begin, and ten times
// as many are looked up. What its tables and indexes take, before and after, and how much of it is dead; how many sightings were
// written in place; what a look-up took. PostgreSQL is started for it.
import {createHash} from 'node:crypto';
import {Client} from 'pg';
import {PostgresStore} from '../dist/src/store/postgres.js';
import {startPostgres} from './backends.js';
import {at} from './floor.js';

const {SESSIONS = 1_000_000, ENDS = 1000, SECONDS = 60} = process.env;
const lifetime = {isSecure: false, device: undefined, idleTimeout: 900_000, absoluteTimeout: 43_200_000};
const backend = await startPostgres();
if (!backend) {
  console.log('PostgreSQL is not installed.');
  process.exit();
}
const store = new PostgresStore({url: backend.at});
const client = new Client(backend.at);
await client.connect();
const rows = async (sql, values) => (await client.query(sql, values)).rows;
await store.count();
// Some of them are due to be noted as seen.
await rows(
  `INSERT INTO espalier.session (key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at, look_at)
   SELECT md5(n::text), md5(n::text), false, 9e5, 4.3e7, now - 6e4, now - 6e4 * random(), now + 8.4e5
   FROM generate_series(1, $1::int) AS n, (SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) AS now) AS time`,
  [SESSIONS],
);
await rows('VACUUM ANALYZE');

const megabytes = bytes => `${(Number(bytes) / 2 ** 20).toFixed(0)} MB`;
const sizes = async () => {
  const found = await rows(
    `SELECT relname AS name, pg_table_size(relid) AS rows, pg_indexes_size(relid) AS indexes, n_live_tup AS live, n_dead_tup AS dead,
       n_tup_upd AS updates, n_tup_hot_upd AS hot, autovacuum_count AS vacuums
     FROM pg_stat_user_tables WHERE schemaname = 'espalier' AND relname IN ('session', 'former', 'ended') ORDER BY relname`,
  );
  for (const one of found) {
    console.log(
      `| ${one.name} | ${megabytes(one.rows)} | ${megabytes(one.indexes)} | ${one.live} | ${one.dead} | ${one.hot} of ${one.updates} | ${one.vacuums} |`,
    );
  }
};

const random = () => Math.floor(Math.random() * SESSIONS) + 1;
const keyOf = n => createHash('md5').update(String(n)).digest('hex');
let [begun, ended] = [0, 0];
const looks = [];
const errors = [];
const look = async () => {
  const from = performance.now();
  await store.find(keyOf(random()), true);
  looks.push(performance.now() - from);
};
/** A hundredth of a second's work. */
function work() {
  const calls = [];
  for (let i = 0; i < ENDS / 100; i += 1) {
    calls.push(store.create({...lifetime, uid: `new ${(begun += 1)}`}), store.end(keyOf((ended += 1)), 'logout'));
    for (let j = 0; j < 10; j += 1) calls.push(look());
  }
  return Promise.all(calls).catch(error => errors.push(error));
}

console.log(`${SESSIONS} sessions, ${ENDS} a second that end for ${SECONDS} s`);
console.log(
  '| | rows | indexes | live | dead | written in place | vacuums |\n| --- | --- | --- | --- | --- | --- | --- |',
);
await sizes();
const begin = performance.now();
const sweeping = setInterval(() => void store.sweep().catch(error => errors.push(error)), 500);
let under = [];
for (let tick = 1; tick <= SECONDS * 100; tick += 1) {
  under.push(work());
  // Who can not keep up waits, and so there are fewer.
  if (under.length >= 20) under = (await Promise.all(under), []);
  const wait = begin + tick * 10 - performance.now();
  if (wait > 0) await new Promise(resolve => setTimeout(resolve, wait));
}
await Promise.all(under);
clearInterval(sweeping);
const took = (performance.now() - begin) / 1000;
await sizes();
console.log(
  `${(ended / took).toFixed(0)} ends a second; a look-up took ${[0.5, 0.99].map(part => at(looks, part).toFixed(1)).join(', ')} ms; ${errors.length} failed`,
);
await store.close();
await client.end();
await backend.stop();
