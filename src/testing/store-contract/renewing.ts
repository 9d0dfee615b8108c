import assert from 'node:assert/strict';
import {formerIdsFor} from '../../session/store/contract.ts';
import {absoluteTimeout, idleTimeout, type Law, type World} from './world.ts';

const grace = 5000;

/** How a session gets another uid. */
export const renewing: readonly Law[] = [
  {
    title: 'renew() gives the session by its new uid, with the key that it always had',
    async holds(world) {
      const created = await world.begin('a', {isSecure: true});
      const renewed = await world.renew('a', {from: 'a', to: 'b', grace});
      assert.deepEqual(renewed, {...created, uid: 'b'});
      assert.deepEqual(await world.peek('b'), renewed);
    },
  },
  {
    title: 'the old uid finds the session until the new one is seen, however long that takes',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      await world.beBusy('a', 10 * grace);
      assert.equal((await world.peek('a')).key, 'a');
    },
  },
  {
    title: 'once the new uid is seen, the old one goes on until the last millisecond of its grace, and not past it',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      world.clock.advance(grace);
      await world.peek('b');
      world.clock.advance(grace - 1);
      assert.deepEqual(await world.peek('a'), await world.peek('b'));
      world.clock.advance(1);
      assert.deepEqual([await world.isLive('a'), await world.isLive('b')], [false, true]);
    },
  },
  {
    title: 'without grace the old uid finds nothing once the new one is seen',
    async holds(world) {
      await renewedFrom(world, 'a', 'b', 0);
      assert.equal(await world.isLive('a'), true);
      assert.deepEqual([await world.isLive('b'), await world.isLive('a')], [true, false]);
    },
  },
  {
    title: 'a uid that was never sent to anybody is forgotten at once',
    async holds(world) {
      await world.begin('a');
      await world.store.renew('a', {from: 'a', to: 'b', grace, isUnsent: true});
      assert.deepEqual([await world.store.find('a', false), await world.isLive('b')], [undefined, true]);
      await world.store.renew('a', {from: 'b', to: 'c', grace});
      await world.store.renew('a', {from: 'c', to: 'd', grace, isUnsent: true});
      const live = await world.areLive(['b', 'c', 'd']);
      assert.deepEqual(live, [true, false, true]);
    },
  },
  {
    title: 'of two renewals in a row each old uid has a grace of its own',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      await world.peek('b');
      world.clock.advance(2000);
      await world.store.renew('a', {from: 'b', to: 'c', grace});
      await world.peek('c');
      const live = async () => world.areLive(['a', 'b', 'c']);
      world.clock.advance(2999);
      assert.deepEqual(await live(), [true, true, true]);
      world.clock.advance(1);
      assert.deepEqual(await live(), [false, true, true]);
      world.clock.advance(1999);
      assert.deepEqual(await live(), [false, true, true]);
      world.clock.advance(1);
      assert.deepEqual(await live(), [false, false, true]);
    },
  },
  {
    title:
      'when the answer to a renewal is lost, a renewal by the old uid gives a further one, and whichever is seen lasts',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      assert.equal((await world.renew('a', {from: 'a', to: 'c', grace}))?.uid, 'c');
      assert.equal((await world.peek('b')).uid, 'c');
      world.clock.advance(grace);
      const live = await world.areLive(['a', 'b', 'c']);
      assert.deepEqual(live, [false, true, true]);
      world.clock.advance(grace);
      assert.deepEqual([await world.isLive('b'), await world.isLive('c')], [false, true]);
    },
  },
  {
    title:
      'of the uids that were given for one, whichever the browser keeps lasts, in whatever order they have come to it',
    async holds(world) {
      for (const [round, order] of orders(['b', 'c', 'd']).entries()) {
        const key = `${round}a`;
        await givenFor(world, key, ['b', 'c', 'd']);
        for (const uid of order) {
          assert.equal(await world.isLive(`${round}${uid}`), true);
          world.clock.advance(100);
        }
        const kept = `${round}${order.at(-1)}`;
        for (let i = 0; i < 20; i += 1) {
          world.clock.advance(grace / 2);
          assert.equal(await world.isLive(kept), true, `${kept} of ${order.join(', ')}`);
        }
        assert.equal(await world.isLive(key), false, 'the old one is gone');
      }
    },
  },
  {
    title: 'a uid whose answer came last lasts, although a later one was used meanwhile and is used for a while yet',
    async holds(world) {
      await givenFor(world, '0a', ['b', 'c']);
      await world.peek('0c');
      world.clock.advance(grace - 1);
      await world.peek('0b');
      for (let i = 1; i < grace; i += grace / 5) {
        world.clock.advance(grace / 5 - 1);
        await world.peek('0c');
      }
      await world.beBusy('0a', 10 * grace);
      assert.equal(await world.isLive('0b'), true);
    },
  },
  {
    title:
      'of the uids that were given for one, one in use lasts, be it that the other is seen for the first time, or late',
    async holds(world) {
      await givenFor(world, '0a', ['b', 'c']);
      for (const uid of ['0b', '0c', '0b', '0c']) {
        await world.peek(uid);
        world.clock.advance(grace - 1);
      }
      await world.peek('0b');
      await world.beBusy('0a', 10 * grace);
      assert.equal(await world.isLive('0b'), true);
    },
  },
  {
    title: 'a uid that came once, late, goes when the later one is used on, two graces after it was seen at most',
    async holds(world) {
      await givenFor(world, '0a', ['b', 'c']);
      for (const uid of ['0c', '0b']) await world.peek(uid);
      world.clock.advance(grace);
      await world.peek('0c');
      world.clock.advance(grace);
      assert.deepEqual([await world.isLive('0b'), await world.isLive('0c')], [false, true]);
    },
  },
  {
    title: 'a uid for which another was given is not kept by coming with it',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      await world.peek('b');
      await world.renew('a', {from: 'b', to: 'c', grace});
      await world.peek('c');
      world.clock.advance(grace - 1);
      for (const uid of ['a', 'b', 'c']) await world.peek(uid);
      world.clock.advance(1);
      assert.deepEqual([await world.isLive('a'), await world.isLive('b')], [false, false]);
    },
  },
  {
    title: 'a session is found by four uids at most: of renewals in a row the oldest goes first',
    async holds(world) {
      await world.begin('a');
      const uids = ['a', 'b', 'c', 'd', 'e', 'f'];
      for (const [i, from] of uids.slice(0, -1).entries()) {
        world.clock.advance(1);
        assert.equal((await world.renew('a', {from, to: uids[i + 1]!, grace}))?.uid, uids[i + 1]);
      }
      const live = await world.areLive(uids);
      assert.deepEqual(live, [false, false, true, true, true, true]);
    },
  },
  {
    title: 'hundreds of renewals in a row leave a session that is found by its last four uids',
    async holds(world) {
      await world.begin('a');
      for (let i = 0; i < 300; i += 1) {
        assert.equal((await world.renew('a', {from: i ? `a${i - 1}` : 'a', to: `a${i}`, grace}))?.uid, `a${i}`);
      }
      assert.deepEqual([await world.isLive('a296'), await world.isLive('a295')], [true, false]);
    },
  },
  {
    title: 'found by its old uid a session gives the one it has now, and can be seen',
    async holds(world) {
      await renewedFrom(world, 'a', 'b', 2 * idleTimeout);
      world.clock.advance(idleTimeout - 1);
      const found = await world.find('a', true);
      assert.deepEqual([found?.key, found?.uid, found?.lastSeenAt], ['a', 'b', world.clock.now()]);
      world.clock.advance(idleTimeout - 1);
      assert.equal(await world.isLive('b'), true);
    },
  },
  {
    title: 'the old uid dies with the session, however much of its grace is left',
    async holds(world) {
      await renewedFrom(world, 'a', 'b', 10 * idleTimeout);
      await world.renew('a', {from: 'b', to: 'c', grace: 10 * idleTimeout});
      await world.store.end('a', 'logout');
      for (const uid of ['a', 'b', 'c']) assert.equal(await world.isLive(uid), false, uid);
      await renewedFrom(world, 'x', 'y', 10 * idleTimeout);
      world.clock.advance(idleTimeout);
      for (const uid of ['x', 'y']) assert.equal(await world.isLive(uid), false, uid);
    },
  },
  {
    title: 'no uid of an ended session finds the one that is begun by its key later',
    async holds(world) {
      await renewedFrom(world, 'a', 'b', 10 * idleTimeout);
      await world.renew('a', {from: 'b', to: 'c', grace: 10 * idleTimeout});
      await world.store.end('a', 'logout');
      await world.begin('a');
      assert.deepEqual(await world.areLive(['a', 'b', 'c']), [true, false, false]);
    },
  },
  {
    title: 'when the grace is past, the key finds nothing as a uid, and all calls go by it still',
    async holds(world) {
      const {store} = world;
      await renewedFrom(world, 'a', 'b');
      await world.peek('b');
      world.clock.advance(grace);
      assert.equal(await world.find('a', true), undefined);
      assert.equal((await store.touch('a'))?.uid, 'b');
      await world.put('a', 'cart', '1');
      assert.equal((await store.setIdleTimeout('a', idleTimeout))?.uid, 'b');
      assert.equal((await world.renew('a', {from: 'b', to: 'c', grace}))?.uid, 'c');
      assert.equal(await world.find('a', true), undefined);
      assert.equal(await store.end('a', 'logout'), true);
    },
  },
  {
    title: 'the uid of a renewed session is no key: no call but find() knows it',
    async holds(world) {
      const {store} = world;
      await renewedFrom(world, 'a', 'b');
      assert.equal(await store.touch('b'), undefined);
      assert.deepEqual(await store.write('b', 'cart', 0, '1'), {state: 'gone'});
      assert.equal(await store.renew('b', {from: 'b', to: 'c', grace}), undefined);
      assert.equal(await store.setIdleTimeout('b', 1), undefined);
      assert.equal(await store.end('b', 'logout'), false);
      assert.equal((await world.peek('b')).key, 'a');
    },
  },
  {
    title: 'who renews from a uid whose grace is over changes nothing, and is told that the uid is a former one',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      const before = await world.peek('b');
      world.clock.advance(grace);
      const until = world.clock.now();
      world.clock.advance(1000);
      const late = await world.store.renew('a', {from: 'a', to: 'c', grace});
      assert.deepEqual(late, {isFormer: true, key: 'a', until, now: world.clock.now()});
      assert.deepEqual(await world.peek('b'), {...before, now: world.clock.now()});
      assert.equal(await world.isLive('c'), false);
    },
  },
  {
    title: 'who renews from a uid in its grace does not lengthen that',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      await world.peek('b');
      world.clock.advance(grace - 1);
      await world.store.renew('a', {from: 'a', to: 'c', grace});
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'fifty renewals from one uid at once give at most three new ones, and each of those lasts',
    async holds(world) {
      await world.begin('a');
      const uids = Array.from({length: 50}, (_, i) => `b${i}`);
      const renewed = await Promise.all(uids.map(async to => world.renew('a', {from: 'a', to, grace})));
      const given = uids.filter((uid, i) => renewed[i]?.uid === uid);
      assert.equal(given.length, 3);
      world.clock.advance(grace);
      const live = await world.areLive(uids);
      assert.deepEqual(
        uids.filter((_, i) => live[i]),
        given,
      );
      assert.equal(await world.isLive('a'), true);
    },
  },
  {
    title: 'answers that are lost for longer than the grace keep nobody from a new uid',
    async holds(world) {
      await world.begin('a');
      for (let i = 0; i < 10; i += 1) {
        assert.equal((await world.renew('a', {from: 'a', to: `b${i}`, grace}))?.uid, `b${i}`);
        world.clock.advance(grace);
      }
      assert.deepEqual(
        [await world.isLive('a'), await world.isLive('b9'), await world.isLive('b0')],
        [true, true, false],
      );
    },
  },
  {
    title: 'a uid whose grace is over is a former one for five minutes, and then as good as unknown',
    async holds(world) {
      await renewedFrom(world, 'a', 'b');
      await world.peek('b');
      world.clock.advance(grace);
      const until = world.clock.now();
      assert.deepEqual(await world.store.find('a', true), {isFormer: true, key: 'a', until, now: until});
      await world.beBusy('a', formerIdsFor - 1);
      assert.deepEqual(await world.store.find('a', false), {
        isFormer: true,
        key: 'a',
        until,
        now: until + formerIdsFor - 1,
      });
      world.clock.advance(1);
      assert.equal(await world.store.find('a', false), undefined);
    },
  },
  {
    title: 'components and their revisions survive a renewal, and can be written after it',
    async holds(world) {
      await world.begin('a');
      const revision = await world.put('a', 'cart', '1');
      await world.renew('a', {from: 'a', to: 'b', grace});
      assert.deepEqual((await world.peek('b')).components, new Map([['cart', {revision, text: '1'}]]));
      await world.put('a', 'cart', '2', revision);
      assert.equal((await world.peek('b')).components.get('cart')?.text, '2');
    },
  },
  {
    title: 'a renewal counts as being seen, and moves no absolute deadline',
    async holds(world) {
      const {createdAt} = await world.begin('a');
      for (const to of ['b', 'c']) {
        world.clock.advance(idleTimeout / 2);
        const {uid, lastSeenAt, ...renewed} = (await world.renew('a', {from: 'a', to, grace}))!;
        assert.deepEqual([uid, lastSeenAt], [to, world.clock.now()]);
        assert.deepEqual([renewed.createdAt, renewed.authenticatedAt], [createdAt, undefined]);
      }
    },
  },
  {
    title: 'a session that is renewed all the time ends at its absolute timeout',
    async holds(world) {
      await world.begin('a');
      for (let i = 0; i < absoluteTimeout / 50_000; i += 1) {
        assert.ok(await world.renew('a', {from: i === 0 ? 'a' : `a${i - 1}`, to: `a${i}`, grace: 0}));
        world.clock.advance(50_000);
      }
      assert.equal(await world.store.touch('a'), undefined);
    },
  },
  {
    title: 'renew() of an ended session gives nothing, and revives nothing',
    async holds(world) {
      await world.begin('a');
      await world.store.end('a', 'logout');
      assert.equal(await world.renew('a', {from: 'a', to: 'b', grace}), undefined);
      assert.deepEqual([await world.isLive('a'), await world.isLive('b')], [false, false]);
      assert.equal(await world.store.touch('a'), undefined);
    },
  },
  {
    title: 'renew() refuses the uid of another live session, and leaves both as they were',
    async holds(world) {
      const a = await world.begin('a');
      await world.begin('b');
      await world.renew('b', {from: 'b', to: 'c', grace: 0, isUnsent: true});
      const c = await world.peek('c');
      const signIn = {user: 'ada', limit: 5};
      const taken = {code: 'SESSION_TAKEN'};
      await assert.rejects(async () => world.renew('a', {from: 'a', to: 'c', grace}), taken);
      await assert.rejects(async () => world.renew('a', {from: 'a', to: 'c', grace, signIn}), taken);
      assert.deepEqual([await world.peek('a'), await world.peek('c')], [a, c]);
      assert.deepEqual(await world.list('ada'), []);
      assert.equal((await world.renew('a', {from: 'a', to: 'd', grace}))?.uid, 'd');
    },
  },
  {
    title: 'two sessions that are renewed to one uid at once do not both get it',
    async holds(world) {
      const keys = ['a', 'b'];
      await world.beginMany(keys);
      const renewals = keys.map(async key => world.renew(key, {from: key, to: 'c', grace}));
      const answers = await Promise.allSettled(renewals);
      assert.deepEqual(answers.map(({status}) => status).toSorted(), ['fulfilled', 'rejected']);
      const winner = keys[answers.findIndex(({status}) => status === 'fulfilled')];
      assert.equal((await world.peek('c')).key, winner);
    },
  },
  {
    title: 'the end of a renewed session is told by its key',
    async holds(world) {
      const told = await world.listen();
      await renewedFrom(world, 'a', 'b');
      await world.store.end('a', 'logout');
      await world.untilTold(told, ['a logout']);
    },
  },
];

/** Renew a session several times by its first uid, as answers that arrive in any order do. Each uid begins as the key does. */
async function givenFor(world: World, key: string, names: readonly string[]): Promise<void> {
  await world.begin(key);
  for (const name of names) assert.ok(await world.renew(key, {from: key, to: `${key.slice(0, -1)}${name}`, grace}));
}

/** All orders of some names. */
function orders(names: readonly string[]): string[][] {
  if (names.length === 0) return [[]];
  return names.flatMap(first => orders(names.filter(name => name !== first)).map(rest => [first, ...rest]));
}

async function renewedFrom(world: World, from: string, to: string, lasting = grace): Promise<void> {
  await world.begin(from);
  assert.ok(await world.renew(from, {from, to, grace: lasting}));
}
