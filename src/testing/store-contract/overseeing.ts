import assert from 'node:assert/strict';
import {absoluteTimeout, idleTimeout, listAll, listEveryoneOf, sweepAll, type Law, type World} from './world.ts';

/** What whoever looks after a store asks. */
export const overseeing: readonly Law[] = [
  {
    title: 'count() counts the sessions there are, with a user or without, however many uids they have',
    async holds(world) {
      assert.equal(await world.store.count(), 0);
      await world.beginMany(['a', 'b']);
      await world.signIn('c', 'ada');
      await world.renew('a', {from: 'a', to: 'z', grace: absoluteTimeout});
      assert.equal(await world.store.count(), 3);
      await world.store.end('b', 'logout');
      assert.equal(await world.store.count(), 2);
    },
  },
  {
    title: 'count() counts a session past its deadline no more once it is swept',
    async holds(world) {
      await world.beginMany(['a', 'b']);
      await world.begin('c', {idleTimeout: absoluteTimeout});
      world.clock.advance(idleTimeout + 1000);
      await sweepAll(world.store);
      assert.equal(await world.store.count(), 1);
    },
  },
  {
    title: 'read() gives the live session by its key, and all that is in it',
    async holds(world) {
      await world.signIn('a', 'ada');
      await world.put('a', 'cart', '1');
      assert.deepEqual(await world.store.read('a'), await world.peek("a'"));
      for (const uid of ["a'", 'nobody']) assert.equal(await world.store.read(uid), undefined, uid);
    },
  },
  {
    title: 'read() does not count as being seen, and begins the grace of no uid',
    async holds(world) {
      await world.begin('a');
      await world.renew('a', {from: 'a', to: 'b', grace: 1000});
      const left = await world.store.read('a');
      world.clock.advance(idleTimeout / 2);
      const read = await world.store.read('a');
      assert.deepEqual({...read, now: 0}, {...left, now: 0});
      world.clock.advance(idleTimeout / 2 - 1);
      assert.equal(await world.isLive('a'), true);
      world.clock.advance(1);
      assert.equal(await world.store.read('a'), undefined);
    },
  },
  {
    title: 'read() gives nothing for a session that has ended',
    async holds(world) {
      await world.begin('a');
      await world.store.end('a', 'logout');
      assert.equal(await world.store.read('a'), undefined);
    },
  },
  {
    title: 'listEveryone() gives each live session once, whoever has it, in pages of as many as are asked for',
    async holds(world) {
      const keys = Array.from({length: 25}, (_, i) => `session ${i}`);
      await world.beginMany(keys.slice(10));
      for (const [i, key] of keys.slice(0, 10).entries()) await world.signIn(key, `user ${i % 3}`);
      await world.renew('session 20', {from: 'session 20', to: 'another', grace: absoluteTimeout});
      for (const most of [1, 3, 25, 100]) {
        assert.deepEqual((await listEveryoneOf(world.store, [], most)).map(({key}) => key).toSorted(), keys.toSorted());
      }
    },
  },
  {
    title: 'listEveryone() gives sessions as read() does, with the components that are asked for',
    async holds(world) {
      await filled(world);
      const read = await world.store.read('a');
      assert.deepEqual(await listEveryoneOf(world.store, 'all'), [read]);
      assert.deepEqual(await listEveryoneOf(world.store), [{...read, components: new Map()}]);
      const [one] = await listEveryoneOf(world.store, ['note', 'nothing']);
      assert.deepEqual([...one!.components.keys()], ['note']);
      assert.deepEqual(one!.components.get('note'), read!.components.get('note'));
    },
  },
  {
    title: 'list() gives all components of the sessions of a user where all are asked for',
    async holds(world) {
      await filled(world);
      assert.deepEqual(await listAll(world.store, 'ada', 'all'), [await world.store.read('a')]);
    },
  },
  {
    title: 'listEveryone() gives no session that has ended or is past its deadline',
    async holds(world) {
      await world.beginMany(['ended', 'idle']);
      await world.begin('alive', {idleTimeout: absoluteTimeout});
      await world.store.end('ended', 'logout');
      world.clock.advance(idleTimeout);
      assert.deepEqual(
        (await listEveryoneOf(world.store)).map(({key}) => key),
        ['alive'],
      );
    },
  },
  {
    title: 'listEveryone() gives a session once, although it is renewed and signed in between the pages',
    async holds(world) {
      const keys = Array.from({length: 12}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      const listed: string[] = [];
      let after: string | undefined;
      do {
        const page = await world.store.listEveryone({most: 3, components: [], ...(after !== undefined && {after})});
        listed.push(...page.records.map(({key}) => key));
        for (const key of keys) {
          const {uid} = (await world.store.read(key))!;
          const signIn = {user: 'ada', limit: 100};
          await world.renew(key, {from: uid, to: `${uid}'`, grace: 0, signIn});
        }
        after = page.next;
      } while (after !== undefined);
      assert.deepEqual(listed.toSorted(), keys.toSorted());
    },
  },
];

/** One session, of a user, with components. */
async function filled(world: World): Promise<void> {
  await world.signIn('a', 'ada');
  await world.put('a', '__proto__', '{"items":[1]}');
  await world.put('a', 'note', 'Grüße "🛒"\n');
  await world.put('a', 'gone', '1');
  const revision = (await world.store.read('a'))!.components.get('gone')!.revision;
  await world.store.write('a', 'gone', revision, undefined);
}
