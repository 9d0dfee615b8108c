import {readFileSync} from 'node:fs';
import {TestClock} from 'espalier/testing';
import {until} from '../until.ts';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {
  absoluteTimeout,
  adminOf,
  endedSince,
  idleTimeout,
  openStore,
  peek,
  share,
  startServer,
  sweepAll,
  test,
} from './redis-world.ts';

const {server: shared, admin, world} = await share();
const minute = 60_000;
const week = 7 * 24 * 60 * minute;

type Kept = Pick<ReturnType<typeof world>, 'key' | 'keys'>;

/** What is kept, but for the count of sessions, how the store is kept, and for uids that do not find one any more. */
async function lastingOf({key, keys}: Kept): Promise<string[]> {
  const names = await keys();
  const isFormer = async (name: string) => name.startsWith('u:') && (await admin.get(key(name)))?.includes('\n');
  const left = await Promise.all(names.map(async name => ['begun', 'store'].includes(name) || (await isFormer(name))));
  return names.filter((_, i) => !left[i]);
}

/** How many commands Redis runs for a call, those inside its script included. */
async function commandsOf(client: Awaited<ReturnType<typeof adminOf>>, act: () => Promise<unknown>): Promise<number> {
  const count = async () =>
    [...(await client.info('commandstats')).matchAll(/:calls=(\d+)/g)].reduce(
      (sum, [, calls]) => sum + Number(calls),
      0,
    );
  const before = await count();
  await act();
  return (await count()) - before - 1;
}

test('a session whose record can’t be read is corrupt for every call, and not absent', async t => {
  const {store, key, begin} = world(t);
  for (const field of ['uid', 'secure', 'idle', 'absolute', 'created', 'seen', 'revision']) {
    await begin(field);
    await admin.hDel(key(`s:${field}`), field);
  }
  await begin('authenticated');
  await admin.hSet(key('s:authenticated'), 'authenticated', 'yesterday');
  await begin('wrong');
  await admin.hSet(key('s:wrong'), 'seen', 'soon');
  await begin('other');
  await admin.set(key('s:other'), 'no hash');
  for (const uid of [
    'uid',
    'secure',
    'idle',
    'absolute',
    'created',
    'seen',
    'revision',
    'authenticated',
    'wrong',
    'other',
  ]) {
    const renewal = {from: uid, to: 'new', grace: 0};
    const calls: Record<string, () => Promise<unknown>> = {
      create: () => begin(uid),
      find: () => store.find(uid, false),
      touch: () => store.touch(uid),
      write: () => store.write(uid, 'cart', 0, '[]'),
      renew: () => store.renew(uid, renewal),
      setIdleTimeout: () => store.setIdleTimeout(uid, 1000),
      end: () => store.end(uid, 'logout'),
    };
    for (const [call, act] of Object.entries(calls)) {
      await t.throwsAsync(act, {code: 'SESSION_CORRUPT'}, `${call} of a record without a readable ${uid}`);
    }
    t.is(await admin.exists(key(`s:${uid}`)), 1);
  }
});

test('a record that can’t be read keeps neither the sweep, a list nor endAll() from the others', async t => {
  const clock = new TestClock();
  const {store, key, signIn} = world(t, {clock});
  const {mark} = await store.endsSince(undefined);
  const bad = Array.from({length: 150}, (_, i) => `bad${i}`);
  for (const uid of [...bad, 'good', 'better']) await signIn(uid, 'u');
  for (const uid of bad) await admin.hSet(key(`s:${uid}`), 'created', 'x');
  t.deepEqual(
    (await listAll(store, 'u')).map(record => record.key),
    ['good', 'better'],
  );
  t.is(await endAllOf(store, 'u', 'revoked', 'better'), 1);
  clock.advance(idleTimeout);
  await sweepAll(store);
  t.deepEqual(await endedSince(store, mark), ['good revoked', 'better idle']);
  t.is(await admin.exists(bad.map(uid => key(`s:${uid}`))), bad.length);
});

