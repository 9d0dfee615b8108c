import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {randomBytes, randomUUID} from 'node:crypto';
import {setTimeout} from 'node:timers/promises';
import anyTest from 'ava';
import {storeContract, type TestClock} from 'espalier/testing';
import {RedisStore} from 'espalier/store/redis';
import {until} from '../until.ts';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {RedisPartitions} from '../../src/store/redis-partitions.ts';
import {RedisCluster} from './redis-cluster.ts';
import {Names} from './redis-names.ts';
import {hasRedis} from './redis-server.ts';
import {endedSince, openStore, quiet, sweepAll, testAlone as test, uidFor} from './redis-world.ts';

const cluster = hasRedis ? await RedisCluster.start() : undefined;
const client = await cluster?.client();
anyTest.after.always(async () => {
  client?.destroy();
  await cluster?.dispose();
});

const program = new URL('redis-process.js', import.meta.url).pathname;
const urls =
  cluster?.nodes
    .slice(0, 3)
    .map(({url}) => url)
    .join() ?? '';

/** A uid as a visit draws one. */
const draw = () => randomBytes(32).toString('base64url');

if (client) {
  const makeFixture = () => {
    const [prefix, names] = [randomUUID(), new Names()];
    const open = (clock: TestClock) =>
      names.over(new RedisStore({client, prefix, clock, timeout: 10_000, logger: quiet}));
    return {open, dispose: () => undefined};
  };
  for (const law of storeContract(makeFixture)) {
    anyTest.serial(`on a cluster, with 64 partitions: ${law.title}`, async t => {
      await law.run();
      t.pass();
    });
  }
}

test('with 64 partitions each of three nodes runs as many scripts as the others, within a fifth', async t => {
  const {store, begin} = openStore(t, {client: client!});
  await begin('first');
  const before = await cluster!.scriptsRun();
  for (let i = 0; i < 3000; i += 100) {
    await Promise.all(
      Array.from({length: 100}, async () => {
        const uid = draw();
        await begin(uid);
        await store.find(uid, true);
        await store.write(uid, 'cart', 0, '1');
        let to = draw();
        while (!store.canHave(uid, to)) to = draw();
        await store.renew(uid, {from: uid, to, grace: 1000, signIn: {user: draw(), limit: 5}});
      }),
    );
  }
  await sweepAll(store);
  const run = (await cluster!.scriptsRun()).map((count, i) => count - before[i]!);
  t.true(Math.min(...run) >= Math.max(...run) * 0.8, run.join());
  t.log(run.join());
});

test('a store keeps the number of partitions that it was made with, whatever a later process asks for', async t => {
  const {store, prefix, signIn} = openStore(t, {client: client!, partitions: 8});
  await signIn('a', 'ada');
  const {store: later} = openStore(t, {client: client!, prefix, partitions: 64});
  t.is((await listAll(later, 'ada')).length, 1);
  t.is(await later.count(), 1);
  t.is(await endAllOf(later, 'ada', 'revoked'), 1);
  t.is(await store.count(), 0);
});

test('a store of before there were partitions keeps its one on a cluster', async t => {
  const {store, prefix, signIn} = openStore(t, {client: client!, partitions: 1});
  await signIn('a', 'ada');
  // As an earlier release has left it.
  await client!.del(`{${prefix}}:store`);
  const {store: later} = openStore(t, {client: client!, prefix});
  t.is((await listAll(later, 'ada')).length, 1);
  await store.end('a', 'logout');
  t.is(await later.count(), 0);
});

