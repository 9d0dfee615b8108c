import test from 'ava';
import {isPromised, proceed, promised, type Awaitable} from '../src/awaitable.ts';

test('what is there is gone on with at once', t => {
  t.is(
    proceed(1, n => n + 1),
    2,
  );
});

test('what is promised is gone on with when it comes', async t => {
  const later = proceed(Promise.resolve(1), n => n + 1);
  t.true(isPromised(later));
  t.is(await later, 2);
});

test('whatever has a then() is promised, and nothing else', t => {
  /* oxlint-disable unicorn/no-thenable -- that is the point */
  t.true(isPromised({then: () => undefined}));
  t.false(isPromised({then: 1}));
  for (const value of [undefined, null, 'then', {}, () => undefined]) t.false(isPromised(value));
});

test('what a foreign then() gives back is no matter', async t => {
  // oxlint-disable-next-line unicorn/no-thenable -- that is the point
  const foreign = {
    then: (go: (n: number) => unknown) => void setImmediate(() => go(1)),
  } as unknown as Awaitable<number>;
  t.is(await proceed(foreign, n => n + 1), 2);
});

test('promised() never throws: what fails at once is a rejection', async t => {
  t.is(await promised(() => 1), 1);
  const failing = promised(() => {
    throw new Error('at once');
  });
  await t.throwsAsync(failing, {message: 'at once'});
});
