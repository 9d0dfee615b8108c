import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import test, {type ExecutionContext} from 'ava';
import {ContainerModule, Get, inject, Resource, SessionService, SessionStore, type SessionRecord} from 'espalier';
import {SqliteStore, type SqliteStoreOptions} from 'espalier/store/sqlite';
import {storeContract, testSite, type StoreFixture} from 'espalier/testing';
import {listAll} from '../../src/testing/store-contract/world.ts';
import {lastBeforeKill} from './last-before-kill.ts';
import {lifetime, listen, SqliteFolder} from './sqlite-folder.ts';

function makeFixture(): StoreFixture {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-sqlite-'));
  return {
    open: clock => new SqliteStore({path: join(folder, 'sessions.db'), clock}),
    dispose: () => rmSync(folder, {recursive: true}),
  };
}

for (const law of storeContract(makeFixture)) {
  test(law.title, async t => {
    await law.run();
    t.pass();
  });
}

test('S58: an update that was answered is there after its process was killed, and the file is whole', async t => {
  const folder = new SqliteFolder(t);
  await folder.outcome('begin', 'a');
  for (let round = 0; round < 5; round += 1) {
    const answered = await lastBeforeKill(folder.run('update', 'a'));
    t.deepEqual({...folder.look().prepare('PRAGMA integrity_check').get()}, {integrity_check: 'ok'});
    const store = new SqliteStore({path: folder.path});
    const {revision, text} = (await store.touch('a'))!.components.get('count')!;
    store.close();
    // One more may have been written, of which the process could not tell any more.
    t.true(answered > 0 && (revision === answered || revision === answered + 1), `${revision} after ${answered}`);
    t.deepEqual(JSON.parse(text), {count: revision});
  }
});

test('of updates by four processes to one component none is lost', async t => {
  const folder = new SqliteFolder(t);
  await folder.outcome('begin', 'a');
  await Promise.all([1, 2, 3, 4].map(() => folder.outcome('add', 'a', 250)));
  const store = new SqliteStore({path: folder.path});
  t.is((await store.touch('a'))!.components.get('sum')!.text, '1000');
  store.close();
});

test('what one store of a process has written another sees at once', async t => {
  const folder = new SqliteFolder(t);
  const [one, other] = [folder.open({durability: 'process'}), folder.open()];
  await one.create({uid: 'a', ...lifetime});
  const seen: unknown[] = [];
  // So fast that most are within the millisecond for which what is read may belong to one moment.
  for (let revision = 1; revision <= 100; revision += 1) {
    other.find('a', false);
    await one.write('a', 'cart', revision - 1, 'full');
    seen.push((other.find('a', false) as SessionRecord).components.get('cart')!.revision);
  }
  t.deepEqual(
    seen,
    Array.from(seen, (_, i) => i + 1),
  );
  await one.end('a', 'logout');
  t.is(other.touch('a'), undefined);
});

