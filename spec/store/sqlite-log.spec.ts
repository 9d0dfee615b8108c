import {spawnSync} from 'node:child_process';
import {subscribe, unsubscribe} from 'node:diagnostics_channel';
import {closeSync, existsSync, openSync, readSync} from 'node:fs';
import {DatabaseSync} from 'node:sqlite';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import type {Worker} from 'node:worker_threads';
import test, {type ExecutionContext} from 'ava';
import type {SessionRecord} from 'espalier';
import type {SqliteStore} from 'espalier/store/sqlite';
import {open} from '../../src/store/sqlite-database.ts';
import {workIn} from '../../src/store/sqlite-log.ts';
import {lifetime, long, SqliteFolder} from './sqlite-folder.ts';

const logOf = ({path}: SqliteFolder) => `${path}-wal`;
/** What a log bears until it begins anew. */
function markOf(folder: SqliteFolder): string {
  const file = openSync(logOf(folder), 'r');
  const mark = Buffer.alloc(8);
  readSync(file, mark, 0, mark.length, 16);
  closeSync(file);
  return mark.toString('hex');
}

async function growing(folder: SqliteFolder): Promise<SqliteStore> {
  const store = folder.open({durability: 'process'});
  await store.create({uid: 'a', ...lifetime, idleTimeout: 600_000});
  return store;
}

/** Write, with a pause now and then. */
async function writeUntil(isSo: () => boolean, store: SqliteStore): Promise<void> {
  for (let revision = revisionOf(store); !isSo(); revision += 1) {
    await store.write('a', 'long', revision, long(revision));
    if (revision % 32 === 0) await sleep(20);
  }
}

function revisionOf(store: SqliteStore): number {
  const {components} = store.touch('a') as SessionRecord;
  return components.get('long')?.revision ?? 0;
}

/** The threads that begin until the spec is over. */
function threads(t: ExecutionContext): Worker[] {
  const begun: Worker[] = [];
  const hear = (message: unknown) => begun.push((message as {worker: Worker}).worker);
  subscribe('worker_threads', hear);
  t.teardown(() => unsubscribe('worker_threads', hear));
  return begun;
}

/** Which logs are worked in on the event loop, and after how many pages a commit would do it. */
function hearing(t: ExecutionContext) {
  const checkpoints: string[] = [];
  const databases = new Set<DatabaseSync>();
  const {prototype} = DatabaseSync;
  for (const name of ['exec', 'prepare'] as const) {
    const ask = Reflect.get(prototype, name);
    t.teardown(() => Object.assign(prototype, {[name]: ask}));
    const heard = function (this: DatabaseSync, sql: string) {
      databases.add(this);
      if (sql.includes('wal_checkpoint')) checkpoints.push(sql);
      return ask.call(this, sql);
    };
    Object.assign(prototype, {[name]: heard});
  }
  const automatic = () =>
    [...databases].map(each => Object.values(each.prepare('PRAGMA wal_autocheckpoint').get()!)[0]);
  return {checkpoints, automatic};
}

test.serial(
  'the log is worked into the file by a thread: no commit does it, and nothing else on the event loop',
  async t => {
    const {checkpoints, automatic} = hearing(t);
    const begun = threads(t);
    const folder = new SqliteFolder(t);
    const store = await growing(folder);
    const before = markOf(folder);
    await writeUntil(() => begun.length > 0, store);
    t.deepEqual(automatic(), [0]);
    // Whoever is the last to close the file works its log in: that is to be somebody else.
    const other = folder.look();
    other.prepare('SELECT * FROM session').get();
    await store.close();
    t.deepEqual(checkpoints, []);
    other.exec("INSERT INTO setting VALUES ('other', 0)");
    t.not(markOf(folder), before);
  },
);

test.serial('a store whose log is short has no thread', async t => {
  const begun = threads(t);
  const folder = new SqliteFolder(t);
  const store = await growing(folder);
  for (let i = 0; i < 100; i += 1) await store.write('a', 'short', i, '1');
  folder.clock.advance(60_000);
  t.deepEqual(begun, []);
});

