import {readFileSync} from 'node:fs';
import anyTest, {type ExecutionContext} from 'ava';
import {PostgresStore} from 'espalier/store/postgres';
import {TestClock} from 'espalier/testing';
import type {SessionRecord} from '../../src/session/store/contract.ts';
import {schemaRelease, schemaSql, schemaVersion} from '../../src/store/postgres-schema.ts';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {until} from '../until.ts';
import {live} from './live.ts';
import {FormerProcess, formerSql} from './postgres-former-release.ts';
import {lifetime, listen, quiet, share, test} from './postgres-world.ts';

const {server, freshSchema, connect, inChild, world} = await share();

anyTest('a schema is named by a plain word', t => {
  for (const name of ['', 'a b', 'a"b', "a'b", 'a.b', 'a;', 'ä', 'pg_mine', '1st', 'a'.repeat(64)]) {
    t.throws(() => schemaSql(name), {code: 'OPTION_INVALID'}, name);
    t.throws(() => PostgresStore.sql(name), {code: 'OPTION_INVALID'}, name);
    t.throws(() => new PostgresStore({url: 'postgres://localhost/db', schema: name}), {code: 'OPTION_INVALID'}, name);
  }
  t.notThrows(() => schemaSql('a'.repeat(63)));
  t.true(PostgresStore.sql().includes('CREATE SCHEMA "espalier"'));
});

test('the name is taken as it is written, and schemas in one database have nothing in common', async t => {
  const {pool, begin} = world(t, {schema: 'Mine'});
  await begin('a');
  const {store: other} = world(t, {schema: 'mine', pool});
  t.is(await other.find('a', false), undefined);
  const found = await pool.query(`SELECT nspname FROM pg_namespace WHERE nspname IN ('Mine', 'mine') ORDER BY nspname`);
  t.is(found.rowCount, 2);
});

test('the statements mark their version, and leave what is there when they are run again', async t => {
  const {schema, pool, store, rows, begin} = world(t);
  await begin('a');
  t.is((await store.write('a', 'cart', 0, '["pear"]')).state, 'written');
  await store.keepEnds();
  const marks = () => rows('SELECT * FROM @.state');
  const before = await marks();
  t.like(before, [{version: schemaVersion}]);
  await pool.query(PostgresStore.sql(schema));
  t.deepEqual(await marks(), before);
  t.is(live(await store.find('a', false)).components.get('cart')?.text, '["pear"]');
});

test('processes that make one schema at once all find it made', async t => {
  const schema = freshSchema();
  const uids = ['a', 'b', 'c'];
  const begun = (await Promise.all(uids.map(uid => inChild(schema, 'begin', uid)))) as SessionRecord[];
  t.deepEqual(
    begun.map(({uid}) => uid),
    uids,
  );
});

test('stores that make one schema in the same moment all find it made', async t => {
  const pool = connect(t);
  await Promise.all([1, 2, 3, 4].map(() => pool.query('SELECT pg_sleep(0.1)')));
  for (let i = 0; i < 4; i += 1) {
    const schema = freshSchema();
    const stores = [1, 2, 3, 4].map(() => new PostgresStore({pool, schema}));
    t.deepEqual(await Promise.all(stores.map(store => listAll(store, 'eva'))), [[], [], [], []]);
    for (const store of stores) await store.close();
  }
});

test('tables of a later release are left alone, and the store says so', async t => {
  const {schema, pool, store, rows, begin} = world(t);
  await begin('a');
  await rows('UPDATE @.state SET version = 99');
  const older = new PostgresStore({pool, schema, logger: quiet});
  t.teardown(() => older.close());
  await t.throwsAsync(async () => older.find('a', true), {message: /made by a later release/});
  await t.throwsAsync(pool.query(PostgresStore.sql(schema)), {message: /made by a later release/});
  await rows(`UPDATE @.state SET version = ${schemaVersion}`);
  t.truthy(await store.find('a', true));
  t.truthy(await older.find('a', true), 'it tries again');
});

for (const [what, spoil] of [
  ['schema', 'DROP SCHEMA @ CASCADE'],
  ['table', 'DROP TABLE @.component CASCADE'],
  ['table of sessions', 'DROP TABLE @.session CASCADE'],
  ['function', 'DROP FUNCTION @.look_up'],
] as const) {
  test(`a ${what} that is taken away while processes run is made again by the next call`, async t => {
    const {store, rows, begin, lines} = world(t);
    await begin('a');
    // What the processes do meanwhile may come in between.
    await until(async () => (await rows(spoil), true));
    const found = await Promise.all(Array.from({length: 8}, (_, i) => store.create({uid: `b${i}`, ...lifetime})));
    t.is(found.length, 8);
    const renewed = await store.renew('b1', {from: 'b1', to: 'c', grace: 1000});
    t.like(renewed, {key: 'b1', uid: 'c'});
    t.is((await store.write('b1', 'cart', 0, '1')).state, 'written');
    t.is(live(await store.find('c', true)).key, 'b1');
    t.deepEqual(lines, [], 'nobody has to be told');
  });
}

