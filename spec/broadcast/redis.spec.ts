import anyTest from 'ava';
import {RedisBroadcast} from 'espalier/broadcast/redis';
import {hasRedis, RedisServer} from '../store/redis-server.ts';
import {until} from '../until.ts';
import {areJoined, pair, quiet, take} from './world.ts';

const test = hasRedis ? anyTest : anyTest.skip;
if (!hasRedis)
  anyTest('the specs of Redis were left out: install redis-server, or say in REDIS_SERVER where it is', t => t.pass());

test('what is published comes to all processes, each value once and in order', async t => {
  const server = await RedisServer.start();
  t.teardown(() => server.stop());
  const {here, there} = await pair(t, () => new RedisBroadcast({url: server.url, logger: quiet}));
  const other = new RedisBroadcast({url: server.url, prefix: 'other', logger: quiet});
  t.teardown(() => other.close());
  const [near, far] = [here.subscribe('a'), there.subscribe('a')];
  const foreign = other.subscribe('a');
  const values = [{text: 'é\u0000😀'}, 'x'.repeat(1_000_000), [1, null]];
  for (const value of values) t.true(await here.publish('a', value));
  t.deepEqual(await take(near, 3), values);
  t.deepEqual(await take(far, 3), values);
  await other.publish('a', 'own');
  t.deepEqual(await take(foreign, 1), ['own']);
});

test('a server that goes and comes back is found again, and one that comes late', async t => {
  const server = await RedisServer.start();
  await server.stop();
  const [here, there] = [0, 1].map(() => new RedisBroadcast({url: server.url, logger: quiet}));
  t.teardown(() => Promise.all([here!.close(), there!.close(), server.stop()]));
  t.false(await here!.publish('a', 1));
  await server.start();
  await until(() => areJoined(here!, there!), 'the beginning');
  await server.stop('SIGKILL');
  await until(async () => !(await here!.publish('a', 1)), 'the outage');
  await server.start();
  await until(() => areJoined(here!, there!), 'the recovery');
  t.pass();
});

test('what can not be a url is refused, and its password is not told', t => {
  const error = t.throws(() => new RedisBroadcast({url: 'http://user:geheim@host'}), {code: 'OPTION_INVALID'});
  t.notRegex(error.message, /geheim/);
});
