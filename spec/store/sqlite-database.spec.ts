import {chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import test, {type ExecutionContext} from 'ava';
import {SqliteStore} from 'espalier/store/sqlite';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {lifetime, SqliteFolder} from './sqlite-folder.ts';

const garbage = Buffer.alloc(50_000, 'The quick brown fox jumps over the lazy dog. ');

test('the file and those beside it are for their owner alone', async t => {
  const folder = new SqliteFolder(t);
  await folder.open().create({uid: 'a', ...lifetime});
  const files = readdirSync(dirname(folder.path));
  t.deepEqual(files.toSorted(), ['sessions.db', 'sessions.db-shm', 'sessions.db-wal']);
  for (const file of files) t.is(statSync(join(dirname(folder.path), file)).mode & 0o777, 0o600, file);
});

test('a file that is there keeps its permissions', t => {
  const folder = new SqliteFolder(t);
  folder.open().close();
  chmodSync(folder.path, 0o660);
  folder.open();
  t.is(statSync(folder.path).mode & 0o777, 0o660);
});

test('several processes may begin at once on a file that is not there yet', async t => {
  const folder = new SqliteFolder(t);
  const start = Date.now() + 1000;
  await t.notThrowsAsync(Promise.all([1, 2, 3, 4].map(() => folder.outcome('openMany', 30, start))));
  for (let i = 0; i < 30; i += 1) t.notThrows(() => folder.open({path: `${folder.path}-${i}`}));
});

for (const path of ['', ':memory:', undefined]) {
  test(`a store can't be opened on the path ${JSON.stringify(path)}`, t => {
    t.throws(() => new SqliteStore({path: path as string}), {code: 'OPTION_INVALID', message: /must name a file/});
  });
}

test('a path that is not absolute is told of as what it comes to', t => {
  const path = join('nowhere', 'sessions.db');
  const {message} = t.throws(() => new SqliteStore({path}), {code: 'OPTION_INVALID'});
  t.true(message.includes(resolve(path)), message);
});

test('a path that is like a URL is a path', t => {
  const folder = new SqliteFolder(t);
  const path = `${dirname(folder.path)}/file:sessions?mode=memory`;
  folder.open({path});
  t.true(existsSync(path));
});

test('a folder that is not there is told of when the store is opened, and is not made', t => {
  const folder = new SqliteFolder(t);
  const path = join(dirname(folder.path), 'nowhere', 'sessions.db');
  const {message} = t.throws(() => folder.open({path}), {code: 'OPTION_INVALID'});
  t.true(message.includes(`${path}. Its folder does not exist.`), message);
  t.false(existsSync(dirname(path)));
});

test('a folder in place of the file is told of when the store is opened', t => {
  const folder = new SqliteFolder(t);
  mkdirSync(folder.path);
  const {message} = t.throws(() => folder.open(), {code: 'OPTION_INVALID'});
  t.true(message.includes(`${folder.path}. It can't be opened.`), message);
});

test('a file that can only be read is told of when the store is opened', async t => {
  const folder = new SqliteFolder(t);
  folder.open().close();
  chmodSync(dirname(folder.path), 0o755);
  const message = await folder.outcome('openUnprivileged');
  t.true(message.includes(`${folder.path}. This process may not write to it. [OPTION_INVALID]`), message);
});

test('a folder that nobody may write to is told of when the store is opened', async t => {
  const folder = new SqliteFolder(t);
  chmodSync(dirname(folder.path), 0o555);
  const message = await folder.outcome('openUnprivileged');
  t.true(message.includes(`${folder.path}. This process may not write to it. [OPTION_INVALID]`), message);
});

for (const [what, content] of [
  ['garbage', garbage],
  ['one line of text', Buffer.from('Sessions go here.\n')],
] as const) {
  test(`a file of ${what} is told of when the store is opened, and stays as it is`, t => {
    const folder = new SqliteFolder(t);
    writeFileSync(folder.path, content);
    const {message} = t.throws(() => folder.open(), {code: 'OPTION_INVALID'});
    t.true(message.includes(`${folder.path}. It is not an SQLite database.`), message);
    t.deepEqual(readFileSync(folder.path), content);
  });
}

test('a file that is overwritten with garbage is an error, not an empty store, from then on', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (let i = 0; i < 200; i += 1) await store.create({uid: `${i}`, ...lifetime});
  store.close();
  writeFileSync(folder.path, garbage);
  t.throws(() => folder.open(), {code: 'OPTION_INVALID'});
  t.deepEqual(readFileSync(folder.path), garbage);
});

