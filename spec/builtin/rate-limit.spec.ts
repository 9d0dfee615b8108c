import test, {type ExecutionContext} from 'ava';
import {RateLimiterRedis} from 'rate-limiter-flexible';
import {createClient} from 'redis';
import {Child, ContainerModule, Get, Logger, Post, Request, Resource, Use, createError, createSite} from 'espalier';
import * as builtin from 'espalier/builtin/rate-limit';
import {addressKey, rateLimit, type RateLimitOptions} from 'espalier/builtin/rate-limit';
import {testSite} from 'espalier/testing';
import {hasRedis, RedisServer} from '../store/redis-server.ts';
import {until} from '../until.ts';

const minute = 60_000;
const testRedis = hasRedis ? test : test.skip;

/** A site of which every request counts, and how to ask it. */
function limited(options: Partial<RateLimitOptions> = {}) {
  const calls = {n: 0};
  @Resource()
  class Root {
    @Get()
    show() {
      calls.n += 1;
      return 'Hello';
    }
  }
  const {site, log, clock} = testSite(Root, {use: [rateLimit({limit: 2, per: minute, ...options})]});
  const ask = (ip = '192.0.2.1', headers: Record<string, string> = {}) =>
    site.handle({ip, headers: {host: 'localhost', ...headers}});
  const statuses = async (...ips: string[]) => {
    const found: number[] = [];
    for (const ip of ips) found.push((await ask(ip)).status);
    return found;
  };
  return {ask, statuses, calls, log, clock};
}

test('espalier/builtin/rate-limit gives these names, and no others', t => {
  t.deepEqual(Object.keys(builtin).toSorted(), ['addressKey', 'rateLimit', 'rateLimitDefaults']);
});

test('what is one too many is a 429 that says when to come back, and the handler is not called', async t => {
  const {ask, calls, log} = limited();
  await ask();
  await ask();
  const refused = await ask();
  t.is(refused.status, 429);
  const wait = refused.header('Retry-After')!;
  t.true(Number(wait) > 30 && Number(wait) <= 60);
  t.like(JSON.parse(refused.body as string), {
    status: 429,
    title: 'Too Many Requests',
    detail: `There were too many requests. Come back in ${wait} s.`,
  });
  t.is(calls.n, 2);
  t.deepEqual(log, []);
});

test('each answer says what is left, in the fields of the draft, the refused ones too', async t => {
  const {ask} = limited({name: 'pages'});
  for (const left of [1, 0, 0]) {
    const answer = await ask();
    t.is(answer.header('RateLimit-Policy'), '"pages";q=2;w=60');
    t.regex(answer.header('RateLimit')!, new RegExp(`^"pages";r=${left};t=(?:60|[345]\\d)$`));
  }
});

test('each address counts for itself, of IPv6 each network', async t => {
  const {statuses} = limited({limit: 1});
  t.deepEqual(await statuses('192.0.2.1', '192.0.2.2', '192.0.2.1', '::ffff:192.0.2.2'), [200, 200, 429, 429]);
  t.deepEqual(await statuses('2001:db8::1', '2001:db8:0:0:ffff::', '2001:db8:0:1::1'), [200, 429, 200]);
});

