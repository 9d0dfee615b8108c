import test from 'ava';
import {
  Child,
  ContainerModule,
  Get,
  Post,
  Request,
  Resource,
  SessionService,
  SessionStore,
  TokenSource,
  createSite,
  inject,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite, TestClock} from 'espalier/testing';

const minutes = 60_000;

abstract class Page {
  constructor(@inject(SessionService) protected readonly sessions: SessionService) {}
}

@Resource()
class Expire extends Page {
  @Get()
  async expire() {
    await this.sessions.expire();
    return 'expired';
  }
}

@Resource()
class Find extends Page {
  @Get()
  async find() {
    return (await this.sessions.findSession())?.uid ?? 'none';
  }
}

@Resource()
class Aside {
  @Get()
  show() {
    return 'no session here';
  }
}

@Resource()
@Child('expire', Expire)
@Child('find', Find)
@Child('aside', Aside)
class Home extends Page {
  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
}

/** A visitor of Home: what a path answers, and the cookies that the answer sets. */
function world(options = {}, origin = 'http://localhost') {
  const {site, clock, log, visitor} = testSite(Home, options);
  const someone = visitor(origin);
  const text = async (path: string, init = {}) => (await someone.get(path, init)).text();
  const cookies = async (path: string, init = {}) => (await someone.get(path, init)).headers.getSetCookie();
  return {site, clock, log, visitor, text, cookies, get: someone.get.bind(someone)};
}

function bound(token: symbol, value: unknown): ContainerModule {
  return new ContainerModule(({bind}) => {
    bind(token).toConstantValue(value);
  });
}

test('a visitor keeps their session from request to request, and two visitors have two', async t => {
  const {text, visitor} = world();
  const uid = await text('/');
  t.is(await text('/'), uid);
  t.not(await (await visitor().get('/')).text(), uid);
});

test('a session that was found again is not sent again', async t => {
  const {cookies} = world();
  t.is((await cookies('/')).length, 1);
  t.deepEqual(await cookies('/'), []);
});

test('S01: who never asks for the session gets no cookie, and a response that caches may keep', async t => {
  const {get} = world();
  const {headers} = await get('/aside');
  t.deepEqual([headers.get('Set-Cookie'), headers.get('Cache-Control'), headers.get('Vary')], [null, null, null]);
});

test('S02: looking for a session begins none, and still keeps the response out of caches', async t => {
  const {get, text, cookies} = world();
  t.is(await text('/find'), 'none');
  t.deepEqual(await cookies('/find'), []);
  const {headers} = await get('/find');
  t.deepEqual([headers.get('Cache-Control'), headers.get('Vary')], ['no-store', 'Cookie']);
});

test('S05: a well-formed but unknown id is not adopted', async t => {
  const {text, cookies} = world();
  const planted = `sid=${'A'.repeat(43)}`;
  t.is(await text('/find', {headers: {cookie: planted}}), 'none');
  const [cookie] = await cookies('/', {headers: {cookie: planted}});
  t.regex(cookie!, /^sid=(?!A{43})/);
});

test('S08: an id in the query or the body opens nothing', async t => {
  const {get, text, visitor} = world();
  const token = /sid=([^;]+)/.exec((await get('/')).headers.get('Set-Cookie')!)![1]!;
  const stranger = await (await visitor().get(`/find?sid=${token}`, {headers: {'X-Sid': token}})).text();
  t.is(stranger, 'none');
  t.not(await text('/find'), 'none');
});

test('the uid is a label: it is not the token, and opens nothing', async t => {
  const {get, visitor} = world();
  const response = await get('/');
  const uid = await response.text();
  t.false(response.headers.get('Set-Cookie')!.includes(uid));
  t.is(await (await visitor().get('/find', {headers: {cookie: `sid=${uid}`}})).text(), 'none');
});

test('S30: a session is there a moment before its idle timeout, and gone at it', async t => {
  const {clock, text} = world();
  const uid = await text('/');
  clock.advance(15 * minutes - 1);
  t.is(await text('/'), uid);
  clock.advance(15 * minutes);
  t.not(await text('/'), uid);
});

test('S31: activity every minute keeps a session alive', async t => {
  const {clock, text} = world();
  const uid = await text('/');
  for (let i = 0; i < 60; i += 1) {
    clock.advance(minutes);
    t.is(await text('/find'), uid);
  }
});

