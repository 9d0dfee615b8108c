import {Socket} from 'node:net';
import type {ExecutionContext} from 'ava';
import {createClient} from 'redis';
import {TestClock} from 'espalier/testing';
import {RedisStore} from 'espalier/store/redis';
import {scripts} from '../../src/store/redis-script.ts';
import {until} from '../until.ts';
import {listAll} from '../../src/testing/store-contract/world.ts';
import {adminOf, fails, openStore, peek, siteWith, startServer, testAlone as test, wireTo} from './redis-world.ts';

test('a call is one round trip', async t => {
  const server = await startServer(t);
  const admin = await adminOf(t, server);
  const wire = await wireTo(t, server);
  const clock = new TestClock();
  const {store, begin} = openStore(t, {url: wire.url, clock});
  await begin('a');
  const calls: Record<string, () => Promise<unknown>> = {
    find: () => store.find('a', true),
    touch: () => store.touch('a'),
    write: () => store.write('a', 'cart', 0, '[]'),
    renew: () => store.renew('a', {from: 'a', to: 'b', grace: 1000, signIn: {user: 'u', limit: 1}}),
    list: () => listAll(store, 'u'),
    takeEnds: () => store.takeEnds(1, 1000),
    endOne: () => store.end('a', 'logout'),
  };
  // Redis has to be given each of the scripts once.
  for (const script of scripts.values()) await admin.scriptLoad(script.source);
  for (const [operation, call] of Object.entries(calls)) {
    wire.sent.length = 0;
    clock.advance(10_000);
    await call();
    const sent = wire.sent.join('').matchAll(/(EVAL\w*)\r\n\$40\r\n\w+\r\n\$1\r\n1\r\n\$\d+\r\n\S+\r\n\$\d+\r\n(\w+)/g);
    const commands = [...sent].map(([, command, name]) => `${command} ${name}`);
    t.deepEqual(commands, [`EVALSHA ${operation}`]);
    t.is(wire.sent.join('').split('EVAL').length - 1, 1);
  }
});

test('that Redis has forgotten the scripts is not noticed', async t => {
  const server = await startServer(t);
  const admin = await adminOf(t, server);
  const {store, begin} = openStore(t, {url: server.url});
  await begin('a');
  await admin.scriptFlush();
  const found = await Promise.all(Array.from({length: 20}, () => store.find('a', true)));
  t.true(found.every(record => record?.key === 'a'));
  await admin.scriptFlush();
  t.deepEqual(await store.write('a', 'cart', 0, '[]'), {state: 'written', revision: 1});
});

test('a call whose reply is lost fails, and is not made again; the next ones work', async t => {
  const server = await startServer(t);
  const wire = await wireTo(t, server);
  const {store, begin, works} = openStore(t, {url: wire.url});
  await begin('a');
  await store.write('a', 'count', 0, '0');
  for (let count = 1; count <= 3; count += 1) {
    wire.sent.length = 0;
    wire.cutsReplyOf = sent => sent.includes('\r\nwrite\r\n');
    await fails(t, store.write('a', 'count', count, String(count)));
    wire.cutsReplyOf = () => false;
    await until(works, 'the recovery');
    t.is(wire.sent.join('').split('\r\nwrite\r\n').length - 1, 1, 'sent once');
    t.deepEqual((await peek(store, 'a')).components.get('count'), {revision: count + 1, text: String(count)});
  }
});

test('a server whose clock is hours ahead of the one before takes over without a failed call', async t => {
  const server = await startServer(t);
  const wire = await wireTo(t, server);
  const {store, begin} = openStore(t, {url: wire.url, clock: new TestClock()});
  await begin('a');
  wire.rewritten = reply => reply.replace(/\d{13}/, time => String(Number(time) - 3 * 3_600_000));
  await store.find('a', true);
  wire.rewritten = reply => reply;
  wire.sent.length = 0;
  t.is((await store.find('a', true))?.key, 'a');
  t.is(wire.sent.length, 2, 'refused as too late, and made again');
  t.is((await store.find('a', true))?.key, 'a');
  t.is(wire.sent.length, 3);
});

test('an outage and its end are warned of once, however often the connection comes and goes, and no password is told', async t => {
  const server = await startServer(t, '--requirepass', 'hush');
  const {warnings, works} = openStore(t, {url: `redis://:hush@127.0.0.1:${server.port}`});
  t.true(await works());
  for (let i = 0; i < 3; i += 1) {
    await server.stop();
    await until(async () => !(await works()), 'the outage');
    await server.start();
    await until(works, 'the recovery');
  }
  t.is(warnings.length, 2);
  t.regex(warnings[0]!, /^Redis at 127\.0\.0\.1:\d+, where sessions rest, does not work: [a-z ]+ \(\w+\)\. Until/);
  t.regex(warnings[1]!, /works again/);
  t.notRegex(warnings.join(), /hush/);
});