for (const [step, left] of [
  ['look', 2],
  ['endThese', 2],
  ['renew', 1],
] as const) {
  test(`a process that is killed in a sign-in, before its step ${step}, leaves no session alive that is not listed`, async t => {
    const {store, prefix, signIn, begin} = openStore(t, {client: client!});
    for (const key of ['a', 'b']) await signIn(key, 'ada');
    await begin('c');
    const child = spawn(process.execPath, [program, urls, prefix, 'signIn', 'c', uidFor(store, 'c'), 'ada', '2', step]);
    await once(child, 'exit');
    t.is(child.signalCode, 'SIGKILL');
    t.deepEqual(
      (await listAll(store, 'ada')).map(({key}) => key),
      ['a', 'b'].slice(-left),
    );
    await signIn('d', 'ada', 2);
    t.true((await listAll(store, 'ada')).length <= 2);
    // Signed in already, or about to be.
    t.is(await endAllOf(store, 'ada', 'revoked'), 2);
    t.is(await store.count(), 0);
  });
}

/** Count up in a component of each session until `isOver`; gives how far each has come, as it was told. */
async function countUp(store: RedisStore, keys: readonly string[], isOver: () => boolean): Promise<number[]> {
  const count = async (key: string) => {
    let revision = 0;
    while (!isOver()) {
      const written = await store.write(key, 'count', revision, String(revision + 1)).catch(() => setTimeout(10));
      // Of a call that failed nobody knows whether it took effect.
      if (written?.state === 'written') ({revision} = written);
      else if (written?.state === 'conflict') revision = written.current!.revision;
      else if (written) throw new Error(`${key} is ${written.state}`);
    }
    return revision;
  };
  return Promise.all(keys.map(count));
}

test('while a slot is moved to another node, sessions that lie there wait, and none is lost or taken for absent', async t => {
  const {store, prefix, begin, signIn} = openStore(t, {client: client!, partitions: 4});
  const keys = Array.from({length: 40}, (_, i) => `s${i}`);
  for (const key of keys.slice(0, 20)) await begin(key);
  for (const key of keys.slice(20)) await signIn(key, 'ada');
  const [partition] = new RedisPartitions(prefix, 4, true).all;
  const migration = await cluster!.migrate(partition!.keys[0]!);
  let isOver = false;
  const counted = countUp(store, keys, () => isOver);
  const news = until(async () => (await store.count()) === 40, 'the count');
  while (await migration.move());
  await migration.end();
  await news;
  isOver = true;
  const counts = await counted;
  for (const [i, key] of keys.entries()) {
    t.deepEqual((await store.read(key))?.components.get('count'), {revision: counts[i]!, text: String(counts[i])}, key);
  }
  t.true(Math.min(...counts) > 0);
  t.is(await endAllOf(store, 'ada', 'revoked'), 20);
  t.is(await store.count(), 20);
});

test('when a node fails, the sessions of the others are found meanwhile, and its own when another has taken over', async t => {
  const {store, prefix, begin, signIn} = openStore(t, {client: client!, timeout: 1000});
  const keys = Array.from({length: 60}, (_, i) => `s${i}`);
  for (const key of keys.slice(0, 30)) await begin(key);
  for (const key of keys.slice(30)) await signIn(key, 'ada');
  const {mark} = await store.endsSince(undefined);
  // What the node that takes over has not got is lost.
  await cluster!.admins[0]!.wait(1, 5000);
  let isOver = false;
  const counted = countUp(store, keys, () => isOver);
  await cluster!.nodes[0]!.stop('SIGKILL');
  const found = async () =>
    (await Promise.allSettled(keys.map(async key => store.read(key)))).map(result =>
      result.status === 'fulfilled' ? result.value?.key : 'failed',
    );
  const meanwhile = await found();
  t.true(meanwhile.includes('failed'));
  t.deepEqual(
    meanwhile.filter(key => key !== 'failed'),
    keys.filter((_, i) => meanwhile[i] !== 'failed'),
  );
  await until(async () => (await found()).join() === keys.join(), 'the failover', 40_000);
  isOver = true;
  await counted;
  t.is((await listAll(store, 'ada')).length, 30);
  t.is(await endAllOf(store, 'ada', 'revoked'), 30);
  t.is((await endedSince(store, mark)).length, 30);
  await sweepAll(store);
  const {store: later} = openStore(t, {client: client!, prefix});
  t.is(await later.count(), 30);
});
