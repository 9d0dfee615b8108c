import {copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import test from 'ava';
import {ContainerModule, Get, inject, Resource, SessionService, SessionStore} from 'espalier';
import type {SqliteStore} from 'espalier/store/sqlite';
import {testSite} from 'espalier/testing';
import {OutageLog} from '../../src/outage-log.ts';
import {SqliteFile} from '../../src/store/sqlite-file.ts';
import {lifetime, listen, SqliteFolder} from './sqlite-folder.ts';

/** The file, and those that SQLite keeps beside it. */
function filesOf({path}: SqliteFolder): string[] {
  const folder = dirname(path);
  return readdirSync(folder).flatMap(name => (/^sessions\.db(-wal|-shm)?$/.test(name) ? join(folder, name) : []));
}

function remove(folder: SqliteFolder): void {
  for (const file of filesOf(folder)) rmSync(file);
}

function move(from: string, to: string): void {
  for (const end of ['', '-wal', '-shm']) renameSync(`${from}${end}`, `${to}${end}`);
}

const begin = async (store: SqliteStore, uid: string) => store.create({uid, ...lifetime});

test('reads fail, all of a turn, as long as it is not known whether others have written', async t => {
  const folder = new SqliteFolder(t);
  const file = new SqliteFile(folder.path, new OutageLog(console));
  t.teardown(() => file.close());
  let isReadable = false;
  file.watch({
    begin: () => {
      if (!isReadable) throw new Error('disk I/O error');
    },
    undo: () => undefined,
  });
  const read = async () => file.read(() => 'read');
  const ofOneTurn = await Promise.allSettled([read(), read()]);
  t.deepEqual(
    ofOneTurn.map(({status}) => status),
    ['rejected', 'rejected'],
  );
  isReadable = true;
  t.is(await read(), 'read');
});

test('a write to a file that was deleted while it was open fails', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await begin(store, 'a');
  remove(folder);
  await t.throwsAsync(async () => store.end('a', 'logout'), {
    message: /sessions\.db\. It was deleted while it was open/,
  });
});

test('a file that was deleted while it was open is noticed within half a second, told once, and not made again', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await begin(store, 'a');
  remove(folder);
  folder.clock.advance(5000);
  t.is(folder.warnings.length, 1);
  t.true(folder.warnings[0]!.includes(`${folder.path}. It was deleted while it was open. Until there is a file`));
  await t.throwsAsync(async () => store.find('a', true), {message: /was deleted/});
  await t.throwsAsync(async () => store.takeEnds(1, 1000), {message: /was deleted/});
  t.deepEqual(filesOf(folder), []);
  t.deepEqual(folder.errors, []);
});

test('a file that another process makes in place of one that was deleted is the store of both, without the sessions of before', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await begin(store, 'a');
  const told = listen(store, folder.clock);
  remove(folder);
  const other = folder.open();
  await begin(other, 'b');
  await begin(other, 'c');
  await t.throwsAsync(async () => store.end('a', 'logout'));
  folder.clock.advance(500);
  t.is(await store.find('a', false), undefined);
  t.like(await store.find('b', false), {key: 'b'});
  await store.end('b', 'logout');
  t.is(await other.touch('b'), undefined);
  await other.end('c', 'logout');
  folder.clock.advance(500);
  t.deepEqual(told, ['b logout', 'c logout']);
  t.is(folder.warnings.length, 2);
  t.regex(folder.warnings[1]!, /sessions\.db is another file, with the sessions that are in it/);
});

test('who lets go of a file that is not there any more leaves alone what others have written to the new one', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await begin(store, 'a');
  remove(folder);
  const other = folder.open();
  for (let i = 0; i < 50; i += 1) await begin(other, `${i}`);
  folder.clock.advance(500);
  store.close();
  t.like(await other.find('49', false), {key: '49'});
  other.close();
  t.like(await folder.open().find('49', false), {key: '49'});
  t.deepEqual({...folder.look().prepare('PRAGMA integrity_check').get()}, {integrity_check: 'ok'});
});

