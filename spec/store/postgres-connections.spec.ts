import {PostgresStore} from 'espalier/store/postgres';
import {PostgresConnections} from '../../src/store/postgres-connections.ts';
import {until} from '../until.ts';
import {fails, share, test} from './postgres-world.ts';

const {server, connect, world} = await share();

/** A role that may have so many connections at once, its url, and how many it has. */
async function limited(schema: string, most: number) {
  const role = `${schema}_role`;
  await server.ask(`CREATE ROLE ${role} LOGIN CONNECTION LIMIT ${most}`);
  // The row of the database is one for all the specs that run at the same time.
  await until(async () => [await server.ask(`GRANT CREATE ON DATABASE postgres TO ${role}`)]);
  const open = async () => (await server.ask(`SELECT FROM pg_stat_activity WHERE usename = '${role}'`)).length;
  return {url: server.url.replace('espalier:', `${role}:`), open};
}

test('no more connections are opened than the option says, and calls wait for those', async t => {
  const {schema} = world(t);
  const {url, open} = await limited(schema, 20);
  const {store, made} = world(t, {url, schema, connections: 2});
  await made();
  for (let i = 0; i < 5; i += 1) {
    await Promise.all(Array.from({length: 20}, () => store.touch('nobody')));
    t.true((await open()) <= 2);
  }
});

test('without the option there are ten at most', async t => {
  const {schema} = world(t);
  const {url, open} = await limited(schema, 20);
  const {store, made} = world(t, {url, schema});
  await made();
  await Promise.all(Array.from({length: 60}, () => store.touch('nobody')));
  const there = await open();
  t.true(there > 1 && there <= 10, `${there}`);
  t.is(PostgresStore.defaults.connections, 10);
});

test('where the server allows fewer connections than there are calls, those that are there are waited for', async t => {
  const {schema} = world(t);
  const {url} = await limited(schema, 3);
  const {store, made, lines} = world(t, {url, schema});
  await made();
  for (let i = 0; i < 5; i += 1) {
    const calls = Array.from({length: 20}, () => store.touch('nobody'));
    t.is((await Promise.all(calls)).length, 20);
  }
  t.deepEqual(lines, []);
});

test('a process that comes when others have all connections gets one as soon as one of them needs it no longer', async t => {
  const {schema} = world(t);
  const {url, open} = await limited(schema, 3);
  const {store, made} = world(t, {url, schema});
  await made();
  await Promise.all(Array.from({length: 20}, () => store.touch('nobody')));
  t.is(await open(), 3);
  const {store: late} = world(t, {url, schema});
  await until(async () => (await late.find('nobody', true), true));
  t.true((await open()) <= 3);
});

test('who gets no connection at all fails in time, and is told why', async t => {
  const {schema} = world(t);
  const {url} = await limited(schema, 0);
  const {store, lines} = world(t, {url, schema});
  await Promise.all([1, 2, 3].map(() => fails(t, store.find('nobody', true), /no answer|no further connection/)));
  t.is(lines.length, 1);
  await server.ask(`ALTER ROLE ${schema}_role CONNECTION LIMIT 5`);
  await until(async () => (await store.find('nobody', true), true));
  t.is(lines.length, 2);
});

/** Connections of a role that may have so many, and how often one more was asked for. */
async function few(t: Parameters<typeof connect>[0], most: number) {
  const {schema} = world(t);
  const {url} = await limited(schema, most);
  const pool = connect(t, url);
  let asked = 0;
  const dial = pool.connect.bind(pool) as () => ReturnType<typeof pool.connect>;
  pool.connect = (() => {
    if (pool.idleCount === 0) asked += 1;
    return dial();
  }) as typeof pool.connect;
  return {connections: new PostgresConnections(pool), pool, asked: () => asked};
}

const {promise: never} = Promise.withResolvers<never>();

test('connections are handed out first come, first served, and a refused one is not asked for over and over', async t => {
  const {connections, pool, asked} = await few(t, 1);
  const only = await connections.take(never);
  const order: number[] = [];
  const waiting = [1, 2, 3, 4, 5, 6].map(async place => {
    const client = await connections.take(never);
    order.push(place);
    connections.giveBack(client, false);
  });
  await until(() => asked() > 1 && pool.totalCount === 1);
  connections.giveBack(only, false);
  await Promise.all(waiting);
  t.deepEqual(order, [1, 2, 3, 4, 5, 6]);
  t.true(asked() <= 7, `${asked()}`);
});

test('who gives up while waiting has no part in it any more, and passes on what is theirs', async t => {
  const {connections} = await few(t, 1);
  const only = await connections.take(never);
  const {promise: late, reject} = Promise.withResolvers<never>();
  const impatient = [1, 2, 3].map(() => connections.take(late));
  const patient = connections.take(never);
  reject(new Error('late'));
  for (const one of impatient) await t.throwsAsync(one, {message: 'late'});
  connections.giveBack(only, false);
  connections.giveBack(await patient, false);
  connections.giveBack(await connections.take(never), true);
  connections.giveBack(await connections.take(never), false);
  t.pass();
});
