import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import anyTest from 'ava';
import {Container, type Clock, Get, Resource, SessionService, SessionStore, inject, type EspalierError} from 'espalier';
import {PostgresStore, type PostgresStoreOptions} from 'espalier/store/postgres';
import {storeContract, TestClock, testSite} from 'espalier/testing';
import {Pool} from 'pg';
import {promised} from '../../src/awaitable.ts';
import {ComponentWriter} from '../../src/session/component/writer.ts';
import {StoreOutages} from '../../src/session/store/outages.ts';
import type {StoreFixture} from '../../src/testing/store-contract/world.ts';
import {until} from '../until.ts';
import {lastBeforeKill} from './last-before-kill.ts';
import {live} from './live.ts';
import {lifetime, listen, quiet, share, test} from './postgres-world.ts';

const {server, freshSchema, connect, world, startChild} = await share();

function makeFixture(): StoreFixture {
  const schema = freshSchema();
  const pool = new Pool({connectionString: server.url, max: 4});
  // Which takes longer than a call may on a busy machine.
  let made: Promise<unknown> | undefined;
  const open = async (clock: Clock) => {
    await (made ??= pool.query(PostgresStore.sql(schema)));
    return new PostgresStore({pool, schema, clock});
  };
  return {open, dispose: () => pool.end()};
}

for (const law of storeContract(makeFixture)) {
  test(law.title, async t => {
    await law.run();
    t.pass();
  });
}

test('S58: an update that was answered is there after its process was killed', async t => {
  const {schema, store, begin} = world(t);
  await begin('a');
  const answered = await lastBeforeKill(startChild(schema, 'update', 'a'));
  const {revision, text} = live(await store.find('a', false)).components.get('count')!;
  // One more may have been written, of which the process could not tell any more.
  t.true(revision === answered || revision === answered + 1, `${revision} after ${answered}`);
  t.is(text, `${revision}`);
});

test('sessions are swept by the clock of the server, and every process hears of it once', async t => {
  const {schema, pool, store} = world(t);
  const other = new PostgresStore({pool, schema});
  t.teardown(() => other.close());
  const hearing = [await listen(store), await listen(other)];
  await store.create({uid: 'a', ...lifetime, idleTimeout: 300});
  await store.create({uid: 'b', ...lifetime});
  await other.end('b', 'logout');
  await until(async () => (await Promise.all([store.sweep(), other.sweep()]), (await store.count()) === 0));
  for (const hear of hearing) t.deepEqual(await hear(), ['b logout', 'a idle']);
});

test('a pool whose transactions see less than what is committed is refused', async t => {
  const url = `${server.url}?options=-c%20default_transaction_isolation%3Dserializable`;
  const store = new PostgresStore({url, schema: freshSchema(), logger: quiet});
  t.teardown(() => store.close());
  await t.throwsAsync(async () => store.find('a', true), {message: /must be read committed/});
});

test("close() ends the store's own connections, and leaves the application's alone", async t => {
  const schema = freshSchema();
  const url = `${server.url}?application_name=${schema}`;
  const connections = async () =>
    (await watch.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [schema])).rows.length;
  const watch = connect(t);
  const pool = new Pool({connectionString: url, max: 1});
  t.teardown(() => pool.end());
  const own = new PostgresStore({url, schema});
  await own.find('a', true);
  await own.close();
  await own.close();
  await until(async () => (await connections()) === 0);
  const lent = new PostgresStore({pool, schema});
  await lent.find('a', true);
  await lent.close();
  t.is(await connections(), 1);
  t.is(pool.listenerCount('error'), 0);
});

test('a store keeps no process alive that has nothing else to do', async t => {
  const program = `
    import {PostgresStore} from ${JSON.stringify(new URL('../../src/store/postgres.js', import.meta.url).href)};
    const store = new PostgresStore({url: process.argv[1], schema: process.argv[2]});
    await store.find('a', true);
    console.log('done');`;
  const args = ['--input-type=module', '--eval', program, server.url, freshSchema()];
  const {stdout} = await promisify(execFile)(process.execPath, args, {timeout: 20_000});
  t.is(stdout, 'done\n');
});

test('a copy of the database opens no session: the token of a cookie is nowhere in it', async t => {
  @Resource()
  class Root {
    constructor(@inject(SessionService) readonly sessions: SessionService) {}

    @Get()
    async visit() {
      const session = await this.sessions.getSession();
      await session.renew();
      return session.uid;
    }
  }
  const {schema, store} = world(t);
  const container = new Container();
  container.bind(SessionStore).toConstantValue(store);
  const {site, visitor} = testSite(Root, {container});
  const response = await visitor().get('/');
  const token = /=([\w-]{43})/.exec(response.headers.get('set-cookie')!)![1]!;
  const uid = await response.text();
  await site.close();
  const dump = server.run('pg_dump', ['--dbname', server.url, '--schema', schema]);
  t.true(dump.includes(uid), 'the session is there');
  t.false(dump.includes(token));
});

anyTest('what a store is made with is looked at, and a url with its password is not repeated', t => {
  const refused = (options: PostgresStoreOptions) =>
    t.throws(() => new PostgresStore(options), {code: 'OPTION_INVALID'});
  refused({});
  refused({url: 'postgres://localhost/db', pool: new Pool()});
  for (const url of ['redis://user:kept-secret@localhost', 'postgres://user:kept-secret@[', 'kept-secret']) {
    const error = refused({url});
    t.notRegex(`${error?.message}${error?.stack}${JSON.stringify(error)}`, /kept-secret/);
  }
});

test('20 changes of a component whose row another holds are all a 503 within storeTimeout, with a pool of the application’s', async t => {
  const {pool, schema, store, begin} = world(t);
  await begin('a');
  const holder = await pool.connect();
  await holder.query(`BEGIN; SELECT FROM ${schema}.session FOR UPDATE`);
  const clock = new TestClock();
  const writer = new ComponentWriter({store, clock, outages: new StoreOutages(console, clock)}, 2000);
  const change = () => promised(() => writer.write('a', 'count', undefined, () => ({text: '1', content: undefined})));
  const all = Promise.allSettled(Array.from({length: 20}, change));
  clock.advance(2000);
  const codes = (await all).map(outcome => outcome.status === 'rejected' && (outcome.reason as EspalierError).code);
  t.deepEqual(new Set(codes), new Set(['SESSION_STORE_DOWN']));
  await holder.query('ROLLBACK');
  holder.release();
  // The one that the server had been asked for may have been done; the 19 others never are. The session has taken a number, and a conflict takes one too.
  t.true((await change())!.revision <= 4);
});
