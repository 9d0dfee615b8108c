import {setImmediate, setTimeout} from 'node:timers/promises';
import {RedisStore} from 'espalier/store/redis';
import {until} from '../until.ts';
import {listAll} from '../../src/testing/store-contract/world.ts';
import {adminOf, fails, openStore, peek, startServer, testAlone as test, wireTo} from './redis-world.ts';

const {timeout} = RedisStore.defaults;

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`while Redis is stopped, by ${signal}, calls fail at once, and work again by themselves when it is back, with all that it saved`, async t => {
    const server = await startServer(t, '--appendonly', 'yes', '--appendfsync', 'always');
    const {store, begin, works} = openStore(t, {url: server.url});
    await begin('a');
    await store.write('a', 'cart', 0, '["tea"]');
    await server.stop(signal);
    await until(async () => !(await works()), 'the outage');
    for (let i = 0; i < 50; i += 1) await fails(t, store.find('a', true));
    await server.start();
    await until(works, 'the recovery');
    t.is((await peek(store, 'a')).components.get('cart')!.text, '["tea"]');
  });
}

test('a store that is made before Redis is there works when it is', async t => {
  const server = await startServer(t);
  await server.stop();
  const {store, works} = openStore(t, {url: server.url});
  await fails(t, store.keepEnds());
  await server.start();
  await until(works, 'the beginning');
  t.pass();
});

test('what is asked of a store that has just been made waits for its connection', async t => {
  const server = await startServer(t);
  const {store, begin} = openStore(t, {url: server.url});
  const [, created, found] = await Promise.all([store.keepEnds(), begin('a'), store.find('a', false)]);
  t.is(created.key, 'a');
  t.is(found?.key, 'a');
});

test('while Redis is paused each call fails within a bound, and none of them is run when it goes on', async t => {
  const server = await startServer(t);
  const {store, begin, works} = openStore(t, {timeout, url: server.url});
  await begin('a');
  // Redis has the scripts, so that nothing but the time is in the way of running them.
  await store.write('a', 'cart', 1, '[]');
  await store.end('z', 'logout');
  server.signal('SIGSTOP');
  t.teardown(() => server.signal('SIGCONT'));
  const calls = [begin('b'), store.write('a', 'cart', 0, '[]'), store.end('a', 'logout')];
  await Promise.all(calls.map(call => fails(t, call)));
  for (let i = 0; i < 10; i += 1) await fails(t, store.write('a', 'cart', 0, '[]'));
  server.signal('SIGCONT');
  await until(works, 'the recovery');
  t.is(await store.find('b', false), undefined);
  t.is((await peek(store, 'a')).components.size, 0);
});

test('while Redis is busy for long each call fails within a bound, and none of them is run later', async t => {
  const server = await startServer(t);
  const admin = await adminOf(t, server);
  const {store, begin, works} = openStore(t, {timeout, url: server.url});
  await begin('a');
  await store.write('a', 'cart', 1, '[]');
  const asleep = admin.sendCommand(['DEBUG', 'SLEEP', '2.5']);
  // Its neighbour's command first.
  await setTimeout(20);
  await fails(t, store.write('a', 'cart', 0, '[]'));
  await asleep;
  await until(works, 'the recovery');
  t.is((await peek(store, 'a')).components.size, 0);
});

test('one lost connection to a Redis that is well fails nobody who reads, and nobody who comes after it', async t => {
  const server = await startServer(t);
  const wire = await wireTo(t, server);
  const {store, begin, warnings} = openStore(t, {url: wire.url});
  await begin('a');
  for (let revision = 0; revision < 5; revision += 1) {
    // Attempts to connect are made apart: what lasted for less is waited for.
    await setTimeout(300);
    const reading = Array.from({length: 10}, () => store.find('a', true));
    // They are on their way when it is cut.
    await setImmediate();
    wire.cut();
    for (const found of await Promise.all(reading)) t.is(found?.key, 'a');
    t.is((await store.write('a', 'count', revision, '1')).state, 'written');
  }
  t.deepEqual(warnings, []);
});

test('a server that cuts each connection at once is not dialled without a pause', async t => {
  const server = await startServer(t);
  const wire = await wireTo(t, server);
  const {store} = openStore(t, {url: wire.url});
  await store.find('a', false);
  wire.cutsReplyOf = sent => sent.includes('find');
  wire.sent.length = 0;
  for (let i = 0; i < 5; i += 1) await fails(t, store.find('a', false));
  const dials = wire.sent.filter(sent => sent.includes('HELLO')).length;
  t.true(dials <= 11, `${dials}`);
  wire.cutsReplyOf = () => false;
  t.is(await store.find('a', false), undefined);
});

