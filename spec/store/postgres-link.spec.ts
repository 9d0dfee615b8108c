import {setImmediate} from 'node:timers/promises';
import type {ExecutionContext} from 'ava';
import {Pool} from 'pg';
import {PostgresStore} from 'espalier/store/postgres';
import {isLive} from '../../src/session/store/contract.ts';
import type {PostgresError} from '../../src/store/postgres-error.ts';
import {PostgresLink} from '../../src/store/postgres-link.ts';
import {until} from '../until.ts';
import {detour} from './detour.ts';
import {PostgresServer} from './postgres-server.ts';
import {live} from './live.ts';
import {fails, lifetime, listen, quiet, share, testAlone as test} from './postgres-world.ts';

const {server, connect, world: openWorld, inChild} = await share({isDurable: true});

/** A store of its own connections that has been used. */
async function world(t: ExecutionContext) {
  const opened = openWorld(t, {url: server.url});
  await opened.begin('a');
  return opened;
}

const backendsOf = (schema: string) =>
  `SELECT pid FROM pg_stat_activity WHERE query LIKE '%"${schema}"%' AND pid <> pg_backend_pid()`;

test('while the server is down every call fails at once, and the same store works when it is back, with all it held', async t => {
  const {store, begin, lines} = await world(t);
  t.is((await store.write('a', 'cart', 0, '["pear"]')).state, 'written');
  t.true(await store.end((await begin('b')).key, 'logout'));
  await server.crash();
  await fails(t, store.find('a', true), /ECONNREFUSED|57P01|connection/i);
  for (let i = 0; i < 5; i += 1) await fails(t, store.find('a', true), /ECONNREFUSED|connection/i);
  await fails(t, store.write('a', 'cart', 0, 'x'), /ECONNREFUSED|connection/i);
  await server.restart();
  const {components} = live(await until(() => store.find('a', true)));
  t.is(components.get('cart')?.text, '["pear"]');
  t.false(isLive(await store.find('b', true)), 'what has ended stays ended');
  t.is(lines.length, 2, lines.join('\n'));
  const name = `PostgreSQL at 127.0.0.1:${server.port}, database postgres,`;
  t.regex(lines[0]!, new RegExp(`^${name} keeps no sessions: .*\\. Until it does, whoever needs one gets a 503\\.$`));
  t.is(lines[1], `${name} keeps sessions again.`);
});