test('a session whose page is damaged is an error, not absent', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (let i = 0; i < 200; i += 1) await store.create({uid: `${i}`, ...lifetime});
  store.close();
  const content = readFileSync(folder.path);
  writeFileSync(folder.path, Buffer.concat([content.subarray(0, 4096), content.subarray(4096).fill(0xa5)]));
  t.throws(() => folder.open().find('1', false), {message: /malformed|damaged/});
});

test('the file of a later version is told of, and stays as it is', t => {
  const folder = new SqliteFolder(t);
  folder.open().close();
  folder.look().exec('PRAGMA user_version = 7');
  const {message} = t.throws(() => folder.open(), {code: 'OPTION_INVALID'});
  t.true(message.includes(`${folder.path}. It was written by a later version, and has the format 7.`), message);
});

test('the database of another application is told of, and stays as it is', t => {
  const folder = new SqliteFolder(t);
  folder.look().exec('CREATE TABLE session (id TEXT)');
  const {message} = t.throws(() => folder.open(), {code: 'OPTION_INVALID'});
  t.true(message.includes(`${folder.path}. It is the database of another application.`), message);
  t.is(folder.look().prepare('SELECT * FROM sqlite_schema').all().length, 1);
});

test.serial('SQLite itself waits for others, and the event loop with it, only while a file is opened', t => {
  const said: string[] = [];
  const exec = Reflect.get(DatabaseSync.prototype, 'exec');
  DatabaseSync.prototype.exec = function (sql) {
    said.push(...(/busy_timeout = \d+/.exec(sql) ?? []));
    exec.call(this, sql);
  };
  new SqliteFolder(t).open();
  DatabaseSync.prototype.exec = exec;
  t.deepEqual(said, ['busy_timeout = 5000', 'busy_timeout = 0']);
});

test('a backup that is made while sessions go on is a store', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  const path = `${folder.path}-backup`;
  folder.look().exec(`VACUUM INTO '${path}'`);
  await store.end('a', 'logout');
  t.like(await folder.open({path}).find('a', false), {key: 'a'});
});

test('the file is an ordinary SQLite database, in which a session has its row', async t => {
  const folder = new SqliteFolder(t);
  await folder.open().create({uid: 'a', ...lifetime});
  const database = new DatabaseSync(folder.path, {readOnly: true});
  t.like({...database.prepare('SELECT * FROM session').get()}, {key: 'a', deadline: folder.clock.now() + 60_000});
  database.close();
});

/** A file as release 0.1.0 made it, a second after its first session began. */
function made(t: ExecutionContext): SqliteFolder {
  const folder = new SqliteFolder(t);
  folder.look().exec(readFileSync('spec/store/fixtures/sqlite-0.1.0.sql', 'utf8'));
  folder.clock.advance(1000);
  return folder;
}

const signIn = {user: 'ada', limit: 5};

test('the sessions in a file that 0.1.0 made are found, by their old uids too as far as these are in their grace', async t => {
  const folder = made(t);
  const store = folder.open();
  const cart = new Map([['cart', {revision: 2, text: '{"books":["Notes","Letters"]}'}]]);
  t.like(await store.find('anonymous', true), {key: 'anonymous', isSecure: true, components: cart});
  for (const uid of ['renewed', 'renewed, newer']) t.like(await store.find(uid, true), {uid: 'renewed, newer'});
  const users = await listAll(store, 'ada');
  t.deepEqual(
    users.map(({key}) => key),
    ['ada 1', 'ada 2'],
  );
  folder.clock.advance(30_000);
  t.like(await store.find('renewed', true), {isFormer: true, key: 'renewed'});
  t.like(await store.find('renewed, newer', true), {key: 'renewed'});
});

test('the sessions in a file that 0.1.0 made go on: they are written, renewed, signed in, and ended', async t => {
  const folder = made(t);
  const store = folder.open();
  t.deepEqual(await store.write('anonymous', 'cart', 2, '{}'), {state: 'written', revision: 3});
  const renewal = {from: 'renewed, newer', to: 'renewed, newest', grace: 1000};
  t.like(await store.renew('renewed', renewal), {key: 'renewed', uid: 'renewed, newest'});
  for (const uid of ['renewed', 'renewed, newer', 'renewed, newest'])
    t.like(await store.find(uid, true), {key: 'renewed'});
  t.like(await store.renew('anonymous', {from: 'anonymous', to: 'ada 3, in', grace: 0, signIn}), {user: 'ada'});
  t.like(await store.find('anonymous', true), {isFormer: true});
  t.is(await endAllOf(store, 'ada', 'revoked', 'ada 2'), 2);
  folder.clock.advance(2_000_000);
  t.like(await store.find('ada 2, in', true), {key: 'ada 2'});
  const ends = await store.takeEnds(10, 1000);
  t.deepEqual(
    ends.map(({key}) => key),
    ['ended', 'ada 1', 'anonymous'],
  );
});

