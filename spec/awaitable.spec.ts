import test from 'ava';
import {ignore, isPromised, proceed, promised, type Awaitable, recovered} from '../src/awaitable.ts';

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

test('recovered() gives what is given, and what is made of a failure, now or later', async t => {
  const again = (error: unknown) => `not ${String(error)}`;
  t.is(
    recovered(() => 'well', again),
    'well',
  );
  t.is(await recovered(() => Promise.resolve('well'), again), 'well');
  t.is(await recovered(() => Promise.reject<string>(new Error('well')), again), 'not Error: well');
  t.is(
    recovered(() => {
      throw new Error('well');
    }, again),
    'not Error: well',
  );
});

test('what nobody waits for fails unheard', async t => {
  ignore(Promise.reject(new Error('unheard')));
  await new Promise(resolve => setImmediate(resolve));
  t.pass();
});
