import test from 'ava';
import {lifetime, SqliteFolder, statements} from './sqlite-folder.ts';
import {live} from './live.ts';

const reads = (ran: readonly string[]) => ran.filter(sql => sql.startsWith('SELECT'));

test.serial(
  'a session that was found is found again without reading it, as long as nobody else writes to the file',
  async t => {
    const folder = new SqliteFolder(t);
    const store = folder.open();
    for (const uid of ['a', 'b']) await store.create({uid, ...lifetime});
    const first = await store.find('a', true);
    const ran = statements(t);
    t.deepEqual(await store.find('a', true), first);
    await store.end('b', 'logout');
    ran.length = 0;
    t.deepEqual(await store.find('a', true), first);
    t.deepEqual(reads(ran), []);
    folder.look().exec("UPDATE session SET last_seen_at = last_seen_at + 1 WHERE key = 'a'");
    await new Promise(setImmediate);
    t.is(live(await store.find('a', true)).lastSeenAt, live(first).lastSeenAt + 1);
    t.is(reads(ran).length, 1);
  },
);

test('a session that is known is as it was written from here last', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  const found = async (uid = 'a') => live(await store.find(uid, false));
  await found();
  await store.write('a', 'cart', 0, '1');
  t.deepEqual((await found()).components.get('cart'), {revision: 1, text: '1'});
  await store.write('a', 'cart', 1, undefined);
  t.is((await found()).components.size, 0);
  await store.setIdleTimeout('a', 5000);
  t.is((await found()).idleTimeout, 5000);
  await store.renew('a', {from: 'a', to: 'b', grace: 0, signIn: {user: 'ada', limit: 3}});
  t.like(await store.find('a', false), {isFormer: true});
  t.is((await found('b')).user, 'ada');
  await store.end('a', 'logout');
  t.like(await store.find('b', false), {isFormer: true});
  t.is(await store.touch('a'), undefined);
});

test('what a call has written that failed in the end is not known', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (const uid of ['a', 'b']) await store.create({uid, ...lifetime});
  for (const uid of ['a', 'b']) await store.find(uid, false);
  folder.look().exec("CREATE TRIGGER refuse BEFORE INSERT ON component BEGIN SELECT RAISE(ABORT, 'no'); END");
  const [refused, renewed] = await Promise.allSettled([
    store.write('a', 'cart', 0, '1'),
    store.renew('b', {from: 'b', to: 'c', grace: 0}),
  ]);
  t.deepEqual([refused.status, renewed.status], ['rejected', 'fulfilled']);
  t.is(live(await store.find('a', false)).components.size, 0);
  t.is(live(await store.find('c', false)).key, 'b');
});

test('no more than some megabytes of sessions are known', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open({durability: 'process'});
  const text = 'x'.repeat(60_000);
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < 400; i += 1) {
    await store.create({uid: `${i}`, ...lifetime});
    await store.write(`${i}`, 'notes', 0, `${text}${i}`);
    await store.find(`${i}`, false);
  }
  t.is(live(await store.find('0', false)).components.get('notes')?.text, `${text}0`);
  t.true(process.memoryUsage().heapUsed - before < 40_000_000);
});
