import test from 'ava';
import type {Logger, SessionStore} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {storeContract, TestClock} from 'espalier/testing';
import {isOutageTold, OutageLog} from '../../../src/outage-log.ts';
import {BoundedStore} from '../../../src/session/store/bounded.ts';
import {sessionTaken} from '../../../src/session/store/refusals.ts';
import {StoreCalls} from '../../../src/session/store/calls.ts';
import {StoreOutages} from '../../../src/session/store/outages.ts';

function callsOf(clock: TestClock, logger: Logger): StoreCalls {
  return new StoreCalls({clock, outages: new StoreOutages(logger, clock)}, 1000);
}

/** What one process has in memory, asked within a time. */
function memory() {
  let store: BoundedStore | undefined;
  const open = (clock: TestClock) => (store ??= new BoundedStore(new MemoryStore({clock}), callsOf(clock, console)));
  return {open, dispose: () => undefined};
}

for (const {title, run} of storeContract(memory, {keepsEnds: false})) {
  test(title, async t => {
    await run();
    t.pass();
  });
}

const session = {uid: 'a', isSecure: false, device: undefined, idleTimeout: 1000, absoluteTimeout: 1000};

/** A store whose answers to touch() and end() are what `answer` gives, and the lines of its site's log. */
function bounded(answer: () => unknown) {
  const clock = new TestClock();
  const store = Object.assign(new MemoryStore({clock}), {touch: answer, end: answer, create: answer}) as SessionStore;
  const lines: string[] = [];
  const logger = {error: () => {}, warn: (line: string) => lines.push(line)};
  return {
    clock,
    lines,
    logger,
    store: new BoundedStore(store, callsOf(clock, logger)),
  };
}

const touch = async (store: SessionStore) => store.touch('a');

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

test('what a store refuses by the rules is no outage', t => {
  const {store, lines} = bounded(() => {
    throw sessionTaken();
  });
  t.throws(() => store.create(session), {code: 'SESSION_TAKEN'});
  t.deepEqual(lines, []);
});

test('an outage is one line in the log, its end another, however many calls fail, be they answered at once or later', async t => {
  for (const later of [false, true]) {
    let isDown = true;
    const {store, lines} = bounded(() => {
      const error = isDown ? new Error('the disk is gone\nat once') : undefined;
      if (later) return error ? Promise.reject(error) : Promise.resolve(undefined);
      if (error) throw error;
      return undefined;
    });
    for (let i = 0; i < 100; i += 1) t.true(isOutageTold(await t.throwsAsync(touch(store))));
    isDown = false;
    await touch(store);
    t.deepEqual(lines, ['The session store does not work (the disk is gone).', 'The session store works again.']);
  }
});

test('an outage that the store itself has told of is not told again', async t => {
  const cause = new Error('down');
  const {store, lines, logger} = bounded(() => Promise.reject(cause));
  new OutageLog(logger).fail('The server is down.', cause);
  t.true(isOutageTold(await t.throwsAsync(touch(store))));
  t.deepEqual(lines, ['The server is down.']);
});
