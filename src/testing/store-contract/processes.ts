import assert from 'node:assert/strict';
import type {EndStore, SessionStore} from '../../session/store/contract.ts';
import {keysOf} from './users.ts';
import {absoluteTimeout, assertSame, idleTimeout, keeping, type Law, type World, listAll} from './world.ts';
import {count} from './writing.ts';

const rounds = Array.from({length: 10}, (_, i) => `session ${i}`);

/** What several stores on the same data, as in several processes, are to each other. */
export const processes: readonly Law[] = [
  {
    title: 'what one process does to a session the other finds at once',
    async holds(world) {
      const [here, there] = await two(world);
      const same = async (uid: string) => {
        const found = await world.peek(uid, there);
        assert.deepEqual(found, await world.peek(uid, here));
        assert.deepEqual(await there.touch('a'), found);
      };
      await world.begin('a', {isSecure: true});
      await same('a');
      await world.put('a', 'cart', '1');
      await same('a');
      await here.renew('a', {from: 'a', to: 'b', grace: 1000});
      await same('a');
      await same('b');
      await here.renew('a', {from: 'b', to: 'c', grace: 1000, signIn: {user: 'ada', limit: 5}});
      assert.deepEqual(await there.find('b', false), await here.find('b', false));
      await same('c');
      await here.setIdleTimeout('a', 1234);
      await same('c');
      assert.deepEqual(await listAll(there, 'ada'), await listAll(here, 'ada'));
      assert.equal((await listAll(there, 'ada')).length, 1);
    },
  },
  {
    title: 'a session that ends in one process is gone in the other at once',
    async holds(world) {
      const [here, there] = await two(world);
      await world.signIn('a', 'ada');
      assert.equal(await world.isLive("a'", there), true);
      await here.end('a', 'logout');
      assert.equal(await world.find("a'", true, there), undefined);
      assert.equal(await there.touch('a'), undefined);
      assert.deepEqual(await there.write('a', 'cart', 0, '1'), {state: 'gone'});
      assert.equal(await there.end('a', 'logout'), false);
      assert.deepEqual(await listAll(there, 'ada'), []);
    },
  },
  {
    title: 'a session that ends in one process is told of in each, once',
    async holds(world) {
      const [here, there] = await two(world);
      const [toldHere, toldThere] = [await world.listen(here), await world.listen(there)];
      for (const key of ['a', 'b', 'c']) await world.begin(key);
      await here.end('a', 'logout');
      await there.end('b', 'revoked');
      const expected = ['a logout', 'b revoked'];
      for (const told of [toldHere, toldThere]) await world.untilTold(told, expected);
      world.clock.advance(idleTimeout);
      expected.push('c idle');
      for (const told of [toldHere, toldThere]) await world.untilTold(told, expected);
    },
  },
  {
    title: 'of two processes that begin a session by one uid, one has begun it',
    async holds(world) {
      const both = await two(world);
      for (const key of rounds) {
        const answers = await Promise.allSettled(both.map(async store => world.begin(key, {}, store)));
        assert.deepEqual(answers.map(({status}) => status).toSorted(), ['fulfilled', 'rejected']);
      }
    },
  },
  {
    title: 'twenty who count in one component in two processes are all counted',
    async holds(world) {
      const [here, there] = await two(world);
      await world.begin('a');
      await Promise.all(Array.from({length: 20}, async (_, i) => count({store: i % 2 ? here : there}, 'a')));
      assert.equal((await world.peek('a', there)).components.get('count')?.text, '20');
    },
  },
  {
    title: 'different components written in two processes at once are all found',
    async holds(world) {
      const both = await two(world);
      await world.begin('a');
      await Promise.all(
        Array.from({length: 20}, async (_, i) => world.put('a', `component ${i}`, '1', 0, both[i % 2])),
      );
      assert.equal((await world.peek('a')).components.size, 20);
    },
  },
  {
    title: 'of two processes that end a session one has ended it, and it is told of once in each',
    async holds(world) {
      const both = await two(world);
      const told = await Promise.all(both.map(async store => world.listen(store)));
      await world.beginMany(rounds);
      for (const key of rounds) {
        const answers = await Promise.all(both.map(async store => store.end(key, 'logout')));
        assert.equal(answers.filter(Boolean).length, 1);
      }
      for (const ends of told) {
        await world.untilTold(
          ends,
          rounds.map(key => `${key} logout`),
        );
      }
    },
  },
  {
    title: 'two processes that renew a session from one uid at once both give it an id that lasts',
    async holds(world) {
      const both = await two(world);
      await world.beginMany(rounds);
      for (const key of rounds) {
        await Promise.all(both.map(async (store, i) => store.renew(key, {from: key, to: `${key} ${i}`, grace: 1000})));
        world.clock.advance(2000);
        const found = await Promise.all(both.map(async (store, i) => world.peek(`${key} ${i}`, store)));
        assert.deepEqual(
          found.map(record => record.key),
          [key, key],
        );
      }
    },
  },
  {
    title: 'the limit of a user holds for sign-ins in two processes at once',
    async holds(world) {
      const both = await two(world);
      await Promise.all(Array.from({length: 20}, async (_, i) => world.signIn(`session ${i}`, 'ada', 3, both[i % 2])));
      assert.equal((await keysOf(world, 'ada')).length, 3);
      assert.deepEqual(await keysOf({store: both[1]}, 'ada'), await keysOf(world, 'ada'));
    },
  },
  {
    title: 'what one process keeps of ends, the other hands out, and each once',
    contract: 'EndStore',
    async holds(world) {
      const [here, there] = (await two(world)).map(keeping) as [SessionStore & EndStore, SessionStore & EndStore];
      await here.keepEnds();
      await world.beginMany(['a', 'b']);
      await there.end('a', 'logout');
      await here.end('b', 'logout');
      const taken = await Promise.all([here, there, here, there].map(async store => store.takeEnds(1, 10_000)));
      const more = await there.takeEnds(10, 10_000);
      assert.deepEqual([...taken.flat(), ...more].map(({key}) => key).toSorted(), ['a', 'b']);
      await there.settleEnd('a', 'told');
      await here.settleEnd('b', 'parked');
      assert.equal(await there.releaseEnds(100), 1);
      assert.deepEqual(
        (await here.takeEnds(10, 10_000)).map(({key}) => key),
        ['b'],
      );
    },
  },
  {
    title: 'two thousand sessions that two processes sweep give each exactly one kept end, told once in each',
    contract: 'EndStore',
    async holds(world) {
      const both = await two(world);
      const told = await Promise.all(both.map(async store => world.listen(store)));
      await world.ends.keepEnds();
      const keys = Array.from({length: 2000}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      world.clock.advance(idleTimeout);
      const ends = await world.untilTaken(keys.length);
      assertSame(
        ends.map(({key}) => key),
        keys,
      );
      assert.ok(ends.every(({reason, session}) => reason === 'idle' && session !== undefined));
      for (const heard of told) {
        await world.untilTold(
          heard,
          keys.map(key => `${key} idle`),
        );
      }
    },
  },
  {
    title: 'a session that is touched in one process while it ends in another stays ended',
    async holds(world) {
      await staysEnded(world, (store, key) => store.touch(key));
    },
  },
  {
    title: 'a session that is found seen in one process while it ends in another stays ended',
    async holds(world) {
      await staysEnded(world, (store, key) => store.find(key, true));
    },
  },
  {
    title: 'a session that is written in one process while it ends in another stays ended',
    async holds(world) {
      await staysEnded(world, (store, key) => store.write(key, 'cart', 0, '1'));
    },
  },
  {
    title: 'a session that is renewed in one process while it ends in another stays ended, by its new uid too',
    async holds(world) {
      await staysEnded(world, (store, key, to) => store.renew(key, {from: key, to, grace: absoluteTimeout}));
    },
  },
  {
    title: 'a session that is signed in in one process while it ends in another stays ended, and is in no list',
    async holds(world) {
      const signIn = {user: 'ada', limit: 100};
      await staysEnded(world, (store, key, to) => store.renew(key, {from: key, to, grace: absoluteTimeout, signIn}));
      assert.deepEqual(await world.list('ada'), []);
      assert.equal(await world.endAll('ada', 'revoked'), 0);
    },
  },
  {
    title: 'a session that is given another idle timeout in one process while it ends in another stays ended',
    async holds(world) {
      await staysEnded(world, (store, key) => store.setIdleTimeout(key, absoluteTimeout));
    },
  },
  {
    title: 'a session that is touched in its last moment is saved or has ended, and never both',
    async holds(world) {
      const [here, there] = await two(world);
      const told = await world.listen();
      const keys = Array.from({length: 50}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      world.clock.advance(idleTimeout - 1);
      const touches = keys.map(async (key, i) => (i % 2 ? here : there).touch(key));
      world.clock.advance(1000);
      const touched = await Promise.all(touches);
      const lost = keys.filter((_, i) => !touched[i]);
      await world.untilTold(
        told,
        lost.map(key => `${key} idle`),
      );
      const live = await Promise.all(keys.map(async key => world.isLive(key)));
      assert.deepEqual(
        keys.filter((_, i) => !live[i]),
        lost,
      );
    },
  },
  {
    title: 'a session past its deadline is gone in both processes, swept by one or not, and told of once',
    async holds(world) {
      const both = await two(world);
      const told = await world.listen();
      await world.beginMany(rounds);
      world.clock.advance(idleTimeout);
      const touched = await Promise.all(rounds.flatMap(key => both.map(async store => store.touch(key))));
      assert.ok(touched.every(record => record === undefined));
      await world.untilTold(
        told,
        rounds.map(key => `${key} idle`),
      );
    },
  },
  {
    title: 'a store that is closed leaves another at work',
    async holds(world) {
      const [here, there] = await two(world);
      // One store in one process alone has no other.
      if (here === there) return;
      const told = await world.listen(here);
      await world.begin('a');
      await world.close(there);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(idleTimeout);
      await world.untilTold(told, ['a idle']);
    },
  },
];

async function two(world: World): Promise<[SessionStore, SessionStore]> {
  return [world.store, await world.open()];
}

/** See that sessions end, and stay ended, whatever another process does with them at that moment; each is told of once. */
async function staysEnded(
  world: World,
  act: (store: SessionStore, key: string, uid: string) => unknown,
): Promise<void> {
  const [here, there] = await two(world);
  const told = await world.listen(there);
  await world.beginMany(rounds);
  // So that being seen gains something.
  world.clock.advance(idleTimeout / 2);
  for (const [i, key] of rounds.entries()) {
    const uids: string[] = [key];
    const acting = async () => {
      uids.push(`${key} ${uids.length}`);
      return act(there, key, uids.at(-1)!);
    };
    const before = i % 2 ? [acting(), acting()] : [];
    const ended = here.end(key, 'logout');
    await Promise.all([...before, acting(), acting()]);
    assert.equal(await ended, true);
    assert.equal(await here.touch(key), undefined);
    for (const uid of uids) {
      assert.deepEqual([await world.isLive(uid, here), await world.isLive(uid, there)], [false, false], uid);
    }
  }
  await world.untilTold(
    told,
    rounds.map(key => `${key} logout`),
  );
}
