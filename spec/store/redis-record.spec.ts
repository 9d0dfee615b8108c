import {createClient} from 'redis';
import {listAll} from '../../src/testing/store-contract/world.ts';
import {share, peek, test} from './redis-world.ts';

const {url, admin, world} = await share();

test('a component that can’t be read is corrupt, and its text is in no message', async t => {
  const {store, key, begin} = world(t);
  await begin('a');
  await admin.hSet(key('s:a'), 'c:cart', 'secret');
  const errors = [
    await t.throwsAsync(store.find('a', true), {code: 'SESSION_CORRUPT'}),
    await t.throwsAsync(store.write('a', 'cart', 0, '[]'), {code: 'SESSION_CORRUPT'}),
  ];
  for (const error of errors) t.notRegex(String(error), /secret/);
});

test('users and components may have any names, and never share one', async t => {
  const {store, begin, signIn} = world(t);
  // Two halves of characters, which UTF-8 does not know.
  const users = ['\uD800', '\uD801', '\uFFFD', 'a:b', '{a}', '"', '\\', ' ', '💧'];
  for (const [i, user] of users.entries()) await signIn(`s${i}`, user);
  for (const [i, user] of users.entries()) {
    t.deepEqual(
      (await listAll(store, user)).map(record => [record.key, record.user]),
      [[`s${i}`, user]],
    );
  }
  await begin('a');
  for (const name of users) await store.write('a', name, 0, JSON.stringify(name));
  const {components} = await peek(store, 'a');
  t.deepEqual(
    users.map(name => components.get(name)?.text),
    users.map(name => JSON.stringify(name)),
  );
});

test('a session that does not say whether its visitor is remembered, as of an earlier release, is of one who is not', async t => {
  const {store, key, begin} = world(t);
  await begin('a');
  t.is(await admin.hGet(key('s:a'), 'remembered'), null);
  t.false((await peek(store, 'a')).isRemembered);
  const lifetime = {idleTimeout: 2000, absoluteTimeout: 3000, isRemembered: true};
  await store.renew('a', {from: 'a', to: 'b', grace: 0, signIn: {user: 'ada', limit: 5, lifetime}});
  t.like(await peek(store, 'b'), lifetime);
  await admin.hDel(key('s:a'), 'remembered');
  t.false((await peek(store, 'b')).isRemembered);
});

test('a client that makes buffers of what Redis gives does no harm', async t => {
  // 36 is the dollar sign that texts begin with in Redis's protocol, 58 the colon of numbers.
  const commandOptions = {typeMapping: {36: Buffer, 58: String}};
  const client = await createClient({url: url, disableOfflineQueue: true, commandOptions}).connect();
  t.teardown(() => client.close());
  const {store, begin} = world(t, {client});
  const created = await begin('a');
  await store.write('a', 'cart', 0, '["é"]');
  const {components, now, ...record} = await peek(store, 'a');
  t.like(created, record);
  t.true(now >= created.now);
  t.deepEqual([...components], [['cart', {revision: 1, text: '["é"]'}]]);
  t.true(await store.end('a', 'logout'));
});
