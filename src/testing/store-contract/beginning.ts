import assert from 'node:assert/strict';
import {absoluteTimeout, idleTimeout, listAll, listEveryoneOf, type Law} from './world.ts';

const taken = {code: 'SESSION_TAKEN'};

/** How a session comes into being. */
export const beginning: readonly Law[] = [
  {
    title: 'create() gives the session as it was handed over, begun and seen now, without a user or components',
    async holds(world) {
      const now = world.clock.now();
      assert.deepEqual(await world.begin('a', {isSecure: true}), {
        key: 'a',
        uid: 'a',
        isSecure: true,
        idleTimeout,
        absoluteTimeout,
        device: undefined,
        createdAt: now,
        lastSeenAt: now,
        user: undefined,
        authenticatedAt: undefined,
        isRemembered: false,
        components: new Map(),
        now,
      });
    },
  },
  {
    title: 'a session keeps what it was begun with, whatever characters that has, and whatever becomes of it',
    async holds(world) {
      const {store} = world;
      const device = `Firefox "115"\n\0\uD800 ${'ü'.repeat(236)}`;
      const given = [await world.begin('a', {device}), await store.touch('a'), await world.peek('a')];
      given.push(await world.renew('a', {from: 'a', to: 'b', grace: 0}));
      const signIn = {user: 'ada', limit: 5};
      given.push(await world.renew('a', {from: 'b', to: 'c', grace: 0, signIn}));
      given.push(await store.setIdleTimeout('a', idleTimeout), await world.find('c', true), await store.read('a'));
      given.push(...(await listAll(store, 'ada')), ...(await listEveryoneOf(store)));
      assert.equal(given.length, 10);
      for (const record of given) assert.equal(record?.device, device);
    },
  },
  {
    title: 'create() refuses the uid of a live session, and leaves that session alone',
    async holds(world) {
      const created = await world.begin('a');
      await world.put('a', 'cart', '1');
      world.clock.advance(idleTimeout / 2);
      await assert.rejects(world.begin('a', {isSecure: true, idleTimeout: 5}), taken);
      const {components, ...session} = await world.peek('a');
      assert.deepEqual({...session, now: 0}, {...without(created, 'components'), now: 0});
      assert.equal(components.get('cart')?.text, '1');
    },
  },
  {
    title: 'create() refuses a uid that a live session has taken by a renewal',
    async holds(world) {
      await world.begin('a');
      await world.renew('a', {from: 'a', to: 'b', grace: 0});
      await assert.rejects(world.begin('b'), taken);
      assert.equal((await world.peek('b')).key, 'a');
    },
  },
  {
    title: 'create() refuses the key of a live session that has had another uid for long',
    async holds(world) {
      await world.begin('a');
      await world.renew('a', {from: 'a', to: 'b', grace: 10});
      world.clock.advance(1000);
      await assert.rejects(world.begin('a'), taken);
      assert.equal((await world.peek('b')).key, 'a');
    },
  },
  {
    title: 'of many who begin a session by one uid at once, one has begun it',
    async holds(world) {
      const idleTimeouts = Array.from({length: 10}, (_, i) => idleTimeout + i);
      const answers = await Promise.allSettled(
        idleTimeouts.map(async timeout => world.begin('a', {idleTimeout: timeout})),
      );
      const begun = answers.filter(({status}) => status === 'fulfilled');
      assert.equal(begun.length, 1);
      for (const answer of answers) if (answer.status === 'rejected') assert.equal(answer.reason.code, 'SESSION_TAKEN');
      const winner = answers.findIndex(({status}) => status === 'fulfilled');
      assert.equal((await world.peek('a')).idleTimeout, idleTimeouts[winner]);
    },
  },
  {
    title: 'the uid of an ended session can be begun again, and is a new session: without its user and components',
    async holds(world) {
      await world.signIn('a', 'ada');
      await world.put('a', 'cart', '1');
      await world.store.end('a', 'logout');
      world.clock.advance(5000);
      await world.begin('a');
      const {createdAt, user, authenticatedAt, components} = await world.peek('a');
      assert.deepEqual(
        [createdAt, user, authenticatedAt, components.size],
        [world.clock.now(), undefined, undefined, 0],
      );
      assert.deepEqual(await world.list('ada'), []);
    },
  },
  {
    title: 'the uid of a session past its deadline can be begun again at once',
    async holds(world) {
      const told = await world.listen();
      await world.begin('a');
      await world.put('a', 'cart', '1');
      world.clock.advance(idleTimeout);
      const {createdAt, components} = await world.begin('a');
      assert.deepEqual([createdAt, components.size], [world.clock.now(), 0]);
      await world.untilTold(told, ['a idle']);
      assert.equal(await world.isLive('a'), true);
    },
  },
  {
    title: 'a uid that is the name of an object property is a uid like any other',
    async holds(world) {
      for (const uid of ['__proto__', 'constructor', 'toString']) {
        assert.equal(await world.isLive(uid), false, uid);
        await world.begin(uid);
        assert.equal(await world.isLive(uid), true, uid);
      }
    },
  },
  {
    title: 'uids that differ in upper and lower case are different sessions',
    async holds(world) {
      await world.begin('aB');
      assert.equal(await world.isLive('Ab'), false);
      await world.begin('Ab', {isSecure: true});
      assert.deepEqual([(await world.peek('aB')).isSecure, (await world.peek('Ab')).isSecure], [false, true]);
    },
  },
  {
    title: 'what a store has given is a copy: changing it changes no session',
    async holds(world) {
      changeAll(await world.begin('a'));
      await world.put('a', 'cart', '1');
      changeAll(await world.store.touch('a'));
      changeAll(await world.store.find('a', false));
      const {createdAt, isSecure, user, components} = await world.peek('a');
      assert.deepEqual([createdAt, isSecure, user], [world.clock.now(), false, undefined]);
      assert.deepEqual([components.size, components.get('cart')?.text], [1, '1']);
      assert.equal((await world.begin('b')).components.size, 0);
    },
  },
];

/** Change all of a record that can be changed. */
function changeAll(record: object | undefined): void {
  const {components} = record as {components: Map<string, object>};
  tryTo(() => Object.assign(components.get('cart') ?? {}, {text: 'changed'}));
  tryTo(() => components.set('other', {revision: 1, text: 'new'}));
  tryTo(() => Object.assign(record!, {createdAt: 0, isSecure: true, user: 'eve'}));
}

/** A store may well give what can't be changed. */
function tryTo(change: () => unknown): void {
  try {
    change();
  } catch (error) {
    assert.ok(error instanceof TypeError);
  }
}

function without<T extends object, K extends keyof T>(record: T, name: K): Omit<T, K> {
  const {[name]: _, ...rest} = record;
  return rest;
}