for (const [title, demote, reason] of [
  ['a replica', (admin, port) => admin.sendCommand(['REPLICAOF', '127.0.0.1', port]), 'READONLY'],
  [
    'a replica without its primary',
    async (admin, port) => {
      await admin.configSet({'replica-serve-stale-data': 'no', 'replica-read-only': 'no'});
      await admin.sendCommand(['REPLICAOF', '127.0.0.1', port]);
    },
    'MASTERDOWN',
  ],
  ['a primary that has lost its replicas', admin => admin.configSet('min-replicas-to-write', '1'), 'NOREPLICAS'],
] as [string, (admin: Awaited<ReturnType<typeof adminOf>>, port: string) => Promise<unknown>, string][]) {
  test(`where a server becomes ${title} and keeps its connections, the store goes by itself to the one that its address leads to now`, async t => {
    const [former, next] = [await startServer(t), await startServer(t)];
    const wire = await wireTo(t, former);
    const {begin, works, warnings} = openStore(t, {url: wire.url});
    await begin('a');
    // Nobody is there.
    await demote(await adminOf(t, former), '1');
    await until(async () => !(await works()), 'the demotion');
    t.true(warnings[0]!.includes(`(${reason})`), warnings[0]);
    wire.target = next.port;
    await until(works, 'the next one');
    t.is((await begin('a')).key, 'a');
  });
}

test('a connection that Redis cuts is made anew', async t => {
  const server = await startServer(t);
  const admin = await adminOf(t, server);
  const {store, begin, works} = openStore(t, {url: server.url});
  await begin('a');
  for (let i = 0; i < 5; i += 1) {
    await admin.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
    await until(works, 'the recovery');
  }
  t.is((await store.find('a', true))?.key, 'a');
});

test('a server that accepts connections and says nothing is left for one that speaks', async t => {
  const [mute, server] = [await startServer(t), await startServer(t)];
  const wire = await wireTo(t, mute);
  mute.signal('SIGSTOP');
  const {store, works} = openStore(t, {timeout, url: wire.url});
  await fails(t, store.find('a', false));
  wire.target = server.port;
  await until(works, 'the recovery');
  t.pass();
});

test('S65: after a failover the sessions live on, and kept ends are still handed out', async t => {
  const primary = await startServer(t);
  const replica = await startServer(t, '--replicaof', '127.0.0.1', `${primary.port}`);
  const admin = await adminOf(t, replica);
  await until(async () => (await admin.info('replication')).includes('master_link_status:up'), 'the replica');
  const wire = await wireTo(t, primary);
  const {store, begin, works} = openStore(t, {url: wire.url});
  await store.keepEnds();
  await begin('a');
  await store.renew('a', {from: 'a', to: 'b', grace: 30_000, signIn: {user: 'u', limit: 10}});
  await store.write('a', 'cart', 0, '["tea"]');
  await begin('c');
  await store.end('c', 'logout');
  await (await adminOf(t, primary)).wait(1, 5000);

  await primary.stop('SIGKILL');
  await until(async () => !(await works()), 'the outage');
  wire.target = replica.port;
  await until(async () => /READONLY/.test(String(await store.find('b', true).catch(String))), 'the replica');
  await admin.sendCommand(['REPLICAOF', 'NO', 'ONE']);
  await until(works, 'the recovery');

  t.is((await peek(store, 'b')).components.get('cart')!.text, '["tea"]');
  t.is((await store.find('a', true))!.key, 'a');
  t.deepEqual(
    (await listAll(store, 'u')).map(({key}) => key),
    ['a'],
  );
  t.deepEqual(
    (await store.takeEnds(10, 1000)).map(({key, reason}) => [key, reason]),
    [['c', 'logout']],
  );
  t.deepEqual(await store.write('a', 'cart', 1, '[]'), {state: 'written', revision: 2});
});

test('a closed store refuses calls, and lets what is under way be answered', async t => {
  const server = await startServer(t);
  const {store, begin} = openStore(t, {url: server.url});
  await begin('a');
  await store.find('a', true);
  const found = store.find('a', true);
  await Promise.resolve();
  await store.close();
  t.is((await found)?.key, 'a');
  await fails(t, store.find('a', true));
});
