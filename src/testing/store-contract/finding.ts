import assert from 'node:assert/strict';
import {absoluteTimeout, idleTimeout, type Law, listAll, endAllOf} from './world.ts';

const hour = 60 * 60 * 1000;

/** How a session is found, and what being seen does. */
export const finding: readonly Law[] = [
  {
    title: 'find() gives the session that create() gave',
    async holds(world) {
      const created = await world.begin('a', {isSecure: true});
      assert.deepEqual(await world.store.find('a', false), created);
      assert.deepEqual(await world.store.find('a', true), created);
    },
  },
  {
    title: 'touch() gives the session that create() gave',
    async holds(world) {
      const created = await world.begin('a', {isSecure: true});
      assert.deepEqual(await world.store.touch('a'), created);
    },
  },
  {
    title: 'no call but create() brings a session into being',
    async holds(world) {
      const {store} = world;
      const told = await world.listen();
      assert.equal(await store.find('nobody', true), undefined);
      assert.equal(await store.touch('nobody'), undefined);
      assert.deepEqual(await store.write('nobody', 'cart', 0, '1'), {state: 'gone'});
      assert.equal(await store.renew('nobody', {from: 'nobody', to: 'b', grace: 1000}), undefined);
      const signIn = {user: 'ada', limit: 5};
      assert.equal(await store.renew('nobody', {from: 'nobody', to: 'b', grace: 1000, signIn}), undefined);
      assert.equal(await store.setIdleTimeout('nobody', 1000), undefined);
      assert.equal(await store.end('nobody', 'logout'), false);
      assert.equal(await endAllOf(store, 'ada', 'logout'), 0);
      assert.deepEqual(await listAll(store, 'ada'), []);
      assert.deepEqual([await world.isLive('nobody'), await world.isLive('b')], [false, false]);
      await world.quiet();
      assert.deepEqual(told, []);
    },
  },
  {
    title: 'a session that is found unseen does not count as seen',
    async holds(world) {
      const {lastSeenAt} = await world.begin('a');
      world.clock.advance(idleTimeout - 1);
      assert.equal((await world.peek('a')).lastSeenAt, lastSeenAt);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'a session that is found seen has its idle timeout begun anew',
    async holds(world) {
      await world.begin('a');
      world.clock.advance(idleTimeout - 1);
      assert.equal((await world.find('a', true))?.lastSeenAt, world.clock.now());
      world.clock.advance(idleTimeout - 1);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'touch() gives the session as it is after being seen, and every later call gives it so',
    async holds(world) {
      await world.begin('a');
      world.clock.advance(idleTimeout / 2);
      const touched = await world.store.touch('a');
      assert.equal(touched?.lastSeenAt, world.clock.now());
      assert.deepEqual(await world.store.find('a', false), touched);
    },
  },
  {
    title: 'being seen is not written where it gains no more than a twentieth of the idle timeout',
    async holds(world) {
      const {lastSeenAt} = await world.begin('a');
      world.clock.advance(idleTimeout / 20);
      assert.equal((await world.store.touch('a'))?.lastSeenAt, lastSeenAt);
      assert.equal((await world.find('a', true))?.lastSeenAt, lastSeenAt);
      world.clock.advance(1);
      assert.equal((await world.store.touch('a'))?.lastSeenAt, world.clock.now());
      world.clock.advance(idleTimeout / 20 + 1);
      assert.equal((await world.find('a', true))?.lastSeenAt, world.clock.now());
    },
  },
  {
    title: 'when a session was last seen is never more than an hour behind, however long its idle timeout is',
    async holds(world) {
      const lifetime = {idleTimeout: 100 * hour, absoluteTimeout: 100 * hour};
      for (const key of ['a', 'b']) await world.begin(key, lifetime);
      const {lastSeenAt} = await world.peek('a');
      world.clock.advance(hour);
      assert.equal((await world.store.touch('a'))?.lastSeenAt, lastSeenAt);
      assert.equal((await world.find('b', true))?.lastSeenAt, lastSeenAt);
      world.clock.advance(1);
      assert.equal((await world.store.touch('a'))?.lastSeenAt, world.clock.now());
      assert.equal((await world.find('b', true))?.lastSeenAt, world.clock.now());
    },
  },
  {
    title: 'a record says what time it was by the clock',
    async holds(world) {
      const {store, clock} = world;
      await world.signIn('a', 'ada');
      clock.advance(1234);
      const renewal = {from: "a'", to: 'b', grace: 0};
      const records = [
        await store.find("a'", false),
        await store.touch('a'),
        await store.renew('a', renewal),
        await store.setIdleTimeout('a', idleTimeout),
        ...(await listAll(store, 'ada')),
      ];
      assert.deepEqual(
        records.map(record => record?.now),
        Array.from({length: 5}, () => clock.now()),
      );
    },
  },
  {
    title: 'many who touch a session at once all find it',
    async holds(world) {
      await world.begin('a');
      world.clock.advance(idleTimeout / 2);
      const touched = await Promise.all(Array.from({length: 30}, async () => world.store.touch('a')));
      assert.deepEqual(new Set(touched.map(record => record?.lastSeenAt)), new Set([world.clock.now()]));
    },
  },
  {
    title: 'being seen moves no deadline of another session',
    async holds(world) {
      await world.begin('a');
      await world.begin('b');
      world.clock.advance(idleTimeout / 2);
      await world.store.touch('a');
      world.clock.advance(idleTimeout / 2);
      assert.deepEqual([await world.isLive('a'), await world.isLive('b')], [true, false]);
    },
  },
  {
    title: 'being seen never moves the absolute deadline',
    async holds(world) {
      const {createdAt} = await world.begin('a');
      world.clock.advance(idleTimeout / 2);
      const touched = await world.store.touch('a');
      assert.deepEqual([touched?.createdAt, touched?.absoluteTimeout], [createdAt, absoluteTimeout]);
    },
  },
];