for (const [what, spoil] of [
  ['taken away', 'DROP SCHEMA @ CASCADE'],
  ['emptied', 'TRUNCATE @.state, @.session, @.alias, @.component, @.ended, @.kept'],
] as const) {
  test(`in a schema that was ${what}, ends are kept once that is asked for again, and heard of all the while`, async t => {
    const {store, rows, begin} = world(t);
    await store.keepEnds();
    const hear = await listen(store);
    await begin('a');
    // What the processes do meanwhile may come in between.
    await until(async () => (await rows(spoil), true));
    await store.keepEnds();
    await begin('b');
    t.true(await store.end('b', 'logout'));
    t.like(await store.takeEnds(10, 1000), [{key: 'b', reason: 'logout'}]);
    t.deepEqual(await hear(), ['b logout']);
  });
}

test('where something is lacking that the role may not make, the log says once what to run', async t => {
  const {schema, rows, pool} = world(t);
  await pool.query(PostgresStore.sql(schema));
  await rows(`CREATE ROLE @_role LOGIN; GRANT USAGE ON SCHEMA @ TO @_role;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA @ TO @_role;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA @ TO @_role`);
  const {store, lines} = world(t, {url: server.url.replace('espalier:', `${schema}_role:`), schema});
  await store.create({uid: 'a', ...lifetime});
  await rows('DROP TABLE @.component CASCADE');
  for (let i = 0; i < 3; i += 1)
    await t.throwsAsync(async () => store.find('a', true), {message: /Have its owner run what PostgresStore.sql\(/});
  t.deepEqual(lines, [
    `PostgreSQL at 127.0.0.1:${server.port}, database postgres, keeps no sessions: the schema ${schema} lacks something that ` +
      `this role may not make: permission denied for schema ${schema} (42501). Have its owner run what ` +
      `PostgresStore.sql('${schema}') gives. Until it does, whoever needs one gets a 503.`,
  ]);
  await pool.query(PostgresStore.sql(schema));
  await rows('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA @ TO @_role');
  t.truthy(await until(() => store.find('a', true)));
  t.is(lines[1], `PostgreSQL at 127.0.0.1:${server.port}, database postgres, keeps sessions again.`);
});

test('with the schema made beforehand, a role that may make nothing is enough', async t => {
  const {schema, pool} = world(t);
  await pool.query(PostgresStore.sql(schema));
  await pool.query(PostgresStore.sql(schema));
  await pool.query(`CREATE ROLE ${schema}_role LOGIN;
    GRANT USAGE ON SCHEMA ${schema} TO ${schema}_role;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${schema}_role;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${schema} TO ${schema}_role`);
  const url = server.url.replace('espalier:', `${schema}_role:`);
  const store = new PostgresStore({url, schema});
  t.teardown(() => store.close());
  await store.keepEnds();
  await store.create({uid: 'a', ...lifetime});
  await store.renew('a', {from: 'a', to: 'b', grace: 0, signIn: {user: 'eva', limit: 1}});
  t.is((await store.write('a', 'cart', 0, '1')).state, 'written');
  t.is(await endAllOf(store, 'eva', 'revoked'), 1);
  const [end] = await store.takeEnds(1, 1000);
  await store.settleEnd(end!.key, 'told');
  const elsewhere = new PostgresStore({url, schema: freshSchema(), logger: quiet});
  t.teardown(() => elsewhere.close());
  await t.throwsAsync(async () => elsewhere.find('a', true), {message: /permission denied/});
});

/** A schema that 0.1.0 has made and used: sessions with and without a user, a component, an old uid in its grace, an end. */
async function formerWorld(t: ExecutionContext) {
  const opened = world(t);
  const {schema, pool, rows} = opened;
  const former = new FormerProcess(pool, schema);
  await pool.query(formerSql(schema));
  for (const key of ['a', 'b', 'c', 'gone']) await former.create(key);
  await rows(`SELECT @.write('a', 'cart', 0, '"pear"', NULL)`);
  await former.renew('a', 'a', 'a2');
  await former.renew('b', 'b', 'b2', 'eva');
  await rows(`SELECT @.keep_ends(100000, NULL); SELECT @."end"('gone', 'logout', NULL)`);
  return {...opened, former};
}

test('a schema of 0.1.0 is brought forward by who comes first, with all that is in it', async t => {
  const {store, rows} = await formerWorld(t);
  const files = () =>
    rows(
      `SELECT relname, relfilenode FROM pg_class WHERE oid IN ('@.session'::regclass, '@.alias'::regclass) ORDER BY 1`,
    );
  const before = await files();
  t.is(live(await store.find('a2', true)).components.get('cart')?.text, '"pear"');
  t.is(live(await store.find('a', true)).key, 'a', 'the grace goes on');
  t.is(live(await store.find('b2', true)).user, 'eva');
  t.deepEqual(
    (await listAll(store, 'eva')).map(({key}) => key),
    ['b'],
  );
  t.like(await store.takeEnds(10, 1000), [{key: 'gone', reason: 'logout'}]);
  t.like(await store.renew('c', {from: 'c', to: 'c2', grace: 1000, signIn: {user: 'eva', limit: 1}}), {uid: 'c2'});
  t.like(await store.find('b2', true), {isFormer: true}, 'it was replaced');
  t.like(await store.renew('a', {from: 'a2', to: 'a3', grace: 1000}), {uid: 'a3'});
  for (const uid of ['a', 'a2', 'a3']) t.is(live(await store.find(uid, true)).key, 'a');
  const {count, next} = await store.endEveryone('revoked', {most: 10});
  t.deepEqual([count, next], [2, undefined]);
  t.deepEqual(await files(), before, 'no table was written anew');
});

test('processes of 0.1.0 go on beside those of this release, and each finds what the other has done', async t => {
  for (const isNew of [false, true]) {
    const {store, former, schema} = isNew ? {...world(t), former: undefined} : await formerWorld(t);
    await store.find('nobody', true);
    const theirs = former ?? new FormerProcess(connect(t), schema);
    t.true(await theirs.isMade());
    const hear = await listen(store);
    for (const key of ['k', 'l', 'm']) await theirs.create(key);
    await theirs.renew('k', 'k', 'k2');
    for (const uid of ['k', 'k2']) t.is(live(await store.find(uid, true)).uid, 'k2');
    await store.renew('k', {from: 'k2', to: 'k3', grace: 30_000});
    for (const uid of ['k2', 'k3']) t.like(await theirs.find(uid), {key: 'k', uid: 'k3'});
    await theirs.renew('l', 'l', 'l2', 'ada');
    t.like(await store.find('l', true), {isFormer: true});
    t.is(await theirs.find('l'), null);
    t.like(await theirs.renew('l', 'l', 'l3'), {uid: 'l2'}, 'by a former uid nothing changes');
    await store.renew('m', {from: 'm', to: 'm2', grace: 0, signIn: {user: 'ada', limit: 10}});
    t.like(await theirs.callAll('m', 'ada'), [
      {key: 'm', user: 'ada'},
      {key: 'm', idleTimeout: 50_000},
      {state: 'written'},
      [{key: 'l'}, {key: 'm'}],
      '',
      1,
      true,
    ]);
    t.is(live(await store.find('k3', true)).key, 'k');
    t.deepEqual(await hear(), ['l revoked', 'm logout']);
    await store.end('k', 'logout');
    t.deepEqual((await theirs.heard()).slice(-3), ['l', 'm', 'k']);
  }
});

test('a schema of the release before is brought forward with its uids, and each of those goes as it went there', async t => {
  const clock = new TestClock();
  const {schema, pool, store, rows} = world(t, {clock});
  const before = readFileSync('spec/store/fixtures/postgres-release-2.sql', 'utf8');
  await pool.query(before.replaceAll('"espalier"', `"${schema}"`));
  const now = clock.now();
  await rows(`SELECT @.create('a', false, 60000, 600000, ${now})`);
  for (const to of ['b', 'c']) await rows(`SELECT @.renew('a', 'a', '${to}', 1000, false, NULL, NULL, ${now})`);
  await rows(`SELECT @.look_up('c', true, ${now})`);
  clock.advance(999);
  for (const uid of ['a', 'b']) t.is(live(await store.find(uid, true)).uid, 'c');
  clock.advance(1);
  for (const uid of ['a', 'b']) t.like(await store.find(uid, true), {isFormer: true, key: 'a'});
  for (const to of ['d', 'e']) t.like(await store.renew('a', {from: 'c', to, grace: 1000}), {uid: to});
  for (const uid of ['e', 'd']) t.is(live(await store.find(uid, true)).uid, 'e');
  clock.advance(1000);
  t.is(live(await store.find('d', true)).uid, 'e');
  t.like(await store.find('c', true), {isFormer: true});
});

test('processes of the release before go on beside those of this one: to them a session that is remembered is like any other', async t => {
  const {schema, pool, store, rows} = world(t);
  const before = readFileSync('spec/store/fixtures/postgres-release-2.sql', 'utf8');
  await pool.query(before.replaceAll('"espalier"', `"${schema}"`));
  await rows(`SELECT @.create('a', false, 60000, 600000, NULL)`);
  t.false(live(await store.find('a', true)).isRemembered);
  const remembered = {idleTimeout: 120_000, absoluteTimeout: 120_000, isRemembered: true};
  const signIn = {user: 'ada', limit: 10, lifetime: remembered};
  t.like(await store.renew('a', {from: 'a', to: 'b', grace: 0, signIn}), remembered);
  const [renewed] = await rows(`SELECT @.renew('a', 'b', 'c', 1000, false, NULL, NULL, NULL) AS it`);
  t.like(renewed, {it: {uid: 'c', idleTimeout: 120_000}});
  const [signedIn] = await rows(`SELECT @.renew('a', 'c', 'd', 1000, false, 'ada', 10, NULL) AS it`);
  t.like(signedIn, {it: {uid: 'd', absoluteTimeout: 120_000}});
  t.like(await store.find('d', true), remembered);
});

test('processes of the release that had no devices go on beside those of this one, on the same sessions', async t => {
  const {schema, pool, store, rows} = world(t);
  const before = readFileSync('spec/store/fixtures/postgres-release-4.sql', 'utf8');
  await pool.query(before.replaceAll('"espalier"', `"${schema}"`));
  const create = async (uid: string) => rows(`SELECT @.create('${uid}', false, 60000, 600000, NULL)`);
  const [heard] = await rows('SELECT @.hear(NULL) AS it');
  await create('a');
  t.like(await store.find('a', true), {uid: 'a', device: undefined});
  await create('b');
  await store.create({uid: 'c', ...lifetime, device: 'Lynx\0\ud800'});
  t.like(await store.find('c', true), {device: 'Lynx\0\ud800'});
  const calls = ['a', 'c', 'd'].map(key => ({
    act: key === 'd' ? 'create' : 'end',
    key,
    reason: 'logout',
    isSecure: false,
  }));
  const changes = JSON.stringify(calls.map(call => ({...call, idleTimeout: 60_000, absoluteTimeout: 600_000})));
  t.is((await rows(`SELECT @.change_all('${changes}', NULL)`)).length, 3);
  t.like(await store.find('d', true), {uid: 'd', device: undefined});
  await rows(`UPDATE @.session SET last_seen_at = 0, look_at = 0 WHERE key = 'b'`);
  t.deepEqual(await rows('SELECT @.sweep(200, NULL) AS it'), [{it: 0}]);
  const {seen} = heard!['it'] as {seen: string};
  t.like(await rows(`SELECT @.hear('${seen}') AS it`), [
    {
      it: {
        ends: [
          ['a', 'logout'],
          ['c', 'logout'],
          ['b', 'idle'],
        ],
      },
    },
  ]);
});

test('processes of this release that begin at once on a schema of 0.1.0 all find it brought forward', async t => {
  const {schema, pool, former} = await formerWorld(t);
  const stores = [1, 2, 3, 4].map(() => new PostgresStore({pool, schema}));
  const going = Array.from({length: 20}, (_, i) => former.create(`meanwhile ${i}`));
  const begun = ['x', 'y'].map(uid => inChild(schema, 'begin', uid));
  for (const found of await Promise.all(stores.map(store => store.find('a2', true)))) t.is(live(found).key, 'a');
  t.deepEqual(
    ((await Promise.all(begun)) as SessionRecord[]).map(({uid}) => uid),
    ['x', 'y'],
  );
  await Promise.all(going);
  for (const store of stores) await store.close();
});

test('who may use the tables of 0.1.0 may use what is added to them, once the owner has added it', async t => {
  const {schema, pool, rows, former} = await formerWorld(t);
  await rows(`CREATE ROLE @_role LOGIN; GRANT USAGE ON SCHEMA @ TO @_role;
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA @ TO @_role;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA @ TO @_role`);
  const {store, lines} = world(t, {url: server.url.replace('espalier:', `${schema}_role:`), schema});
  const refused = {message: /Have its owner run what PostgresStore.sql\(/};
  await t.throwsAsync(async () => store.find('a2', true), refused);
  t.is(lines.length, 1);
  t.like(await former.find('a2'), {key: 'a'}, 'the former release goes on');
  await pool.query(PostgresStore.sql(schema));
  t.is(live(await until(() => store.find('a2', true))).key, 'a');
  t.true(await store.end('a', 'logout'));
  t.like(await store.find('a2', true), {isFormer: true});
});

test('tables and functions of a later release are used as they are, and never put back', async t => {
  const {schema, pool, store, rows, begin} = world(t);
  await begin('a');
  const release = (number: number) =>
    rows(`CREATE OR REPLACE FUNCTION @.release() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT ${number}'`);
  await release(schemaRelease + 1);
  const here = new PostgresStore({pool, schema});
  t.teardown(() => here.close());
  t.truthy(await here.find('a', true));
  await t.throwsAsync(pool.query(PostgresStore.sql(schema)), {message: /made by a later release/});
  await release(schemaRelease);
  t.truthy(await store.find('a', true));
});
