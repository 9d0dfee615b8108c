import assert from 'node:assert/strict';
import {setImmediate} from 'node:timers/promises';
import {endReasons} from '../../session/store/contract.ts';
import {
  absoluteTimeout,
  assertSame,
  endAllOf,
  endsSince,
  idleTimeout,
  listAll,
  portion,
  sweepAll,
  type Law,
} from './world.ts';

/** How sessions end, and who hears of it. */
export const ending: readonly Law[] = [
  {
    title: 'end() ends the session for every call, and no other session',
    async holds(world) {
      const {store} = world;
      await world.signIn('a', 'ada');
      await world.begin('b');
      assert.equal(await store.end('a', 'logout'), true);
      assert.equal(await world.find("a'", true), undefined);
      assert.equal(await store.touch('a'), undefined);
      assert.deepEqual(await store.write('a', 'cart', 0, '1'), {state: 'gone'});
      assert.equal(await store.renew('a', {from: "a'", to: 'c', grace: 0}), undefined);
      assert.equal(await store.setIdleTimeout('a', absoluteTimeout), undefined);
      assert.equal(await store.end('a', 'revoked'), false);
      assert.deepEqual(await listAll(store, 'ada'), []);
      assert.equal(await endAllOf(store, 'ada', 'revoked'), 0);
      assert.equal(await world.isLive('b'), true);
    },
  },
  {
    title: 'end() of what is not there, or is past its deadline, ends nothing',
    async holds(world) {
      const told = await world.listen();
      assert.equal(await world.store.end('nobody', 'logout'), false);
      await world.begin('a');
      world.clock.advance(idleTimeout);
      assert.equal(await world.store.end('a', 'logout'), false);
      await world.untilTold(told, ['a idle']);
    },
  },
  {
    title: 'no touch revives an ended session: logout wins',
    async holds(world) {
      for (let i = 0; i < 10; i += 1) {
        const key = `session ${i}`;
        await world.begin(key);
        world.clock.advance(idleTimeout / 10);
        const touches = [1, 2, 3].map(async () => world.store.touch(key));
        const ended = world.store.end(key, 'logout');
        touches.push(...[1, 2, 3].map(async () => world.store.touch(key)));
        await Promise.all(touches);
        assert.equal(await ended, true);
        assert.equal(await world.store.touch(key), undefined);
        assert.equal(await world.isLive(key), false);
      }
    },
  },
  {
    title: 'of many who end a session at once one has ended it, and its reason is the one that is told',
    async holds(world) {
      const told = await world.listen();
      await world.begin('a');
      const answers = await Promise.all(endReasons.map(async reason => world.store.end('a', reason)));
      assert.equal(answers.filter(Boolean).length, 1);
      await world.untilTold(told, [`a ${endReasons[answers.indexOf(true)]}`]);
    },
  },
  {
    title: 'an end is told with its reason, whichever that is, and in the order of the ends',
    async holds(world) {
      const told = await world.listen();
      for (const reason of endReasons) await world.begin(reason);
      for (const reason of endReasons) {
        await world.store.end(reason, reason);
        world.clock.advance(1);
      }
      const expected = endReasons.map(reason => `${reason} ${reason}`);
      await world.untilTold(told, expected);
      assert.deepEqual(told, expected);
    },
  },
  {
    title: 'an end is told once to each who listens',
    async holds(world) {
      const [first, second] = [await world.listen(), await world.listen()];
      await world.begin('a');
      await world.store.end('a', 'logout');
      await world.untilTold(first, ['a logout']);
      await world.untilTold(second, ['a logout']);
      world.clock.advance(absoluteTimeout);
      await world.quiet();
      assert.deepEqual([first, second], [['a logout'], ['a logout']]);
    },
  },
  {
    title: 'an end is told to who has taken a mark right before it',
    async holds(world) {
      await world.begin('a');
      const {mark} = await world.store.endsSince(undefined);
      await world.store.end('a', 'logout');
      assert.deepEqual((await world.store.endsSince(mark)).ends, [{key: 'a', reason: 'logout'}]);
    },
  },
  {
    title: 'who begins to listen hears nothing of what ended before',
    async holds(world) {
      const first = await world.listen();
      for (const key of ['a', 'b']) await world.begin(key);
      await world.store.end('a', 'logout');
      await world.untilTold(first, ['a logout']);
      const second = await world.listen();
      await world.store.end('b', 'logout');
      await world.untilTold(second, ['b logout']);
    },
  },
  {
    title: 'from one mark the same ends follow, however often it is asked, and those that came since',
    async holds(world) {
      const {store} = world;
      for (const key of ['a', 'b']) await world.begin(key);
      const {mark} = await store.endsSince(undefined);
      await store.end('a', 'logout');
      const first = await endsSince(store, mark);
      assert.deepEqual((await endsSince(store, mark)).ends, first.ends);
      await store.end('b', 'logout');
      assert.deepEqual((await endsSince(store, mark)).ends, ['a logout', 'b logout']);
      assert.deepEqual((await endsSince(store, first.mark)).ends, ['b logout']);
    },
  },
  {
    title: 'a mark that no end came after is as good as it was, however long that is ago',
    async holds(world) {
      const {store} = world;
      const {mark} = await store.endsSince(undefined);
      const {mark: next} = await store.endsSince(mark);
      for (let i = 0; i < 5; i += 1) {
        world.clock.advance(idleTimeout);
        await sweepAll(store);
      }
      await world.begin('a');
      await store.end('a', 'logout');
      for (const each of [mark, next]) assert.deepEqual((await endsSince(store, each)).ends, ['a logout']);
    },
  },
  {
    title: 'an end is in the log for a minute at least, whatever is swept',
    async holds(world) {
      const {store} = world;
      for (const key of ['a', 'b']) await world.begin(key, {idleTimeout: absoluteTimeout});
      const {mark} = await store.endsSince(undefined);
      await store.end('a', 'logout');
      world.clock.advance(59_000);
      await store.end('b', 'logout');
      await sweepAll(store);
      assert.deepEqual((await endsSince(store, mark)).ends, ['a logout', 'b logout']);
    },
  },
  {
    title: 'a mark of other data, as of a store that was emptied, is one of before all ends in the log',
    async holds(world) {
      const marks = await world.elsewhere(async other => {
        const taken = [(await other.store.endsSince(undefined)).mark];
        for (const key of ['c', 'd', 'e']) {
          await other.begin(key);
          await other.store.end(key, 'logout');
        }
        return [...taken, (await other.store.endsSince(undefined)).mark];
      });
      for (const key of ['a', 'b']) await world.begin(key);
      for (const key of ['a', 'b']) await world.store.end(key, 'logout');
      for (const mark of marks) {
        const {ends, mark: next} = await endsSince(world.store, mark);
        assert.deepEqual(ends, ['a logout', 'b logout']);
        assert.deepEqual((await endsSince(world.store, next)).ends, []);
      }
    },
  },
  {
    title: 'ends come in portions, which go on where the one before it ended, and say whether there may be more',
    async holds(world) {
      const keys = Array.from({length: 3 * portion}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      const {mark} = await world.store.endsSince(undefined);
      world.clock.advance(idleTimeout + 1000);
      await sweepAll(world.store);
      const {ends} = await endsSince(world.store, mark);
      assertSame(
        ends,
        keys.map(key => `${key} idle`),
      );
    },
  },
  {
    title: 'a session past its deadline is gone for every caller, but nobody is told before it is swept or asked for',
    async holds(world) {
      const {store} = world;
      const {mark} = await store.endsSince(undefined);
      for (const key of ['a', 'b']) await world.begin(key);
      world.clock.advance(idleTimeout + 1000);
      assert.deepEqual((await endsSince(store, mark)).ends, []);
      assert.equal(await world.isLive('a'), false);
      assert.equal(await store.touch('a'), undefined);
      await sweepAll(store);
      assertSame((await endsSince(store, mark)).ends, ['a idle', 'b idle']);
    },
  },
  {
    title: 'sweep() ends a portion of what is due, and says whether there may be more',
    async holds(world) {
      const {store} = world;
      const keys = Array.from({length: 2 * portion}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      assert.equal(await store.count(), keys.length);
      world.clock.advance(idleTimeout + 1000);
      for (let left = keys.length; left > 0;) {
        const hasMore = await store.sweep();
        const count = await store.count();
        assert.ok(left - count <= portion, `a sweep of ${left - count} sessions`);
        assert.ok(hasMore || count === 0, 'where sessions are due it says so');
        left = count;
      }
    },
  },
  {
    title: 'sweep() where nothing is due ends nothing, and says at once that there is no more to do',
    async holds(world) {
      const told = await world.listen();
      await world.begin('a');
      await sweepAll(world.store);
      assert.ok((await sweepAll(world.store)) <= 2);
      await world.quiet();
      assert.deepEqual(told, []);
      assert.equal(await world.isLive('a'), true);
    },
  },
  {
    title: 'a session that nobody asks for is told of as idle after its deadline, and not before it',
    async holds(world) {
      const told = await world.listen();
      await world.begin('a');
      world.clock.advance(idleTimeout - 2501);
      await world.quiet();
      assert.deepEqual(told, []);
      world.clock.advance(1);
      await world.untilTold(told, ['a idle']);
    },
  },
  {
    title: 'a session that comes to its absolute deadline is told of as ended by that, asked for or not',
    async holds(world) {
      const told = await world.listen();
      for (const key of ['asked for', 'not']) await world.begin(key, {idleTimeout: 20_000, absoluteTimeout: 30_000});
      world.clock.advance(15_000);
      for (const key of ['asked for', 'not']) await world.store.touch(key);
      world.clock.advance(15_000);
      assert.equal(await world.store.touch('asked for'), undefined);
      await world.untilTold(told, ['asked for absolute', 'not absolute']);
    },
  },
  {
    title: 'a session that is asked for past its deadline is told of once, not again by the sweep',
    async holds(world) {
      const told = await world.listen();
      await world.begin('a');
      world.clock.advance(idleTimeout);
      await Promise.all([1, 2, 3].map(async () => world.store.touch('a')));
      await world.untilTold(told, ['a idle']);
      world.clock.advance(absoluteTimeout);
      await world.quiet();
      assert.deepEqual(told, ['a idle']);
    },
  },
  {
    title: 'S62: a session that was seen just before its deadline is not swept at it',
    async holds(world) {
      const told = await world.listen();
      for (const key of ['seen', 'unseen']) await world.begin(key);
      world.clock.advance(idleTimeout - 1);
      await world.store.touch('seen');
      await world.untilTold(told, ['unseen idle']);
      assert.equal(await world.isLive('seen'), true);
    },
  },
  {
    title: 'of many sessions that are due at different times, each is swept in its turn',
    async holds(world) {
      const told = await world.listen();
      const began = world.clock.now();
      for (let i = 1; i <= 5; i += 1) await world.begin(`session ${i}`, {idleTimeout: i * 10_000});
      const expected: string[] = [];
      for (let i = 1; i <= 5; i += 1) {
        world.clock.advance(began + i * 10_000 - world.clock.now());
        expected.push(`session ${i} idle`);
        await world.until(
          () => told.length >= i,
          () => `${i} ends told; there are ${told.length}`,
        );
      }
      assert.deepEqual(told, expected);
    },
  },
  {
    title: 'two thousand sessions that are due at once all end, each once',
    async holds(world) {
      const told = await world.listen();
      const keys = Array.from({length: 2000}, (_, i) => `session ${i}`);
      await world.beginMany(keys);
      world.clock.advance(idleTimeout);
      await world.untilTold(
        told,
        keys.map(key => `${key} idle`),
      );
    },
  },
  {
    title: 'a session that was due long ago, while no store was there to sweep it, ends and is told of',
    async holds(world) {
      const told = await world.listen();
      await world.begin('a');
      world.clock.set(6 * 24 * 60 * 60 * 1000);
      await world.untilTold(told, ['a idle']);
    },
  },
  {
    title: 'what a process does not ask for it does not hear of: nothing ends, and nothing is told, by itself',
    async holds(world) {
      const told = await world.listen();
      for (const key of ['a', 'b']) await world.begin(key);
      await world.store.end('b', 'logout');
      world.clock.advance(absoluteTimeout);
      await setImmediate();
      assert.deepEqual(told, []);
      assert.equal(await world.store.count(), 1);
    },
  },
  {
    title: 'a store that was asked all sorts of things leaves no timer when it is closed',
    async holds(world) {
      await world.listen();
      await world.begin('a');
      await world.quiet();
      await world.close(world.store);
      assert.equal(world.clock.pending, 0);
    },
  },
  {
    title: 'close() ends no session: a store that is opened after it finds them all',
    async holds(world) {
      await world.signIn('a', 'ada');
      await world.put('a', 'cart', '1');
      const left = await world.peek("a'");
      await world.close(world.store);
      const reopened = await world.open();
      assert.deepEqual(await reopened.find("a'", false), left);
      assert.deepEqual(await listAll(reopened, 'ada', ['cart']), [left]);
    },
  },
];
