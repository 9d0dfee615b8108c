import test from 'ava';
import {TestClock} from 'espalier/testing';
import {Turns} from '../src/turns.ts';
import {TimeLimit} from '../src/time-limit.ts';
import {until} from './until.ts';

const turnsIn = (limit: number, clock = new TestClock()) => new Turns(new TimeLimit(clock, limit));

test('what takes no time is done at once', async t => {
  const turns = turnsIn(1000);
  let isDone = false;
  const turn = turns.take(() => (isDone = true));
  t.true(isDone);
  t.true(await turn);
});

test('each turn begins when the one before is done, in the order they came', async t => {
  const turns = turnsIn(1000);
  const first = Promise.withResolvers<string>();
  const done: string[] = [];
  const all = [
    turns.take(async () => done.push(await first.promise)),
    turns.take(() => done.push('second')),
    turns.take(() => done.push('third')),
  ];
  t.deepEqual(done, []);
  first.resolve('first');
  t.deepEqual(await Promise.all(all), [1, 2, 3]);
  t.deepEqual(done, ['first', 'second', 'third']);
});

test('a turn that fails, now or later, fails for who took it alone', async t => {
  const turns = turnsIn(1000);
  const now = turns.take(() => {
    throw new Error('now');
  });
  const later = turns.take(() => Promise.reject(new Error('later')));
  const next = turns.take(() => 'next');
  await t.throwsAsync(now, {message: 'now'});
  await t.throwsAsync(later, {message: 'later'});
  t.is(await next, 'next');
});

test('what comes after all of them waits for those too that came meanwhile, and not at all where there are none', async t => {
  const turns = turnsIn(1000);
  t.is(
    turns.after(() => 'at once'),
    'at once',
  );
  const done: string[] = [];
  void turns
    .take(async () => {
      await Promise.resolve();
      done.push('first');
      void turns.take(async () => done.push('second')).then(() => turns.take(async () => done.push('third')));
      throw new Error('in vain');
    })
    .catch(() => undefined);
  await turns.after(() => done.push('after'));
  t.deepEqual(done, ['first', 'second', 'third', 'after']);
});

test('each turn has an answer in time, its wait for the others included, and what still waits is not done any more', async t => {
  const clock = new TestClock();
  const turns = turnsIn(1000, clock);
  const {promise, resolve} = Promise.withResolvers<void>();
  const done: string[] = [];
  const first = turns.take(() => promise);
  clock.advance(600);
  const second = turns.take(() => done.push('second'));
  let isTold = false;
  void turns.after(() => (isTold = true));
  clock.advance(400);
  await t.throwsAsync(first, {message: /1000 ms/});
  t.false(isTold);
  clock.advance(600);
  await t.throwsAsync(second, {message: /1000 ms/});
  await until(() => isTold);
  const third = turns.take(() => done.push('third'));
  resolve();
  await third;
  t.deepEqual(done, ['third'], 'which came after the first was done');
});

test('a turn that is done step by step may take any time', async t => {
  const clock = new TestClock();
  const {promise, resolve} = Promise.withResolvers<string>();
  const turn = turnsIn(1000, clock).take(() => promise, true);
  clock.advance(5000);
  resolve('done');
  t.is(await turn, 'done');
});