test('a kept end whose session can’t be read is handed out without it; one that can’t be read at all is set aside', async t => {
  const {store, key, begin} = world(t);
  await store.keepEnds();
  for (const uid of ['a', 'b', 'c', 'd']) {
    await begin(uid);
    await store.end(uid, 'logout');
  }
  await admin.hSet(key('k:a'), 'created', 'x');
  await admin.hDel(key('k:b'), 'entry');
  await admin.set(key('k:c'), 'no hash');
  const taken = await store.takeEnds(10, 1000);
  t.deepEqual(
    taken.map(end => [end.key, end.reason, end.attempts, end.session?.key]),
    [
      ['a', 'logout', 1, undefined],
      ['d', 'logout', 1, 'd'],
    ],
  );
  t.deepEqual(await store.takeEnds(10, 1000), []);
  t.is(await store.releaseEnds(100), 2);
});

test('what an ended session had is gone from Redis, but for the log of the last minute, for kept ends, and for some minutes its uids', async t => {
  const opened = world(t);
  const {store, key, keys, signIn} = opened;
  await signIn('a', 'u');
  await store.renew('a', {from: "a'", to: 'a2', grace: 30_000});
  t.deepEqual(await lastingOf(opened), ['deadlines', 'of:u', 's:a', 'sessions', "u:a'", 'u:a2']);
  await store.end('a', 'logout');
  t.deepEqual(await lastingOf(opened), ['ended']);
  await store.keepEnds();
  await signIn('b', 'u');
  await store.end('b', 'logout');
  t.deepEqual(await lastingOf(opened), ['ended', 'k:b', 'keep-ends', 'outbox']);
  await store.settleEnd('b', 'told');
  t.deepEqual(await lastingOf(opened), ['ended', 'keep-ends', 'outbox']);
  const uids = (await keys()).filter(name => name.startsWith('u:'));
  t.deepEqual(uids, ['u:a', "u:a'", 'u:a2', 'u:b', "u:b'"]);
  for (const name of uids) t.true((await admin.pTTL(key(name))) <= 6 * minute + 1000, name);
  t.is(await admin.xLen(key('outbox')), 0);
});

test('a kept end is an entry of a stream until it is told, whatever else comes of it', async t => {
  const clock = new TestClock();
  const {store, key, begin} = world(t, {clock});
  await store.keepEnds();
  const entries = ['a', 'b', 'c'].map(uid => ({key: uid, reason: 'logout', ended: `${clock.now()}`}));
  for (const {key: uid} of entries) {
    await begin(uid);
    await store.end(uid, 'logout');
  }
  const outbox = async () => (await admin.xRange(key('outbox'), '-', '+'))!.map(({message}) => ({...message}));
  t.deepEqual(await outbox(), entries);
  await store.takeEnds(2, 1000);
  await store.settleEnd('a', 'parked');
  await store.settleEnd('b', {retryIn: 1000});
  t.deepEqual(await outbox(), entries);
  await store.settleEnd('b', 'told');
  t.deepEqual(await outbox(), [entries[0], entries[2]]);
});

test('ends of one step are handed out in their order, and again so', async t => {
  const clock = new TestClock();
  const {store, signIn} = world(t, {clock});
  await store.keepEnds();
  const uids = Array.from({length: 30}, (_, i) => `s${i}`);
  for (const uid of uids) await signIn(uid, 'u');
  await endAllOf(store, 'u', 'revoked');
  const taken = async (count: number) => (await store.takeEnds(count, 1000)).map(end => end.key);
  t.deepEqual([await taken(12), await taken(18)].flat(), uids);
  clock.advance(1000);
  t.deepEqual(await taken(30), uids);
  for (const uid of uids) await store.settleEnd(uid, 'parked');
  await store.releaseEnds(100);
  t.deepEqual(await taken(30), uids);
});

