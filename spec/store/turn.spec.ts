import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {SqliteStore} from 'espalier/store/sqlite';
import {promised} from '../../src/awaitable.ts';
import {Turn} from '../../src/store/turn.ts';
import {lifetime, SqliteFolder} from './sqlite-folder.ts';

const many = Array.from({length: 64}, (_, i) => `${i}`);

test('calls of one turn are made together at its end, in their order; of very many, the rest a turn later', async t => {
  const made: number[][] = [];
  const turn = new Turn<number>(calls => made.push([...calls]));
  for (let i = 0; i < 130; i += 1) turn.add(i);
  t.deepEqual(made, []);
  await setImmediate();
  t.deepEqual(
    made.map(({length}) => length),
    [128],
  );
  await setImmediate();
  t.deepEqual(
    made.flat(),
    Array.from({length: 130}, (_, i) => i),
  );
  turn.add(1);
  turn.end();
  t.deepEqual(made.at(-1), [1]);
  await setImmediate();
  t.is(made.length, 3);
});

/** How many commits there are in the log beside a file, which each began with a store of ours, and how they were told apart by SQLite. */
function commits({path}: SqliteFolder): number {
  const log = readFileSync(`${path}-wal`);
  const frame = 24 + log.readUInt32BE(8);
  let count = 0;
  for (let at = 32; at < log.length; at += frame) {
    const isOfThisLog = log.compare(log, 16, 24, at + 8, at + 16) === 0;
    // Of each commit the last frame alone says how long the file is then.
    if (isOfThisLog && log.readUInt32BE(at + 4) > 0) count += 1;
  }
  return count;
}

test('64 sessions that begin in one turn of the event loop, 64 updates, and 64 ends, are one commit each to SQLite', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  let before = commits(folder);
  const calls = [
    (key: string) => store.create({uid: key, ...lifetime}),
    (key: string) => store.write(key, 'cart', 0, '1'),
    (key: string) => store.end(key, 'logout'),
  ];
  for (const call of calls) {
    const answers = await Promise.all(many.map(async key => call(key)));
    t.true(answers.every(Boolean));
    t.is(commits(folder), before + 1);
    before += 1;
  }
});

test('of 64 updates in one turn, each has its own outcome: one in conflict, one unreadable, one of a session that is gone', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (const uid of many) await store.create({uid, ...lifetime});
  await store.write('7', 'cart', 0, '"theirs"');
  await store.end('9', 'logout');
  folder.look().exec(`PRAGMA ignore_check_constraints = ON; UPDATE session SET is_secure = 7 WHERE key = '8'`);
  const before = commits(folder);
  const calls = many.map(async key => store.write(key, 'cart', 0, '"ours"'));
  // What throws after it has written leaves nothing.
  const taken = promised(() => store.create({uid: '3', ...lifetime}));
  const stale = promised(() => store.write('10', 'cart', 0, '"ours"', 5));
  const outcomes = await Promise.allSettled(calls);
  t.is(commits(folder), before + 1);
  await t.throwsAsync(taken, {code: 'SESSION_TAKEN'});
  t.deepEqual(await stale, {state: 'superseded'});
  const written = {status: 'fulfilled', value: {state: 'written', revision: 1}};
  for (const [i, outcome] of outcomes.entries()) if (i < 7 || i > 9) t.deepEqual(outcome, written as never);
  t.like(outcomes[7], {value: {state: 'conflict', current: {text: '"theirs"'}}});
  t.is(outcomes[8]!.status, 'rejected');
  t.like(outcomes[9], {value: {state: 'gone'}});
});

test('calls of one turn to one session are made in their order, each seeing what those before it have written', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  const answers = await Promise.all([
    store.write('a', 'cart', 0, '1'),
    store.write('a', 'cart', 1, '2'),
    store.write('a', 'cart', 1, '3'),
    store.end('a', 'logout'),
    store.write('a', 'cart', 2, '4'),
  ]);
  t.like(answers, {
    0: {state: 'written', revision: 1},
    1: {state: 'written', revision: 2},
    2: {state: 'conflict', current: {revision: 2, text: '2'}},
    3: true,
    4: {state: 'gone'},
  });
});

test('what was called for before a store of SQLite was closed is written', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  const created = store.create({uid: 'a', ...lifetime});
  store.close();
  t.like(await created, {key: 'a'});
  t.like(await folder.open().find('a', false), {key: 'a'});
});

test('S58: of updates that are written together, those that were answered are there after their process was killed', async t => {
  for (let round = 0; round < 3; round += 1) {
    const folder = new SqliteFolder(t);
    const child = folder.run('updateAll', 32);
    const answered = new Map<string, number>();
    let lines = 0;
    const killAt = 1 + Math.floor(Math.random() * 500);
    for await (const line of createInterface(child.stdout)) {
      const [key, revision] = line.split(' ') as [string, string];
      answered.set(key, Number(revision));
      if ((lines += 1) === killAt) child.kill('SIGKILL');
    }
    if (child.signalCode === null && child.exitCode === null) await once(child, 'exit');
    t.is(child.signalCode, 'SIGKILL');
    t.deepEqual({...folder.look().prepare('PRAGMA integrity_check').get()}, {integrity_check: 'ok'});
    const store = new SqliteStore({path: folder.path});
    for (const [key, revision] of answered) {
      const found = (await store.touch(key))!.components.get('count')!.revision;
      t.true(found === revision || found === revision + 1, `${found} after ${revision}`);
    }
    store.close();
  }
});
