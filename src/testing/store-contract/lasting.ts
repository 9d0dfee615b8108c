import assert from 'node:assert/strict';
import type {SignIn} from '../../session/store/contract.ts';
import {absoluteTimeout, idleTimeout, type Law, listAll, endAllOf} from './world.ts';

const near = {idleTimeout: 10_000, absoluteTimeout: 30_000};
const hour = 60 * 60 * 1000;
const remembered = {idleTimeout: hour, absoluteTimeout: hour, isRemembered: true};

/** A sign-in by a uid, with another that has a `'` more. */
function signingIn(from: string, lifetime?: SignIn['lifetime']) {
  const ada = {user: 'ada', limit: 100};
  return {from, to: `${from}'`, grace: 10_000, signIn: lifetime ? {...ada, lifetime} : ada};
}

/** How long a session lasts. */
export const lasting: readonly Law[] = [
  {
    title: 'an idle session is there one millisecond before its idle timeout, and gone at it',
    async holds(world) {
      await world.begin('early');
      await world.begin('late');
      world.clock.advance(idleTimeout - 1);
      assert.notEqual(await world.store.touch('early'), undefined);
      world.clock.advance(1);
      assert.equal(await world.store.touch('late'), undefined);
      assert.notEqual(await world.store.touch('early'), undefined, 'being seen in time has begun its timeout anew');
    },
  },
  {
    title: 'a busy session is there one millisecond before its absolute timeout, and gone at it',
    async holds(world) {
      await world.begin('a');
      await world.beBusy('a', absoluteTimeout - 1);
      world.clock.advance(1);
      assert.equal(await world.store.touch('a'), undefined);
    },
  },
  {
    title: 'an idle timeout longer than the absolute one does not make a session last past that',
    async holds(world) {
      await world.begin('a', {idleTimeout: 100_000, absoluteTimeout: 20_000});
      world.clock.advance(19_999);
      assert.notEqual(await world.store.touch('a'), undefined);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'sessions may differ in their timeouts',
    async holds(world) {
      await world.begin('short', {idleTimeout: 1000});
      await world.begin('long', {idleTimeout: 50_000});
      world.clock.advance(1000);
      assert.deepEqual([await world.isLive('short'), await world.isLive('long')], [false, true]);
    },
  },
  {
    title: 'past its deadline a session is gone for every call, swept or not',
    async holds(world) {
      const {store} = world;
      const keys = ['find', 'seen', 'touch', 'write', 'renew', 'sign in', 'timeout', 'end', 'list', 'end all'];
      for (const key of keys) await world.signIn(key, `user of ${key}`);
      world.clock.advance(idleTimeout);
      assert.equal(await store.find("find'", false), undefined);
      assert.equal(await store.find("seen'", true), undefined);
      assert.equal(await store.touch('touch'), undefined);
      assert.deepEqual(await store.write('write', 'cart', 0, '1'), {state: 'gone'});
      assert.equal(await store.renew('renew', {from: "renew'", to: 'x', grace: 1000}), undefined);
      const signIn = {user: 'user of sign in', limit: 5};
      assert.equal(await store.renew('sign in', {from: "sign in'", to: 'y', grace: 1000, signIn}), undefined);
      assert.equal(await store.setIdleTimeout('timeout', absoluteTimeout), undefined);
      assert.equal(await store.end('end', 'logout'), false);
      assert.deepEqual(await listAll(store, 'user of list'), []);
      assert.equal(await endAllOf(store, 'user of end all', 'revoked'), 0);
      await world.quiet();
      for (const uid of [...keys, ...keys.map(key => `${key}'`), 'x', 'y'])
        assert.equal(await world.isLive(uid), false, uid);
    },
  },
  {
    title: 'setIdleTimeout() with more makes a session last for longer',
    async holds(world) {
      await world.begin('a', near);
      assert.equal((await world.store.setIdleTimeout('a', 20_000))?.idleTimeout, 20_000);
      world.clock.advance(19_999);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'setIdleTimeout() with less makes a session last for less, from now',
    async holds(world) {
      await world.begin('a', near);
      world.clock.advance(5000);
      await world.store.setIdleTimeout('a', 2000);
      world.clock.advance(1999);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'setIdleTimeout() never makes a session last past its absolute timeout',
    async holds(world) {
      await world.begin('a', near);
      await world.store.setIdleTimeout('a', 1_000_000);
      world.clock.advance(29_999);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'setIdleTimeout() counts as being seen, however little that gains, and keeps the rest of the session',
    async holds(world) {
      const created = await world.begin('a');
      world.clock.advance(7);
      const now = world.clock.now();
      const expected = {...created, idleTimeout: 30_000, lastSeenAt: now, now};
      assert.deepEqual(await world.store.setIdleTimeout('a', 30_000), expected);
      assert.deepEqual(await world.peek('a'), expected);
    },
  },
  {
    title: 'the idle timeout that a session has been given is begun anew when it is seen',
    async holds(world) {
      await world.begin('a', near);
      await world.store.setIdleTimeout('a', 4000);
      world.clock.advance(3000);
      assert.equal((await world.store.touch('a'))?.lastSeenAt, world.clock.now());
      world.clock.advance(3999);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'a session with an idle timeout of its own is swept at its new deadline, be it earlier or later',
    async holds(world) {
      const told = await world.listen();
      await world.begin('earlier', {idleTimeout: 40_000});
      await world.begin('later', {idleTimeout: 10_000});
      await world.store.setIdleTimeout('earlier', 10_000);
      await world.store.setIdleTimeout('later', 40_000);
      world.clock.advance(9_000);
      await world.look();
      assert.deepEqual(told, []);
      world.clock.advance(1000);
      await world.untilTold(told, ['earlier idle']);
      world.clock.advance(30_000);
      await world.untilTold(told, ['earlier idle', 'later idle']);
    },
  },
  {
    title:
      'a sign-in that says how long has the session last for so long from then on, unseen, and no longer, however busy it is',
    async holds(world) {
      const begun = await world.begin('a', near);
      world.clock.advance(7);
      const record = await world.renew('a', signingIn('a', remembered));
      const now = world.clock.now();
      const expected = {...begun, ...remembered, uid: "a'", user: 'ada', authenticatedAt: now, lastSeenAt: now, now};
      assert.deepEqual(record, expected);
      assert.deepEqual(await world.peek("a'"), expected);
      assert.deepEqual(await world.list('ada'), [expected]);
      world.clock.advance(hour / 2);
      assert.notEqual(await world.store.touch('a'), undefined);
      world.clock.advance(hour / 2 - 1);
      assert.notEqual(await world.store.touch('a'), undefined);
      world.clock.advance(1);
      assert.equal(await world.isLive("a'"), false);
    },
  },
  {
    title:
      'a sign-in that does not say how long leaves a session its timeouts, and whether it is remembered; so does a renewal',
    async holds(world) {
      const begun = await world.begin('a');
      assert.equal(begun.isRemembered, false);
      await world.store.setIdleTimeout('a', 30_000);
      const lifetimeOf = async () => {
        const {idleTimeout: idle, absoluteTimeout: absolute, isRemembered} = await world.peek(uid);
        return {idleTimeout: idle, absoluteTimeout: absolute, isRemembered};
      };
      let uid = 'a';
      for (const [lifetime, expected] of [
        [undefined, {idleTimeout: 30_000, absoluteTimeout, isRemembered: false}],
        [remembered, remembered],
        [undefined, remembered],
      ] as const) {
        await world.renew('a', signingIn(uid, lifetime));
        uid = `${uid}'`;
        assert.deepEqual(await lifetimeOf(), expected);
        await world.renew('a', {from: uid, to: `${uid}'`, grace: 1000});
        uid = `${uid}'`;
        assert.deepEqual(await lifetimeOf(), expected);
      }
    },
  },
  {
    title:
      'a sign-in may have a session last for less, and then it is swept at its new deadline; it may have it be remembered no more',
    async holds(world) {
      const told = await world.listen();
      for (const key of ['forgotten', 'kept']) {
        await world.begin(key);
        await world.renew(key, signingIn(key, remembered));
      }
      world.clock.advance(7);
      const less = {idleTimeout: 10_000, absoluteTimeout: 20_000, isRemembered: false};
      const record = await world.renew('forgotten', signingIn("forgotten'", less));
      assert.deepEqual(record && {...record, ...less, lastSeenAt: world.clock.now()}, record);
      world.clock.advance(9000);
      await world.look();
      assert.deepEqual(told, []);
      world.clock.advance(1000);
      await world.untilTold(told, ['forgotten idle']);
      assert.equal(await world.isLive("kept'"), true);
    },
  },
  {
    title: 'who signs in again by a uid of before has the session as it is, and changes nothing in how long it lasts',
    async holds(world) {
      await world.begin('a');
      const first = await world.renew('a', signingIn('a', remembered));
      world.clock.advance(1000);
      const again = await world.renew('a', {...signingIn('a', {...near, isRemembered: false}), to: 'b'});
      const now = world.clock.now();
      assert.deepEqual(again, first && {...first, uid: 'b', now});
    },
  },
  {
    title: 'a sign-in as another user changes nothing in how long a session lasts',
    async holds(world) {
      await world.begin('a');
      const first = await world.renew('a', signingIn('a'));
      const asAda = signingIn("a'", remembered);
      const refused = await world.renew('a', {...asAda, signIn: {...asAda.signIn, user: 'eve'}});
      assert.deepEqual(refused, first);
    },
  },
];
