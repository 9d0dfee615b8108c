import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import test from 'ava';
import {endsOf} from './ends-of.ts';
import type {Clock, Logger} from 'espalier';
import {storeContract, TestClock} from 'espalier/testing';
import {MemoryStore} from 'espalier/store/memory';
import {SteadyTime} from '../../src/clock.ts';
import {randomToken} from '../../src/session/visit/token.ts';

/** Memory is not shared, so all that one body of data has is one store. */
function memory() {
  let store: MemoryStore | undefined;
  return {open: (clock: TestClock) => (store ??= new MemoryStore({clock})), dispose: () => undefined};
}

/** Fill so many sessions of so many bytes each in a process whose heap has so many MiB. */
async function fillSessions({heap, sessions, size}: {heap: number; sessions: number; size: number}) {
  const program = `
    import {MemoryStore} from 'espalier/store/memory';
    const store = new MemoryStore({logger: {warn() {}, error() {}}});
    for (let i = 0; i < ${sessions}; i += 1) {
      store.create({uid: String(i), isSecure: false, device: undefined, idleTimeout: 1e6, absoluteTimeout: 1e7});
      store.write(String(i), 'notes', 0, Buffer.alloc(${size}, String(i)).toString());
      if (i % 100 === 0) await new Promise(setImmediate);
    }
    process.exit(store.size > 0 && store.size < ${sessions} ? 0 : 3);`;
  const child = spawn(process.execPath, [`--max-old-space-size=${heap}`, '--input-type=module', '-e', program]);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (output += data.toString()));
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return {exitCode, output};
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
  const ends = endsOf(store);
  const evicted = () =>
    ends()
      .filter(end => end.endsWith(' evicted'))
      .map(end => end.slice(0, -8));
  const begin = (uid: string) =>
    store.create({uid, isSecure: false, device: undefined, idleTimeout: 900_000, absoluteTimeout: 9_000_000});
  return {clock, store, warnings, evicted, begin};
}

test('past its limit the oldest session ends, and no other', t => {
  const {store, evicted, begin} = smallStore();
  for (const uid of ['a', 'b', 'c', 'd']) begin(uid);
  t.deepEqual(evicted(), ['a']);
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
  t.deepEqual(evicted(), []);
  begin('e');
  begin('f');
  t.deepEqual(evicted(), ['a', 'c']);
});

test('the limit holds however often all its sessions have been replaced', t => {
  const {store, evicted, begin} = smallStore();
  const uids = Array.from({length: 30}, (_, i) => String(i));
  for (const uid of uids) begin(uid);
  t.deepEqual(evicted(), uids.slice(0, 27));
  for (const uid of uids.slice(27)) store.end(uid, 'logout');
  for (const uid of ['x', 'y', 'z', 'w']) begin(uid);
  t.deepEqual(evicted().slice(27), ['x']);
});

test('evictions are logged at the first one, and as a number for the minute after it', t => {
  const {clock, store, warnings, begin} = smallStore();
  for (let i = 0; i < 8; i += 1) begin(String(i));
  t.deepEqual(warnings, [
    '3 sessions are in memory, and take about 1 MiB: from now on those seen least lately end early, for want of room.',
  ]);
  clock.advance(60_000);
  store.sweep();
  t.is(warnings[1], '5 sessions ended early in the last minute, for want of room.');
});

test('a limit that is no number of sessions, or of bytes, is refused', t => {
  for (const limit of [0, -1, NaN]) {
    t.throws(() => new MemoryStore({limit}), {code: 'OPTION_INVALID', message: new RegExp(`limit is ${limit}\\.`)});
    t.throws(() => new MemoryStore({bytes: limit}), {
      code: 'OPTION_INVALID',
      message: new RegExp(`bytes is ${limit}\\.`),
    });
  }
});

test('of sessions without a user the one seen least lately goes first, whenever it was begun', t => {
  const {clock, store, evicted, begin} = smallStore();
  for (const uid of ['a', 'b', 'c']) begin(uid);
  clock.advance(100_000);
  store.touch('a');
  for (const uid of ['d', 'e', 'f']) begin(uid);
  t.deepEqual(evicted(), ['b', 'c', 'a']);
});

test('who was seen a moment ago is not evicted, although that was not worth writing down', t => {
  const {store, evicted, begin} = smallStore();
  for (const uid of ['a', 'b', 'c']) begin(uid);
  store.find('a', true);
  begin('d');
  t.deepEqual(evicted(), ['b']);
});

test('one account that signs in again and again ends its own sessions, and nobody else’s', t => {
  const {clock, store, evicted, begin} = smallStore();
  const signIn = (uid: string, user: string) => {
    begin(uid);
    store.renew(uid, {from: uid, to: `${uid}'`, grace: 0, signIn: {user, limit: Infinity}});
    clock.advance(1);
  };
  signIn('ada', 'ada');
  for (let i = 0; i < 5; i += 1) signIn(`eve ${i}`, 'eve');
  t.deepEqual(evicted(), ['eve 0', 'eve 1', 'eve 2']);
  store.touch('eve 3');
  signIn('bob', 'bob');
  signIn('cleo', 'cleo');
  t.deepEqual(evicted().slice(3), ['eve 3', 'ada'], 'where nobody has two, the one seen least lately');
});

