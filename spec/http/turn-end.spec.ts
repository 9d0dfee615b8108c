import {AsyncLocalStorage} from 'node:async_hooks';
import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {TurnEnd} from '../../src/http/turn-end.ts';

/** The end of turns of which one moment passes at each call of `wait`. */
function turnEnd() {
  let now = 0;
  const wait = (milliseconds: number) => (now += milliseconds);
  return {end: new TurnEnd(() => now), wait};
}

test('what is deferred is done at the end of the turn, in the order in which it came', async t => {
  const {end} = turnEnd();
  const done: number[] = [];
  for (const i of [1, 2, 3]) end.defer(() => done.push(i));
  await Promise.resolve();
  t.deepEqual(done, []);
  await setImmediate();
  t.deepEqual(done, [1, 2, 3]);
});

test('each turn has an end of its own', async t => {
  const {end} = turnEnd();
  const done: string[] = [];
  for (const turn of ['first', 'second']) {
    end.defer(() => done.push(turn));
    await setImmediate();
    t.is(done.at(-1), turn);
  }
  t.is(done.length, 2);
});

test('in a turn that takes five milliseconds, what was deferred is done before it ends', async t => {
  const {end, wait} = turnEnd();
  const done: number[] = [];
  for (const i of [1, 2, 3, 4]) {
    end.defer(() => done.push(i));
    wait(3);
  }
  t.deepEqual(done, [1, 2, 3]);
  await setImmediate();
  t.deepEqual(done, [1, 2, 3, 4]);
});

test('by the machine’s own clock a long turn is cut short too', t => {
  const end = new TurnEnd();
  const done: string[] = [];
  end.defer(() => done.push('first'));
  const begun = performance.now();
  while (performance.now() - begun < 6);
  end.defer(() => done.push('second'));
  t.deepEqual(done, ['first', 'second']);
});

test('what is deferred while the end is there waits for the next', async t => {
  const {end} = turnEnd();
  const done: string[] = [];
  end.defer(() => {
    end.defer(() => done.push('next'));
    done.push('this');
  });
  await setImmediate();
  t.deepEqual(done, ['this']);
  await setImmediate();
  t.deepEqual(done, ['this', 'next']);
});

test('it is done in the async context of none who asked for it', async t => {
  const asking = new AsyncLocalStorage<string>();
  const {end, wait} = turnEnd();
  const found: unknown[] = [];
  const ask = () => asking.run('somebody', () => end.defer(() => found.push(asking.getStore())));
  ask();
  await setImmediate();
  ask();
  wait(5);
  ask();
  t.deepEqual(found, [undefined, undefined, undefined]);
});
