import assert from 'node:assert/strict';
import type {EndedSession, EndStore} from '../../session/store/contract.ts';
import {assertSame, idleTimeout, keeping as keepingEnds, listAll, type Law, type World, endAllOf} from './world.ts';

const lease = 10_000;
const week = 7 * 24 * 60 * 60 * 1000;
/** What a device, and what a user, may be called. */
const odd = 'Grüße "🛒"\n\0\uD800';
const ada = 'Grüße "🛒"\n';

const laws: readonly Omit<Law, 'contract'>[] = [
  {
    title: 'no end is kept before somebody asks for it',
    async holds(world) {
      await endMany(world, ['a']);
      assert.deepEqual(await world.ends.takeEnds(10, lease), []);
      await world.ends.keepEnds();
      await world.quiet();
      assert.deepEqual(await world.ends.takeEnds(10, lease), []);
    },
  },
  {
    title: 'an end that is kept is handed out with the whole session as it was',
    async holds(world) {
      await world.ends.keepEnds();
      await world.signIn('a', 'ada');
      await world.put('a', '__proto__', '{"items":[1]}');
      await world.put('a', 'note', 'Grüße "🛒"\n');
      const session = await world.peek("a'");
      world.clock.advance(1000);
      await world.store.end('a', 'logout');
      const endedAt = world.clock.now();
      world.clock.advance(1000);
      const [end, ...more] = await world.ends.takeEnds(10, lease);
      assert.deepEqual(more, []);
      assert.equal(end?.attempts, 1);
      assert.deepEqual(same(end), same({key: 'a', reason: 'logout', endedAt, attempts: 1, session}));
    },
  },
  {
    title: 'each end is kept, whatever it came by, with its reason',
    async holds(world) {
      const {ends: store} = world;
      const told = await world.listen();
      await store.keepEnds();
      for (const key of ['replaced', 'signed in']) await world.signIn(key, 'eve', 1);
      for (const key of ['revoked', 'spared']) await world.signIn(key, 'ada');
      await endAllOf(store, 'ada', 'revoked', 'spared');
      await world.begin('absolute', {absoluteTimeout: 5000});
      for (const key of ['found idle', 'swept']) await world.begin(key, {idleTimeout: 5000});
      await world.begin('logout');
      await store.end('logout', 'logout');
      world.clock.advance(5000);
      await store.touch('found idle');
      await world.until(
        () => told.length === 6,
        () => `6 ends told; there are ${told.length}`,
      );
      const ends = await world.untilTaken(6);
      assert.deepEqual(ends.map(({key, reason}) => `${key} ${reason}`).toSorted(), [
        'absolute absolute',
        'found idle idle',
        'logout logout',
        'replaced replaced',
        'revoked revoked',
        'swept idle',
      ]);
      assertSame(
        told,
        ends.map(({key, reason}) => `${key} ${reason}`),
      );
    },
  },
  {
    title: 'a session that nobody asks for is swept into what is kept, with its components',
    async holds(world) {
      await world.ends.keepEnds();
      await world.begin('a');
      await world.put('a', 'cart', '1');
      world.clock.advance(idleTimeout);
      const [end] = await world.untilTaken(1);
      assert.equal(end?.session?.components.get('cart')?.text, '1');
      assert.ok(end.endedAt >= end.session.lastSeenAt + idleTimeout);
    },
  },
  {
    title: 'an end is kept under the key of its session, however often that was renewed',
    async holds(world) {
      await world.ends.keepEnds();
      await world.begin('a');
      await world.renew('a', {from: 'a', to: 'b', grace: 1000});
      await world.store.end('a', 'logout');
      const [end] = await world.ends.takeEnds(10, lease);
      assert.deepEqual([end?.key, end?.session?.key, end?.session?.uid], ['a', 'a', 'b']);
    },
  },
  {
    title: 'who fails to end a session keeps no end',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      await world.store.end('a', 'logout');
      await world.store.end('nobody', 'logout');
      await world.store.touch('a');
      await world.untilTaken(1);
    },
  },
  {
    title: 'of ends that are kept the first is handed out first, and no more than were asked for',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['e', 'b', 'd', 'a', 'c'], 10);
      assert.deepEqual(await keysTaken(world, 2), ['e', 'b']);
      assert.deepEqual(await keysTaken(world, 2), ['d', 'a']);
      assert.deepEqual(await keysTaken(world, 2), ['c']);
      assert.deepEqual(await keysTaken(world, 2), []);
    },
  },
  {
    title: 'an end that was handed out is not handed out again before its lease is over, and then it is',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      assert.deepEqual(await keysTaken(world), ['a']);
      world.clock.advance(lease - 1);
      assert.deepEqual(await keysTaken(world), []);
      world.clock.advance(1);
      assert.deepEqual(await keysTaken(world), ['a']);
    },
  },
  {
    title: 'an end says how often it has been handed out, and stays the same otherwise',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      const [first] = await world.ends.takeEnds(10, lease);
      for (const attempts of [2, 3, 4]) {
        world.clock.advance(lease);
        const [again] = await world.ends.takeEnds(10, lease);
        assert.equal(again?.attempts, attempts);
        assert.deepEqual(same(again), same(first));
      }
    },
  },
  {
    title: 'an end that has been told is never handed out again',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a', 'b']);
      await world.ends.takeEnds(10, lease);
      await world.ends.settleEnd('a', 'told');
      await world.ends.settleEnd('a', 'told');
      world.clock.advance(lease);
      assert.deepEqual(await keysTaken(world), ['b']);
      assert.equal(await world.ends.releaseEnds(100), 0);
      world.clock.advance(100 * lease);
      assert.deepEqual(await keysTaken(world), ['b']);
    },
  },
  {
    title: 'an end that has been told after its lease is not handed out again either',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      await world.ends.takeEnds(10, lease);
      world.clock.advance(2 * lease);
      await world.ends.settleEnd('a', 'told');
      assert.deepEqual(await keysTaken(world), []);
    },
  },
  {
    title: 'an end that is to be told again later is handed out then, and not before',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['sooner', 'later']);
      await world.ends.takeEnds(10, lease);
      await world.ends.settleEnd('sooner', {retryIn: 2000});
      await world.ends.settleEnd('later', {retryIn: 2 * lease});
      world.clock.advance(1999);
      assert.deepEqual(await keysTaken(world), []);
      world.clock.advance(1);
      const [sooner, ...more] = await world.ends.takeEnds(10, 100 * lease);
      assert.deepEqual([sooner?.key, sooner?.attempts, more], ['sooner', 2, []]);
      world.clock.advance(2 * lease - 2001);
      assert.deepEqual(await keysTaken(world), []);
      world.clock.advance(1);
      assert.deepEqual(await keysTaken(world), ['later']);
    },
  },
  {
    title: 'an end that is set aside is not handed out, until those set aside are released',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a', 'b', 'c']);
      const a = (await world.ends.takeEnds(10, lease)).find(({key}) => key === 'a');
      for (const key of ['a', 'b']) await world.ends.settleEnd(key, 'parked');
      await world.ends.settleEnd('c', 'told');
      world.clock.advance(100 * lease);
      assert.deepEqual(await keysTaken(world), []);
      assert.equal(await world.ends.releaseEnds(100), 2);
      const released = await world.ends.takeEnds(10, lease);
      assert.deepEqual(released.map(({key}) => key).toSorted(), ['a', 'b']);
      assert.deepEqual(same(released.find(({key}) => key === 'a')), same(a));
      assert.equal(await world.ends.releaseEnds(100), 0);
      await world.ends.settleEnd('a', 'told');
      world.clock.advance(lease);
      assert.deepEqual(await keysTaken(world), ['b']);
    },
  },
  {
    title: 'of the ends that are set aside as many are released as are asked for, until fewer are left',
    async holds(world) {
      const {ends: store} = world;
      await store.keepEnds();
      const keys = ['a', 'b', 'c', 'd', 'e'];
      await endMany(world, keys);
      await store.takeEnds(10, lease);
      for (const key of keys) await store.settleEnd(key, 'parked');
      const handedOut: string[] = [];
      for (const count of [2, 2, 1, 0]) {
        assert.equal(await store.releaseEnds(2), count);
        const taken = await keysTaken(world);
        assert.equal(taken.length, count);
        handedOut.push(...taken);
      }
      assert.deepEqual(handedOut.toSorted(), keys);
    },
  },
  {
    title: 'saying what has come of an end that is not kept does nothing',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      for (const outcome of ['told', 'parked', {retryIn: 5}] as const) await world.ends.settleEnd('nobody', outcome);
      assert.equal(await world.ends.releaseEnds(100), 0);
      assert.deepEqual(await keysTaken(world), ['a']);
    },
  },
  {
    title: 'of many who take at once no two get the same end, and none stays behind',
    async holds(world) {
      await world.ends.keepEnds();
      const keys = Array.from({length: 100}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      await Promise.all(keys.map(async key => world.store.end(key, 'logout')));
      const takers = Array.from({length: 10}, async () => keysTaken(world, 7));
      const taken = (await Promise.all(takers)).flat();
      for (
        let more = await keysTaken(world);
        more.length > 0 && taken.length <= keys.length;
        more = await keysTaken(world)
      )
        taken.push(...more);
      assertSame(taken, keys);
    },
  },
  {
    title: 'who is asked to keep ends twice keeps each once',
    async holds(world) {
      await world.ends.keepEnds();
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      assert.equal((await world.untilTaken(1))[0]?.attempts, 1);
    },
  },
  {
    title: 'that ends are to be kept is remembered for a week, and then forgotten',
    async holds(world) {
      await world.ends.keepEnds();
      world.clock.set(week - 60_000);
      await endMany(world, ['within']);
      world.clock.set(2 * 60_000);
      await endMany(world, ['after']);
      assert.deepEqual(await keysTaken(world), ['within']);
    },
  },
  {
    title: 'who asks again within the week has ends kept for a week from then',
    async holds(world) {
      await world.ends.keepEnds();
      world.clock.set(week / 2);
      await world.ends.keepEnds();
      world.clock.set(week - 60_000);
      await endMany(world, ['a']);
      assert.deepEqual(await keysTaken(world), ['a']);
    },
  },
  {
    title: 'ends that were kept are handed out after the week as well',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      world.clock.set(2 * week);
      assert.deepEqual(await keysTaken(world), ['a']);
    },
  },
  {
    title: 'ends are kept over the closing of all stores',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      await world.begin('b');
      await world.close(world.store);
      const reopened = keepingEnds(await world.open());
      await reopened.end('b', 'revoked');
      assert.deepEqual(await keysTaken({ends: reopened}), ['a', 'b']);
    },
  },
  {
    title: 'an end that is kept is no session: its uid can be begun again meanwhile',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      assert.equal(await world.isLive('a'), false);
      await world.begin('a');
      assert.equal(await world.isLive('a'), true);
      assert.deepEqual(await keysTaken(world), ['a']);
    },
  },
  {
    title: 'an end is kept with what its session was begun with',
    async holds(world) {
      await world.ends.keepEnds();
      await world.begin('a', {device: odd});
      await world.store.end('a', 'logout');
      const [end] = await world.ends.takeEnds(10, lease);
      assert.equal(end?.session?.device, odd);
    },
  },
  {
    title: 'ends that are kept are counted: those that wait, handed out or not, and those that were set aside',
    async holds(world) {
      const {ends} = world;
      assert.deepEqual(await ends.countEnds(), {waiting: 0, parked: 0});
      await ends.keepEnds();
      await endMany(world, ['a', 'b', 'c', 'd']);
      assert.deepEqual(await ends.countEnds(), {waiting: 4, parked: 0});
      const [first, second, third] = await keysTaken(world, 3);
      await ends.settleEnd(first!, 'told');
      await ends.settleEnd(second!, 'parked');
      await ends.settleEnd(third!, {retryIn: lease});
      assert.deepEqual(await ends.countEnds(), {waiting: 2, parked: 1});
      await ends.releaseEnds(10);
      assert.deepEqual(await ends.countEnds(), {waiting: 3, parked: 0});
    },
  },
  {
    title: 'the ends of one user are forgotten, whatever has come of them, and no other end and no session',
    async holds(world) {
      const {ends, store} = world;
      await ends.keepEnds();
      for (const key of ['waiting', 'handed out', 'parked', 'alive']) await world.signIn(key, ada);
      await world.signIn("another's", 'eve');
      await world.begin("nobody's");
      for (const key of ['parked', 'handed out']) await store.end(key, 'logout');
      assert.deepEqual(await keysTaken(world), ['parked', 'handed out']);
      await ends.settleEnd('parked', 'parked');
      for (const key of ['waiting', "another's", "nobody's"]) await store.end(key, 'logout');
      assert.equal(await ends.eraseEnds(ada, 100), 3);
      assert.equal(await ends.eraseEnds(ada, 100), 0);
      assert.deepEqual(await ends.countEnds(), {waiting: 2, parked: 0});
      await ends.settleEnd('handed out', 'parked');
      assert.equal(await ends.releaseEnds(100), 0);
      world.clock.advance(lease);
      assert.deepEqual(await keysTaken(world), ["another's", "nobody's"]);
      assert.deepEqual(
        (await listAll(store, ada)).map(({key}) => key),
        ['alive'],
      );
    },
  },
  {
    title: 'of the ends of one user as many are forgotten as are asked for, until fewer are left',
    async holds(world) {
      const {ends} = world;
      await ends.keepEnds();
      for (const key of ['a', 'b', 'c', 'd', 'e']) await world.signIn(key, 'ada');
      await world.endAll('ada', 'revoked');
      await ends.settleEnd((await keysTaken(world, 1))[0]!, 'parked');
      for (const count of [2, 2, 1, 0]) assert.equal(await ends.eraseEnds('ada', 2), count);
      assert.deepEqual(await ends.countEnds(), {waiting: 0, parked: 0});
    },
  },
  {
    title: 'a store that keeps ends leaves no timer when it is closed',
    async holds(world) {
      await world.ends.keepEnds();
      await endMany(world, ['a']);
      await world.quiet();
      await keysTaken(world);
      await world.close(world.store);
      assert.equal(world.clock.pending, 0);
    },
  },
];

/** How ends are kept until they are told. */
export const keeping: readonly Law[] = laws.map(law => ({...law, contract: 'EndStore'}));

/** Begin these sessions and end them, one after the other, so many milliseconds apart. */
async function endMany(world: World, keys: readonly string[], apart = 0): Promise<void> {
  await world.beginMany(keys);
  for (const key of keys) {
    assert.equal(await world.store.end(key, 'logout'), true);
    world.clock.advance(apart);
  }
}

async function keysTaken({ends}: {readonly ends: EndStore}, count = 50): Promise<string[]> {
  return (await ends.takeEnds(count, lease)).map(({key}) => key);
}

/** An end as it is each time: but for when it was handed out, and how often. */
function same(end: EndedSession | undefined): unknown {
  return end && {...end, attempts: 0, session: end.session && {...end.session, now: 0}};
}