test('ends that were set aside count among the bytes: the first are forgotten before any session ends, which is told once', t => {
  const lines: unknown[] = [];
  const logger = {warn: (line: unknown) => lines.push(line), error: (line: unknown) => lines.push(line)};
  const clock = new TestClock();
  const store = new MemoryStore({clock, logger, bytes: 100_000});
  t.teardown(() => store.close());
  store.keepEnds();
  const begin = (uid: string) => {
    store.create({uid, isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000});
    store.write(uid, 'cart', 0, 'x'.repeat(9300));
  };
  const setAside = (uid: string) => {
    begin(uid);
    store.end(uid, 'logout');
    store.takeEnds(1, 1000);
    store.settleEnd(uid, 'parked');
  };
  for (let i = 0; i < 4; i += 1) begin(`live ${i}`);
  for (let i = 0; i < 20; i += 1) setAside(`ended ${i}`);
  t.is(store.size, 4);
  t.is(lines.length, 1);
  t.regex(
    String(lines[0]),
    /no @OnExpire method could be told of take more bytes than there are: from now on the first of them are forgotten/,
  );
  t.is(store.releaseEnds(100), 5);
  t.is(store.takeEnds(10, 1000)[0]?.key, 'ended 15');
  for (let i = 0; i < 10; i += 1) setAside(`later ${i}`);
  t.is(lines.length, 2, 'and again once those that were there have been asked for');
});

test('past a number of bytes sessions end, however few they are, and never the one that is written to', t => {
  const logger: Logger = {error: () => undefined, warn: () => undefined};
  const store = new MemoryStore({clock: new TestClock(), logger, bytes: 100_000});
  const evicted = endsOf(store);
  const fill = (uid: string, size: number) => {
    store.create({uid, isSecure: false, device: undefined, idleTimeout: 900_000, absoluteTimeout: 9_000_000});
    return store.write(uid, 'notes', 0, 'x'.repeat(size));
  };
  for (const uid of ['a', 'b', 'c']) fill(uid, 30_000);
  t.deepEqual(evicted(), []);
  fill('d', 30_000);
  t.deepEqual(evicted(), ['a evicted']);
  t.is(fill('e', 200_000).state, 'written');
  t.deepEqual(evicted().slice(1), ['b evicted', 'c evicted', 'd evicted']);
  store.write('e', 'notes', 1, undefined);
  for (const uid of ['f', 'g', 'h']) fill(uid, 30_000);
  t.is(evicted().length, 4, 'what was taken out makes room');
});

test('a process whose visitors fill sessions without end lives on, with the heap that it has', async t => {
  const {exitCode, output} = await fillSessions({heap: 128, sessions: 5000, size: 60_000});
  t.is(exitCode, 0, output);
});

test('a session past its deadline makes room by ending so, and is not evicted', t => {
  const {clock, store, warnings, begin} = smallStore();
  const ends = endsOf(store);
  store.create({uid: 'short', isSecure: false, device: undefined, idleTimeout: 500, absoluteTimeout: 9000});
  for (const uid of ['a', 'b']) begin(uid);
  clock.advance(600);
  begin('c');
  t.deepEqual([ends(), warnings], [['short idle'], []]);
});

test('a store has no timer, whatever happens', t => {
  const {clock, store, begin} = smallStore();
  for (let i = 0; i < 8; i += 1) begin(String(i));
  t.is(clock.pending, 0);
  clock.advance(902_000);
  while (store.sweep());
  t.deepEqual([store.size, clock.pending], [0, 0]);
});

test('sessions that have ended leave nothing behind in memory', t => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const clock = new TestClock();
  const store = new MemoryStore({clock});
  const turnOver = (times: number) => {
    for (let i = 0; i < times; i += 1) {
      store.create({uid: randomToken(), isSecure: false, device: undefined, idleTimeout: 1000, absoluteTimeout: 9000});
      if (i % 100 === 0) clock.advance(100);
      if (i % 100 === 0) store.sweep();
    }
    collect();
    return process.memoryUsage().heapUsed;
  };
  // The log has the ends of a minute or more.
  const before = turnOver(200_000);
  const after = turnOver(200_000);
  t.true(store.size < 3000);
  t.true(after - before < 4_000_000, `${after - before} bytes more after 200,000 further sessions`);
});

test("an idle session ends in its time though the machine's clock is set back by an hour", t => {
  const turning = new TestClock();
  let off = 0;
  const time = new SteadyTime({shown: () => turning.now() + off, elapsed: () => turning.now()});
  const clock: Clock = {now: () => time.now(), after: (delay, act) => turning.after(delay, act)};
  const store = new MemoryStore({clock});
  const ends = endsOf(store);
  store.create({uid: 'a', isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000});
  turning.advance(30_000);
  off -= 3_600_000;
  turning.advance(29_999);
  t.truthy(store.find('a', false));
  turning.advance(1);
  t.is(store.find('a', false), undefined);
  t.deepEqual(ends(), ['a idle']);
  store.create({uid: 'b', isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000});
  turning.advance(62_000);
  t.is(ends().at(-1), 'b idle');
});