test('a file that lacks only the last of what was added gets that', t => {
  const folder = new SqliteFolder(t);
  folder.open().close();
  folder.look().exec('DROP INDEX outbox_parked');
  folder.open();
  t.truthy(folder.look().prepare("SELECT 1 FROM sqlite_schema WHERE name = 'outbox_parked'").get());
});

test('a file of before visitors were remembered is brought forward, and they can be; those who were there are not', async t => {
  const folder = made(t);
  folder.open().close();
  folder.look().exec('ALTER TABLE session DROP COLUMN is_remembered');
  const store = folder.open();
  t.like(await store.find('ada 1, in', true), {user: 'ada', isRemembered: false});
  const remembered = {idleTimeout: 1e6, absoluteTimeout: 2e6, isRemembered: true};
  const renewal = {from: 'anonymous', to: 'eve, in', grace: 0, signIn: {user: 'eve', limit: 5, lifetime: remembered}};
  t.like(await store.renew('anonymous', renewal), remembered);
  t.like(await folder.open().find('eve, in', true), remembered);
});

test('several processes may begin at once on a file that 0.1.0 made', async t => {
  const folder = made(t);
  await t.notThrowsAsync(Promise.all([1, 2, 3, 4].map(i => folder.outcome('begin', `${i}`))));
  t.is(folder.look().prepare('SELECT * FROM session').all().length, 8);
});

/** What a process of 0.1.0 that has the file open does to it, by the statements that it has. */
function earlier(folder: SqliteFolder) {
  const database = folder.look();
  const name = database.prepare(`INSERT INTO alias VALUES (?, ?, ?)
    ON CONFLICT DO UPDATE SET session = excluded.session, until = excluded.until`);
  const byAlias = database.prepare(
    'SELECT key FROM session WHERE id = (SELECT session FROM alias WHERE uid = ? AND (until IS NULL OR until > ?))',
  );
  const create = database.prepare(`INSERT INTO session
    (key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)`);
  const put = database.prepare('INSERT INTO component VALUES (?, ?, ?, ?)');
  return {
    begin(uid: string) {
      const now = folder.clock.now();
      const {lastInsertRowid} = create.run(uid, uid, 0, 3_600_000, 36_000_000, now, now);
      put.run(lastInsertRowid, '"cart"', 1, '{}');
    },
    renew(key: string, from: string, to: string) {
      const {id} = database.prepare('SELECT id FROM session WHERE key = ?').get(key) as {id: number};
      name.run(from, id, folder.clock.now() + 30_000);
      name.run(to, id, null);
      database.prepare('UPDATE session SET uid = ? WHERE id = ?').run(to, id);
    },
    find: (uid: string) => byAlias.get(uid, folder.clock.now())?.['key'],
  };
}

test('processes of 0.1.0 may have the file open as well: each finds what the other has begun and renewed', async t => {
  const folder = made(t);
  const before = earlier(folder);
  const store = folder.open();
  before.begin('a');
  t.like(await store.find('a', true), {key: 'a', components: new Map([['cart', {revision: 1, text: '{}'}]])});
  await store.renew('a', {from: 'a', to: 'b', grace: 1000});
  for (const uid of ['a', 'b']) t.is(before.find(uid), 'a');
  before.renew('a', 'b', 'c');
  for (const uid of ['a', 'b', 'c']) t.like(await store.find(uid, true), {key: 'a', uid: 'c'});
  await store.renew('a', {from: 'c', to: 'd', grace: 1000, signIn});
  t.deepEqual([before.find('c'), before.find('d')], [undefined, 'a']);
  before.renew('a', 'd', 'e');
  t.like(await store.renew('a', {from: 'e', to: 'f', grace: 1000}), {uid: 'f', user: 'ada'});
  folder.clock.advance(30_000);
  t.like(await store.find('d', true), {isFormer: true, key: 'a'});
  for (const uid of ['e', 'f']) t.like(await store.find(uid, true), {key: 'a', uid: 'f'});
});
