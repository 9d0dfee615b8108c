import {PostgresStore} from 'espalier/store/postgres';
import {TestClock} from 'espalier/testing';
import {formerIdsFor, mostIds, type EndsSince, type SessionRecord} from '../../src/session/store/contract.ts';
import {tooLate} from '../../src/store/postgres-schema.ts';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {until} from '../until.ts';
import {live} from './live.ts';
import {fails, lifetime, listen, share, test} from './postgres-world.ts';

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
  t.is(live(await store.find('a', false)).components.get('count')?.text, '120');
});

test('one user who signs in from three processes at once never has more sessions than allowed', async t => {
  const {schema, store, made} = world(t);
  await made();
  const most = await Promise.all(['x', 'y', 'z'].map(prefix => inChild(schema, 'signIn', ['eva', prefix, 15, 3])));
  t.true(Math.max(...(most as number[])) <= 3, `there were ${String(most)}`);
  t.is((await listAll(store, 'eva')).length, 3);
});

test('the log of ends is trimmed', async t => {
  const {store, rows, begin} = world(t);
  await begin('a');
  await store.end('a', 'logout');
  t.is((await rows('SELECT FROM @.ended')).length, 1);
  await rows(`UPDATE @.ended SET noted_at = noted_at - interval '2 minutes'`);
  t.false(await store.sweep());
  t.deepEqual(await rows('SELECT FROM @.ended'), []);
});

test("who waits for another's lock fails in time, with nothing done", async t => {
  const {store, pool, schema, begin} = world(t);
  await begin('a');
  const holder = await pool.connect();
  await holder.query(`BEGIN; SELECT FROM ${schema}.session FOR UPDATE`);
  try {
    await fails(t, store.write('a', 'held', 0, '"x"'), /lock timeout/);
    t.is(live(await store.find('a', false)).components.size, 0, 'who reads does not wait');
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
  t.like(await store.find('a', false), {isFormer: true});
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
    await listAll(store, 'eva');
    await store.end(key, 'logout');
    await endAllOf(store, 'eva', 'revoked');
    await store.endEveryone('revoked', {most: 1, after: '0 zzz'});
    const [end] = await store.takeEnds(1, 1000);
    await store.settleEnd(end!.key, 'parked');
    await store.releaseEnds(100);
    await store.read(key);
    await store.listEveryone({most: 1, components: 'all'});
    await store.sweep();
    ({mark} = await store.endsSince(mark));
  };
  let mark: string | undefined;
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
    ['alias', 'component', 'ended', 'former', 'kept', 'session'].map(name => [name, 0]),
  );
});

test('with thousands of sessions of one user each step reads and writes about as many as it gives, and a sign-in next to none', async t => {
  const {store, schema, pool, rows, begin, signIn} = world(t);
  await signIn('first', 'eva');
  await rows(`INSERT INTO @.session (key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at, look_at, "user",
      authenticated_at, sign_in)
    SELECT 'k' || n, 'u' || n, false, 6e5, 6e5, now, now, now + 6e5, 'eva', now, nextval('@.sign_in')
    FROM generate_series(1, 4000) AS n, (SELECT extract(epoch FROM clock_timestamp()) * 1000 AS now) AS time`);
  await begin('x');
  const client = await pool.connect();
  /** How many sessions a call reads and writes. It is undone. */
  const touched = async (call: string) => {
    await client.query('BEGIN');
    const counted = async () =>
      (
        await client.query<{
          count: number;
        }>(`SELECT (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) + n_tup_upd + n_tup_del)::int
          AS count FROM pg_stat_xact_user_tables WHERE schemaname = '${schema}' AND relname = 'session'`)
      ).rows[0]?.count ?? 0;
    const before = await counted();
    await client.query(`SELECT "${schema}".${call}`);
    const after = await counted();
    await client.query('ROLLBACK');
    return after - before;
  };
  const signInWith = (limit: string) => `renew('x', 'x', 'x2', 0, false, 'eva', ${limit}, NULL)`;
  try {
    const calls = [
      [signInWith(`'Infinity'`), 20],
      [signInWith('5'), 1000],
      [signInWith('1000000'), 4100],
      [`list('eva', 50, '{cart}', NULL, NULL)`, 60],
      [`end_all('eva', 'revoked', NULL, 50, NULL, NULL)`, 400],
      [`end_everyone('revoked', 50, NULL, NULL)`, 400],
      [`look_up('u7', true, NULL)`, 2],
    ] as const;
    for (const analysed of [false, true]) {
      if (analysed) await rows('ANALYZE @.session');
      for (const [call, most] of calls) {
        const count = await touched(call);
        t.true(count > 0 && count <= most, `${call} has read and written ${count} sessions, analysed: ${analysed}`);
      }
    }
  } finally {
    client.release();
  }
  t.is((await listAll(store, 'eva')).length, 4001);
});