test('the log does not grow on and on: it begins anew whenever it is long', async t => {
  const folder = new SqliteFolder(t);
  const store = await growing(folder);
  for (let round = 0; round < 3; round += 1) {
    const before = markOf(folder);
    await writeUntil(() => markOf(folder) !== before, store);
  }
  t.pass();
});

test('a log that others have made long is worked in too, by looks, while the store itself writes nothing', async t => {
  const folder = new SqliteFolder(t);
  await growing(folder);
  const other = folder.look();
  other.exec("PRAGMA wal_autocheckpoint = 0; INSERT INTO setting VALUES ('other', 0)");
  for (let i = 0; i < 1100; i += 1) other.exec("UPDATE setting SET value = value + 1 WHERE name = 'other'");
  const before = markOf(folder);
  // Where others go on writing meanwhile, the next look goes on.
  while (markOf(folder) === before) {
    folder.clock.advance(500);
    await sleep(5);
    other.exec("UPDATE setting SET value = value + 1 WHERE name = 'other'");
  }
  t.pass();
});

test('while somebody reads what is old the log grows on, and begins anew when they have come to an end', async t => {
  const folder = new SqliteFolder(t);
  const store = await growing(folder);
  const before = markOf(folder);
  const {database} = open(folder.path, 0);
  const reader = folder.look();
  reader.exec('BEGIN');
  const count = () => Object.values(reader.prepare('SELECT count(*) FROM component').get()!)[0];
  t.is(count(), 0);
  await store.write('a', 'cart', 0, '1');
  t.false(workIn(database).isDone);
  t.is(count(), 0);
  await store.write('a', 'cart', 1, '2');
  t.is(markOf(folder), before);
  reader.exec('COMMIT');
  t.true(workIn(database).isDone);
  await store.write('a', 'cart', 2, '3');
  t.not(markOf(folder), before);
  t.is(count(), 1);
  database.close();
});

test('the log is worked in while others write, and they do not wait', async t => {
  const folder = new SqliteFolder(t);
  const store = await growing(folder);
  const before = markOf(folder);
  const {database} = open(folder.path, 0);
  const other = folder.look();
  other.exec('BEGIN IMMEDIATE');
  t.true(workIn(database).isDone);
  other.exec('COMMIT');
  t.deepEqual(await store.write('a', 'cart', 0, '1'), {state: 'written', revision: 1});
  t.not(markOf(folder), before);
  database.close();
});

test.serial('a store that is closed leaves no thread and no log beside the file, which has everything', async t => {
  const begun = threads(t);
  const folder = new SqliteFolder(t);
  const store = await growing(folder);
  await writeUntil(() => begun.length > 0, store);
  await store.close();
  t.is(begun[0]!.threadId, -1);
  t.false(existsSync(logOf(folder)));
  t.is(listed(folder).length, 60_000);
});

/** What the file has, by itself. */
function listed(folder: SqliteFolder): string {
  return String(folder.look().prepare('SELECT text FROM component').get()!['text']);
}

test('the thread keeps no process from ending, be it that the store is not closed', async t => {
  const folder = new SqliteFolder(t);
  await folder.outcome('begin', 'a');
  t.true(Number(await folder.outcome('grow', 'a')) > 0);
  t.deepEqual({...folder.look().prepare('PRAGMA integrity_check').get()}, {integrity_check: 'ok'});
});

test('where a process may have no threads its log does not grow on and on either', async t => {
  const folder = new SqliteFolder(t);
  await folder.outcome('begin', 'a');
  const child = fileURLToPath(new URL('sqlite-child.js', import.meta.url));
  const rights = ['--permission', '--allow-fs-read=*', '--allow-fs-write=*', '--no-warnings'];
  const {stdout, stderr, status} = spawnSync(process.execPath, [...rights, child, 'grow', folder.path, 'a'], {
    env: {},
    encoding: 'utf8',
  });
  t.is(status, 0, stderr);
  t.true(Number(stdout) < 10_000_000, stdout);
});