test('a file that was moved away, and is moved back, has its sessions still', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await begin(store, 'a');
  const told = listen(store, folder.clock);
  const elsewhere = join(dirname(folder.path), 'elsewhere');
  mkdirSync(elsewhere);
  move(folder.path, join(elsewhere, 'sessions.db'));
  folder.clock.advance(500);
  await t.throwsAsync(async () => store.find('a', false), {message: /was deleted/});
  move(join(elsewhere, 'sessions.db'), folder.path);
  folder.clock.advance(500);
  t.like(await store.find('a', false), {key: 'a'});
  await store.end('a', 'logout');
  folder.clock.advance(500);
  t.deepEqual(told, ['a logout']);
  t.regex(folder.warnings[1]!, /sessions\.db is the file of before/);
});

test('a file that is replaced by a copy is another store from then on: that of the copy', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await begin(store, 'a');
  folder.look().exec(`VACUUM INTO '${folder.path}-copy'`);
  await begin(store, 'b');
  remove(folder);
  copyFileSync(`${folder.path}-copy`, folder.path);
  await t.throwsAsync(async () => store.end('b', 'logout'), {message: /Another one was put in its place/});
  folder.clock.advance(500);
  t.like(await store.find('a', false), {key: 'a'});
  t.is(await store.find('b', false), undefined);
});

/** Put the bytes of another file in the place of one that has been deleted, under the number that the file system had given that. */
function reuse(aside: string, bytes: Buffer, path: string): void {
  const {ino} = statSync(aside);
  writeFileSync(aside, bytes);
  renameSync(aside, path);
  if (statSync(path).ino !== ino) throw new Error('The number of the file is another one.');
}

for (const made of ['anew', 'of a backup']) {
  test(`ends are heard in a file that was made ${made} and has the number of the one that was deleted`, async t => {
    const folder = new SqliteFolder(t);
    const store = folder.open();
    await begin(store, 'kept');
    const backup = `${folder.path}-backup`;
    const database = new DatabaseSync(folder.path);
    database.exec(`VACUUM INTO '${backup}'`);
    // One that is open would keep to the number too.
    database.close();
    const told = listen(store, folder.clock);
    // So that the place in the log of ends is further on than that of the other file.
    for (let i = 0; i < 5; i += 1) {
      await begin(store, `${i}`);
      await store.end(`${i}`, 'logout');
    }
    folder.clock.advance(500);
    t.is(told.splice(0).length, 5);
    const aside = `${folder.path}-aside`;
    renameSync(folder.path, aside);
    remove(folder);
    folder.clock.advance(500);
    if (made === 'anew') {
      const fresh = new SqliteFolder(t);
      fresh.open().close();
      reuse(aside, readFileSync(fresh.path), folder.path);
    } else reuse(aside, readFileSync(backup), folder.path);
    folder.clock.advance(500);
    const other = folder.open();
    await begin(other, 'b');
    await other.end('b', 'logout');
    folder.clock.advance(500);
    t.deepEqual(told, ['b logout']);
    const which = made === 'anew' ? /is another file, with the sessions that are in it/ : /is the file of before/;
    t.regex(folder.warnings.at(-1)!, which);
  });
}

test('the log of SQLite may be deleted while the file is open: no session is lost', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await begin(store, 'a');
  rmSync(`${folder.path}-wal`);
  folder.clock.advance(500);
  t.like(await store.find('a', false), {key: 'a'});
  await begin(store, 'b');
  t.like(await folder.open().find('b', false), {key: 'b'});
});

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    return (await this.sessions.findSession())?.uid ?? 'nobody';
  }
}

test('while the file is gone a visitor gets a 503, and is not taken for somebody without a session', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  const bound = new ContainerModule(({bind}) => {
    bind(SessionStore).toConstantValue(store);
  });
  const visitor = testSite(Home, {modules: [bound]}).visitor();
  const headers = {cookie: `sid=${'a'.repeat(43)}`};
  t.is((await visitor.get('/', {headers})).status, 200);
  remove(folder);
  folder.clock.advance(500);
  t.is((await visitor.get('/', {headers})).status, 503);
  folder.open();
  folder.clock.advance(500);
  t.is((await visitor.get('/', {headers})).status, 200);
});
