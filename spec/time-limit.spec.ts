import {setImmediate as turn} from 'node:timers/promises';
import test from 'ava';
import type {Clock} from 'espalier';
import {TestClock} from 'espalier/testing';
import {TimeLimit} from '../src/time-limit.ts';

test('what comes in time is given, or fails as it does, and leaves no timer', async t => {
  const clock = new TestClock();
  const limit = new TimeLimit(clock, 1000);
  for (let i = 0; i < 100; i += 1) {
    t.is(await limit.keep(Promise.resolve('here')), 'here');
    await t.throwsAsync(limit.keep(Promise.reject(new Error('mine'))), {message: 'mine'});
  }
  t.is(clock.pending, 0);
});

test('however much is waited for at once, it costs one timer', t => {
  const clock = new TestClock();
  const limit = new TimeLimit(clock, 1000);
  for (let i = 0; i < 100; i += 1) void limit.keep(new Promise(() => {}));
  t.is(clock.pending, 1);
});

test('each has its own time, whatever was begun before it', async t => {
  const clock = new TestClock();
  const limit = new TimeLimit(clock, 1000);
  const late: string[] = [];
  const wait = (name: string, answer: Promise<unknown>) => limit.keep(answer).catch(() => late.push(name));
  const never = new Promise(() => {});
  const {promise, resolve} = Promise.withResolvers<void>();
  void wait('first', never);
  clock.advance(300);
  void wait('second', promise);
  void wait('third', never);
  clock.advance(300);
  void wait('fourth', never);
  resolve();
  await turn();
  for (const [step, expected] of [
    [399, []],
    [1, ['first']],
    [299, ['first']],
    [1, ['first', 'third']],
    [300, ['first', 'third', 'fourth']],
  ] as const) {
    clock.advance(step);
    await turn();
    t.deepEqual(late, expected);
  }
  t.is(clock.pending, 0);
});

test('an answer that has come while the process was busy is in time', async t => {
  const clock = new TestClock();
  const {promise, resolve} = Promise.withResolvers<string>();
  const answer = new TimeLimit(clock, 1000).keep(promise);
  clock.advance(5000);
  resolve('here');
  t.is(await answer, 'here');
});

test('a clock that steps back makes nothing wait for longer', async t => {
  const steps = new TestClock();
  let offset = 0;
  const clock: Clock = {now: () => steps.now() + offset, after: (delay, act) => steps.after(delay, act)};
  const answer = new TimeLimit(clock, 1000).keep(new Promise(() => {}));
  offset = -3_600_000;
  steps.advance(1000);
  await t.throwsAsync(answer, {message: 'No answer in 1000 ms.'});
});

test('what takes longer fails at that moment, whatever comes of it later', async t => {
  const clock = new TestClock();
  const {promise, reject} = Promise.withResolvers<never>();
  const answer = new TimeLimit(clock, 1000).keep(promise);
  let isOver = false;
  const over = answer.catch(() => (isOver = true));
  clock.advance(999);
  await turn();
  t.false(isOver);
  clock.advance(1);
  await over;
  await t.throwsAsync(answer, {message: 'No answer in 1000 ms.'});
  reject(new Error('late'));
  t.is(clock.pending, 0);
});

test('what has a then() of its own, as queries of some drivers do, is asked once', async t => {
  let asked = 0;
  const query: PromiseLike<string> = {
    // oxlint-disable-next-line unicorn/no-thenable
    then(onFulfilled, onRejected) {
      asked += 1;
      return Promise.resolve('rows').then(onFulfilled, onRejected);
    },
  };
  t.is(await new TimeLimit(new TestClock(), 1000).keep(query), 'rows');
  t.is(asked, 1);
});