test('an address is a key, of IPv6 by its first 64 bits, however it is written', t => {
  const key = (ip: string) => addressKey(Request.from({ip}));
  t.is(key('192.0.2.1'), '192.0.2.1');
  for (const ip of ['::FFFF:192.0.2.1', '::ffff:c000:201', '0:0:0:0:0:FFFF:192.0.2.1', '0000::ffff:c000:0201%1']) {
    t.is(key(ip), '192.0.2.1', ip);
  }
  t.is(key('::ffff:102:304'), '1.2.3.4');
  t.is(key('::fffe:102:304'), '0:0:0:0::/64');
  for (const ip of ['2001:db8::1', '2001:0DB8:0:0::', '2001:db8:0:0:1:2:3:4', '2001:db8::', '2001:db8::1%eth0']) {
    t.is(key(ip), '2001:db8:0:0::/64', ip);
  }
  t.is(key('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  t.is(key('2001:db8::5:6:7:8:9'), '2001:db8:0:5::/64');
  t.is(key('::1'), '0:0:0:0::/64');
  t.is(key('64:ff9b::192.0.2.1'), '64:ff9b:0:0::/64');
  t.is(key('unix'), 'unix');
  t.is(key('no:address'), 'no:address');
  t.is(key(''), '');
});

test('requests count by the key that is given, which may be long, and without one they do not count', async t => {
  const {ask} = limited({limit: 1, by: async request => request.headers['x-key'] as string | undefined});
  const status = async (key?: string) => (await ask('192.0.2.1', key === undefined ? {} : {'x-key': key})).status;
  const long = 'x'.repeat(5000);
  t.deepEqual([await status('a'), await status('b'), await status('a')], [200, 200, 429]);
  t.deepEqual([await status(long), await status(`${long}y`), await status(long)], [200, 200, 429]);
  t.deepEqual([await status(), await status(), await status()], [200, 200, 200]);
  t.is((await ask('192.0.2.1')).header('RateLimit'), undefined);
});

test('no more keys are in memory than the limit says: past that the oldest is forgotten', async t => {
  const {statuses} = limited({limit: 1, memoryLimit: 2});
  t.deepEqual(await statuses('192.0.2.1', '192.0.2.2', '192.0.2.1', '192.0.2.2'), [200, 200, 429, 429]);
  t.deepEqual(await statuses('192.0.2.3', '192.0.2.2', '192.0.2.1'), [200, 429, 200]);
});

test('when its time is over a key counts from the beginning', async t => {
  const {statuses, clock} = limited({limit: 1, per: minute});
  t.deepEqual(await statuses('192.0.2.1', '192.0.2.1'), [200, 429]);
  clock.advance(minute - 1);
  t.deepEqual(await statuses('192.0.2.1', '192.0.2.2'), [429, 200]);
  clock.advance(1);
  t.deepEqual(await statuses('192.0.2.1', '192.0.2.1', '192.0.2.2'), [200, 429, 429]);
});

test('two sites count for themselves, and one class in two places for both together', async t => {
  const Limit = rateLimit({limit: 1, per: minute});
  @Resource()
  class Root {
    @Use(Limit)
    @Get()
    show() {
      return 'Hello';
    }
    @Use(Limit)
    @Post()
    change() {
      return 'Hello';
    }
  }
  for (const {site} of [testSite(Root), testSite(Root)]) {
    const ask = async (method: string) => (await site.handle({method, headers: {host: 'localhost'}})).status;
    t.deepEqual([await ask('GET'), await ask('POST')], [200, 429]);
  }
});

/** In place of what compares a password with its hash. */
async function isKnown(user: string, password: string): Promise<boolean> {
  return user === 'ada' && password === 'right';
}

async function userIn(request: Request): Promise<string> {
  return String((await request.form()).get('user'))
    .trim()
    .toLowerCase();
}

@Resource()
class SignIn {
  @Use(
    // Who guesses passwords of many users.
    rateLimit({name: 'address', limit: 20, per: 60_000}),
    // Who guesses those of one user, from one place.
    rateLimit({name: 'attempts', limit: 5, per: 900_000, by: async r => `${addressKey(r)} ${await userIn(r)}`}),
    // Who guesses those of one user from many places.
    rateLimit({name: 'user', limit: 100, per: 3_600_000, by: userIn}),
  )
  @Post()
  async enter(request: Request) {
    const form = await request.form();
    if (!(await isKnown(await userIn(request), String(form.get('password'))))) throw createError(401, 'Try again.');
    return 'Welcome.';
  }
}

@Resource()
@Child('sign-in', SignIn)
class Shop {}

test('sign-ins are throttled by address and user: a visitor from elsewhere is not shut out', async t => {
  const {site} = testSite(Shop);
  const enter = (user: string, password: string, ip: string) =>
    site.handle({
      method: 'POST',
      url: '/sign-in',
      ip,
      headers: {host: 'localhost', 'content-type': 'application/x-www-form-urlencoded'},
      body: new URLSearchParams({user, password}).toString(),
    });
  const from = async (ip: string, user: string, times: number) => {
    const found: number[] = [];
    for (let i = 0; i < times; i += 1) found.push((await enter(user, 'wrong', ip)).status);
    return found.map(status => (status === 401 ? '.' : String(status))).join('');
  };
  t.is(await from('192.0.2.1', 'ada', 6), '.....429');
  t.is((await enter(' ADA', 'right', '192.0.2.1')).status, 429);
  t.is((await enter('ada', 'right', '192.0.2.2')).body, 'Welcome.');
  t.is(await from('192.0.2.1', 'grace', 5), '.....');
  const answer = await enter('grace', 'wrong', '192.0.2.3');
  const left = answer.headerList().filter((_, i, list) => i % 2 === 1 && list[i - 1] === 'RateLimit');
  t.deepEqual(
    left.map(text => text.replace(/;t=\d+$/, '')),
    ['"address";r=19', '"attempts";r=4', '"user";r=94'],
  );
});

/** A limit that is counted in a Redis of its own. */
async function shared(t: ExecutionContext, options: Partial<RateLimitOptions> = {}) {
  const redis = await RedisServer.start();
  t.teardown(() => redis.dispose());
  const storeClient = createClient({url: redis.url, disableOfflineQueue: true});
  storeClient.on('error', () => undefined);
  await storeClient.connect();
  t.teardown(() => storeClient.destroy());
  const store: RateLimitOptions['store'] = settled =>
    new RateLimiterRedis({...settled, storeClient, useRedisPackage: true});
  return {redis, storeClient, ...limited({store, ...options}), again: () => limited({store, ...options})};
}

testRedis('processes that share a Redis count together, and the keys are forgotten there in time', async t => {
  const {ask, again, storeClient} = await shared(t);
  const other = again();
  t.is((await ask()).status, 200);
  t.is((await other.ask()).status, 200);
  const refused = await ask();
  t.is(refused.status, 429);
  t.regex(refused.header('RateLimit')!, /^"default";r=0;t=\d+$/);
  const keys = await storeClient.keys('*');
  t.deepEqual(keys, ['rate-limit:default:192.0.2.1']);
  const left = await storeClient.ttl(keys[0]!);
  t.true(left > 0 && left <= 60);
});

testRedis(
  'when Redis is away requests pass without being counted, and the log says so once, and that it is back',
  async t => {
    const {ask, redis, log} = await shared(t);
    await ask();
    await redis.stop();
    for (let i = 0; i < 5; i += 1) {
      const answer = await ask();
      t.is(answer.status, 200);
      t.is(answer.header('RateLimit'), undefined);
    }
    t.is(log.length, 1);
    t.regex(
      log[0]!.message,
      /^The store of rateLimit\(\) "default" does not answer\. Requests pass without being counted: /,
    );
    await redis.start();
    await until(async () => (await ask()).header('RateLimit') !== undefined);
    t.is(log.length, 2);
    t.is(log[1]!.message, 'The store of rateLimit() "default" is back.');
  },
);

testRedis('a long key is kept as its hash, so that nobody fills the store with names', async t => {
  const {ask, storeClient} = await shared(t, {by: request => request.headers['x-key'] as string});
  await ask('', {'x-key': 'x'.repeat(10_000)});
  await ask('', {'x-key': 'x'.repeat(64)});
  const keys = await storeClient.keys('*');
  const lengths = keys.map(({length}) => length - 'rate-limit:default:'.length);
  t.deepEqual(
    lengths.toSorted((one, other) => one - other),
    [43, 64],
  );
});

testRedis('where it is said so, requests are refused with a 503 when Redis is away', async t => {
  const {ask, redis, log} = await shared(t, {whenDown: 'refuse'});
  await redis.stop();
  for (let i = 0; i < 3; i += 1) {
    const answer = await ask();
    t.is(answer.status, 503);
    t.is(answer.header('Retry-After'), '5');
  }
  t.is(log.length, 1);
  t.regex(log[0]!.message, /Requests are refused/);
});

testRedis('a Redis that does not answer holds up no request longer than the timeout', async t => {
  const {ask, storeClient, clock} = await shared(t, {timeout: 300});
  await storeClient.sendCommand(['CLIENT', 'PAUSE', '1000000', 'ALL']);
  let answered: number | undefined;
  const asked = ask().then(({status}) => (answered = status));
  await until(() => clock.pending === 1);
  clock.advance(299);
  await new Promise(resolve => setImmediate(resolve));
  t.is(answered, undefined);
  clock.advance(1);
  t.is(await asked, 200);
});

test('a store that fails when it is made fails the site when it is built', t => {
  @Resource()
  class Root {}
  const store = () => {
    throw new Error('no client');
  };
  const modules = [
    new ContainerModule(({bind}) => {
      bind(Logger).toConstantValue({error: () => undefined, warn: () => undefined});
    }),
  ];
  t.throws(() => createSite(Root, {modules, use: [rateLimit({limit: 1, per: 1000, store})]}), {message: /no client/});
});

test('options that there are not are refused when it is called', t => {
  const good = {limit: 1, per: 1000};
  for (const options of [
    {per: 1000},
    {limit: 1},
    {...good, limit: 0},
    {...good, limit: 1.5},
    {...good, per: 1500},
    {...good, per: 0},
    {...good, per: 25 * 24 * 3_600_000},
    {...good, name: 'a "b"'},
    {...good, by: 'ip'},
    {...good, whenDown: 'wait'},
    {...good, window: 1},
  ]) {
    t.throws(() => rateLimit(options as RateLimitOptions), {code: 'OPTION_INVALID'}, JSON.stringify(options));
  }
});