test('a wrong password is named as the cause, and not told', async t => {
  const server = await startServer(t, '--requirepass', 'hush');
  const {store, warnings} = openStore(t, {url: `redis://:guess@127.0.0.1:${server.port}`});
  const error = await t.throwsAsync(store.find('a', true));
  t.notRegex(`${error.stack}${String(error.cause)}`, /guess|hush/);
  t.deepEqual(warnings, [
    `Redis at 127.0.0.1:${server.port}, where sessions rest, does not work: wrong password, or no such user (WRONGPASS). Until it does, whoever needs a session gets a 503.`,
  ]);
});

const reasons: [
  title: string,
  reason: string,
  spoil: (admin: Awaited<ReturnType<typeof adminOf>>) => Promise<unknown>,
][] = [
  ['a key of another application', 'is not of the store (WRONGTYPE)', admin => admin.set('{p}:deadlines', 'theirs')],
  ['a full memory', 'out of memory (OOM)', admin => admin.configSet('maxmemory', '1')],
  [
    'an access rule',
    'do not allow what the store does (NOPERM)',
    admin => admin.sendCommand(['ACL', 'SETUSER', 'default', '-zadd']),
  ],
];

for (const [title, reason, spoil] of reasons) {
  test(`${title} is told of by its name and in words`, async t => {
    const server = await startServer(t);
    const {begin, warnings} = openStore(t, {url: server.url, prefix: 'p'});
    await begin('a');
    await spoil(await adminOf(t, server));
    await t.throwsAsync(begin('b'));
    t.true(warnings[0]!.includes(reason), warnings[0]);
  });
}

test('an outage of Redis is one line in the log, without a stack, although a thousand requests fail in it', async t => {
  const server = await startServer(t);
  const {store, warnings} = openStore(t, {url: server.url, timeout: RedisStore.defaults.timeout});
  const {log, visitor} = siteWith(store);
  t.is((await visitor().get('/')).status, 200);
  await server.stop();
  for (let i = 0; i < 1000; i += 1) t.is((await visitor().get('/')).status, 503);
  t.deepEqual(log, []);
  t.is(warnings.length, 1);
  t.notRegex(warnings[0]!, /\n/);
});

test('with a client that the application brings calls are bounded too, and neither made again nor run later', async t => {
  const server = await startServer(t);
  const wire = await wireTo(t, server);
  const client = createClient({url: wire.url, disableOfflineQueue: true, socket: {reconnectStrategy: 100}});
  await client.connect();
  t.teardown(() => client.destroy());
  const {store, begin, works} = openStore(t, {client, timeout: RedisStore.defaults.timeout});
  await begin('a');
  await store.write('a', 'count', 0, '0');
  wire.sent.length = 0;
  wire.cutsReplyOf = sent => sent.includes('\r\nwrite\r\n');
  await fails(t, store.write('a', 'count', 1, '1'));
  wire.cutsReplyOf = () => false;
  await until(works, 'the recovery');
  t.is(wire.sent.join('').split('\r\nwrite\r\n').length - 1, 1, 'sent once');

  server.signal('SIGSTOP');
  t.teardown(() => server.signal('SIGCONT'));
  await fails(t, store.write('a', 'count', 2, '2'));
  server.signal('SIGCONT');
  await until(works, 'the recovery');
  t.is((await peek(store, 'a')).components.get('count')!.text, '1');
});

test('64 finds in one turn of the event loop, or 64 updates, are sent to Redis at once', async t => {
  const server = await startServer(t);
  const admin = await adminOf(t, server);
  const {store, begin} = openStore(t, {url: server.url, clock: new TestClock()});
  const sent = portions(t, server.port);
  const many = Array.from({length: 64}, (_, i) => `${i}`);
  for (const uid of many) await begin(uid);
  // Redis has to be given each of the scripts once.
  for (const script of scripts.values()) await admin.scriptLoad(script.source);
  for (const call of [(uid: string) => store.find(uid, true), (key: string) => store.write(key, 'cart', 0, '1')]) {
    sent.length = 0;
    await Promise.all(many.map(async uid => call(uid)));
    t.is(sent.length, 1);
    t.is(sent[0]!.split('EVALSHA').length - 1, 64);
  }
});

/** What this process hands to the system for a port, portion by portion, until the spec is over. */
function portions(t: ExecutionContext, port: number): string[] {
  const sent: string[] = [];
  const {prototype} = Socket;
  const writeMany = Reflect.get(prototype, '_writev') as (...values: unknown[]) => void;
  const writeOne = Reflect.get(prototype, '_write') as (...values: unknown[]) => void;
  prototype._writev = function (chunks, ...rest) {
    if (this.remotePort === port) sent.push(chunks.map(({chunk}) => String(chunk)).join(''));
    writeMany.call(this, chunks, ...rest);
  };
  prototype._write = function (chunk, ...rest) {
    if (this.remotePort === port) sent.push(String(chunk));
    writeOne.call(this, chunk, ...rest);
  };
  t.teardown(() => Object.assign(prototype, {_writev: writeMany, _write: writeOne}));
  return sent;
}
