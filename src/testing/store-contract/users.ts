import assert from 'node:assert/strict';
import {formerIdsFor, isLive, mostReplaced, type SessionRecord} from '../../session/store/contract.ts';
import {
  absoluteTimeout,
  assertSame,
  idleTimeout,
  type Law,
  type World,
  listAll,
  endAllOf,
  endEveryoneOf,
} from './world.ts';

const anyNames = [
  '__proto__',
  'constructor',
  'a',
  'A',
  ' a',
  'a ',
  'a:b',
  'a*',
  'a?',
  'a%',
  '{a}',
  '"',
  "'",
  '\\',
  '\n',
  '\t',
  'Ada Lovelace',
  '数学者',
  '🧮',
  'e\u0301',
  'é',
  'line\u2028',
  '$1',
  'null',
  '0',
  '00',
  'u'.repeat(1023),
  'u'.repeat(1024),
  '界'.repeat(1024),
];

/** Who signs in, and what can be asked of a user's sessions. */
export const users: readonly Law[] = [
  {
    title: 'who signs in is the user of the session from then on, under its new uid',
    async holds(world) {
      const created = await world.begin('a');
      world.clock.advance(1000);
      const signIn = {user: 'ada', limit: 5};
      const signedIn = await world.renew('a', {from: 'a', to: 'b', grace: 0, signIn});
      const now = world.clock.now();
      assert.deepEqual(signedIn, {...created, uid: 'b', user: 'ada', authenticatedAt: now, now});
      assert.deepEqual(await world.peek('b'), signedIn);
      assert.deepEqual(await world.store.touch('a'), signedIn);
    },
  },
  {
    title: 'signing in begins the absolute timeout anew, and again with each sign-in',
    async holds(world) {
      await world.begin('a');
      let from = 'a';
      for (const to of ['b', 'c']) {
        await world.beBusy('a', absoluteTimeout - 1);
        await world.renew('a', {from, to, grace: 0, signIn: {user: 'ada', limit: 5}});
        assert.equal((await world.peek(to)).authenticatedAt, world.clock.now());
        from = to;
      }
      await world.beBusy('a', absoluteTimeout - 1);
      world.clock.advance(1);
      assert.equal(await world.store.touch('a'), undefined);
    },
  },
  {
    title: 'signing in counts as being seen, and keeps the components',
    async holds(world) {
      await world.begin('a');
      const revision = await world.put('a', 'cart', '1');
      world.clock.advance(idleTimeout / 2);
      const signIn = {user: 'ada', limit: 5};
      const signedIn = await world.renew('a', {from: 'a', to: 'b', grace: 0, signIn});
      assert.equal(signedIn?.lastSeenAt, world.clock.now());
      assert.deepEqual(signedIn.components, new Map([['cart', {revision, text: '1'}]]));
    },
  },
  {
    title: 'a renewal that signs nobody in keeps the user, and since when',
    async holds(world) {
      const {authenticatedAt} = await world.signIn('a', 'ada');
      world.clock.advance(idleTimeout / 2);
      const renewed = await world.renew('a', {from: "a'", to: 'b', grace: 0});
      assert.deepEqual([renewed?.uid, renewed?.user, renewed?.authenticatedAt], ['b', 'ada', authenticatedAt]);
      assert.deepEqual(await keysOf(world, 'ada'), ['a']);
    },
  },
  {
    title: 'the uid of before a sign-in finds no session any more, and is a former one of that session',
    async holds(world) {
      await world.begin('a');
      const signIn = {user: 'ada', limit: 5};
      await world.store.renew('a', {from: 'a', to: 'b', grace: 1000, signIn});
      const {now} = await world.peek('b');
      assert.deepEqual(await world.store.find('a', true), {isFormer: true, key: 'a', until: now + 1000, now});
    },
  },
  {
    title: 'each uid of before a sign-in is a former one, whether it had been seen or not, with a grace or without',
    async holds(world) {
      await world.begin('a');
      await world.store.renew('a', {from: 'a', to: 'b', grace: 1000});
      await world.store.renew('a', {from: 'a', to: 'c', grace: 1000});
      await world.store.renew('a', {from: 'b', to: 'd', grace: 0, signIn: {user: 'ada', limit: 5}});
      const live = await world.areLive(['a', 'b', 'c', 'd']);
      assert.deepEqual(live, [false, false, false, true]);
    },
  },
  {
    title: 'when the answer to a sign-in is lost, the same user gets a further uid by that of before, within its grace',
    async holds(world) {
      await world.begin('a');
      const signIn = {user: 'ada', limit: 5};
      const first = await world.renew('a', {from: 'a', to: 'b', grace: 1000, signIn});
      world.clock.advance(999);
      const again = await world.renew('a', {from: 'a', to: 'c', grace: 1000, signIn});
      assert.deepEqual([again?.key, again?.uid, again?.authenticatedAt], ['a', 'c', first?.authenticatedAt]);
      assert.deepEqual([await world.isLive('b'), await world.isLive('c')], [true, true]);
      assert.deepEqual(await keysOf(world, 'ada'), ['a']);
      world.clock.advance(1);
      const late = await world.store.renew('a', {from: 'a', to: 'd', grace: 1000, signIn});
      assert.equal(isLive(late), false);
      assert.equal(await world.isLive('d'), false);
    },
  },
  {
    title: 'of a sign-in and its repeat, whichever uid the browser keeps lasts, and the other goes after the grace',
    async holds(world) {
      const signIn = {user: 'ada', limit: 5};
      for (const [kept, other] of [
        ['b', 'c'],
        ['c', 'b'],
      ] as const) {
        const key = `a ${kept}`;
        const uid = (name: string) => `${name} ${kept}`;
        await world.begin(key);
        for (const to of ['b', 'c']) await world.store.renew(key, {from: key, to: uid(to), grace: 1000, signIn});
        await world.peek(uid(kept));
        await world.beBusy(key, 5000);
        assert.equal(await world.isLive(uid(kept)), true);
        assert.equal(await world.isLive(uid(other)), kept === 'b', 'one that was given later may be on its way still');
      }
    },
  },
  {
    title: 'another user gets no uid by that of before a sign-in, and neither takes nor ends the session',
    async holds(world) {
      await world.begin('a');
      await world.store.renew('a', {from: 'a', to: 'b', grace: 1000, signIn: {user: 'ada', limit: 5}});
      const before = await world.peek('b');
      const {now} = before;
      const given = await world.store.renew('a', {from: 'a', to: 'c', grace: 1000, signIn: {user: 'eve', limit: 5}});
      assert.deepEqual(given, {isFormer: true, key: 'a', until: now + 1000, now});
      assert.deepEqual(await world.peek('b'), before);
      assert.deepEqual([await keysOf(world, 'ada'), await keysOf(world, 'eve')], [['a'], []]);
    },
  },
  {
    title: 'nobody renews a session by a uid of before a sign-in, be it in its grace',
    async holds(world) {
      await world.begin('a');
      await world.store.renew('a', {from: 'a', to: 'b', grace: 1000, signIn: {user: 'ada', limit: 5}});
      assert.equal(await world.renew('a', {from: 'a', to: 'c', grace: 1000}), undefined);
      assert.deepEqual([await world.isLive('b'), await world.isLive('c')], [true, false]);
    },
  },
  {
    title: 'who signs in again has only the new uid, and the one of before is a former one',
    async holds(world) {
      await world.signIn('a', 'ada');
      const signIn = {user: 'ada', limit: 5};
      const again = await world.renew('a', {from: "a'", to: 'b', grace: 1000, signIn});
      assert.equal(again?.uid, 'b');
      assert.deepEqual([await world.isLive("a'"), await world.isLive('b')], [false, true]);
    },
  },
  {
    title: 'two sign-ins in one and the same millisecond are two: no moment of a sign-in comes again',
    async holds(world) {
      const first = await world.signIn('a', 'ada');
      const signIn = {user: 'ada', limit: 5};
      const second = await world.renew('a', {from: "a'", to: 'b', grace: 0, signIn});
      assert.ok(second!.authenticatedAt! > first.authenticatedAt!);
    },
  },
  {
    title:
      'ten who sign in at once from one uid, as one user, have one session; each gets a uid, and by the last four it is found',
    async holds(world) {
      await world.begin('a');
      const uids = Array.from({length: 10}, (_, i) => `b${i}`);
      const signIn = {user: 'ada', limit: 5};
      const answers = await Promise.all(uids.map(async to => world.renew('a', {from: 'a', to, grace: 1000, signIn})));
      const given = answers.map(record => record?.uid).filter(uid => uid !== undefined);
      assert.deepEqual(given.toSorted(), uids);
      const live = await world.areLive(uids);
      assert.equal(live.filter(Boolean).length, 4);
      assert.deepEqual(await keysOf(world, 'ada'), ['a']);
    },
  },
  {
    title:
      'past four uids whoever signs in again gets one still: the oldest that nobody came with makes way, and signs in again too',
    async holds(world) {
      const signIn = {user: 'ada', limit: 1};
      const again = async (from: string, to: string) => {
        world.clock.advance(1);
        assert.equal((await world.renew('a', {from, to, grace: 1000, signIn}))?.uid, to);
      };
      const live = async () => {
        const found = await Promise.all(['b', 'c', 'd', 'e', 'f', 'g'].map(async uid => world.store.find(uid, false)));
        return found.map(isLive);
      };
      await world.begin('a');
      for (const to of ['b', 'c']) await again('a', to);
      await world.peek('b');
      for (const to of ['d', 'e', 'f']) await again('a', to);
      const until = world.clock.now() + 1000;
      assert.deepEqual(await world.store.find('c', true), {isFormer: true, key: 'a', until, now: until - 1000});
      await again('c', 'g');
      assert.deepEqual(await world.store.find('d', true), {
        isFormer: true,
        key: 'a',
        until: until + 1,
        now: until - 999,
      });
      assert.deepEqual(await live(), [true, false, false, true, true, true]);
      // Now that somebody has come with each, it is the oldest of all.
      await again('a', 'h');
      assert.deepEqual(await live(), [false, false, false, true, true, true]);
      assert.deepEqual(await keysOf(world, 'ada'), ['a']);
    },
  },
  {
    title: 'who is the first to sign in gets a new uid, also by an older one in its grace',
    async holds(world) {
      await world.begin('a');
      await world.store.renew('a', {from: 'a', to: 'b', grace: 1000});
      await world.peek('b');
      const signIn = {user: 'ada', limit: 5};
      const signedIn = await world.renew('a', {from: 'a', to: 'c', grace: 1000, signIn});
      assert.deepEqual([signedIn?.uid, signedIn?.user], ['c', 'ada']);
      assert.equal((await world.peek('c')).key, 'a');
      assert.equal(await world.isLive('b'), false);
    },
  },
  {
    title: 'a call as of before a sign-in does nothing, and says so: touch, write, setIdleTimeout and end',
    async holds(world) {
      const {store} = world;
      const {authenticatedAt} = await world.signIn('a', 'ada');
      const before = await world.peek("a'");
      world.clock.advance(idleTimeout / 2);
      for (const asOf of [0, authenticatedAt! - 1, authenticatedAt! + 1]) {
        assert.equal(await store.touch('a', asOf), undefined);
        assert.deepEqual(await store.write('a', 'cart', 0, '1', asOf), {state: 'superseded'});
        assert.equal(await store.setIdleTimeout('a', 1, asOf), undefined);
        assert.equal(await store.end('a', 'logout', asOf), false);
      }
      assert.deepEqual(await world.peek("a'"), {...before, now: world.clock.now()});
      for (const asOf of [authenticatedAt, undefined]) assert.ok(await store.touch('a', asOf));
      assert.equal((await store.write('a', 'cart', 0, '1', authenticatedAt)).state, 'written');
      assert.ok(await store.setIdleTimeout('a', idleTimeout, authenticatedAt));
      assert.equal(await store.end('a', 'logout', authenticatedAt), true);
    },
  },
  {
    title: 'a call as of a session without a user finds it as long as nobody signs in',
    async holds(world) {
      const {store} = world;
      await world.begin('a');
      assert.ok(await store.touch('a', 0));
      assert.equal((await store.write('a', 'cart', 0, '1', 0)).state, 'written');
      assert.equal(await store.touch('a', 1), undefined);
      assert.equal(await store.end('a', 'logout', 0), true);
    },
  },
  {
    title: 'a session that has another user is given back as it is: nobody signs in over them',
    async holds(world) {
      const {authenticatedAt} = await world.signIn('a', 'ada');
      world.clock.advance(1000);
      const signIn = {user: 'eve', limit: 5};
      const given = await world.renew('a', {from: "a'", to: 'b', grace: 1000, signIn});
      assert.deepEqual([given?.uid, given?.user, given?.authenticatedAt], ["a'", 'ada', authenticatedAt]);
      assert.deepEqual([await world.isLive("a'"), await world.isLive('b')], [true, false]);
      assert.deepEqual([await keysOf(world, 'ada'), await keysOf(world, 'eve')], [['a'], []]);
    },
  },
  {
    title: 'of two users who sign in on one session at once, one is its user',
    async holds(world) {
      for (let i = 0; i < 10; i += 1) {
        const key = `session ${i}`;
        await world.begin(key);
        const names = [`ada ${i}`, `eve ${i}`];
        const renewal = (user: string) => ({from: key, to: `${key} of ${user}`, grace: 0, signIn: {user, limit: 5}});
        await Promise.all(names.map(async user => world.renew(key, renewal(user))));
        const {user, uid} = (await world.store.touch(key))!;
        assert.equal(uid, `${key} of ${user}`);
        const lists = await Promise.all(names.map(async name => keysOf(world, name)));
        assert.deepEqual(
          lists,
          names.map(name => (name === user ? [key] : [])),
        );
      }
    },
  },
  {
    title: 'signing in an ended session gives nothing, and revives nothing',
    async holds(world) {
      await world.signIn('a', 'ada');
      await world.store.end('a', 'logout');
      const signIn = {user: 'ada', limit: 5};
      assert.equal(await world.renew('a', {from: "a'", to: 'b', grace: 0, signIn}), undefined);
      assert.deepEqual([await world.isLive('b'), await keysOf(world, 'ada')], [false, []]);
    },
  },
  {
    title: 'list() gives the whole sessions of a user, those signed in first coming first, and seen by nobody',
    async holds(world) {
      const signedIn: SessionRecord[] = [];
      for (const key of ['c', 'a', 'b']) {
        signedIn.push(await world.signIn(key, 'ada'));
        world.clock.advance(idleTimeout / 10);
      }
      await world.signIn('x', 'eve');
      await world.begin('anonymous');
      const now = world.clock.now();
      assert.deepEqual(
        await world.list('ada'),
        signedIn.map(record => ({...record, now})),
      );
    },
  },
  {
    title: 'list() gives the components that it is asked for, and no others',
    async holds(world) {
      await world.signIn('a', 'ada');
      for (const name of ['cart', 'device', 'notes']) await world.put('a', name, name);
      for (const asked of [[], ['device'], ['notes', 'cart', 'none']]) {
        const [record] = await world.list('ada', asked);
        const names = [...record!.components.keys()];
        assertSame(
          names,
          asked.filter(name => name !== 'none'),
        );
      }
    },
  },
  {
    title: 'list() and endAll() give pages of the size that is asked for, and in the end all sessions, each once',
    async holds(world) {
      const keys = Array.from({length: 25}, (_, i) => `session ${i}`);
      for (const key of keys) await world.signIn(key, 'ada');
      const listed = await listAll(world.store, 'ada', [], 10);
      assert.deepEqual(
        listed.map(({key}) => key),
        keys,
      );
      assert.equal(await endAllOf(world.store, 'ada', 'revoked', 'session 3', 10), 24);
      assert.deepEqual(await keysOf(world, 'ada'), ['session 3']);
    },
  },
  {
    title: 'who signs in after the first page of endAll() keeps it from no end',
    async holds(world) {
      for (const key of ['a', 'b', 'c']) await world.signIn(key, 'ada');
      const {count, next} = await world.store.endAll('ada', 'revoked', {most: 2});
      assert.equal(count, 2);
      assert.ok(next);
      for (const key of ['d', 'e', 'f']) await world.signIn(key, 'ada');
      let after: string | undefined = next;
      for (let pages = 0; after !== undefined; pages += 1) {
        assert.ok(pages < 10, 'it comes to an end');
        ({next: after} = await world.store.endAll('ada', 'revoked', {most: 2, after}));
      }
      const left = await keysOf(world, 'ada');
      assert.equal(left.includes('c'), false);
    },
  },
  {
    title: 'endEveryone() ends all sessions there are, with a user and without, and each end is told once',
    async holds(world) {
      const told = await world.listen();
      const keys = Array.from({length: 30}, (_, i) => `session ${i}`);
      for (const [i, key] of keys.entries()) await (i % 3 ? world.begin(key) : world.signIn(key, `user ${i % 2}`));
      assert.equal(await endEveryoneOf(world.store, 'revoked', 7), 30);
      for (const key of keys) assert.equal(await world.store.touch(key), undefined);
      await world.untilTold(
        told,
        keys.map(key => `${key} revoked`),
      );
    },
  },
  {
    title: 'endEveryone() does not count what is past its deadline, and is done when nothing is left',
    async holds(world) {
      await world.begin('idle', {idleTimeout: 1000});
      await world.begin('live');
      world.clock.advance(1000);
      assert.equal(await endEveryoneOf(world.store, 'revoked', 10), 1);
      assert.deepEqual(await world.store.endEveryone('revoked', {most: 10}), {count: 0, next: undefined});
    },
  },
  {
    title: 'the uids of a session that was logged out, revoked or replaced are former ones for five minutes',
    async holds(world) {
      for (const reason of ['logout', 'revoked', 'replaced'] as const) {
        await world.begin(reason);
        await world.store.renew(reason, {from: reason, to: `${reason}'`, grace: 1000});
        const now = world.clock.now();
        await world.store.end(reason, reason);
        world.clock.advance(formerIdsFor - 1);
        for (const uid of [reason, `${reason}'`]) {
          const found = await world.store.find(uid, true);
          assert.deepEqual(found, {isFormer: true, key: reason, until: now, now: world.clock.now()});
        }
        world.clock.advance(1);
        assert.equal(await world.store.find(reason, false), undefined);
      }
    },
  },
  {
    title: 'the uid of a session that timed out is as good as unknown',
    async holds(world) {
      await world.begin('a');
      world.clock.advance(idleTimeout);
      assert.equal(await world.store.find('a', true), undefined);
    },
  },
  {
    title: 'sign-ins in one and the same millisecond keep their order',
    async holds(world) {
      const keys = ['e', 'b', 'd', 'a', 'c'];
      for (const key of keys) await world.signIn(key, 'ada');
      assert.deepEqual(await keysOf(world, 'ada'), keys);
    },
  },
  {
    title: 'who signs in again comes last in the list',
    async holds(world) {
      for (const key of ['a', 'b', 'c']) {
        await world.signIn(key, 'ada');
        world.clock.advance(10);
      }
      await world.renew('a', {from: "a'", to: 'a2', grace: 0, signIn: {user: 'ada', limit: 5}});
      assert.deepEqual(await keysOf(world, 'ada'), ['b', 'c', 'a']);
    },
  },
  {
    title: 'of twenty who sign in at once as one user the list lacks none',
    async holds(world) {
      const keys = Array.from({length: 20}, (_, i) => `session ${i}`);
      await Promise.all(keys.map(async key => world.signIn(key, 'ada')));
      assertSame(await keysOf(world, 'ada'), keys);
    },
  },
  {
    title: 'a list has no session that has ended, or is past its deadline',
    async holds(world) {
      for (const key of ['ended', 'idle', 'live']) await world.signIn(key, 'ada');
      await world.store.end('ended', 'logout');
      await world.store.setIdleTimeout('idle', 1000);
      world.clock.advance(1000);
      assert.deepEqual(await keysOf(world, 'ada'), ['live']);
      world.clock.advance(idleTimeout);
      assert.deepEqual(await keysOf(world, 'ada'), []);
    },
  },
  {
    title: 'past the limit the session that was signed in first ends, as replaced',
    async holds(world) {
      const told = await world.listen();
      for (const key of ['c', 'b', 'a', 'd']) {
        await world.signIn(key, 'ada', 3);
        world.clock.advance(10);
      }
      assert.deepEqual(await keysOf(world, 'ada'), ['b', 'a', 'd']);
      assert.equal(await world.isLive("c'"), false);
      await world.untilTold(told, ['c replaced']);
    },
  },
  {
    title: 'a limit of one leaves the one who has signed in last',
    async holds(world) {
      for (const key of ['a', 'b', 'c']) await world.signIn(key, 'ada', 1);
      assert.deepEqual(await keysOf(world, 'ada'), ['c']);
      assert.deepEqual([await world.isLive("a'"), await world.isLive("b'")], [false, false]);
    },
  },
  {
    title: 'a limit lower than before ends as many as are past it',
    async holds(world) {
      const told = await world.listen();
      for (const key of ['a', 'b', 'c', 'd', 'e']) await world.signIn(key, 'ada', key === 'e' ? 2 : 5);
      assert.deepEqual(await keysOf(world, 'ada'), ['d', 'e']);
      await world.untilTold(told, ['a replaced', 'b replaced', 'c replaced']);
    },
  },
  {
    title: 'a sign-in ends twenty sessions at most, those signed in first, and the next ones end the others',
    async holds(world) {
      const keys = Array.from({length: mostReplaced + 5}, (_, i) => `session ${i}`);
      for (const key of keys) await world.signIn(key, 'ada', 1000);
      await world.signIn('x', 'ada', 3);
      assert.deepEqual(await keysOf(world, 'ada'), [...keys.slice(mostReplaced), 'x']);
      await world.signIn('y', 'ada', 3);
      assert.deepEqual(await keysOf(world, 'ada'), [keys.at(-1), 'x', 'y']);
    },
  },
  {
    title: 'who signs in again on a session at the limit replaces none, and is the last to be replaced',
    async holds(world) {
      for (const key of ['a', 'b']) await world.signIn(key, 'ada', 2);
      await world.renew('a', {from: "a'", to: 'a2', grace: 0, signIn: {user: 'ada', limit: 2}});
      assert.deepEqual(await keysOf(world, 'ada'), ['b', 'a']);
      await world.signIn('c', 'ada', 2);
      assert.deepEqual(await keysOf(world, 'ada'), ['a', 'c']);
    },
  },
  {
    title: 'sessions that have ended, or are past their deadline, do not count toward the limit',
    async holds(world) {
      for (const key of ['a', 'b', 'c']) await world.signIn(key, 'ada', 3);
      await world.store.end('b', 'logout');
      await world.store.setIdleTimeout('c', 1000);
      world.clock.advance(1000);
      for (const key of ['d', 'e']) await world.signIn(key, 'ada', 3);
      assert.deepEqual(await keysOf(world, 'ada'), ['a', 'd', 'e']);
    },
  },
  {
    title: 'the limit of one user ends no session of another, and none without a user',
    async holds(world) {
      await world.signIn('a', 'ada', 1);
      await world.begin('b');
      await world.signIn('c', 'eve', 1);
      assert.deepEqual(
        [await world.isLive("a'"), await world.isLive('b'), await world.isLive("c'")],
        [true, true, true],
      );
    },
  },
  {
    title: 'however many sign in at once, no more are ever live than the limit',
    async holds(world) {
      const told = await world.listen();
      const keys = Array.from({length: 20}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      const lists = keys.map(async key => {
        const renewal = {from: key, to: `${key}'`, grace: 0, signIn: {user: 'ada', limit: 3}};
        assert.ok(await world.renew(key, renewal));
        return keysOf(world, 'ada');
      });
      for (const list of await Promise.all(lists)) assert.ok(list.length <= 3, `${list.length} sessions at once`);
      const left = await keysOf(world, 'ada');
      assert.equal(left.length, 3);
      const replaced = keys.filter(key => !left.includes(key));
      await world.untilTold(
        told,
        replaced.map(key => `${key} replaced`),
      );
    },
  },
  {
    title: 'endAll() ends all sessions of a user for the reason given, says how many, and ends no others',
    async holds(world) {
      const told = await world.listen();
      for (const key of ['a', 'b', 'c']) await world.signIn(key, 'ada');
      await world.signIn('x', 'eve');
      await world.begin('y');
      assert.equal(await world.endAll('ada', 'revoked'), 3);
      for (const key of ['a', 'b', 'c']) assert.equal(await world.store.touch(key), undefined);
      assert.deepEqual(await keysOf(world, 'ada'), []);
      assert.equal(await world.endAll('ada', 'revoked'), 0);
      assert.deepEqual([await world.isLive("x'"), await world.isLive('y')], [true, true]);
      await world.untilTold(told, ['a revoked', 'b revoked', 'c revoked']);
    },
  },
  {
    title: 'endAll() spares the session by the key that it is to spare',
    async holds(world) {
      for (const key of ['a', 'b', 'c']) await world.signIn(key, 'ada');
      await world.signIn('x', 'eve');
      assert.equal(await world.endAll('ada', 'logout', 'b'), 2);
      assert.deepEqual(await keysOf(world, 'ada'), ['b']);
      assert.equal(await world.endAll('ada', 'logout', 'b'), 0);
      assert.equal(await world.endAll('ada', 'logout', 'x'), 1, 'a session of somebody else spares none');
      assert.equal(await world.isLive("x'"), true);
    },
  },
  {
    title: 'endAll() does not count what is past its deadline',
    async holds(world) {
      for (const key of ['idle', 'live']) await world.signIn(key, 'ada');
      await world.store.setIdleTimeout('idle', 1000);
      world.clock.advance(1000);
      assert.equal(await world.endAll('ada', 'revoked'), 1);
    },
  },
  {
    title: 'who signs in while endAll() is at work either is ended by it or stays in the list: none is lost between',
    async holds(world) {
      const told = await world.listen();
      const before = Array.from({length: 5}, (_, i) => `before ${i}`);
      for (const key of before) await world.signIn(key, 'ada');
      const meanwhile = Array.from({length: 15}, (_, i) => `meanwhile ${i}`);
      await world.beginMany(meanwhile);
      const signIn = async (key: string) =>
        world.renew(key, {from: key, to: `${key}'`, grace: 0, signIn: {user: 'ada', limit: 100}});
      const first = meanwhile.slice(0, 7).map(signIn);
      const ending = Promise.resolve(world.endAll('ada', 'revoked'));
      await Promise.all([...first, ...meanwhile.slice(7).map(signIn)]);
      const count = await ending;
      const left = await keysOf(world, 'ada');
      assert.ok(before.every(key => !left.includes(key)));
      const ended = [...before, ...meanwhile].filter(key => !left.includes(key));
      assert.equal(count, ended.length);
      for (const key of ended) assert.equal(await world.store.touch(key), undefined);
      await world.untilTold(
        told,
        ended.map(key => `${key} revoked`),
      );
    },
  },
  {
    title: 'a user may have any name, and each name is a user of their own',
    async holds(world) {
      await Promise.all(anyNames.map(async (user, i) => world.signIn(`session ${i}`, user)));
      for (const [i, user] of anyNames.entries()) {
        assert.equal((await world.peek(`session ${i}'`)).user, user);
        assert.deepEqual(await keysOf(world, user), [`session ${i}`], JSON.stringify(user));
      }
      assert.equal(await world.endAll('a', 'revoked'), 1);
      assert.deepEqual(await keysOf(world, 'A'), ['session 3']);
    },
  },
  {
    title: 'a user nobody has heard of has no sessions',
    async holds({store}) {
      for (const user of ['nobody', '__proto__', 'constructor']) {
        assert.deepEqual(await listAll(store, user), []);
        assert.equal(await endAllOf(store, user, 'revoked'), 0);
      }
    },
  },
];

/** The keys of a user's sessions, as they are listed. */
export async function keysOf({store}: Pick<World, 'store'>, user: string): Promise<string[]> {
  return (await listAll(store, user)).map(({key}) => key);
}
