import test from 'ava';
import {formerIdsFor} from '../../src/session/store/contract.ts';
import {lifetime, SqliteFolder, statements} from './sqlite-folder.ts';

const grace = 5000;

/** Those that are more than the beginning and the end of a step. */
const without = (ran: readonly string[]) => ran.filter(sql => !/^(BEGIN|COMMIT|PRAGMA data_version)$/.test(sql));

test.serial(
  'a session that was renewed is found by one query and without a write, once its new uid was seen',
  async t => {
    const folder = new SqliteFolder(t);
    const store = folder.open();
    await store.create({uid: 'a', ...lifetime});
    await store.renew('a', {from: 'a', to: 'b', grace});
    await store.find('b', true);
    // So that nothing is known of it.
    folder.look().exec('UPDATE session SET id = id');
    await new Promise(setImmediate);
    const ran = statements(t);
    t.like(await store.find('b', true), {uid: 'b'});
    t.deepEqual(
      without(ran).map(sql => sql.slice(0, 6)),
      ['SELECT'],
    );
    ran.length = 0;
    t.like(await store.find('a', true), {uid: 'b'});
    t.deepEqual(without(ran), [], 'by its other uid it is known then');
  },
);

test('a session that was renewed a thousand times has four uids, and four rows for them', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: '0', ...lifetime});
  for (let i = 0; i < 1000; i += 1) await store.renew('0', {from: `${i}`, to: `${i + 1}`, grace});
  t.is(folder.look().prepare('SELECT * FROM alias').all().length, 4);
});

test('uids that find nothing any more are forgotten when nobody can come with them any more, some at a time', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (let i = 0; i < 130; i += 1) {
    await store.create({uid: `${i}`, ...lifetime});
    await store.end(`${i}`, 'logout');
  }
  const left = () => folder.look().prepare('SELECT * FROM former').all().length;
  t.is(left(), 130);
  folder.clock.advance(formerIdsFor - 1);
  t.is(left(), 130);
  folder.clock.advance(31_000);
  t.is(left(), 0);
});

test('a session whose uids a release has given that noted no sight of them goes on: those of before end as they ended there', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  for (const to of ['b', 'c']) await store.renew('a', {from: 'a', to, grace});
  await store.find('c', true);
  folder
    .look()
    .prepare('UPDATE session SET ids = ?')
    .run(
      JSON.stringify(
        (['a', 'b', 'c'] as const).map((uid, at) => ({
          uid,
          issuedAt: folder.clock.now(),
          grace,
          ...(at < 2 && {until: folder.clock.now() + grace}),
        })),
      ),
    );
  folder.clock.advance(grace - 1);
  for (const uid of ['a', 'b']) t.like(await store.find(uid, true), {uid: 'c'});
  folder.clock.advance(1);
  for (const uid of ['a', 'b']) t.like(await store.find(uid, true), {isFormer: true, key: 'a'});
  for (const to of ['d', 'e']) t.like(await store.renew('a', {from: 'c', to, grace}), {uid: to});
  for (const uid of ['e', 'd']) await store.find(uid, true);
  folder.clock.advance(grace);
  t.like(await store.find('d', true), {uid: 'e'});
  t.like(await store.find('c', true), {isFormer: true});
});

for (const [what, ids] of [
  ['no JSON', '['],
  ['no list', '{}'],
  ['a uid that is none', '[{"uid":1,"issuedAt":1,"grace":1}]'],
  ['seen at no moment', '[{"uid":"b","issuedAt":1,"grace":1,"seenAt":"today"}]'],
] as const) {
  test(`a session in whose row the uids are ${what} is corrupt, and left as it is`, async t => {
    const folder = new SqliteFolder(t);
    const store = folder.open();
    await store.create({uid: 'a', ...lifetime});
    await store.renew('a', {from: 'a', to: 'b', grace});
    folder.look().prepare('UPDATE session SET ids = ?').run(ids);
    await t.throwsAsync(async () => store.find('b', true), {code: 'SESSION_CORRUPT'});
    await t.throwsAsync(async () => store.renew('a', {from: 'b', to: 'c', grace}), {code: 'SESSION_CORRUPT'});
    await t.throwsAsync(async () => store.end('a', 'logout'), {code: 'SESSION_CORRUPT'});
    const {ids: left} = folder.look().prepare('SELECT ids FROM session').get() as {ids: string};
    t.is(left, ids);
  });
}
