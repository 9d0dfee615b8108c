import test from 'ava';
import {TestClock} from 'espalier/testing';
import {inTime} from '../../src/session/in-time.ts';

test('what comes in time is given, or fails as it does, and leaves no timer', async t => {
  const clock = new TestClock();
  t.is(await inTime(clock, 1000, Promise.resolve('here')), 'here');
  await t.throwsAsync(inTime(clock, 1000, Promise.reject(new Error('mine'))), {message: 'mine'});
  t.is(clock.pending, 0);
});

test('what takes longer fails at that moment, whatever comes of it later', async t => {
  const clock = new TestClock();
  const {promise, reject} = Promise.withResolvers<never>();
  const answer = inTime(clock, 1000, promise);
  let isOver = false;
  const over = answer.catch(() => (isOver = true));
  clock.advance(999);
  await Promise.resolve();
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
  t.is(await inTime(new TestClock(), 1000, query), 'rows');
  t.is(asked, 1);
});