test('S32: the busiest session ends at its absolute timeout', async t => {
  const {clock, text} = world();
  const uid = await text('/');
  for (let i = 0; i < 12 * 60 - 1; i += 1) {
    clock.advance(minutes);
    await text('/');
  }
  t.is(await text('/'), uid);
  clock.advance(minutes);
  t.not(await text('/'), uid);
});

test('the timeouts are those the site was given', async t => {
  const {clock, text} = world({sessions: {idleTimeout: 1000}});
  const uid = await text('/');
  clock.advance(1000);
  t.not(await text('/'), uid);
});

test('a timeout that is no time is refused at once', t => {
  for (const timeout of [0, -1, NaN, Infinity]) {
    t.throws(() => world({sessions: {idleTimeout: timeout}}), {
      code: 'OPTION_INVALID',
      message: /sessions\.idleTimeout is/,
    });
    t.throws(() => world({sessions: {absoluteTimeout: timeout}}), {code: 'OPTION_INVALID'});
  }
});

test('S40: after expire() the old cookie opens nothing, and the browser is told to forget it', async t => {
  const {get, visitor} = world();
  const cookie = (await get('/')).headers.get('Set-Cookie')!.split(';')[0]!;
  const answer = await get('/expire');
  t.is(answer.headers.get('Set-Cookie'), 'sid=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax');
  t.is(await (await visitor().get('/find', {headers: {cookie}})).text(), 'none');
});

test('expire() without a session begins none and sets no cookie', async t => {
  const {cookies, text} = world();
  t.deepEqual(await cookies('/expire'), []);
  t.is(await text('/find'), 'none');
});

test('expire() clears a dead cookie too', async t => {
  const {cookies} = world();
  t.is((await cookies('/expire', {headers: {cookie: 'sid=long-gone'}})).length, 1);
});

