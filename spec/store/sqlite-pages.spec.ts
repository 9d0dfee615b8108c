import {DatabaseSync} from 'node:sqlite';
import test from 'ava';
import type {SqliteStore} from 'espalier/store/sqlite';
import {lifetime, SqliteFolder, statements} from './sqlite-folder.ts';

/** Sessions of one user, who has no limit. */
async function signedIn(folder: SqliteFolder, count: number): Promise<SqliteStore> {
  const store = folder.open({durability: 'process'});
  for (let i = 0; i < count; i += 1) {
    await store.create({uid: `${i}`, ...lifetime});
    await store.renew(`${i}`, {from: `${i}`, to: `${i}'`, grace: 0, signIn: {user: 'ada', limit: Infinity}});
  }
  return store;
}

test('no step of ending the sessions of a user, or of everyone, ends more than twenty, however many are asked for', async t => {
  const folder = new SqliteFolder(t);
  const store = await signedIn(folder, 52);
  const first = await store.endAll('ada', 'revoked', {most: 1000, except: '3'});
  t.is(first.count, 19);
  const second = await store.endEveryone('revoked', {most: 1000});
  t.is(second.count, 20);
  const last = await store.endEveryone('revoked', {most: 1000, after: second.next!});
  t.deepEqual(last, {count: 13, next: undefined});
});

test.serial(
  'of ends that go page after page the last page waits for the disk, for all of them, be it that it ends none',
  async t => {
    const folder = new SqliteFolder(t);
    const store = await signedIn(folder, 40);
    const heard: string[] = [];
    const exec = Reflect.get(DatabaseSync.prototype, 'exec');
    t.teardown(() => Object.assign(DatabaseSync.prototype, {exec}));
    DatabaseSync.prototype.exec = function (sql) {
      heard.push(/PRAGMA synchronous = (\w+)/.exec(sql)?.[1] ?? '');
      exec.call(this, sql);
    };
    const ran = statements(t);
    const levels: string[] = [];
    let next: string | undefined;
    do {
      ({next} = await store.endAll('ada', 'revoked', {most: 20, ...(next !== undefined && {after: next})}));
      levels.push(heard.findLast(Boolean)!);
    } while (next !== undefined);
    t.deepEqual(levels, ['NORMAL', 'NORMAL', 'FULL']);
    t.regex(
      ran.findLast(sql => !/^(COMMIT|SELECT)/.test(sql))!,
      /^INSERT INTO setting/,
    );
  },
);

test.serial("a sign-in reads none of its user's other sessions, unless there are more than the limit", async t => {
  const folder = new SqliteFolder(t);
  const store = await signedIn(folder, 60);
  const ran = statements(t);
  const costOf = async (uid: string, user: string, limit: number) => {
    await store.create({uid, ...lifetime});
    ran.length = 0;
    await store.renew(uid, {from: uid, to: `${uid}'`, grace: 0, signIn: {user, limit}});
    return ran.length;
  };
  t.is(await costOf('a', 'ada', Infinity), await costOf('b', 'eve', Infinity));
  t.is(await costOf('c', 'ada', 100), await costOf('d', 'eve', 100));
});
