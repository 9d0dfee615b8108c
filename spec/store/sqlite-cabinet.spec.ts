import {open} from 'node:fs/promises';
import {setImmediate} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
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

/** A disk that keeps whoever waits for it waiting. */
async function slowDisk(t: ExecutionContext, {path}: SqliteFolder) {
  const file = await open(path);
  const prototype = Object.getPrototypeOf(file) as typeof file;
  await file.close();
  const datasync = Reflect.get(prototype, 'datasync');
  t.teardown(() => Object.assign(prototype, {datasync}));
  const {promise, resolve} = Promise.withResolvers<void>();
  const disk = {waiting: 0, goOn: resolve};
  prototype.datasync = async function () {
    disk.waiting += 1;
    await promise;
    await datasync.call(this);
  };
  return disk;
}

test('no step of ending the sessions of a user, or of everyone, ends more than ten, however many are asked for', async t => {
  const folder = new SqliteFolder(t);
  const store = await signedIn(folder, 32);
  const first = await store.endAll('ada', 'revoked', {most: 1000, except: '3'});
  t.is(first.count, 9);
  const second = await store.endEveryone('revoked', {most: 1000});
  t.is(second.count, 10);
  const third = await store.endEveryone('revoked', {most: 1000, after: second.next!});
  const last = await store.endEveryone('revoked', {most: 1000, after: third.next!});
  t.deepEqual(last, {count: 3, next: undefined});
});

test.serial(
  'of ends that go page after page the last page waits for the disk, for all of them, be it that it ends none; the event loop does not',
  async t => {
    const folder = new SqliteFolder(t);
    const store = await signedIn(folder, 20);
    const disk = await slowDisk(t, folder);
    let after: string | undefined;
    for (let page = 1; page <= 2; page += 1) {
      ({next: after} = await store.endAll('ada', 'revoked', {most: 10, ...(after !== undefined && {after})}));
    }
    t.is(disk.waiting, 0);
    const last = store.endAll('ada', 'revoked', {most: 10, after: after!});
    let isAnswered = false;
    const answer = Promise.resolve(last).finally(() => (isAnswered = true));
    while (disk.waiting === 0) await setImmediate();
    t.false(isAnswered);
    disk.goOn();
    t.deepEqual(await answer, {count: 0, next: undefined});
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
