import {once} from 'node:events';
import {connect, createServer, type AddressInfo} from 'node:net';
import {createInterface} from 'node:readline';
import {setImmediate} from 'node:timers/promises';
import type {ExecutionContext} from 'ava';
import {TestClock} from 'espalier/testing';
import {PostgresStore} from '../../src/store/postgres.ts';
import {PostgresTurn} from '../../src/store/postgres-turn.ts';
import {lifetime, share, test} from './postgres-world.ts';

const {server, world, startChild} = await share({isDurable: true});
const many = Array.from({length: 64}, (_, i) => `${i}`);

/** A way to the server that counts the round trips: each ends with the client's Sync. */
async function counted(t: ExecutionContext) {
  let trips = 0;
  const proxy = createServer(near => {
    const far = connect(server.port, '127.0.0.1');
    const end = () => [near, far].forEach(socket => socket.destroy());
    for (const socket of [near, far]) socket.on('error', end).on('close', end);
    far.pipe(near);
    let held = Buffer.alloc(0);
    // The first message alone has no kind before its length.
    let kind = 0;
    near.on('data', data => {
      far.write(data);
      held = Buffer.concat([held, data]);
      while (held.length >= kind + 4 && held.length >= kind + held.readInt32BE(kind)) {
        if (kind === 1 && held.toString('latin1', 0, 1) === 'S') trips += 1;
        held = held.subarray(kind + held.readInt32BE(kind));
        kind = 1;
      }
    });
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => proxy.close());
  const {port} = proxy.address() as AddressInfo;
  const given = world(t, {url: server.url.replace(`:${server.port}`, `:${port}`), clock: new TestClock()});
  await given.made();
  /** How many round trips there are until all calls are answered. */
  const during = async (calls: readonly Promise<unknown>[]) => {
    const before = trips;
    await Promise.all(calls);
    return trips - before;
  };
  return {...given, during};
}

test('64 sessions that begin in one turn of the event loop, 64 finds, 64 updates and 64 ends, are one round trip and one transaction each', async t => {
  const {store, rows, during} = await counted(t);
  const transactions = async (column: string, table: string) =>
    Number((await rows(`SELECT count(DISTINCT ${column}::text) FROM @.${table}`))[0]!['count']);
  t.is(await during(many.map(uid => store.create({uid, ...lifetime}))), 1);
  t.is(await transactions('xmin', 'session'), 1);
  t.is(await during(many.map(uid => store.find(uid, true))), 1);
  t.is(await during(many.map(key => store.write(key, 'cart', 0, '1'))), 1);
  t.is(await transactions('xmin', 'component'), 1);
  t.is(await during(many.map(key => store.end(key, 'logout'))), 1);
  t.is(await transactions('transaction', 'ended'), 1);
});

test('64 sessions that are to be noted as seen in one turn are one round trip, and so are 64 that are not there', async t => {
  const clock = new TestClock();
  const {store, rows, made} = world(t, {clock});
  await made();
  for (const uid of many) await store.create({uid, ...lifetime});
  clock.advance(30_000);
  const found = await Promise.all(many.map(uid => store.find(uid, true)));
  t.deepEqual(
    found.map(one => (one as {lastSeenAt: number}).lastSeenAt),
    many.map(() => clock.now()),
  );
  t.is((await rows('SELECT FROM @.session GROUP BY xmin')).length, 1);
  const absent = await Promise.all(many.map(uid => store.find(`no ${uid}`, true)));
  t.true(absent.every(one => one === undefined));
});

test('of 64 updates in one turn each has its own outcome: one in conflict, one superseded, one of a session that is gone', async t => {
  const {store, made} = world(t);
  await made();
  for (const uid of many) await store.create({uid, ...lifetime});
  await store.write('7', 'cart', 0, '"theirs"');
  await store.end('9', 'logout');
  const asOf = (key: string) => (key === '8' ? 5 : undefined);
  const answers = await Promise.all(many.map(key => store.write(key, 'cart', 0, '"ours"', asOf(key))));
  for (const [i, answer] of answers.entries()) if (i < 7 || i > 9) t.is(answer.state, 'written');
  t.like(answers[7], {state: 'conflict', current: {text: '"theirs"'}});
  t.deepEqual(answers[8], {state: 'superseded'});
  t.deepEqual(answers[9], {state: 'gone'});
});

test('of 64 finds in one turn each has its own outcome: one unreadable, one of before a renewal, one of a session that has ended', async t => {
  const {store, made, rows} = world(t);
  await made();
  for (const uid of many) await store.create({uid, ...lifetime});
  await rows(`INSERT INTO @.component VALUES ('7', '\\x', 1, '1')`);
  await store.renew('8', {from: '8', to: 'new', grace: 60_000});
  await store.end('9', 'logout');
  const outcomes = await Promise.allSettled(many.map(uid => store.find(uid, true)));
  for (const [i, outcome] of outcomes.entries())
    if (i < 7 || i > 9) t.like(outcome, {value: {key: `${i}`, uid: `${i}`}});
  t.like(outcomes[7], {status: 'rejected', reason: {code: 'SESSION_CORRUPT'}});
  t.like(outcomes[8], {value: {key: '8', uid: 'new'}});
  t.like(outcomes[9], {value: {isFormer: true, key: '9'}});
});

test('a session that another transaction has locked keeps none of those of the same turn waiting, and has its turn later', async t => {
  const clock = new TestClock();
  const {store, made, pool, schema} = world(t, {clock});
  await made();
  for (const uid of many) await store.create({uid, ...lifetime});
  clock.advance(30_000);
  const other = await pool.connect();
  await other.query('BEGIN');
  await other.query(`SELECT FROM ${schema}.session WHERE key = '7' FOR UPDATE`);
  const late: string[] = [];
  const note = async (call: Promise<unknown>, what: string) => {
    await call;
    late.push(what);
  };
  const waiting = [note(store.write('7', 'cart', 0, '1'), 'written'), note(store.find('7', true), 'found')];
  const others = many.filter(key => key !== '7');
  await Promise.all(others.flatMap(key => [store.write(key, 'cart', 0, '1'), store.find(key, true)]));
  t.deepEqual(late, []);
  await other.query('COMMIT');
  other.release();
  await Promise.all(waiting);
  t.deepEqual(late.toSorted(), ['found', 'written']);
});

test('what the server refuses of calls of one turn is refused alone', async t => {
  const {store, made} = world(t);
  await made();
  await store.create({uid: '7', ...lifetime});
  const outcomes = await Promise.allSettled(many.map(uid => store.create({uid, ...lifetime})));
  for (const [i, outcome] of outcomes.entries()) if (i !== 7) t.like(outcome, {value: {key: `${i}`}});
  t.like(outcomes[7], {status: 'rejected', reason: {code: 'SESSION_TAKEN'}});
});

test('while the server is out of reach each call of a turn fails', async t => {
  const store = new PostgresStore({url: 'postgres://nobody@127.0.0.1:9/none', logger: {error() {}, warn() {}}});
  t.teardown(() => store.close());
  const outcomes = await Promise.allSettled(many.map(uid => store.find(uid, true)));
  t.true(outcomes.every(({status}) => status === 'rejected'));
});

test('S58: of updates that were written together, those that were answered are there after the process was killed', async t => {
  const {schema, store, made} = world(t);
  await made();
  for (const uid of many) await store.create({uid, ...lifetime});
  const child = startChild(schema, 'updateAll', many);
  const answered = new Map<string, number>();
  const killAt = 1 + Math.floor(Math.random() * 500);
  for await (const line of createInterface(child.stdout)) {
    const [key, revision] = line.split(' ') as [string, string];
    answered.set(key, Number(revision));
    if ([...answered.values()].reduce((all, one) => all + one, 0) >= killAt) child.kill('SIGKILL');
  }
  for (const [key, count] of answered) {
    const text = (await store.touch(key))!.components.get('count')!.text;
    t.true(Number(text) === count || Number(text) === count + 1, `${text} after ${count}`);
  }
});

test('of calls that travel together the one that comes too late is left out, and is not done; the others are', async t => {
  const {store, made, pool, schema} = world(t);
  await made();
  for (const uid of ['early', 'late']) await store.create({uid, ...lifetime});
  const ask = async (call: string, moment: number) =>
    (
      await pool.query<{it: string}>(`SELECT "${schema}".${call} AS it WHERE "${schema}".is_in_time(${moment})`)
    ).rows.map(({it}) => it);
  const together: number[] = [];
  const turn = new PostgresTurn<string>({
    alone: async (key, moment) => (await ask(`"end"('${key}', 'logout', NULL, NULL)`, moment))[0],
    together: async (keys, {first}) => {
      together.push(keys.length);
      return ask(
        `change_all('${JSON.stringify(keys.map(key => ({act: 'end', key, reason: 'logout'})))}', NULL)`,
        first,
      );
    },
  });
  const [late, early] = await Promise.allSettled([
    turn.join('late', Date.now() - 1),
    turn.join('early', Date.now() + 60_000),
  ]);
  t.deepEqual(together, [2]);
  t.like(late, {status: 'rejected', reason: {code: 'ESP01'}});
  t.like(early, {status: 'fulfilled'});
  t.truthy(await store.read('late'));
  t.is(await store.read('early'), undefined);
});

test('while two bundles are under way what comes waits for one of them, and travels together', async t => {
  const bundles: number[] = [];
  const answers: (() => void)[] = [];
  const turn = new PostgresTurn<number>({
    alone: async call => (bundles.push(1), String(call)),
    together: async calls => {
      bundles.push(calls.length);
      await new Promise<void>(resolve => answers.push(resolve));
      return calls.map(String);
    },
  });
  const calls: Promise<unknown>[] = [];
  for (const count of [2, 3, 4, 5]) {
    for (let i = 0; i < count; i += 1) calls.push(turn.join(i));
    await setImmediate();
    await setImmediate();
  }
  t.deepEqual(bundles, [2, 3]);
  answers[0]!();
  await calls[0];
  await setImmediate();
  t.deepEqual(bundles, [2, 3, 9]);
  for (const answer of answers) answer();
  await Promise.all(calls);
});
