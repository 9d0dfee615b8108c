import {chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import test from 'ava';
import {SqliteStore} from 'espalier/store/sqlite';
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