test('an end in another process is seen by whoever asks a millisecond later, in the same turn too', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  t.like(store.find('a', false), {uid: 'a'});
  const sql = `DELETE FROM session WHERE key = 'a'`;
  const program = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(folder.path)}).exec(${JSON.stringify(sql)})`;
  // It takes far longer than a millisecond, and no turn ends meanwhile.
  t.is(spawnSync(process.execPath, ['--no-warnings', '-e', program]).status, 0);
  t.is(store.find('a', false), undefined);
});

test('sign-ins in four processes at once never leave a user more sessions than the limit', async t => {
  const folder = new SqliteFolder(t);
  const most = await Promise.all(['a', 'b', 'c', 'd'].map(name => folder.outcome('signIn', name, 50, 3)));
  t.deepEqual(most, ['3', '3', '3', '3']);
  const store = new SqliteStore({path: folder.path});
  t.is((await listAll(store, 'ada')).length, 3);
  store.close();
});

test('a session is there again when a process begins after all others have ended', async t => {
  const folder = new SqliteFolder(t);
  const before = folder.open();
  const {now, ...session} = await before.create({uid: 'a', ...lifetime});
  before.close();
  t.like(await folder.open().find('a', false), {...session, now});
});

test('what fell due while no process was there is swept, and handed out, when one begins', async t => {
  const folder = new SqliteFolder(t);
  const before = folder.open();
  await before.keepEnds();
  for (let i = 0; i < 120; i += 1) await before.create({uid: `${i}`, ...lifetime});
  before.close();
  folder.clock.advance(6 * 24 * 3_600_000);
  const store = folder.open();
  t.deepEqual(await store.takeEnds(200, 1000), []);
  while (await store.sweep());
  const ends = await store.takeEnds(200, 1000);
  t.is(ends.length, 120);
  t.like(ends[0], {key: '0', reason: 'idle', session: {key: '0'}});
});

/** Which calls wait for the disk: SQLite was told so last before each. */
async function waiting(t: ExecutionContext, options: Partial<SqliteStoreOptions>): Promise<string[]> {
  let level: string | undefined;
  const exec = Reflect.get(DatabaseSync.prototype, 'exec');
  DatabaseSync.prototype.exec = function (sql) {
    level = /PRAGMA synchronous = (\w+)/.exec(sql)?.[1] ?? level;
    exec.call(this, sql);
  };
  const folder = new SqliteFolder(t);
  const store = folder.open(options);
  const signIn = {user: 'ada', limit: 3};
  const calls: Record<string, () => unknown> = {
    create: () => store.create({uid: 'a', ...lifetime}),
    write: () => store.write('a', 'cart', 0, '1'),
    'find, seen': () => folder.clock.advance(10_000) ?? store.find('a', true),
    renew: () => store.renew('a', {from: 'a', to: 'b', grace: 0, signIn}),
    touch: () => folder.clock.advance(10_000) ?? store.touch('a'),
    setIdleTimeout: () => store.setIdleTimeout('a', 1000),
    end: () => store.end('a', 'logout'),
  };
  const waited: string[] = [];
  for (const [name, call] of Object.entries(calls)) {
    await call();
    if (level === 'FULL') waited.push(name);
  }
  DatabaseSync.prototype.exec = exec;
  return waited;
}

test.serial(
  'an end, a renewal and another timeout wait for the disk, an update unless told not to, being seen never',
  async t => {
    const always = ['renew', 'setIdleTimeout', 'end'];
    t.deepEqual(await waiting(t, {}), ['write', ...always]);
    t.deepEqual(await waiting(t, {durability: 'power'}), ['write', ...always]);
    t.deepEqual(await waiting(t, {durability: 'process'}), always);
  },
);

test('any other durability is refused', t => {
  const folder = new SqliteFolder(t);
  const durability = 'disk' as 'power';
  t.throws(() => folder.open({durability}), {
    code: 'OPTION_INVALID',
    message: /durability is .*It must be "process" or "power"/,
  });
});

test('a store without options is refused', t => {
  t.throws(() => new SqliteStore(undefined as never), {code: 'OPTION_INVALID', message: /its options are undefined/});
});

test('a closed store leaves nothing behind that could go on, and may be closed again', t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  store.close();
  store.close();
  t.is(folder.clock.pending, 0);
});

test('a sweep that fails is reported once, and the next that can goes on', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  await store.create({uid: 'a', ...lifetime});
  folder.look().exec('ALTER TABLE ended RENAME TO elsewhere');
  folder.clock.advance(61_000);
  t.is(folder.errors.length, 1);
  t.regex(folder.errors[0]!, /could not be looked for sessions that are due/);
  folder.look().exec('ALTER TABLE elsewhere RENAME TO ended');
  const told = listen(store, folder.clock);
  folder.clock.advance(500);
  t.deepEqual(told, ['a idle']);
  t.is(folder.errors.length, 1);
});

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
}

test('a visitor is known again after the site has ended and begun, and the file knows no cookie', async t => {
  const folder = new SqliteFolder(t);
  const site = () => {
    const bound = new ContainerModule(({bind}) => {
      bind(SessionStore).toConstantValue(folder.open());
    });
    return testSite(Home, {modules: [bound]});
  };
  const first = await site().visitor().get('/');
  const [cookie] = first.headers.getSetCookie()[0]!.split(';');
  const uid = await first.text();
  const token = cookie!.split('=')[1]!;
  const files = [folder.path, `${folder.path}-wal`].map(file => readFileSync(file, 'latin1')).join('');
  t.true(files.includes(uid));
  t.false(files.includes(token));
  t.is(
    await (
      await site()
        .visitor()
        .get('/', {headers: {cookie: cookie!}})
    ).text(),
    uid,
  );
});
