import {once} from 'node:events';
import {Agent, request as ask, type IncomingMessage} from 'node:http';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {Child, ContainerModule, Resource, SessionStore, createSite, type SiteOptions} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {RedisStore} from 'espalier/store/redis';
import {health, type HealthOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {healthDefaults} from '../../src/builtin/health.ts';
import {hasRedis, RedisServer} from '../store/redis-server.ts';
import {until} from '../until.ts';

const testRedis = hasRedis ? test : test.skip;

function healthy(options: HealthOptions = {}, siteOptions: SiteOptions = {}) {
  @Resource()
  @Child('health', health(options))
  class Home {}
  const {site, clock, log} = testSite(Home, siteOptions);
  const show = async (path = '/health') => {
    const answer = await site.handle({url: path, headers: {host: 'localhost'}});
    return `${answer.status} ${String(answer.body)}`;
  };
  return {site, clock, log, show};
}

function bound(store: SessionStore): SiteOptions {
  return {modules: [new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store))]};
}

test('a site whose store answers is live and ready, as JSON that nobody stores, and no session begins', async t => {
  const {show, site} = healthy();
  t.is(await show(), '200 {"status":"up","checks":{"store":"up"}}');
  t.is(await show('/health/ready'), '200 {"status":"up","checks":{"store":"up"}}');
  t.is(await show('/health/live'), '200 {"status":"up"}');
  for (const url of ['/health', '/health/live', '/health/ready']) {
    const answer = await site.handle({url, headers: {host: 'localhost', cookie: `sid=${'a'.repeat(43)}`}});
    t.is(answer.header('Cache-Control'), 'no-store');
    t.is(answer.header('Set-Cookie'), undefined);
    t.is(answer.header('Content-Type'), 'application/json');
  }
  t.deepEqual(healthDefaults, {timeout: 2000, maxAge: 1000});
});

test('a site whose store fails is live, but not ready, and says no more than that', async t => {
  class Away extends MemoryStore {
    isAway = true;
    override find(uid: string, isSeen: boolean) {
      if (this.isAway) throw new Error('the password is 1234');
      return super.find(uid, isSeen);
    }
  }
  const store = new Away();
  const {show, clock} = healthy({}, bound(store));
  t.is(await show(), '503 {"status":"down","checks":{"store":"down"}}');
  t.is(await show('/health/live'), '200 {"status":"up"}');
  store.isAway = false;
  t.is(await show(), '503 {"status":"down","checks":{"store":"down"}}');
  clock.advance(1000);
  t.is(await show(), '200 {"status":"up","checks":{"store":"up"}}');
});

test('a store that does not answer in its time is down', async t => {
  class Silent extends MemoryStore {
    override find(): never {
      return new Promise(() => undefined) as never;
    }
  }
  const {show, clock} = healthy({}, bound(new Silent()));
  const shown = show();
  await until(() => {
    clock.advance(500);
    return Promise.race([shown.then(() => true), new Promise(resolve => setImmediate(resolve, false))]);
  });
  t.is(await shown, '503 {"status":"down","checks":{"store":"down"}}');
});

testRedis('when Redis goes the site is not ready, and when it is back it is', async t => {
  const redis = await RedisServer.start();
  t.teardown(() => redis.dispose());
  const store = new RedisStore({url: redis.url});
  const {show, clock, site} = healthy({}, bound(store));
  t.teardown(() => site.close());
  t.teardown(() => store.close());
  const state = async () => {
    clock.advance(1000);
    return show();
  };
  await until(async () => (await state()).startsWith('200'));
  await redis.stop();
  await until(async () => (await state()) === '503 {"status":"down","checks":{"store":"down"}}');
  t.is(await show('/health/live'), '200 {"status":"up"}');
  await redis.start();
  await until(async () => (await state()).startsWith('200'));
  t.pass();
});

test('a check that throws, rejects, gives false or takes too long is down, which is told to the log once', async t => {
  let isWell = false;
  const checks = {
    throws: () => {
      if (!isWell) throw new Error('broken');
    },
    rejects: async () => {
      if (!isWell) throw new Error('broken too');
    },
    false: () => isWell,
    slow: () => (isWell ? 1 : new Promise(() => undefined)),
  };
  const {show, clock, log} = healthy({checks, timeout: 100});
  const state = async () => {
    clock.advance(1000);
    const shown = show();
    await new Promise(resolve => setImmediate(resolve));
    clock.advance(100);
    return shown;
  };
  const down =
    '503 {"status":"down","checks":{"store":"up","throws":"down","rejects":"down","false":"down","slow":"down"}}';
  t.is(await state(), down);
  t.is(await state(), down);
  t.is(log.length, 4);
  t.is(
    log.find(({message}) => message.includes('throws'))!.message,
    'The check "throws" of health() fails: Error: broken',
  );
  isWell = true;
  t.is(await state(), down.replaceAll('down', 'up').replace('503', '200'));
  t.is(log.length, 8);
  t.is(log.at(-1)!.message, 'The check "slow" of health() is well again.');
});

test('however often it is asked, the store and the checks are asked once in a while', async t => {
  let calls = 0;
  const {show, clock} = healthy({checks: {count: async () => (calls += 1)}, maxAge: 5000});
  await Promise.all(Array.from({length: 100}, () => show()));
  await show();
  t.is(calls, 1);
  clock.advance(5000);
  await show();
  t.is(calls, 2);
});

test('as soon as close() has begun nothing is ready any more, on a connection that is open too', async t => {
  @Resource()
  @Child('health', health())
  class Home {}
  let release = () => {};
  const site = createSite(Home, {sessions: {}, drainTimeout: 5000});
  const url = await site.listen({port: 0});
  const agent = new Agent({keepAlive: true, maxSockets: 1});
  const show = async () => {
    const [response] = (await once(ask(`${url}/health/ready`, {agent}).end(), 'response')) as [IncomingMessage];
    return `${response.statusCode} ${await text(response)}`;
  };
  t.is(await show(), '200 {"status":"up","checks":{"store":"up"}}');
  const closing = site.close();
  const answer = await site.handle({url: '/health/ready'});
  t.is(answer.status, 503);
  t.like(JSON.parse(String(answer.body)), {code: 'SITE_CLOSED'});
  release();
  await closing;
  agent.destroy();
});

test('a wrong option is refused', t => {
  t.throws(() => health({checks: {a: 1 as never}}), {code: 'OPTION_INVALID', message: /an object of functions/});
  t.throws(() => health({timeout: 0}), {code: 'OPTION_INVALID'});
});
