import assert from 'node:assert/strict';
import type {SessionRecord, SessionStore} from '../../session/store/contract.ts';
import {TestClock} from '../test-clock.ts';
import {assertSame, idleTimeout, sweepAll, type Law, type World} from './world.ts';

const minutes = 60_000;
const long = {idleTimeout: 60 * minutes, absoluteTimeout: 600 * minutes};

/** What clocks that are wrong do not do. */
export const clocks: readonly Law[] = [
  {
    title: 'a clock that steps back moves no deadline back, whatever is done to the session',
    async holds(world) {
      const {store, clock} = world;
      await world.begin('a', long);
      clock.advance(10 * minutes);
      await world.renew('a', {from: 'a', to: 'b', grace: 0, signIn: {user: 'ada', limit: 5}});
      const {lastSeenAt, authenticatedAt} = await world.peek('b');
      clock.set(-5 * minutes);
      const seen = [
        await world.find('b', true),
        await store.touch('a'),
        await world.renew('a', {from: 'b', to: 'c', grace: 0}),
        await store.setIdleTimeout('a', 30 * minutes),
      ];
      for (const record of seen) {
        assert.deepEqual([record?.lastSeenAt, record?.authenticatedAt], [lastSeenAt, authenticatedAt]);
      }
      const again = await world.renew('a', {from: 'c', to: 'd', grace: 0, signIn: {user: 'ada', limit: 5}});
      assert.deepEqual([again?.lastSeenAt, again?.authenticatedAt], [lastSeenAt, authenticatedAt! + 1]);
      assert.deepEqual(await world.peek('d'), again);
    },
  },
  {
    title: 'who signs in after the clock has stepped back is not signed in before the session began',
    async holds(world) {
      const {createdAt} = await world.begin('a', long);
      world.clock.set(-5 * minutes);
      const signIn = {user: 'ada', limit: 5};
      const signedIn = await world.renew('a', {from: 'a', to: 'b', grace: 0, signIn});
      assert.equal(signedIn?.authenticatedAt, createdAt);
    },
  },
  {
    title: 'a session lasts until its deadline by a clock that has stepped back, and ends then',
    async holds(world) {
      const told = await world.listen();
      await world.begin('a', {...long, idleTimeout: 10 * minutes});
      world.clock.set(-5 * minutes);
      world.clock.advance(15 * minutes - 1);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
      await world.untilTold(told, ['a idle']);
    },
  },
  {
    title: 'a session that has ended by its deadline stays ended when the clock steps back',
    async holds(world) {
      const told = await world.listen();
      await world.beginMany(['swept', 'asked for']);
      world.clock.advance(idleTimeout);
      assert.equal(await world.store.touch('asked for'), undefined);
      await world.untilTold(told, ['asked for idle', 'swept idle']);
      world.clock.set(-5 * minutes);
      for (const key of ['swept', 'asked for']) {
        assert.equal(await world.store.touch(key), undefined);
        assert.deepEqual(await world.store.write(key, 'cart', 0, '1'), {state: 'gone'});
        assert.equal(await world.isLive(key), false);
      }
      await world.quiet();
      assert.equal(told.length, 2);
    },
  },
  {
    title: 'what is begun after the clock has stepped back is swept in its time',
    async holds(world) {
      const told = await world.listen();
      await world.begin('before');
      world.clock.set(-5 * minutes);
      await world.begin('after');
      world.clock.advance(idleTimeout);
      await world.untilTold(told, ['after idle']);
      assert.equal(await world.isLive('before'), true);
    },
  },
  {
    title: 'between processes whose clocks are five minutes apart no deadline moves back',
    async holds(world) {
      const [here, ahead] = await apart(world);
      await world.begin('a', long);
      const given: (SessionRecord | undefined)[] = [];
      let from = 'a';
      for (let i = 0; i < 6; i += 1) {
        for (const [j, store] of [ahead.store, here].entries()) {
          const to = `a ${i} ${j}`;
          given.push(await store.touch('a'), await world.find(from, true, store));
          given.push(await store.setIdleTimeout('a', long.idleTimeout));
          given.push(await world.renew('a', {from, to, grace: 0, signIn: {user: 'ada', limit: 5}}, store));
          given.push(await world.find(to, false, here), await world.find(to, false, ahead.store));
          from = to;
        }
        for (const clock of [world.clock, ahead.clock]) clock.advance(4 * minutes);
      }
      const seen = given.map(record => record?.lastSeenAt ?? 0);
      const signedIn = given.map(record => record?.authenticatedAt ?? 0);
      for (const moments of [seen, signedIn])
        assert.deepEqual(
          moments,
          moments.toSorted((a, b) => a - b),
        );
    },
  },
  {
    title: 'between processes whose clocks are five minutes apart no ended session returns',
    async holds(world) {
      const [here, ahead] = await apart(world);
      await world.beginMany(['idle', 'logged out'], {...long, idleTimeout: 10 * minutes});
      await ahead.store.end('logged out', 'logout');
      ahead.clock.advance(20 * minutes);
      world.clock.advance(5 * minutes);
      // One store that both are lives by one clock, and has not come that far.
      if (ahead.store === here) world.clock.advance(10 * minutes);
      await sweepAll(ahead.store);
      assert.equal(await ahead.store.touch('idle'), undefined);
      for (const key of ['idle', 'logged out']) {
        assert.equal(await world.find(key, true, here), undefined, key);
        assert.equal(await here.touch(key), undefined, key);
        assert.deepEqual(await here.write(key, 'cart', 0, '1'), {state: 'gone'}, key);
        assert.equal(await here.setIdleTimeout(key, long.absoluteTimeout), undefined, key);
      }
    },
  },
  {
    title: 'between processes whose clocks are five minutes apart each session ends once',
    contract: 'EndStore',
    async holds(world) {
      const [here, ahead] = await apart(world);
      const told = [await world.listen(here), await world.listen(ahead.store)];
      await world.ends.keepEnds();
      const keys = Array.from({length: 200}, (_, i) => `session ${i}`);
      await world.beginMany(keys, {...long, idleTimeout: 10 * minutes});
      for (const clock of [world.clock, ahead.clock]) clock.advance(10 * minutes);
      const ends = await world.untilTaken(keys.length, ahead.clock);
      assertSame(
        ends.map(({key}) => key),
        keys,
      );
      for (const heard of told) assert.equal(new Set(heard).size, heard.length);
    },
  },
];

/** The store, and another on the same data by a clock that is five minutes ahead. */
async function apart(world: World): Promise<[SessionStore, {store: SessionStore; clock: TestClock}]> {
  const clock = new TestClock(world.clock.now() + 5 * minutes);
  return [world.store, {store: await world.open(clock), clock}];
}