test('an end of a key of which one is kept takes its place, even where that was set aside', async t => {
  const opened = world(t);
  const {store, begin} = opened;
  await store.keepEnds();
  for (const reason of ['logout', 'revoked', 'evicted'] as const) {
    await begin('a');
    await store.end('a', reason);
    const ends = await store.takeEnds(10, 1000);
    t.deepEqual(
      ends.map(end => [end.reason, end.attempts]),
      [[reason, 1]],
    );
    await store.settleEnd('a', 'parked');
  }
  t.is(await store.releaseEnds(100), 1);
  await store.settleEnd('a', 'told');
  t.deepEqual(await lastingOf(opened), ['ended', 'handed', 'keep-ends', 'outbox']);
});

test('an entry that was taken out of the stream by hand is in nobody’s way', async t => {
  const {store, key, begin} = world(t);
  await store.keepEnds();
  for (const uid of ['a', 'b', 'c']) {
    await begin(uid);
    await store.end(uid, 'logout');
  }
  await store.takeEnds(1, 0);
  const [first] = (await admin.xRange(key('outbox'), '-', '+'))!;
  await admin.xDel(key('outbox'), first!.id);
  const taken = [await store.takeEnds(1, 1000), await store.takeEnds(1, 1000)].flat();
  t.deepEqual(
    taken.map(end => end.key),
    ['b', 'c'],
  );
  t.is(await admin.zCard(key('later')), 2);
});

test('Redis itself deletes a session a week after its absolute deadline, whatever happened to it, and not before', async t => {
  const opened = world(t);
  const {store, key, signIn, begin} = opened;
  await signIn('a', 'u');
  await store.touch('a');
  await store.write('a', 'cart', 0, '[]');
  await store.setIdleTimeout('a', 1000);
  await begin('b');
  await store.renew('b', {from: 'b', to: 'b2', grace: 30_000});
  const most = absoluteTimeout + week;
  const lasting = (await lastingOf(opened)).filter(name => !['deadlines', 'of:u', 'sessions'].includes(name));
  t.deepEqual(lasting, ['s:a', 's:b', "u:a'", 'u:b2']);
  for (const name of lasting) {
    const rest = await admin.pTTL(key(name));
    t.true(rest > most - 60_000 && rest <= most, `${name}: ${rest}`);
  }
});

test('while Redis is full no session begins, but those that are there are found, and end', async t => {
  const full = await startServer(t);
  const client = await adminOf(t, full);
  const {store, begin} = world(t, {url: full.url});
  await store.keepEnds();
  await begin('a');
  await client.configSet('maxmemory', '1');
  await t.throwsAsync(begin('b'), {message: /OOM/});
  await t.throwsAsync(store.write('a', 'cart', 0, '[]'), {message: /OOM/});
  t.is((await store.find('a', true))?.key, 'a');
  t.true(await store.end('a', 'logout'));
  t.is((await store.takeEnds(10, 1000)).length, 1);
  await client.configSet('maxmemory', '0');
  t.is((await begin('b')).key, 'b');
});

test('a replica is refused, since what it finds may have ended', async t => {
  const {begin} = world(t);
  await begin('a');
  const replica = await startServer(t, '--replicaof', '127.0.0.1', `${shared.port}`);
  const client = await adminOf(t, replica);
  await until(async () => (await client.info('replication')).includes('master_link_status:up'), 'the replica');
  const {store} = world(t, {url: replica.url});
  await t.throwsAsync(store.find('a', false), {message: /READONLY/});
});

