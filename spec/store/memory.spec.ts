import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import test from 'ava';
import type {Clock, Logger} from 'espalier';
import {storeContract, TestClock} from 'espalier/testing';
import {MemoryStore} from 'espalier/store/memory';
import {SteadyTime} from '../../src/clock.ts';
import {randomToken} from '../../src/session/token.ts';

/** Memory is not shared, so all that one body of data has is one store. */
function memory() {
  let store: MemoryStore | undefined;
  return {open: (clock: TestClock) => (store ??= new MemoryStore({clock})), dispose: () => undefined};
}

for (const {title, run} of storeContract(memory)) {
  test(title, async t => {
    await run();
    t.pass();
  });
}

/** A store with room for three, and what it has logged and told. */
function smallStore() {
  const clock = new TestClock();
  const warnings: string[] = [];
  const logger: Logger = {error: t => t, warn: message => warnings.push(message)};
  const store = new MemoryStore({clock, logger, limit: 3});
  const evicted: string[] = [];
  store.onEnd((uid, reason) => reason === 'evicted' && evicted.push(uid));
  const begin = (uid: string) => store.create({uid, isSecure: false, idleTimeout: 900_000, absoluteTimeout: 9_000_000});
  return {clock, store, warnings, evicted, begin};
}

test('past its limit the oldest session ends, and no other', t => {
  const {store, evicted, begin} = smallStore();
  for (const uid of ['a', 'b', 'c', 'd']) begin(uid);
  t.deepEqual(evicted, ['a']);
  t.deepEqual(
    ['a', 'b', 'c', 'd'].map(uid => store.touch(uid) !== undefined),
    [false, true, true, true],
  );
  t.is(store.size, 3);
});

test('sessions that ended by themselves make room before any is evicted', t => {
  const {store, evicted, begin} = smallStore();
  for (const uid of ['a', 'b', 'c']) begin(uid);
  store.end('b', 'logout');
  begin('d');
  t.deepEqual(evicted, []);
  begin('e');
  begin('f');
  t.deepEqual(evicted, ['a', 'c']);
});

test('the limit holds however often all its sessions have been replaced', t => {
  const {store, evicted, begin} = smallStore();
  const uids = Array.from({length: 30}, (_, i) => String(i));
  for (const uid of uids) begin(uid);
  t.deepEqual(evicted, uids.slice(0, 27));
  for (const uid of uids.slice(27)) store.end(uid, 'logout');
  for (const uid of ['x', 'y', 'z', 'w']) begin(uid);
  t.deepEqual(evicted.slice(27), ['x']);
});

test('evictions are logged at the first one, and as a number for the minute after it', t => {
  const {clock, warnings, begin} = smallStore();
  for (let i = 0; i < 8; i += 1) begin(String(i));
  t.deepEqual(warnings, ['3 sessions are in memory: from now on the oldest end early.']);
  clock.advance(60_000);
  t.is(warnings[1], '5 sessions ended early in the last minute, for want of room.');
});

test('a limit that is no number of sessions is refused', t => {
  for (const limit of [0, -1, NaN]) {
    t.throws(() => new MemoryStore({limit}), {message: new RegExp(`limit is ${limit}\\.`)});
  }
});

test('a session past its deadline makes room by ending so, and is not evicted', t => {
  const {clock, store, warnings, begin} = smallStore();
  const ends: string[] = [];
  store.onEnd((uid, reason) => ends.push(`${uid} ${reason}`));
  store.create({uid: 'short', isSecure: false, idleTimeout: 500, absoluteTimeout: 9000});
  for (const uid of ['a', 'b']) begin(uid);
  clock.advance(600);
  begin('c');
  t.deepEqual([ends, warnings], [['short idle'], []]);
});

test('a closed store has no timer left, an eviction reported or not', t => {
  const {clock, store, begin} = smallStore();
  for (let i = 0; i < 8; i += 1) begin(String(i));
  store.close();
  t.is(clock.pending, 0);
  store.end('7', 'logout');
  begin('after');
  t.is(clock.pending, 0);
});

test('one timer serves all sessions, and none is left when there are none', t => {
  const {clock, store, begin} = smallStore();
  t.is(clock.pending, 0);
  begin('a');
  begin('b');
  store.touch('a');
  t.is(clock.pending, 1);
  clock.advance(902_000);
  t.deepEqual([store.size, clock.pending], [0, 0]);
});

test('sessions that have ended leave nothing behind in memory', t => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const clock = new TestClock();
  const store = new MemoryStore({clock});
  const turnOver = (times: number) => {
    for (let i = 0; i < times; i += 1) {
      store.create({uid: randomToken(), isSecure: false, idleTimeout: 1000, absoluteTimeout: 9000});
      if (i % 100 === 0) clock.advance(100);
    }
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = turnOver(20_000);
  const after = turnOver(200_000);
  t.true(store.size < 3000);
  t.true(after - before < 4_000_000, `${after - before} bytes more after 200,000 sessions`);
});

test("an idle session ends in its time though the machine's clock is set back by an hour", t => {
  const turning = new TestClock();
  let off = 0;
  const time = new SteadyTime({shown: () => turning.now() + off, elapsed: () => turning.now()});
  const clock: Clock = {now: () => time.now(), after: (delay, act) => turning.after(delay, act)};
  const store = new MemoryStore({clock});
  const ends: string[] = [];
  store.onEnd((key, reason) => ends.push(`${key} ${reason}`));
  store.create({uid: 'a', isSecure: false, idleTimeout: 60_000, absoluteTimeout: 600_000});
  turning.advance(30_000);
  off -= 3_600_000;
  turning.advance(29_999);
  t.truthy(store.find('a', false));
  turning.advance(1);
  t.is(store.find('a', false), undefined);
  store.create({uid: 'b', isSecure: false, idleTimeout: 60_000, absoluteTimeout: 600_000});
  turning.advance(62_000);
  t.deepEqual(ends, ['a idle', 'b idle']);
});
