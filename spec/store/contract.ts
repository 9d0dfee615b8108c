import test from 'ava';
import type {EndReason, SessionStore} from 'espalier';
import {TestClock} from 'espalier/testing';

const idleTimeout = 10_000;
const absoluteTimeout = 60_000;

/** The laws that every store keeps, whoever wrote it. `makeStore` gives a fresh store that lives by the clock. */
export function keepsTheStoreContract(makeStore: (clock: TestClock) => SessionStore): void {
  /** A store of its own for each test, with a record of the ends it has told of. */
  function world() {
    const clock = new TestClock();
    const store = makeStore(clock);
    const ends: [string, EndReason][] = [];
    store.onEnd((uid, reason) => ends.push([uid, reason]));
    const begin = async (uid: string, more = {}) =>
      store.create({uid, isSecure: false, idleTimeout, absoluteTimeout, ...more});
    const isLive = async (uid: string) => (await store.touch(uid)) !== undefined;
    return {clock, store, ends, begin, isLive};
  }

  test('create() gives the session as it was handed over, begun and seen now', async t => {
    const {clock, begin} = world();
    const now = clock.now();
    const expected = {uid: 'a', isSecure: true, idleTimeout, absoluteTimeout, createdAt: now, lastSeenAt: now};
    t.deepEqual(await begin('a', {isSecure: true}), expected);
  });

  test('create() refuses the uid of a live session, and leaves that one alone', async t => {
    const {clock, begin, store} = world();
    const {createdAt} = await begin('a');
    clock.advance(1000);
    await t.throwsAsync(begin('a', {isSecure: true}), {code: 'SESSION_TAKEN'});
    t.like(await store.touch('a'), {createdAt, isSecure: false});
  });

  test('the uid of an ended session can be begun again, and is a new session', async t => {
    const {clock, begin, store} = world();
    await begin('a');
    await store.end('a', 'logout');
    clock.advance(5000);
    t.is((await begin('a')).createdAt, clock.now());
  });

  test('touch() gives the session that create() gave', async t => {
    const {begin, store} = world();
    const created = await begin('a');
    t.deepEqual(await store.touch('a'), created);
  });

  test('touch() finds nothing by an unknown uid, and brings nothing into being', async t => {
    const {isLive, ends} = world();
    t.false(await isLive('nobody'));
    t.false(await isLive('nobody'));
    t.deepEqual(ends, []);
  });

  test('a uid that is the name of an object property is a uid like any other', async t => {
    const {begin, isLive} = world();
    for (const uid of ['__proto__', 'constructor', 'toString']) {
      t.false(await isLive(uid));
      await begin(uid);
      t.true(await isLive(uid));
    }
  });

  test('what a store has given is a copy: changing it changes no session', async t => {
    const {begin, store} = world();
    Object.assign(await begin('a'), {createdAt: 0, isSecure: true});
    Object.assign((await store.touch('a'))!, {createdAt: 0, isSecure: true});
    t.like(await store.touch('a'), {isSecure: false});
    t.not((await store.touch('a'))!.createdAt, 0);
  });

  test('an idle session is there one millisecond before its idle timeout, and gone at it', async t => {
    const {clock, begin, isLive} = world();
    await begin('early');
    await begin('late');
    clock.advance(idleTimeout - 1);
    t.true(await isLive('early'));
    clock.advance(1);
    t.false(await isLive('late'));
    t.true(await isLive('early'), 'being seen in time has begun its timeout anew');
  });

  test('a touch that gains no more than a twentieth of the idle timeout is not written', async t => {
    const {clock, begin, store} = world();
    const {lastSeenAt} = await begin('a');
    clock.advance(idleTimeout / 20);
    t.is((await store.touch('a'))!.lastSeenAt, lastSeenAt);
    clock.advance(1);
    t.is((await store.touch('a'))!.lastSeenAt, clock.now());
  });

  test('a busy session ends at its absolute timeout', async t => {
    const {clock, begin, isLive, ends} = world();
    await begin('a');
    for (let passed = 0; passed < absoluteTimeout; passed += 6000) {
      t.true(await isLive('a'));
      clock.advance(6000);
    }
    t.false(await isLive('a'));
    t.deepEqual(ends, [['a', 'absolute']]);
  });

  test('sessions may differ in their timeouts', async t => {
    const {clock, begin, isLive} = world();
    await begin('short', {idleTimeout: 1000});
    await begin('long', {idleTimeout: 50_000});
    clock.advance(1000);
    t.deepEqual([await isLive('short'), await isLive('long')], [false, true]);
  });

  test('end() ends the session for every caller', async t => {
    const {begin, store, isLive} = world();
    await begin('a');
    t.true(await store.end('a', 'logout'));
    t.false(await isLive('a'));
  });

  test('end() ends no other session', async t => {
    const {begin, store, isLive} = world();
    await begin('a');
    await begin('b');
    await store.end('a', 'logout');
    t.true(await isLive('b'));
  });

  test('end() of what is not there, or is past its deadline, ends nothing', async t => {
    const {clock, begin, store, ends} = world();
    t.false(await store.end('nobody', 'logout'));
    await begin('a');
    clock.advance(idleTimeout);
    t.false(await store.end('a', 'logout'));
    t.deepEqual(ends, [['a', 'idle']]);
  });

  test('no touch revives an ended session: logout wins', async t => {
    const {begin, store} = world();
    await begin('a');
    const [ended, ...touched] = await Promise.all([store.end('a', 'logout'), store.touch('a'), store.touch('a')]);
    t.true(ended);
    t.deepEqual(touched, [undefined, undefined]);
  });

  test('of many who end a session at once, one has ended it', async t => {
    const {begin, store, ends} = world();
    await begin('a');
    const answers = await Promise.all(Array.from({length: 10}, async () => store.end('a', 'logout')));
    t.is(answers.filter(Boolean).length, 1);
    t.deepEqual(ends, [['a', 'logout']]);
  });

  test('an end is told once, with its reason, to each who listens', async t => {
    const {clock, begin, store, ends} = world();
    const second: string[] = [];
    store.onEnd((uid, reason) => second.push(`${uid} ${reason}`));
    await begin('a');
    await store.end('a', 'logout');
    clock.advance(absoluteTimeout);
    t.deepEqual(ends, [['a', 'logout']]);
    t.deepEqual(second, ['a logout']);
  });

  test('who has taken a listener back hears of no more ends', async t => {
    const {begin, store, ends} = world();
    store.onEnd(() => t.fail())();
    await begin('a');
    await store.end('a', 'logout');
    t.is(ends.length, 1);
  });

  test('a session that nobody asks for is told of as ended within a second after its deadline', async t => {
    const {clock, begin, ends} = world();
    await begin('a');
    clock.advance(idleTimeout - 1);
    t.deepEqual(ends, []);
    clock.advance(1001);
    t.deepEqual(ends, [['a', 'idle']]);
  });

  test('a session found dead by a visitor is told of once, not again by the timer', async t => {
    const {clock, begin, isLive, ends} = world();
    await begin('a');
    clock.advance(idleTimeout);
    t.false(await isLive('a'));
    clock.advance(absoluteTimeout);
    t.deepEqual(ends, [['a', 'idle']]);
  });

  test('ten thousand sessions due at once all end, each once', async t => {
    const {clock, begin, ends} = world();
    const uids = Array.from({length: 10_000}, (_, i) => `uid ${i}`);
    for (const uid of uids) await begin(uid);
    clock.advance(idleTimeout + 2000);
    t.deepEqual(ends.map(([uid]) => uid).toSorted(), uids.toSorted());
  });

  test('after close() no end is told any more', async t => {
    const {clock, begin, store, ends} = world();
    await begin('a');
    await store.close();
    clock.advance(absoluteTimeout);
    t.deepEqual(ends, []);
    t.is(clock.pending, 0);
  });
}