test('the access rules that the docs name are enough', async t => {
  const [, needed] = /needs `~\{espalier\}:\* (.+?)`/.exec(readFileSync('docs/reference/store.md', 'utf8'))!;
  const server = await startServer(t);
  const client = await adminOf(t, server);
  await client.sendCommand(['ACL', 'SETUSER', 'app', 'on', '>pw', 'resetkeys', '~{espalier}:*', ...needed!.split(' ')]);
  const {store, signIn, warnings} = openStore(t, {url: `redis://app:pw@127.0.0.1:${server.port}`, prefix: 'espalier'});
  const {mark} = await store.endsSince(undefined);
  await store.keepEnds();
  await signIn('a', 'u');
  await store.write('a', 'cart', 0, '[]');
  await store.setIdleTimeout('a', 1000);
  t.is((await listAll(store, 'u')).length, 1);
  t.is(await endAllOf(store, 'u', 'revoked'), 1);
  for (const outcome of ['parked', {retryIn: 0}, 'told'] as const) {
    t.is((await store.takeEnds(1, 0)).length, 1);
    await store.settleEnd('a', outcome);
    await store.releaseEnds(100);
  }
  await store.sweep();
  t.deepEqual(await endedSince(store, mark), ['a revoked']);
  t.deepEqual(
    [await store.count(), await store.countEnds(), await store.eraseEnds('u', 10)],
    [0, {waiting: 0, parked: 0}, 0],
  );
  t.deepEqual(await store.listEveryone({most: 10, components: 'all'}), {records: [], next: undefined});
  t.deepEqual(warnings, []);
});

test('Redis may evict sessions and uids alone: nothing else has an expiry, also of what an earlier release has left', async t => {
  const clock = new TestClock();
  const opened = world(t, {clock});
  const {store, key, begin, signIn} = opened;
  await store.keepEnds();
  for (const uid of ['a', 'b', 'c']) await signIn(uid, 'u');
  await begin('d');
  await store.end('b', 'logout');
  await store.end('c', 'logout');
  await store.takeEnds(1, 1000);
  const evictable = async () => {
    const expiries = await Promise.all(
      (await lastingOf(opened)).map(async name => [name, await admin.pTTL(key(name))] as const),
    );
    return expiries.filter(([, rest]) => rest !== -1).map(([name]) => name);
  };
  for (const name of ['of:u', 'ended']) await admin.pExpire(key(name), 1_000_000);
  clock.advance(10_000);
  await store.find("a'", true);
  await sweepAll(store);
  t.deepEqual(await evictable(), ['s:a', 's:d', "u:a'"]);
  t.deepEqual(await lastingOf(opened), [
    'deadlines',
    'ended',
    'handed',
    'k:b',
    'k:c',
    'keep-ends',
    'later',
    'of:u',
    'outbox',
    's:a',
    's:d',
    'sessions',
    "u:a'",
  ]);
});

test('a session in use has its place in the list of its user again, when Redis has lost that', async t => {
  const clock = new TestClock();
  const {store, key, signIn} = world(t, {clock});
  for (const uid of ['a', 'b']) await signIn(uid, 'u');
  await admin.del(key('of:u'));
  clock.advance(10_000);
  await store.touch('b');
  await store.find("a'", true);
  t.is(await endAllOf(store, 'u', 'revoked'), 2);
});

test('what Redis has evicted leaves nothing behind when it would have ended', async t => {
  const clock = new TestClock();
  const opened = world(t, {clock});
  const {store, key, begin, signIn} = opened;
  await signIn('a', 'u');
  await begin('b');
  await admin.del([key('s:a'), key("u:a'"), key('s:b')]);
  t.deepEqual(await lastingOf(opened), ['deadlines', 'of:u', 'sessions']);
  clock.advance(idleTimeout);
  await sweepAll(store);
  t.deepEqual(await lastingOf(opened), []);
  t.deepEqual(await listAll(store, 'u'), []);
});

test('a session that an earlier release has signed in is found, ends in time or with all others, and leaves nothing behind', async t => {
  const clock = new TestClock();
  const opened = world(t, {clock});
  const {store, key, signIn} = opened;
  for (const uid of ['a', 'b', 'c']) {
    await signIn(uid, 'u');
    await admin.zRem(key('sessions'), uid);
    await admin.hDel(key(`s:${uid}`), 'ids');
    await admin.zRem(key('deadlines'), `${uid}\nu`);
    await admin.zAdd(key('deadlines'), {value: uid, score: clock.now() + idleTimeout});
  }
  t.true(await store.end('a', 'logout'));
  clock.advance(idleTimeout / 2);
  await store.find("b'", true);
  t.is((await store.touch('c'))?.user, 'u');
  clock.advance(idleTimeout * 0.75);
  await sweepAll(store);
  t.deepEqual(
    (await listAll(store, 'u')).map(record => record.key),
    ['b', 'c'],
  );
  t.deepEqual(await store.endEveryone('revoked', {most: 1}), {count: 1, next: '4 5'});
  clock.advance(idleTimeout);
  await sweepAll(store);
  t.deepEqual(await lastingOf(opened), ['ended']);
});

