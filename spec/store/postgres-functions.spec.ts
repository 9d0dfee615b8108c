import {PostgresStore} from 'espalier/store/postgres';
import {TestClock} from 'espalier/testing';
import type {SessionRecord} from '../../src/session/session-store.ts';
import {tooLate} from '../../src/store/postgres-functions.ts';
import {until} from '../until.ts';
import {fails, lifetime, share, test} from './postgres-world.ts';

const {inChild, world} = await share();

test('without a clock it is the server that says what time it is, however wrong the clock of a machine', async t => {
  const {schema, store} = world(t);
  const before = Date.now();
  const [theirs, record] = (await inChild(schema, 'ahead', ['a', 300_000])) as [number, SessionRecord];
  t.true(theirs >= before + 300_000);
  for (const at of [record.createdAt, record.now, (await store.find('a', false))!.now]) {
    t.true(at >= before && at <= Date.now(), `${at} is not by the server's clock`);
  }
});

test('what three processes count up in one component at once is all counted', async t => {
  const {schema, store, begin} = world(t);
  await begin('a');
  await Promise.all([1, 2, 3].map(() => inChild(schema, 'count', ['a', 40])));
  t.is((await store.find('a', false))!.components.get('count')?.text, '120');
});

test('one user who signs in from three processes at once never has more sessions than allowed', async t => {
  const {schema, store} = world(t);
  const most = await Promise.all(['x', 'y', 'z'].map(prefix => inChild(schema, 'signIn', ['eva', prefix, 15, 3])));
  t.true(Math.max(...(most as number[])) <= 3, `there were ${String(most)}`);
  t.is((await store.list('eva')).length, 3);
});

test('finding a session writes nothing unless being seen gains enough, and then changes no index', async t => {
  const {schema, pool, rows} = world(t);
  const clock = new TestClock();
  const store = new PostgresStore({pool, schema, clock});
  t.teardown(() => store.close());
  for (let i = 0; i < 10; i += 1) await store.create({uid: `s${i}`, ...lifetime});
  const versions = () => rows('SELECT key, xmin, ctid FROM @.session ORDER BY key');
  const findAll = async () => {
    for (let i = 0; i < 10; i += 1) t.truthy(await store.find(`s${i}`, true));
  };
  const before = await versions();
  clock.advance(lifetime.idleTimeout / 20);
  await findAll();
  t.deepEqual(await versions(), before);
  clock.advance(1);
  await findAll();
  t.notDeepEqual(await versions(), before);
  const updates = async () =>
    (
      await rows(`SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
      WHERE schemaname = '@' AND relname = 'session'`)
    )[0] as {updates: number; hot: number};
  await until(async () => (await updates()).updates === 10);
  t.is((await updates()).hot, 10);
});

test('the log of ends is trimmed', async t => {
  const {store, rows, begin} = world(t);
  await begin('a');
  await store.end('a', 'logout');
  t.is((await rows('SELECT FROM @.ended')).length, 1);
  await rows(`UPDATE @.ended SET noted_at = noted_at - interval '2 minutes'`);
  await until(async () => (await rows('SELECT FROM @.ended')).length === 0);
  t.pass();
});

test("who waits for another's lock fails in time, with nothing done", async t => {
  const {store, pool, schema, begin} = world(t);
  await begin('a');
  const holder = await pool.connect();
  await holder.query(`BEGIN; SELECT FROM ${schema}.session FOR UPDATE`);
  try {
    await fails(t, store.write('a', 'held', 0, '"x"'), /lock timeout/);
    t.is((await store.find('a', false))!.components.size, 0, 'who reads does not wait');
  } finally {
    holder.release(true);
  }
  t.is((await store.write('a', 'held', 0, '"x"')).state, 'written');
});

test('a call that the server comes to when nobody waits for it any more is not done', async t => {
  const {store, rows, begin} = world(t);
  await begin('a');
  const end = `SELECT @."end"('a', 'logout', NULL) WHERE @.is_in_time`;
  await t.throwsAsync(rows(`${end}(extract(epoch FROM clock_timestamp()) * 1000 - 1000)`), {code: tooLate});
  t.truthy(await store.find('a', false));
  await rows(`${end}(extract(epoch FROM clock_timestamp()) * 1000 + 60000)`);
  t.is(await store.find('a', false), undefined);
});

test('no call reads a whole table, not even with a plan that was made while the tables were empty', async t => {
  const {store, rows, signIn} = world(t);
  const callAll = async (key: string) => {
    await signIn(key, 'eva');
    await store.find(`${key}'`, true);
    await store.find('nobody', true);
    await store.touch(key);
    await store.setIdleTimeout(key, lifetime.idleTimeout);
    const written = await store.write(key, 'cart', 0, '1');
    await store.write(key, 'cart', written.state === 'written' ? written.revision : 0, '2');
    await store.renew(key, {from: `${key}'`, to: `${key}''`, grace: 1000});
    await store.find(`${key}'`, true);
    await store.list('eva');
    await store.end(key, 'logout');
    await store.endAll('eva', 'revoked');
    const [end] = await store.takeEnds(1, 1000);
    await store.settleEnd(end!.key, 'parked');
    await store.releaseEnds();
  };
  await store.keepEnds();
  // A plan is kept from the sixth time on.
  for (let i = 0; i < 8; i += 1) await callAll(`early${i}`);
  await rows(`INSERT INTO @.session (key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at, look_at)
    SELECT n, n, false, 6e5, 6e5, now, now, now + 6e5
    FROM generate_series(1, 2000) AS n, (SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now) AS time`);
  for (let i = 0; i < 8; i += 1) await callAll(`late${i}`);
  // Each index has read its table once, when it was made.
  const scans = async () =>
    rows(`SELECT relname AS name, idx_scan::int AS indexed,
      (seq_scan - (SELECT count(*) FROM pg_index WHERE indrelid = relid))::int AS whole
      FROM pg_stat_user_tables WHERE schemaname = '@' AND relname <> 'state' ORDER BY relname`);
  // What a connection has counted is there within a second or so.
  await until(async () => (await scans()).every(({indexed}) => Number(indexed) >= 8));
  t.deepEqual(
    (await scans()).map(({name, whole}) => [name, whole]),
    ['alias', 'component', 'ended', 'kept', 'session'].map(name => [name, 0]),
  );
});
