import test from 'ava';
import type {SessionStore} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {storeContract, TestClock} from 'espalier/testing';
import {BoundedStore} from '../../src/session/bounded-store.ts';

/** What one process has in memory, asked within a time. */
function memory() {
  let store: BoundedStore | undefined;
  const open = (clock: TestClock) => (store ??= new BoundedStore(new MemoryStore({clock}), clock, 1000));
  return {open, dispose: () => undefined};
}

for (const {title, run} of storeContract(memory)) {
  test(title, async t => {
    await run();
    t.pass();
  });
}

const session = {uid: 'a', isSecure: false, idleTimeout: 1000, absoluteTimeout: 1000};

/** A store whose answers to touch() and end() are what `answer` gives. */
function bounded(answer: () => unknown) {
  const clock = new TestClock();
  const store = Object.assign(new MemoryStore({clock}), {touch: answer, end: answer, create: answer}) as SessionStore;
  return {clock, store: new BoundedStore(store, clock, 1000)};
}

test('what a store answers at once is there at once', t => {
  const {clock, store} = bounded(() => undefined);
  t.is(store.touch('a'), undefined);
  t.is(clock.pending, 0);
});

test('what comes within the time is as good, and leaves no timer', async t => {
  const {clock, store} = bounded(async () => true);
  t.true(await store.end('a', 'logout'));
  t.is(clock.pending, 0);
});

test('S73: a store that takes too long is an outage when its time is up, and not before', async t => {
  const {clock, store} = bounded(() => new Promise(() => undefined));
  for (const ask of [() => store.touch('a'), () => store.end('a', 'logout'), () => store.create(session)]) {
    const asked = t.throwsAsync(async () => ask(), {code: 'SESSION_STORE_DOWN'});
    clock.advance(999);
    t.is(clock.pending, 1);
    clock.advance(1);
    t.is(String((await asked).cause), 'Error: No answer in 1000 ms.');
  }
});

test('a store that throws or rejects is an outage, with what it said as the cause', async t => {
  const cause = new Error('connect ECONNREFUSED');
  const thrown = t.throws(
    () =>
      bounded(() => {
        throw cause;
      }).store.touch('a'),
    {code: 'SESSION_STORE_DOWN'},
  );
  t.is(thrown.cause, cause);
  const rejected = await t.throwsAsync(async () => bounded(() => Promise.reject(cause)).store.touch('a'), {
    code: 'SESSION_STORE_DOWN',
  });
  t.is(rejected.cause, cause);
});

test('what a store refuses by the rules is no outage', async t => {
  const store = new BoundedStore(new MemoryStore(), new TestClock(), 1000);
  await store.create(session);
  t.throws(() => store.create(session), {code: 'SESSION_TAKEN'});
});