test('a session that a process of an earlier release has renewed meanwhile is found by that uid alone', async t => {
  const {store, key, signIn} = world(t);
  await signIn('a', 'u');
  await admin.hSet(key('s:a'), {uid: 'b', "a:a'": '1'});
  await admin.set(key('u:b'), 'a');
  t.is((await peek(store, 'b')).user, 'u');
  await t.throwsAsync(peek(store, "a'"));
  await store.renew('a', {from: 'b', to: 'c', grace: 1000, signIn: {user: 'u', limit: 10}});
  t.is((await peek(store, 'c')).key, 'a');
});

test('a session whose uids an earlier release has given goes on: those of before end when they ended there', async t => {
  const clock = new TestClock();
  const {store, key, begin} = world(t, {clock});
  await begin('a');
  for (const to of ['b', 'c']) await store.renew('a', {from: 'a', to, grace: 1000});
  await peek(store, 'c');
  await admin.hDel(key('s:a'), 'sights');
  clock.advance(999);
  for (const uid of ['a', 'b']) await peek(store, uid);
  t.like(await store.renew('a', {from: 'c', to: 'd', grace: 1000}), {uid: 'd'});
  clock.advance(1);
  for (const uid of ['a', 'b']) t.like(await store.find(uid, true), {isFormer: true, key: 'a'});
  t.like(await store.renew('a', {from: 'c', to: 'e', grace: 1000}), {uid: 'e'});
  for (const uid of ['e', 'd']) await peek(store, uid);
  clock.advance(1000);
  t.deepEqual(
    [(await peek(store, 'd')).uid, await store.find('c', true)],
    ['e', {isFormer: true, key: 'a', until: clock.now(), now: clock.now()}],
  );
});

test('a sign-in, a page of a list and a page of ends cost the same, however many sessions the user has', async t => {
  const server = await startServer(t);
  const client = await adminOf(t, server);
  // It does not look for what is due, as the clock stands.
  const {store, begin} = openStore(t, {url: server.url, clock: new TestClock()});
  const signIn = async (uid: string, limit: number) => {
    await begin(uid);
    const renewal = {from: uid, to: `${uid}'`, grace: 1000, signIn: {user: 'u', limit}};
    return commandsOf(client, async () => store.renew(uid, renewal));
  };
  const page = {most: 10, components: ['cart']};
  const measure = async (name: string, limit: number) => [
    await signIn(`${name} without a limit`, Infinity),
    await signIn(`${name} below it`, limit + 3),
    await signIn(`${name} past it`, limit + 1),
    await commandsOf(client, () => store.list('u', page)),
    await commandsOf(client, () => store.endAll('u', 'revoked', {most: 10})),
  ];
  const many = (count: number) => Promise.all(Array.from({length: count}, (_, i) => signIn(`${count} ${i}`, Infinity)));
  await many(20);
  // Each script is given to Redis once.
  await measure('first', 20);
  await many(12);
  const few = await measure('few', 24);
  await many(2000);
  const lots = await measure('lots', 2016);
  t.deepEqual(lots, few);
});

test('an error of a script names the line of its file', async t => {
  const {store, key, begin} = world(t);
  await begin('a');
  await admin.set(key('sessions'), 'theirs');
  const {message} = await t.throwsAsync(store.count());
  const [, line] = /src\/store\/redis\.lua:(\d+)/.exec(message)!;
  t.regex(readFileSync('src/store/redis.lua', 'utf8').split('\n')[Number(line) - 1]!, /ZCARD.*sessions/);
});