test('over TLS the session has a cookie of its own', async t => {
  const {cookies} = world({}, 'https://example.com');
  const [cookie] = await cookies('/');
  t.regex(cookie!, /^__Host-Http-sid=[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
});

test('a session begun over plain HTTP opens nothing over TLS, nor the other way round', async t => {
  const {site, get} = world();
  const ask = async (origin: string, cookie: string) =>
    (await site.fetch(new globalThis.Request(`${origin}/find`, {headers: {cookie}}))).text();
  const plain = /sid=([^;]+)/.exec((await get('/')).headers.get('Set-Cookie')!)![1]!;
  const begun = await site.fetch(new globalThis.Request('https://localhost/'));
  const secure = /sid=([^;]+)/.exec(begun.headers.get('Set-Cookie')!)![1]!;
  t.is(await ask('https://localhost', `__Host-Http-sid=${plain}`), 'none');
  t.is(await ask('http://localhost', `sid=${secure}`), 'none');
  t.not(await ask('http://localhost', `sid=${plain}`), 'none');
  t.not(await ask('https://localhost', `__Host-Http-sid=${secure}`), 'none');
});

test('S11: over plain HTTP to another host every call is refused with a 403 that says what to do', async t => {
  const {get} = world({}, 'http://example.com');
  for (const path of ['/', '/find', '/expire']) {
    const answer = await get(path);
    t.is(answer.status, 403);
    t.regex(((await answer.json()) as {detail: string}).detail, /trustProxy.*insecure: true/);
    t.is(answer.headers.get('Set-Cookie'), null);
  }
  t.is((await get('/aside')).status, 200, 'who asks for no session needs none');
});

test('S12: only a trusted proxy is believed that it was TLS, and an untrusted one is logged, once', async t => {
  const headers = {'X-Forwarded-Proto': 'https'};
  const trusting = world({trustProxy: 'loopback'}, 'http://example.com');
  t.regex((await trusting.cookies('/', {headers}))[0]!, /^__Host-Http-sid=/);
  const doubting = world();
  t.regex((await doubting.cookies('/', {headers}))[0]!, /^sid=/);
  await doubting.cookies('/', {headers});
  t.deepEqual(
    doubting.log.map(({message}) => message.split(',')[0]),
    ['A proxy at 127.0.0.1 says that visitors come over TLS'],
  );
  t.deepEqual(trusting.log, []);
});

test('each method takes a request explicitly, and outside one they reject with OUTSIDE_REQUEST', async t => {
  const {site} = world();
  const sessions = site.container.get(SessionService);
  const request = Request.from({headers: {host: 'localhost'}});
  t.is(await sessions.getSession(request), await sessions.getSession(request));
  await sessions.expire(request);
  t.is(await sessions.findSession(request), undefined);
  for (const call of ['getSession', 'findSession', 'expire'] as const) {
    await t.throwsAsync(sessions[call](), {code: 'OUTSIDE_REQUEST'});
  }
});

test('S04: neither the store nor the log ever sees a token', async t => {
  const clock = new TestClock();
  const seen: unknown[] = [];
  class WatchedStore extends MemoryStore {
    override create(session: Parameters<MemoryStore['create']>[0]) {
      seen.push(session);
      return super.create(session);
    }
    override touch(uid: string) {
      seen.push(uid);
      return super.touch(uid);
    }
  }
  const store = new WatchedStore({clock});
  const {get, log, text} = world({modules: [bound(SessionStore, store)]});
  const token = /sid=([^;]+)/.exec((await get('/')).headers.get('Set-Cookie')!)![1]!;
  await text('/');
  await text('/expire');
  t.is(seen.length, 2);
  t.false(JSON.stringify([seen, log]).includes(token.slice(0, 16)));
});

test('a token source that gives no tokens is refused', async t => {
  const {get, log} = world({modules: [bound(TokenSource, () => 'guess me')]});
  t.is((await get('/')).status, 500);
  t.like(log[0]?.error, {code: 'SESSION_TOKEN_INVALID'});
});

test('ten thousand requests that ask for no session leave no row', async t => {
  const {site, text} = world();
  for (let i = 0; i < 10_000; i += 1)
    await site.handle({url: i % 2 ? '/aside' : '/find', headers: {host: 'localhost'}});
  const store = site.container.get<MemoryStore>(SessionStore);
  t.is(store.size, 0);
  await text('/');
  t.is(store.size, 1);
});

test('a request that one site hands on to another takes no session along', async t => {
  const [one, other] = [world(), world()];
  const request = Request.from({headers: {host: 'localhost'}});
  const [first, second] = [(await one.site.handle(request)).body, (await other.site.handle(request)).body];
  t.is(typeof second, 'string');
  t.not(first, second);
});

test('a timeout that is not given is the default one', async t => {
  const {clock, text} = world({sessions: {idleTimeout: undefined}});
  const uid = await text('/');
  clock.advance(15 * minutes - 1);
  t.is(await text('/'), uid);
});

test('the host of an absolute target counts, not the Host header beside it', async t => {
  const {site} = world();
  t.is((await site.handle({url: 'http://example.com/', headers: {host: 'localhost'}})).status, 403);
});

test('a logout finds its session although the client has gone meanwhile', async t => {
  const {promise: entered, resolve: enter} = Promise.withResolvers<void>();
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  const {promise: done, resolve: finish} = Promise.withResolvers<void>();
  @Resource()
  class Slow extends Page {
    @Get()
    async begin() {
      return (await this.sessions.getSession()).uid;
    }
    @Post()
    async leave(request: Request) {
      enter();
      request.signal.addEventListener('abort', () => leave());
      await left;
      await this.sessions.expire();
      finish();
    }
  }
  const site = createSite(Slow, {trustProxy: 'loopback'});
  t.teardown(() => site.close());
  const url = await site.listen({port: 0});
  const headers: Record<string, string> = {'X-Forwarded-Proto': 'https'};
  const begun = await fetch(url, {headers});
  const uid = await begun.text();
  const leaving = new AbortController();
  headers['Cookie'] = begun.headers.get('Set-Cookie')!.split(';')[0]!;
  const gone = t.throwsAsync(fetch(url, {method: 'POST', headers, signal: leaving.signal}), {any: true});
  await entered;
  leaving.abort();
  await Promise.all([gone, done]);
  t.not(await (await fetch(url, {headers})).text(), uid);
});

test('the service of a closed site refuses to answer for the next one', async t => {
  const {site} = world();
  const sessions = site.container.get(SessionService);
  await site.close();
  const request = Request.from({headers: {host: 'localhost'}});
  await t.throwsAsync(sessions.getSession(request), {code: 'SITE_CLOSED'});
});
