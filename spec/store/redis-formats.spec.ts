import {readFileSync} from 'node:fs';
import {TestClock} from 'espalier/testing';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {absoluteTimeout, idleTimeout, peek, share, test} from './redis-world.ts';

const {admin, world} = await share();
const program = readFileSync('spec/store/fixtures/redis-0.1.0.lua', 'utf8');

test('what 0.1.0 has written is found, counted and listed, and goes on beside processes of 0.1.0', async t => {
  const clock = new TestClock();
  const {store, key} = world(t, {clock});
  const former = async (operation: string, ...args: string[]) => {
    const options = {keys: [key('')], arguments: [operation, `${clock.now()}`, '', ...args]};
    const [, state, result] = (await admin.eval(program, options)) as [string, string, unknown];
    t.is(state, 'done', operation);
    return result;
  };
  const begun = async (uid: string) => former('create', uid, '0', `${idleTimeout}`, `${absoluteTimeout}`);
  await former('keepEnds');
  for (const uid of ['a', 'b', 'c', 'd']) await begun(uid);
  await former('write', 'a', 'cart', '0', '["pear"]');
  await former('renew', 'b', 'b', 'b2', '30000');
  await former('renew', 'c', 'c', 'c2', '0', 'ada', '10');
  await former('endOne', 'd', 'logout');

  t.is(await store.count(), 3);
  const {records, next} = await store.listEveryone({most: 10, components: 'all'});
  t.deepEqual([records.map(record => record.key).toSorted(), next], [['a', 'b', 'c'], undefined]);
  t.like(await peek(store, 'a'), {isSecure: false, idleTimeout, absoluteTimeout, device: undefined});
  t.is((await peek(store, 'a')).components.get('cart')?.text, '["pear"]');
  t.is((await peek(store, 'b2')).key, 'b');
  t.like(await peek(store, 'c2'), {key: 'c', user: 'ada', authenticatedAt: clock.now()});
  t.like((await store.takeEnds(10, 1000))[0], {key: 'd', reason: 'logout', attempts: 1});
  t.deepEqual(await admin.hGetAll(key('store')), {format: '1', partitions: '1'});

  // Each goes on with what the other has written.
  const renewal = {from: 'a', to: 'a2', grace: 1000, signIn: {user: 'ada', limit: 10}};
  t.like(await store.renew('a', renewal), {uid: 'a2', user: 'ada'});
  t.is(((await former('find', 'a2', '1')) as unknown[]).length, 3);
  await begun('e');
  await former('renew', 'e', 'e', 'e2', '0', 'ada', '10');
  await former('tick');
  t.deepEqual(
    (await listAll(store, 'ada')).map(record => record.key),
    ['c', 'a', 'e'],
  );
  t.is(await former('endAll', 'ada', 'revoked', 'e'), 2);
  t.is(await endAllOf(store, 'ada', 'revoked'), 1);
  t.deepEqual(await store.countEnds(), {waiting: 4, parked: 0});
});

test('within the grace of a renewal the id of before finds the session in processes of 0.1.0 and in ours, whoever has renewed it', async t => {
  const clock = new TestClock();
  const {store, key, begin} = world(t, {clock});
  const former = async (operation: string, ...args: string[]) => {
    const options = {keys: [key('')], arguments: [operation, `${clock.now()}`, '', ...args]};
    return ((await admin.eval(program, options)) as [string, string, unknown[]])[2];
  };
  const found = async (uid: string) => ((await former('find', uid, '1')).length > 0 ? uid : undefined);
  await begin('a');
  await begin('b');
  await former('renew', 'a', 'a', 'a2', '30000');
  t.like(await store.find('a', true), {key: 'a', uid: 'a2'});
  await store.renew('b', {from: 'b', to: 'b2', grace: 30_000});
  t.deepEqual([await found('b'), await found('b2')], ['b', 'b2']);

  // Each renews what the other has renewed.
  await store.renew('a', {from: 'a2', to: 'a3', grace: 30_000});
  t.deepEqual([await found('a2'), await found('a3')], ['a2', 'a3']);
  await former('renew', 'b', 'b2', 'b3', '30000');
  t.like(await store.find('b2', true), {key: 'b', uid: 'b3'});

  // The ids of before a sign-in find nobody.
  await store.renew('a', {from: 'a3', to: 'a4', grace: 30_000, signIn: {user: 'ada', limit: 10}});
  t.deepEqual(await Promise.all(['a', 'a2', 'a3', 'a4'].map(found)), [undefined, undefined, undefined, 'a4']);
});

test('a store of a later format is refused', async t => {
  const {store, key, begin} = world(t);
  await admin.hSet(key('store'), {format: '2', partitions: '1'});
  await t.throwsAsync(begin('a'), {message: /later release/});
  await admin.hSet(key('store'), 'format', '1');
  t.is((await begin('a')).key, 'a');
  await admin.hSet(key('store'), 'format', '2');
  await t.throwsAsync(store.sweep(), {message: /later release/});
  await t.throwsAsync(store.find('a', false), {message: /later release/});
});

test('a process of 0.1.0 fails where a store has several partitions, and begins no session that others do not find', async t => {
  const {store, key, begin} = world(t, {partitions: 4});
  await begin('a');
  const create = ['create', '', '', 'b', '0', '1000', '1000'];
  await t.throwsAsync(admin.eval(program, {keys: [key('')], arguments: create}), {message: /WRONGTYPE/});
  t.is(await store.count(), 1);
});

test('where Redis was emptied, all processes go on with the number of partitions that is written next', async t => {
  const {store, prefix, begin} = world(t, {partitions: 4});
  await begin('a');
  for (const name of await admin.keys(`*${prefix}*`)) await admin.del(name);
  const {store: other} = world(t, {prefix, partitions: 8});
  await other.count();
  await store.sweep();
  await begin('b');
  t.is((await peek(other, 'b')).key, 'b');
});
