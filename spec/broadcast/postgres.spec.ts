import anyTest from 'ava';
import {PostgresBroadcast} from 'espalier/broadcast/postgres';
import {postgresBin, PostgresServer} from '../store/postgres-server.ts';
import {until} from '../until.ts';
import {areJoined, pair, quiet, take} from './world.ts';

const test = postgresBin === undefined ? anyTest.skip : anyTest;
if (postgresBin === undefined) {
  anyTest('the specs of PostgreSQL were left out: install it, or say in POSTGRES_BIN where it is', t => t.pass());
}

test('what is published comes to all processes, each value once and in order, however long it is', async t => {
  const server = await PostgresServer.start();
  t.teardown(() => server.dispose());
  const {here, there} = await pair(t, () => new PostgresBroadcast({url: server.url, logger: quiet}));
  const other = new PostgresBroadcast({url: server.url, channel: 'other', logger: quiet});
  t.teardown(() => other.close());
  const [near, far] = [here.subscribe('a'), there.subscribe('a')];
  const values = [{text: 'é\u0000😀'}, 'x'.repeat(100_000), '😀'.repeat(5000), [1, null], 'same', 'same'];
  await Promise.all(values.map(value => here.publish('a', value)));
  t.deepEqual(await take(near, values.length), values);
  t.deepEqual(await take(far, values.length), values);
  t.true(await until(() => other.publish('a', 'own')));
});

test('a server that goes and comes back is found again, and one that comes late', async t => {
  const server = await PostgresServer.start();
  await server.crash();
  const [here, there] = [0, 1].map(() => new PostgresBroadcast({url: server.url, logger: quiet}));
  t.teardown(() => Promise.all([here!.close(), there!.close(), server.dispose()]));
  t.false(await here!.publish('a', 1));
  await server.restart();
  await until(() => areJoined(here!, there!), 'the beginning');
  await server.crash();
  await until(async () => !(await here!.publish('a', 1)), 'the outage');
  await server.restart();
  await until(() => areJoined(here!, there!), 'the recovery');
  t.pass();
});

test('what can not be a url, or a channel, is refused, and its password is not told', t => {
  const error = t.throws(() => new PostgresBroadcast({url: 'http://user:geheim@host'}), {code: 'OPTION_INVALID'});
  t.notRegex(error.message, /geheim/);
  t.throws(() => new PostgresBroadcast({url: 'postgres://host/database', channel: 'a"b'}), {code: 'OPTION_INVALID'});
  t.throws(() => new PostgresBroadcast({} as {url: string}), {code: 'OPTION_INVALID', message: /url is missing/});
});