test('renewals leave no more behind than a session may have uids, and of those that ended what is still remembered', async t => {
  const {schema, pool, rows} = world(t);
  const clock = new TestClock();
  const store = new PostgresStore({pool, schema, clock});
  t.teardown(() => store.close());
  await store.create({uid: 'a', ...lifetime, idleTimeout: 2 * formerIdsFor, absoluteTimeout: 10 * formerIdsFor});
  for (let i = 0; i < 20; i += 1) {
    await store.renew('a', {from: i === 0 ? 'a' : `a${i - 1}`, to: `a${i}`, grace: 1000});
  }
  t.is((await rows('SELECT FROM @.alias')).length, mostIds - 1);
  t.is((await rows('SELECT FROM @.former')).length, 20 - (mostIds - 1));
  clock.advance(formerIdsFor);
  await store.sweep();
  t.deepEqual(await rows('SELECT FROM @.former'), []);
  t.is((await rows('SELECT FROM @.alias')).length, mostIds - 1);
});

test('the usual find writes nothing, also after a renewal, once the new uid was seen', async t => {
  const {store, rows, begin} = world(t);
  await begin('a');
  await store.renew('a', {from: 'a', to: 'b', grace: 60_000});
  await store.find('b', true);
  const versions = () => rows('SELECT xmin, ctid FROM @.session UNION ALL SELECT xmin, ctid FROM @.alias');
  const before = await versions();
  for (const uid of ['a', 'b']) t.is(live(await store.find(uid, true)).key, 'a');
  t.deepEqual(await versions(), before);
});

test('sign-ins of a user without a limit do not wait for each other; with one they do, and so does whoever ends them all', async t => {
  const {schema, pool, begin} = world(t);
  for (const uid of ['a', 'b', 'c']) await begin(uid);
  const [first, second] = [await pool.connect(), await pool.connect()];
  const signInOf = (key: string, limit: string) =>
    `SET lock_timeout = 200; SELECT "${schema}".renew('${key}', '${key}', '${key}2', 0, false, 'eva', ${limit}, NULL)`;
  try {
    await first.query(`BEGIN; ${signInOf('a', `'Infinity'`)}`);
    await second.query(signInOf('b', `'Infinity'`));
    const ending = `SELECT "${schema}".end_all('eva', 'revoked', NULL, 10, NULL, NULL)`;
    for (const call of [signInOf('c', '5'), ending]) {
      await t.throwsAsync(second.query(`SET statement_timeout = 300; ${call}`), {message: /timeout/});
      await second.query('RESET statement_timeout');
    }
    await first.query('COMMIT');
    await second.query(signInOf('c', '5'));
  } finally {
    for (const client of [first, second]) client.release(true);
  }
});

test('PostgreSQL finds nothing to warn of in the functions, however closely it looks', async t => {
  const {pool, schema} = world(t);
  const client = await pool.connect();
  const warnings: string[] = [];
  client.on('notice', ({message}) => warnings.push(String(message)));
  try {
    await client.query(
      `SET plpgsql.extra_warnings = 'all'; ${PostgresStore.sql(schema).replace('= warning', '= notice')}`,
    );
  } finally {
    client.release(true);
  }
  t.deepEqual(
    warnings.filter(line => !/(?:already exists|does not exist), skipping/.test(line)),
    [],
  );
});

test('an end that is committed late is heard of, though later ones were heard of before', async t => {
  const {schema, pool, store, begin} = world(t);
  for (const uid of ['slow', 'quick', 'last']) await begin(uid);
  const hear = await listen(store);
  const slow = await pool.connect();
  await slow.query('BEGIN');
  await slow.query(`SELECT ${schema}."end"('slow', 'logout', NULL)`);
  await store.end('quick', 'logout');
  t.deepEqual(await hear(), ['quick logout']);
  await slow.query('COMMIT');
  slow.release();
  await store.end('last', 'logout');
  t.deepEqual(await hear(), ['quick logout', 'slow logout', 'last logout']);
});

test('many ends are heard of in portions, each of them once, whatever ends and is committed late between two portions', async t => {
  const {schema, pool, store, rows, begin} = world(t);
  await begin('slow');
  const {mark} = await store.endsSince(undefined);
  const slow = await pool.connect();
  await slow.query(`BEGIN; SELECT ${schema}."end"('slow', 'logout', NULL)`);
  const log = async (...keys: string[]) => {
    for (const key of keys) await rows(`INSERT INTO @.ended (key, reason) VALUES ('${key}', 'logout')`);
  };
  await log('a', 'b', 'c', 'd', 'e');
  const heard: string[][] = [];
  let next: EndsSince = {ends: [], mark, hasMore: false};
  const hear = async () => {
    const [row] = await rows(`SELECT @.ends_since('${next.mark}', 2) AS since`);
    next = row!['since'] as EndsSince;
    heard.push([...next.ends.map(({key}) => key), ...(next.hasMore ? ['more'] : [])]);
  };
  await hear();
  await slow.query('COMMIT');
  slow.release();
  await log('f');
  for (let i = 0; i < 4; i += 1) await hear();
  t.deepEqual(heard, [['a', 'b', 'more'], ['c', 'd', 'more'], ['e'], ['slow', 'f', 'more'], []]);
});

test('what gives a session is a part of the statement that looks it up, so that no function is called for each', async t => {
  const {rows, made} = world(t);
  await made();
  const plan = await rows('EXPLAIN SELECT record FROM @.session, @.record(session, 1, NULL) WHERE uid = $$a$$');
  t.notRegex(JSON.stringify(plan), /Function Scan/);
});
