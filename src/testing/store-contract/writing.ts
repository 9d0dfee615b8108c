import assert from 'node:assert/strict';
import {isLive} from '../../session/store/contract.ts';
import {idleTimeout, type Law, type World} from './world.ts';

/** What comes of writing components. */
export const writing: readonly Law[] = [
  {
    title: 'what is written is found, with the revision that the write gave',
    async holds(world) {
      await world.begin('a');
      const revision = await world.put('a', 'cart', '[1]');
      assert.ok(Number.isSafeInteger(revision) && revision > 0, `${revision} is a positive integer`);
      assert.deepEqual((await world.peek('a')).components, new Map([['cart', {revision, text: '[1]'}]]));
    },
  },
  {
    title: 'every call that gives a session gives its components',
    async holds(world) {
      const {store} = world;
      await world.signIn('a', 'ada');
      const components = new Map([['cart', {revision: await world.put('a', 'cart', '[1]'), text: '[1]'}]]);
      const renewal = {from: "a'", to: 'b', grace: 0};
      assert.deepEqual((await world.find("a'", true))?.components, components);
      assert.deepEqual((await store.touch('a'))?.components, components);
      assert.deepEqual((await world.renew('a', renewal))?.components, components);
      assert.deepEqual((await store.setIdleTimeout('a', idleTimeout))?.components, components);
      assert.deepEqual((await world.list('ada', ['cart']))[0]?.components, components);
    },
  },
  {
    title: 'a write that knows the revision puts the new text in place of the old, under another revision',
    async holds(world) {
      await world.begin('a');
      const first = await world.put('a', 'cart', 'old');
      const second = await world.put('a', 'cart', 'new', first);
      assert.notEqual(second, first);
      assert.deepEqual((await world.peek('a')).components.get('cart'), {revision: second, text: 'new'});
    },
  },
  {
    title: 'a write that knows another revision changes nothing, and gives what is there',
    async holds(world) {
      await world.begin('a');
      const first = await world.put('a', 'cart', 'old');
      const current = {revision: await world.put('a', 'cart', 'new', first), text: 'new'};
      for (const expected of [0, first, current.revision + 1]) {
        assert.deepEqual(await world.store.write('a', 'cart', expected, 'late'), {state: 'conflict', current});
        assert.deepEqual(await world.store.write('a', 'cart', expected, undefined), {state: 'conflict', current});
      }
      assert.deepEqual((await world.peek('a')).components.get('cart'), current);
    },
  },
  {
    title: 'a write that knows a revision of what is not there changes nothing, and says that it is not',
    async holds(world) {
      await world.begin('a');
      const conflict = {state: 'conflict', current: undefined};
      assert.deepEqual(await world.store.write('a', 'cart', 1, 'late'), conflict);
      const revision = await world.put('a', 'cart', '1');
      await world.store.write('a', 'cart', revision, undefined);
      assert.deepEqual(await world.store.write('a', 'cart', revision, 'late'), conflict);
      assert.deepEqual(await world.store.write('a', 'cart', revision, undefined), conflict);
      assert.equal((await world.peek('a')).components.size, 0);
    },
  },
  {
    title: 'a component is taken out by a write without a text, and the others stay',
    async holds(world) {
      await world.begin('a');
      const revision = await world.put('a', 'cart', '1');
      await world.put('a', 'other', '2');
      assert.equal((await world.store.write('a', 'cart', revision, undefined)).state, 'written');
      assert.deepEqual([...(await world.peek('a')).components.keys()], ['other']);
    },
  },
  {
    title: 'taking out what is not there is written, and changes nothing',
    async holds(world) {
      await world.begin('a');
      assert.equal((await world.store.write('a', 'cart', 0, undefined)).state, 'written');
      assert.equal((await world.peek('a')).components.size, 0);
      await world.put('a', 'cart', '1');
    },
  },
  {
    title: 'a component that was taken out and written anew never has a revision that it had before',
    async holds(world) {
      await world.begin('a');
      const revisions = new Set<number>();
      for (let i = 0; i < 5; i += 1) {
        const revision = await world.put('a', 'cart', String(i));
        revisions.add(revision).add(await world.put('a', 'cart', 'more', revision));
        const [last] = [...revisions].slice(-1);
        await world.store.write('a', 'cart', last!, undefined);
      }
      assert.equal(revisions.size, 10);
    },
  },
  {
    title: 'of many writes that know the same revision, one is written',
    async holds(world) {
      await world.begin('a');
      const texts = Array.from({length: 20}, (_, i) => `text ${i}`);
      for (let expected = 0, round = 0; round < 3; round += 1) {
        const answers = await Promise.all(texts.map(async text => world.store.write('a', 'cart', expected, text)));
        const written = answers.filter(({state}) => state === 'written');
        assert.equal(written.length, 1);
        const {revision, text} = (await world.peek('a')).components.get('cart')!;
        assert.equal(text, texts[answers.findIndex(({state}) => state === 'written')]);
        expected = revision;
      }
    },
  },
  {
    title: 'of a write and a removal that know the same revision, one is written',
    async holds(world) {
      for (let i = 0; i < 10; i += 1) {
        const key = `session ${i}`;
        await world.begin(key);
        const revision = await world.put(key, 'cart', '1');
        const texts = ['2', undefined];
        const answers = await Promise.all(texts.map(async text => world.store.write(key, 'cart', revision, text)));
        assert.deepEqual(answers.map(({state}) => state).toSorted(), ['conflict', 'written']);
        const winner = texts[answers.findIndex(({state}) => state === 'written')];
        assert.equal((await world.peek(key)).components.get('cart')?.text, winner);
      }
    },
  },
  {
    title: 'writes of different components at once never conflict, and all of them are found',
    async holds(world) {
      await world.begin('a');
      const names = Array.from({length: 20}, (_, i) => `component ${i}`);
      const revisions = await Promise.all(names.map(async name => world.put('a', name, `text of ${name}`)));
      const expected = names.map((name, i) => [name, {revision: revisions[i]!, text: `text of ${name}`}] as const);
      assert.deepEqual((await world.peek('a')).components, new Map(expected));
    },
  },
  {
    title: 'a write of one component leaves the revisions of the others as they were',
    async holds(world) {
      await world.begin('a');
      const revision = await world.put('a', 'cart', '1');
      await world.put('a', 'other', '1');
      await world.put('a', 'cart', '2', revision);
    },
  },
  {
    title: 'twenty who count in one component at once, each reading and writing until it is written, are all counted',
    async holds(world) {
      await world.begin('a');
      await Promise.all(Array.from({length: 20}, async () => count(world, 'a')));
      assert.equal((await world.peek('a')).components.get('count')?.text, '20');
    },
  },
  {
    title: 'components by one name in two sessions have nothing to do with each other',
    async holds(world) {
      await world.begin('a');
      await world.begin('b');
      await world.put('a', 'cart', 'of a');
      await world.put('b', 'cart', 'of b');
      assert.equal((await world.peek('a')).components.get('cart')?.text, 'of a');
      assert.equal((await world.peek('b')).components.get('cart')?.text, 'of b');
    },
  },
  {
    title: 'a write is not being seen: it moves no deadline',
    async holds(world) {
      const {lastSeenAt} = await world.begin('a');
      world.clock.advance(idleTimeout - 1);
      const revision = await world.put('a', 'cart', '1');
      await world.store.write('a', 'cart', revision, undefined);
      await world.store.write('a', 'cart', revision, 'late');
      assert.equal((await world.peek('a')).lastSeenAt, lastSeenAt);
      world.clock.advance(1);
      assert.equal(await world.isLive('a'), false);
    },
  },
  {
    title: 'a write to an ended session says that it is gone, and revives nothing',
    async holds(world) {
      await world.begin('a');
      const revision = await world.put('a', 'cart', '1');
      await world.store.end('a', 'logout');
      assert.deepEqual(await world.store.write('a', 'cart', revision, '2'), {state: 'gone'});
      assert.deepEqual(await world.store.write('a', 'cart', revision, undefined), {state: 'gone'});
      assert.deepEqual(await world.store.write('a', 'new', 0, '2'), {state: 'gone'});
      assert.equal(await world.isLive('a'), false);
      assert.equal((await world.begin('a')).components.size, 0);
    },
  },
  {
    title: 'a write to a session past its deadline says that it is gone, and revives nothing',
    async holds(world) {
      await world.begin('a');
      const revision = await world.put('a', 'cart', '1');
      world.clock.advance(idleTimeout);
      assert.deepEqual(await world.store.write('a', 'cart', revision, '2'), {state: 'gone'});
      assert.equal(await world.isLive('a'), false);
      assert.equal((await world.begin('a')).components.size, 0);
    },
  },
  {
    title: 'a component may have any name',
    async holds(world) {
      const names = ['__proto__', 'constructor', 'toString', 'a:b', 'a b', ' ', '"', "'", '\\', '%', '*', '{}', '[0]'];
      names.push(
        '$1',
        '${x}',
        'Warenkörbe',
        'カート',
        '🛒',
        'user',
        'uid',
        'key',
        'e\u0301',
        'é',
        'A',
        'a',
        'n'.repeat(500),
      );
      await findsAsWritten(
        world,
        names.map(name => [name, `text of ${name}`]),
      );
    },
  },
  {
    title: 'a text comes back as it was written, whatever stands in it',
    async holds(world) {
      const texts = [
        '',
        ' ',
        '\n',
        '\r\n\t',
        '"quoted"',
        "it's",
        '\\',
        '\\\\n',
        '{"a":[1,2]}',
        'null',
        '0',
        'false',
        '%s ${x} $1',
      ];
      texts.push(
        'Grüße, 世界',
        'e\u0301 is not é',
        '🛒👩‍👩‍👧',
        'line\u2028and\u2029paragraph',
        '\ufeffmark',
        '"\\ud800"',
        '"\\u0000"',
      );
      await findsAsWritten(
        world,
        texts.map((text, i) => [`component ${i}`, text]),
      );
    },
  },
  {
    title: 'a text of 100 KiB comes back as it was written',
    async holds(world) {
      const text = '0123456789abcdé🛒'.repeat(100_000).slice(0, 100 * 1024);
      await findsAsWritten(world, [['large', text]]);
    },
  },
  {
    title: 'a session may have a hundred components',
    async holds(world) {
      await findsAsWritten(
        world,
        Array.from({length: 100}, (_, i) => [`component ${i}`, `text ${i}`]),
      );
    },
  },
];

/** Write all of these, write them again, and find them. */
async function findsAsWritten(world: World, components: readonly (readonly [string, string])[]): Promise<void> {
  await world.begin('a');
  const write = async ([name, text]: readonly [string, string]) =>
    world.put('a', name, text, await world.put('a', name, 'to be replaced'));
  await Promise.all(components.map(write));
  const found = [...(await world.peek('a')).components].map(([name, {text}]) => [name, text] as const);
  assert.deepEqual(new Map(found), new Map(components));
}

/** Read, add one, write, and again from what is there, until it is written. */
export async function count({store}: Pick<World, 'store'>, key: string): Promise<void> {
  const found = await store.find(key, false);
  let current = isLive(found) ? found.components.get('count') : undefined;
  for (let tries = 0; tries < 1000; tries += 1) {
    const written = await store.write(key, 'count', current?.revision ?? 0, String(Number(current?.text ?? 0) + 1));
    if (written.state === 'written') return;
    assert.equal(written.state, 'conflict');
    if (written.state === 'conflict') ({current} = written);
  }
  assert.fail('no write of a thousand has been written');
}
