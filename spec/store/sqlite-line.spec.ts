import {setImmediate, setTimeout} from 'node:timers/promises';
import test from 'ava';
import {promised} from '../../src/awaitable.ts';
import {lifetime, SqliteFolder, statements} from './sqlite-folder.ts';

/** A store whose file another process is writing to. */
async function busy(folder: SqliteFolder) {
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  const other = folder.look();
  other.exec('BEGIN IMMEDIATE');
  return {store, other};
}

test('who only reads waits for nobody who writes', async t => {
  const {store} = await busy(new SqliteFolder(t));
  t.like(store.find('a', true), {key: 'a'});
  t.like(store.touch('a'), {key: 'a'});
  t.deepEqual(store.list('ada', {most: 10, components: []}), {records: [], next: undefined});
  t.deepEqual(store.takeEnds(10, 1000), []);
});

test('a write waits for others without holding up the event loop, and is done when they are', async t => {
  const {store, other} = await busy(new SqliteFolder(t));
  const written = store.write('a', 'cart', 0, '1');
  t.true(written instanceof Promise);
  await setImmediate();
  other.exec('COMMIT');
  t.deepEqual(await written, {state: 'written', revision: 1});
});

test('a write fails when others do not come to an end, is not done later, and the next one succeeds', async t => {
  const folder = new SqliteFolder(t);
  const {store, other} = await busy(folder);
  await t.throwsAsync(async () => store.write('a', 'cart', 0, '1'), {message: /locked/});
  other.exec('COMMIT');
  t.deepEqual(await store.write('a', 'cart', 0, '2'), {state: 'written', revision: 1});
});

test.serial('a hundred writes that wait for another process, of many turns, try no more often than one', async t => {
  const {store, other} = await busy(new SqliteFolder(t));
  const ran = statements(t);
  const tries = () => ran.filter(sql => sql === 'BEGIN IMMEDIATE').length;
  const began = performance.now();
  const writes: Promise<unknown>[] = [];
  for (let i = 0; i < 100; i += 1) {
    writes.push(promised(() => store.write('a', `part ${i}`, 0, '1')));
    await setImmediate();
  }
  while (tries() < 10) await setTimeout(1);
  // The pauses are of 1, 2, 4, 8, 16 and 20 milliseconds, or half as long.
  const atMost = 6 + (performance.now() - began) / 9;
  t.true(tries() <= atMost, `${tries()} tries, ${atMost} at most`);
  other.exec('COMMIT');
  await Promise.allSettled(writes);
});

test('calls that have waited for another process are made in the order in which they came', async t => {
  const {store, other} = await busy(new SqliteFolder(t));
  const order: number[] = [];
  const writes = Array.from({length: 30}, async (_, i) => {
    await store.write('a', `part ${i}`, 0, '1');
    order.push(i);
  });
  await setImmediate();
  other.exec('COMMIT');
  await Promise.all(writes);
  t.deepEqual(
    order,
    Array.from(order, (_, i) => i),
  );
});

test('a call that fails for its own reason keeps none of those that wait with it from being made', async t => {
  const {store, other} = await busy(new SqliteFolder(t));
  const calls = [
    () => store.write('a', 'cart', 0, '1'),
    () => store.create({uid: 'a', ...lifetime}),
    () => store.write('a', 'cart', 1, '2'),
  ];
  const made = calls.map(async call => call());
  other.exec('COMMIT');
  const outcomes = await Promise.allSettled(made);
  t.deepEqual(
    outcomes.map(({status}) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test('a sweep leaves the file to others who are writing, says nothing, and comes back', async t => {
  const folder = new SqliteFolder(t);
  const {store, other} = await busy(folder);
  folder.clock.advance(60_000);
  other.exec('COMMIT');
  t.is(folder.look().prepare('SELECT * FROM session').all().length, 1);
  folder.clock.advance(500);
  t.is(folder.look().prepare('SELECT * FROM session').all().length, 0);
  t.deepEqual(folder.errors, []);
  t.is(await store.find('a', false), undefined);
});
