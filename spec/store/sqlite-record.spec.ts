import {readFileSync} from 'node:fs';
import test, {type ExecutionContext} from 'ava';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {lifetime, listen, SqliteFolder} from './sqlite-folder.ts';

const user = 'ada';

/** Two sessions of one user, one of them damaged by hand. */
async function damaged(t: ExecutionContext, sql: string) {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (const uid of ['a', 'b']) {
    await store.create({uid, ...lifetime});
    await store.renew(uid, {from: uid, to: `${uid}'`, grace: 0, signIn: {user, limit: 9}});
    await store.write(uid, 'cart', 0, '{}');
  }
  folder.look().exec(`PRAGMA ignore_check_constraints = ON; ${sql}`);
  return {folder, store};
}

const damages = {
  'a number that none of ours is': "UPDATE session SET is_secure = 7 WHERE key = 'a'",
  'a number that JavaScript does not have': "UPDATE session SET created_at = 9223372036854775807 WHERE key = 'a'",
  'a user who never signed in': "UPDATE session SET authenticated_at = NULL WHERE key = 'a'",
  'a beginning that is yet to come': "UPDATE session SET created_at = last_seen_at + 1 WHERE key = 'a'",
};

for (const [what, sql] of Object.entries(damages)) {
  test(`a session with ${what} is corrupt for each call, and is left in place`, async t => {
    const {folder, store} = await damaged(t, sql);
    const row = () => folder.look().prepare("SELECT CAST(created_at AS TEXT) FROM session WHERE key = 'a'").get();
    const before = row();
    const calls = {
      create: () => store.create({uid: 'a', ...lifetime}),
      find: () => store.find("a'", false),
      touch: () => store.touch('a'),
      write: () => store.write('a', 'cart', 1, '[]'),
      renew: () => store.renew('a', {from: "a'", to: 'c', grace: 0}),
      setIdleTimeout: () => store.setIdleTimeout('a', 1000),
      end: () => store.end('a', 'logout'),
    };
    for (const [name, call] of Object.entries(calls))
      await t.throwsAsync(async () => call(), {code: 'SESSION_CORRUPT'}, name);
    t.deepEqual(row(), before);
  });

  test(`a session with ${what} keeps the user's other sessions from nothing`, async t => {
    const {folder, store} = await damaged(t, sql);
    const told = listen(store, folder.clock);
    t.deepEqual(
      (await listAll(store, user)).map(({key}) => key),
      ['b'],
    );
    t.is(await endAllOf(store, user, 'revoked'), 1);
    await store.create({uid: 'c', ...lifetime});
    folder.clock.advance(61_000);
    t.deepEqual(told, ['b revoked', 'c idle']);
    t.deepEqual(folder.errors, []);
  });
}

test('many sessions that can not be read do not keep a sweep from those that come behind them', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (let i = 0; i < 150; i += 1) await store.create({uid: `${i}`, ...lifetime});
  folder.look().exec('PRAGMA ignore_check_constraints = ON; UPDATE session SET is_secure = 7');
  await store.create({uid: 'last', ...lifetime});
  const told = listen(store, folder.clock);
  folder.clock.advance(60_000);
  for (let looks = 0; told.length === 0 && looks < 100; looks += 1) {
    folder.clock.advance(500);
    await new Promise(setImmediate);
  }
  t.deepEqual(told, ['last idle']);
});

for (const [what, sql] of Object.entries({
  'a name that is none': "UPDATE component SET name = 'cart'",
  'a revision that is none': 'UPDATE component SET revision = 0',
  'a revision that JavaScript does not have': 'UPDATE component SET revision = 9223372036854775807',
})) {
  test(`a session in which a component has ${what} is corrupt`, async t => {
    const {store} = await damaged(t, sql);
    await t.throwsAsync(async () => store.find("a'", false), {code: 'SESSION_CORRUPT'});
    await t.throwsAsync(async () => store.touch('a'), {code: 'SESSION_CORRUPT'});
  });
}

test('SQLite itself keeps values of other types out of the file', async t => {
  const {folder} = await damaged(t, '');
  for (const sql of [
    "UPDATE session SET created_at = 'yesterday'",
    'UPDATE session SET uid = NULL',
    "UPDATE component SET revision = 'first'",
    'UPDATE session SET is_secure = 7',
  ]) {
    t.throws(() => folder.look().exec(sql), {message: /constraint failed|cannot store/}, sql);
  }
});

test('the error of a record that can not be read names the session, and nothing of what is in it', async t => {
  const {store} = await damaged(t, "UPDATE component SET name = 'secret', text = 'secret'");
  const {message} = await t.throwsAsync(async () => store.find("a'", false));
  t.is(message, "The record of the session a can't be read. It was left as it is. [SESSION_CORRUPT]");
});

test('a component may have any name, and any text of JSON', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  const names = ['__proto__', 'with \0 in it', '"', '🛒', '\ud800'];
  for (const name of names) await store.write('a', name, 0, JSON.stringify(name));
  const {components} = (await store.touch('a'))!;
  t.is(components.size, names.length);
  for (const name of names) t.is(components.get(name)?.text, JSON.stringify(name));
});

test('users whose names differ in a half of a surrogate pair alone are two, and one may be named as these are written down', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  const users = ['\ud800', '\ud801', '\ufffd', '\u{10ffff}"a"', '\u{10ffff}'];
  for (const [i, each] of users.entries()) {
    await store.create({uid: `${i}`, ...lifetime});
    await store.renew(`${i}`, {from: `${i}`, to: `${i}'`, grace: 0, signIn: {user: each, limit: 9}});
  }
  for (const [i, each] of users.entries()) {
    const listed = await listAll(folder.open(), each);
    t.deepEqual(
      listed.map(({key, user: whose}) => [key, whose]),
      [[`${i}`, each]],
    );
  }
});

test('what was in a session is not left in the file when it was taken out, or the session has ended', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  const secret = 'very private '.repeat(1000);
  for (const uid of ['a', 'b', 'c']) {
    await store.create({uid, ...lifetime});
    await store.write(uid, 'cart', 0, JSON.stringify(secret));
  }
  store.close();
  t.true(readFileSync(folder.path).includes('very private'));
  const again = folder.open();
  for (const uid of ['a', 'b']) await again.write(uid, 'cart', 1, undefined);
  for (const uid of ['b', 'c']) await again.end(uid, 'logout');
  again.close();
  t.false(readFileSync(folder.path).includes('very private'));
});
