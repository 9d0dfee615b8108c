import {once} from 'node:events';
import {existsSync, readFileSync, rmSync, statSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {Worker} from 'node:worker_threads';
import test, {type ExecutionContext} from 'ava';
import {atWork} from '../../src/store/sqlite-log.ts';
import {lifetime, long, SqliteFolder} from './sqlite-folder.ts';

function begin(t: ExecutionContext) {
  const left = new Int32Array(new SharedArrayBuffer(4)).fill(atWork);
  const program = new URL('../../src/store/sqlite-log-thread.js', import.meta.url);
  const thread = new Worker(program, {workerData: left});
  t.teardown(() => thread.terminate());
  return {thread, left};
}

async function done(left: Int32Array): Promise<number> {
  while (Atomics.load(left, 0) === atWork) await sleep(1);
  return Atomics.load(left, 0);
}

test('a thread that is told to end does first what it was asked for', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  const mark = () => readFileSync(`${folder.path}-wal`).toString('hex', 16, 24);
  const before = mark();
  const {thread, left} = begin(t);
  thread.postMessage(folder.path);
  thread.postMessage('end');
  t.deepEqual(await once(thread, 'exit'), [0]);
  t.true(Atomics.load(left, 0) > 0);
  await store.end('a', 'logout');
  t.not(mark(), before);
});

test('a thread makes no file where it was deleted, and works in the next', async t => {
  const [gone, there] = [new SqliteFolder(t), new SqliteFolder(t)];
  gone.open().close();
  rmSync(gone.path);
  await there.open().create({uid: 'a', ...lifetime});
  const {thread, left} = begin(t);
  thread.postMessage(gone.path);
  t.is(await done(left), 0);
  t.false(existsSync(gone.path));
  left.fill(atWork);
  thread.postMessage(there.path);
  t.true((await done(left)) > 0);
});

test('a log that grew while somebody read for long is cut to 16 MiB when that is over', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open({durability: 'process'});
  await store.create({uid: 'a', ...lifetime});
  const reader = folder.look();
  reader.exec('BEGIN');
  reader.prepare('SELECT * FROM session').get();
  for (let i = 0; i < 400; i += 1) await store.write('a', 'long', i, long(i));
  const size = () => statSync(`${folder.path}-wal`).size;
  t.true(size() > 20_000_000, `${size()}`);
  reader.exec('COMMIT');
  const {thread, left} = begin(t);
  thread.postMessage(folder.path);
  await done(left);
  await store.end('a', 'logout');
  t.is(size(), 16 * 1024 * 1024);
});
