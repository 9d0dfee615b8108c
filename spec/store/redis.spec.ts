import {execFile, spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {promisify} from 'node:util';
import anyTest from 'ava';
import {createClient, createCluster, createSentinel} from 'redis';
import type {SessionStore} from 'espalier';
import {storeContract, type TestClock} from 'espalier/testing';
import {RedisStore, type RedisStoreOptions} from 'espalier/store/redis';
import {until} from '../until.ts';
import {lastBeforeKill} from './last-before-kill.ts';
import {hasRedis, RedisServer} from './redis-server.ts';
import {adminOf, openStore, peek, quiet, share, siteWith, startServer, test} from './redis-world.ts';

const {url, admin, world} = await share();

if (hasRedis) {
  const makeFixture = () => {
    const prefix = randomUUID();
    const open = (clock: TestClock) => new RedisStore({url: url, prefix, clock, timeout: 10_000, logger: quiet});
    return {open, dispose: () => undefined};
  };
  for (const law of storeContract(makeFixture)) {
    // Hundreds of connections at once would be a test of the machine.
    anyTest.serial(law.title, async t => {
      await law.run();
      t.pass();
    });
  }
}

const program = new URL('redis-process.js', import.meta.url).pathname;
const start = async (...args: string[]) => (await promisify(execFile)(process.execPath, [program, ...args])).stdout;

test('processes that count in one component at once, each writing only what it knows, lose nothing', async t => {
  const {store, prefix, begin} = world(t);
  await begin('a');
  await Promise.all(Array.from({length: 4}, () => start(url, prefix, 'count', 'a', '100')));
  t.is((await peek(store, 'a')).components.get('count')!.text, '400');
});

test('S58: an update that was answered is there after its process was killed', async t => {
  const {store, prefix, begin} = world(t);
  await begin('a');
  const answered = await lastBeforeKill(
    spawn(process.execPath, [program, url, prefix, 'update', 'a'], {stdio: ['ignore', 'pipe', 'inherit']}),
  );
  const {revision, text} = (await peek(store, 'a')).components.get('count')!;
  // One more may have been written, of which the process could not tell any more.
  t.true(revision === answered || revision === answered + 1, `${revision} after ${answered}`);
  t.is(text, `${revision}`);
});

test('a machine whose clock is five minutes ahead ends no session early, neither another’s nor its own', async t => {
  const {store, prefix, begin} = world(t);
  const {createdAt} = await begin('a');
  const ahead = 5 * 60_000;
  const {now, isFound} = JSON.parse(await start(url, prefix, 'visit', 'a', 'b', `${ahead}`));
  t.true(now - createdAt >= ahead, 'its clock is ahead');
  t.true(isFound);
  const own = await peek(store, 'b');
  t.true(own.createdAt >= createdAt && own.createdAt <= own.now, 'the time is the server’s');
  t.truthy(await store.find('a', false));
});

test('a process that is done ends, though its store was not closed', async t => {
  const {prefix, begin} = world(t);
  await begin('a');
  t.is(await start(url, prefix, 'find', 'a'), 'a\n');
});

test('a client that the application brings is used as it is, and stays open', async t => {
  const client = createClient({url: url, disableOfflineQueue: true});
  await client.connect();
  t.teardown(() => client.close());
  const {store, begin} = world(t, {client});
  t.is((await begin('a')).key, 'a');
  await store.close();
  t.true(client.isReady);
  t.is(client.listenerCount('error'), 0);
});

test('a client that is not connected, or that would keep calls for later, is asked nothing', async t => {
  const client = createClient({url: url});
  const {store} = world(t, {client});
  await t.throwsAsync(store.find('a', false));
  await client.connect();
  t.teardown(() => client.close());
  t.is(await store.find('a', false), undefined);
});

/** A cluster of one server, which has all the slots. */
async function startCluster(): Promise<RedisServer> {
  const server = await RedisServer.start('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
  const client = await createClient({url: server.url}).connect();
  await client.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
  await until(async () => (await client.clusterInfo()).includes('cluster_state:ok'), 'the cluster');
  await client.close();
  return server;
}

test('on a cluster every law is kept by a store of one partition, whose keys are all in one slot', async t => {
  const server = await startCluster();
  t.teardown(() => server.dispose());
  const client = createCluster({rootNodes: [{url: server.url}], defaults: {disableOfflineQueue: true}});
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.destroy());
  const prefixes: string[] = [];
  const makeFixture = () => {
    const prefix = randomUUID();
    prefixes.push(prefix);
    const open = (clock: TestClock) =>
      new RedisStore({client, prefix, partitions: 1, clock, timeout: 10_000, logger: quiet});
    return {open, dispose: () => undefined};
  };
  for (const law of storeContract(makeFixture)) await law.run();
  const node = await createClient({url: server.url}).connect();
  t.teardown(() => node.close());
  const slots = new Map<string, Set<number>>(prefixes.map(prefix => [prefix, new Set()]));
  for (const name of await node.keys('*')) {
    slots.get(name.slice(1, name.indexOf('}')))!.add(await node.clusterKeySlot(name));
  }
  t.true([...slots.values()].every(({size}) => size <= 1));
  t.true(new Set([...slots.values()].flatMap(all => [...all])).size > 1, 'other prefixes are in other slots');
});

test('with a sentinel’s client the sessions live on after a failover', async t => {
  const primary = await startServer(t);
  const replica = await startServer(t, '--replicaof', '127.0.0.1', `${primary.port}`);
  const copy = await adminOf(t, replica);
  await until(async () => (await copy.info('replication')).includes('master_link_status:up'), 'the replica');
  const sentinel = await startServer(t, '--sentinel');
  const guard = await adminOf(t, sentinel);
  await guard.sendCommand(['SENTINEL', 'MONITOR', 'main', '127.0.0.1', `${primary.port}`, '1']);
  await guard.sendCommand(['SENTINEL', 'SET', 'main', 'down-after-milliseconds', '500']);
  const replicas = async () => (await guard.sendCommand<unknown[]>(['SENTINEL', 'REPLICAS', 'main'])).length;
  await until(async () => (await replicas()) === 1, 'the sentinel');
  const client = createSentinel({
    name: 'main',
    sentinelRootNodes: [{host: '127.0.0.1', port: sentinel.port}],
    nodeClientOptions: {disableOfflineQueue: true},
    maxCommandRediscovers: 0,
  });
  client.on('error', () => {});
  await client.connect();
  t.teardown(() => client.destroy());
  const {store, begin, works} = world(t, {client, timeout: 1500});
  await begin('a');
  await (await adminOf(t, primary)).wait(1, 5000);
  await primary.stop('SIGKILL');
  await until(async () => !(await works()), 'the outage');
  await until(works, 'the failover', 40_000);
  t.is((await store.find('a', true))?.key, 'a');
});

test('when Redis is emptied, or begins anew without what it had, ends are told again within seconds', async t => {
  const server = await startServer(t);
  const {store} = openStore(t, {url: server.url});
  const {clock, visitor, told} = siteWith(store);
  const endOne = async () => {
    const someone = visitor();
    if ((await someone.post('/')).status === 200) await someone.delete('/');
  };
  await until(async () => (clock.advance(1000), await endOne(), told.length > 0), 'the first end');
  for (const empty of [
    async () => (await adminOf(t, server)).flushDb(),
    async () => (await server.stop(), server.start()),
  ]) {
    const before = told.length;
    await empty();
    await until(async () => (clock.advance(1000), await endOne(), told.length > before), 'an end');
  }
  t.is(new Set(told).size, told.length);
});

test('nothing that opens a session is in Redis', async t => {
  const {store, key, keys} = world(t);
  const {visitor} = siteWith(store);
  const response = await visitor().get('/');
  const uid = await response.text();
  const [, token] = /=([\w-]{43})/.exec(response.headers.getSetCookie()[0]!)!;
  t.true((await keys()).includes(`s:${uid}`));
  for (const name of await keys()) {
    const dump = await admin.withTypeMapping({36: Buffer}).dump(key(name));
    t.false(`${name} ${dump.toString('latin1')}`.includes(token!), name);
  }
});

test('while Redis is paused a site answers 503 with Retry-After, and its visitors keep their sessions', async t => {
  const server = await startServer(t);
  const {store, works} = openStore(t, {url: server.url, timeout: 1500});
  await until(works, 'the connection');
  const someone = siteWith(store).visitor();
  const uid = await (await someone.get('/')).text();
  server.signal('SIGSTOP');
  t.teardown(() => server.signal('SIGCONT'));
  const refused = await someone.get('/');
  t.is(refused.status, 503);
  t.truthy(refused.headers.get('retry-after'));
  server.signal('SIGCONT');
  let answer = refused;
  await until(async () => (answer = await someone.get('/')).status !== 503, 'the recovery');
  t.is(await answer.text(), uid);
});

const invalid: [string, RedisStoreOptions][] = [
  ['a url that is none', {url: 'redis:secret@@'}],
  ['a url of another protocol', {url: 'http://secret@localhost'}],
  ['an empty prefix', {prefix: ''}],
  ['a prefix with a brace', {prefix: 'a}b'}],
  ['a timeout of nothing', {url: 'redis://secret@localhost', timeout: 0}],
  ['a url beside a client', {url: 'redis://secret@localhost', client: admin}],
];

for (const [title, options] of invalid) {
  anyTest(`${title} is refused, without saying what it was`, t => {
    const error = t.throws(() => new RedisStore(options), {code: 'OPTION_INVALID'});
    t.notRegex(error.stack!, /secret/);
  });
}

anyTest('every client of node-redis will do', t => {
  // It is the compiler that holds this.
  const clients = (store: (options: RedisStoreOptions) => SessionStore) => [
    store({client: createClient({RESP: 2})}),
    store({client: createCluster({rootNodes: []})}),
    store({client: createSentinel({name: 'main', sentinelRootNodes: []})}),
  ];
  t.is(typeof clients, 'function');
});