test('a server that comes and goes is told of once a minute, and never by which password', async t => {
  const {store, lines} = await world(t);
  const errors: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    await server.crash();
    const error = await t.throwsAsync(store.find('a', true));
    errors.push(`${error.message} ${error.stack} ${String(error.cause)} ${JSON.stringify(error)}`);
    await server.restart();
    await until(() => store.find('a', true));
  }
  t.is(lines.length, 2);
  t.notRegex(lines.join('\n'), /kept-secret|espalier:|postgres:\/\//);
  t.notRegex(errors.join('\n'), /kept-secret|127\.0\.0\.1|postgres:\/\//);
});

test('a store begins on a server that was down at first', async t => {
  await server.crash();
  const store = new PostgresStore({url: server.url, schema: 'late', logger: quiet});
  t.teardown(() => store.close());
  await fails(t, store.keepEnds(), /ECONNREFUSED/);
  await server.restart();
  await until(async () => (await store.keepEnds(), true));
  const hear = await listen(store);
  await store.create({uid: 'a', ...lifetime, idleTimeout: 1000, absoluteTimeout: 1000});
  await until(async () => (await store.sweep(), (await hear())[0]));
  t.deepEqual(await hear(), ['a absolute']);
});

test('a server that stands still fails each call in time, and does not do it when it goes on', async t => {
  const {store, rows, schema} = await world(t);
  const pids = (await rows(backendsOf(schema))).map(({pid}) => pid as number);
  t.true(pids.length > 0);
  const all = [server.pid, ...pids];
  const began = performance.now();
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  try {
    await Promise.all([
      fails(t, store.write('a', 'late', 0, '"x"'), /no answer|connection/i),
      fails(t, store.end('a', 'logout'), /no answer|connection/i),
    ]);
    // Time is what this is about: it has to be later than anybody waits for.
    await until(async () => (performance.now() - began > 3000 ? true : undefined));
  } finally {
    for (const pid of all) process.kill(pid, 'SIGCONT');
  }
  await until(async () =>
    (await rows(`${backendsOf(schema)} AND pid IN (${pids.join()})`)).length === 0 ? true : undefined,
  );
  const record = live(await until(() => store.find('a', false)));
  t.deepEqual([...record.components], []);
});

test('a connection that is cut in the middle of a call fails that call, which is not made again', async t => {
  const {store, pool, rows, schema, lines} = await world(t);
  const holder = await pool.connect();
  await holder.query(`BEGIN; SELECT FROM ${schema}.session FOR UPDATE`);
  const writing = fails(t, store.write('a', 'cut', 0, '"x"'), /57P01|terminating connection/);
  await until(async () => {
    const waiting = `${backendsOf(schema)} AND wait_event_type = 'Lock' AND query LIKE '%write%'`;
    const [found] = await rows(waiting.replace('SELECT pid', 'SELECT pg_terminate_backend(pid)'));
    return found;
  });
  await writing;
  await holder.query('ROLLBACK');
  holder.release();
  const record = live(await store.find('a', true));
  t.deepEqual([...record.components], []);
  t.is((await store.write('a', 'cut', 0, '"y"')).state, 'written');
  t.true(lines.length <= 2);
});

test('idle connections that are cut end no process, and the next calls work', async t => {
  const {store, rows, schema} = await world(t);
  await Promise.all(Array.from({length: 5}, () => store.find('a', true)));
  await rows(backendsOf(schema).replace('SELECT pid', 'SELECT pg_terminate_backend(pid)'));
  await until(async () => ((await rows(backendsOf(schema))).length === 0 ? true : undefined));
  await setImmediate();
  await until(() => store.find('a', true));
  t.pass();
});

test('a call that waits for a connection of a busy pool fails in time, and is not made later', async t => {
  const {schema} = await world(t);
  const pool = new Pool({connectionString: server.url, max: 1});
  const store = new PostgresStore({pool, schema, logger: quiet});
  await store.find('a', false);
  const busy = await pool.connect();
  await fails(t, store.write('a', 'queued', 0, '"x"'), /no answer/);
  busy.release();
  const record = live(await until(() => store.find('a', false)));
  t.is(record.components.size, 0);
  await store.close();
  await pool.end();
});

test('a standby is asked for nothing: what it holds may have ended', async t => {
  const {store, schema, begin} = await world(t);
  await begin('b');
  const standby = await server.standby();
  t.teardown(() => standby.dispose());
  await until(async () => (await standby.ask(`SELECT FROM ${schema}.session`)).length === 2);
  await standby.ask('SELECT pg_wal_replay_pause()');
  t.true(await store.end('b', 'logout'));
  const {store: astray, lines} = openWorld(t, {url: standby.url, schema});
  for (const uid of ['a', 'b']) await fails(t, astray.find(uid, false), /25006/);
  await fails(t, astray.end('b', 'logout'), /25006/);
  t.is(lines.length, 1);
  t.regex(lines[0]!, /it takes no writes, as a standby does/);
});

test('when another server takes over and the old one keeps its connections, no call fails and none reads what is old', async t => {
  const old = await PostgresServer.start();
  t.teardown(() => old.dispose());
  const {port, leadTo} = await detour(t, old.port);
  // Several connections, and all of them stay.
  const pool = new Pool({connectionString: old.url.replace(`:${old.port}`, `:${port}`), max: 4, idleTimeoutMillis: 0});
  t.teardown(() => pool.end());
  const {store, schema, begin, lines} = openWorld(t, {pool});
  await begin('a');
  await begin('b');
  const hear = await listen(store);
  await Promise.all(Array.from({length: 20}, () => store.touch('a')));
  t.is(pool.totalCount, 4);
  const standby = await old.standby();
  t.teardown(() => standby.dispose());
  await standby.ask('SELECT pg_promote()');
  leadTo(standby.port);
  const now = new PostgresStore({url: standby.url, schema, logger: quiet});
  t.teardown(() => now.close());
  t.true(await until(() => now.end('b', 'logout')));
  await old.ask('ALTER SYSTEM SET default_transaction_read_only = on');
  await old.ask('SELECT pg_reload_conf()');
  await until(async () => (await old.ask('SHOW transaction_read_only'))[0]!['transaction_read_only'] === 'on');
  const found = await Promise.all(Array.from({length: 20}, () => store.find('b', true)));
  t.false(found.some(isLive));
  t.is((await store.write('a', 'cart', 0, '1')).state, 'written');
  t.deepEqual(await hear(), ['b logout']);
  t.notRegex(lines.join(), /25006/);
});

test('ends are heard of on a server that knows nothing of the one before', async t => {
  const {port, leadTo} = await detour(t, server.port);
  const {store, schema} = openWorld(t, {url: server.url.replace(`:${server.port}`, `:${port}`)});
  await store.find('a', true);
  // The old server is far ahead of a new one.
  await server.ask('DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
  const hear = await listen(store);
  const empty = await PostgresServer.start();
  t.teardown(() => empty.dispose());
  leadTo(empty.port);
  await server.ask(backendsOf(schema).replace('SELECT pid', 'SELECT pg_terminate_backend(pid)'));
  const begun = await until(() => store.create({uid: 'a', ...lifetime}));
  await store.end(begun.key, 'logout');
  t.deepEqual(await hear(), ['a logout']);
});

test('it is no matter what the application has its own values parsed to', async t => {
  const {schema} = await world(t);
  t.like(await inChild(schema, 'unparsed', 'b'), [{key: 'b', idleTimeout: 60_000}, true, 0]);
});

test('a question gives its one value as the server writes it, or nothing', async t => {
  const link = new PostgresLink(connect(t));
  t.is(await link.ask('SELECT $1::int', [7]), '7');
  t.is(await link.ask('SELECT true', []), 't');
  t.is(await link.ask('SELECT NULL', []), undefined);
  t.is(await link.ask('SELECT 1 WHERE false', []), undefined);
  t.is(await link.ask('SELECT 1; SELECT 2'), undefined);
});

for (const [failure, most] of [
  ['serialization_failure', 4],
  ['deadlock_detected', 4],
  ['unique_violation', 1],
  ['lock_not_available', 1],
] as const) {
  test(`what fails by a ${failure} is tried ${most === 1 ? 'once' : `up to ${most} times`}, and a later try may do`, async t => {
    const link = new PostgresLink(connect(t));
    // What a sequence counts is not undone.
    await link.ask(`CREATE SEQUENCE ${failure}_tries; CREATE FUNCTION fail_by_${failure}(times bigint) RETURNS bigint
      LANGUAGE plpgsql AS $body$
      BEGIN
        IF nextval('${failure}_tries') <= times THEN RAISE ${failure}; END IF;
        RETURN lastval();
      END $body$`);
    const call = (times: number) => link.ask(`SELECT fail_by_${failure}($1)`, [times]);
    await t.throwsAsync(call(99), {name: 'PostgresError'});
    t.is(await link.ask(`SELECT last_value FROM ${failure}_tries`, []), String(most));
    if (most > 1) t.is(await call(most + most - 1), String(most + most));
  });
}

test('a failure is told in names of tables and roles, never in what is in a row or was asked with', async t => {
  const link = new PostgresLink(connect(t));
  await t.throwsAsync(link.ask('SELECT FROM nothing', []), {code: '42P01', message: /relation "nothing"/});
  await link.ask('CREATE TABLE taken (name text PRIMARY KEY)');
  const insert = () => link.ask('INSERT INTO taken VALUES ($1)', ['kept-text']);
  await insert();
  const failures = [insert(), link.ask('SELECT $1::text::int', ['kept-text'])];
  const codes = failures.map(async failure => {
    const error = await t.throwsAsync(failure, {name: 'PostgresError'});
    t.notRegex(`${error.message}${error.stack}${String(error.cause)}${JSON.stringify(error)}`, /kept-text/);
    return (error as PostgresError).code;
  });
  t.deepEqual(await Promise.all(codes), ['23505', '22P02']);
});

test('a store that is closed tells of no outage any more', async t => {
  const {store: open, lines: told} = await world(t);
  const {store: closed, lines: untold} = await world(t);
  await closed.close();
  await server.crash();
  await fails(t, open.find('a', true), /ECONNREFUSED|57P01|connection/i);
  await t.throwsAsync(async () => closed.find('a', true));
  await server.restart();
  await until(() => open.find('a', true));
  t.is(told.length, 2);
  t.deepEqual(untold, []);
});
