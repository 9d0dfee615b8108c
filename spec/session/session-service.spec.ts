import {setImmediate} from 'node:timers/promises';
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
  createError,
  createSite,
  inject,
  type Renewal,
  type Session,
  type SignInOptions,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite, TestClock} from 'espalier/testing';
import {isLive} from '../../src/session/store/contract.ts';
import {sessionSite, visitedSite} from './world.ts';
import {currentRequest, outsideRequest} from '../../src/http/current.ts';
import {randomToken} from '../../src/session/visit/token.ts';
import {cluster, cookieIn, pageOf, type Act} from './cluster.ts';
import {around, type WholeStore} from './stores.ts';

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
    t.throws(() => world({sessions: {absoluteTimeout: timeout}}), {code: 'OPTION_INVALID'});
  }
  for (const timeout of [0, -1, 499, NaN, Infinity]) {
    t.throws(() => world({sessions: {idleTimeout: timeout}}), {
      code: 'OPTION_INVALID',
      message: /sessions\.idleTimeout is/,
    });
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
  t.regex((await trusting.cookies('/', {headers, ip: '127.0.0.1'}))[0]!, /^__Host-Http-sid=/);
  const doubting = world();
  for (const path of ['/', '/']) t.is((await doubting.get(path, {headers, ip: '127.0.0.1'})).status, 403);
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
    override find(uid: string, isSeen: boolean) {
      seen.push(uid);
      return super.find(uid, isSeen);
    }
    override end(...end: Parameters<MemoryStore['end']>) {
      seen.push(end);
      return super.end(...end);
    }
  }
  const store = new WatchedStore({clock});
  const {get, log, text} = world({modules: [bound(SessionStore, store)]});
  const token = /sid=([^;]+)/.exec((await get('/')).headers.get('Set-Cookie')!)![1]!;
  await text('/');
  await text('/expire');
  t.is(seen.length, 4);
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

const acts: Record<string, Act> = {
  begin: async sessions => (await sessions.getSession()).uid,
  find: async sessions => (await sessions.findSession())?.uid ?? 'none',
  all: async sessions => {
    await sessions.peekSession();
    await sessions.findSession();
    await sessions.renew();
    await sessions.expire();
  },
  ann: async sessions => (await sessions.signIn('ann')).uid,
  account: async sessions => (await sessions.requireSignIn()).user,
  password: async sessions => (await sessions.requireSignIn({within: 5 * minutes})).uid,
};

/** Sites that share a store, and each call that they make of it for a request. */
function watchedCluster() {
  const calls: string[] = [];
  const through = (store: WholeStore) =>
    around(store, (call, name) => {
      if (name !== 'endsSince') calls.push(name);
      return call();
    });
  return {calls, ...cluster(acts, {through})};
}

test('S05: an unknown id is asked for once, brings nothing into being, and is replaced by a fresh one when a session begins', async t => {
  const {calls, visitor, store} = watchedCluster();
  const planted = `sid=${'A'.repeat(43)}`;
  const answer = await visitor().get('/all', {headers: {cookie: planted}});
  t.is(answer.status, 204);
  t.deepEqual(calls, ['find']);
  t.is(store.size, 0);
  const begun = await visitor().get('/begin', {headers: {cookie: planted}});
  t.not(cookieIn(begun), planted);
});

test('S06: a malformed id is as good as none: the store is not asked, and no request fails', async t => {
  const {calls, visitor} = watchedCluster();
  const malformed = [
    '',
    'x',
    'A'.repeat(42),
    'A'.repeat(44),
    'A'.repeat(4000),
    `${'A'.repeat(42)}%00`,
    `${'A'.repeat(42)}=`,
  ];
  const cookies = [...malformed.map(id => `sid=${id}`), `\u00a0sid=${'A'.repeat(43)}`, `sid="${'A'.repeat(43)}"`];
  for (const cookie of cookies) {
    t.is(await pageOf(visitor(), '/find', cookie), 'none', JSON.stringify(cookie));
    t.is((await visitor().get('/all', {headers: {cookie}})).status, 204);
  }
  t.deepEqual(calls, []);
  t.is(await pageOf(visitor(), '/find', `sid=${'A'.repeat(43)}`), 'none');
  t.deepEqual(calls, ['find'], 'a well-formed one is asked for');
});

test('S07: of two ids neither is used, and a logout clears what the browser has', async t => {
  const {visitor} = watchedCluster();
  const own = cookieIn(await visitor().get('/begin'))!;
  const planted = cookieIn(await visitor().get('/begin'))!;
  for (const cookie of [`${own}; ${planted}`, `${planted}; ${own}`, `${own}; ${own}`]) {
    t.is(await pageOf(visitor(), '/find', cookie), 'none');
    const left = await visitor().get('/all', {headers: {cookie}});
    t.regex(left.headers.get('Set-Cookie')!, /^sid=; Max-Age=0/);
  }
  t.not(await pageOf(visitor(), '/find', own), 'none', 'whose session goes on');
});

test('S09: a cookie whose name differs in case is another cookie', async t => {
  const {sites} = watchedCluster();
  const begun = await sites[0]!.fetch(new globalThis.Request('https://localhost/begin'));
  const token = /sid=([^;]+)/.exec(begun.headers.get('Set-Cookie')!)![1]!;
  const find = async (name: string) => {
    const request = new globalThis.Request('https://localhost/find', {headers: {cookie: `${name}=${token}`}});
    return (await sites[0]!.fetch(request)).text();
  };
  for (const name of ['__host-http-SID', '__Host-Http-SID', '__host-http-sid', 'sid']) t.is(await find(name), 'none');
  t.not(await find('__Host-Http-sid'), 'none');
});

test('S31: a visitor who comes every second is written down as seen at most every 45 seconds', async t => {
  const {clock, visitor, store} = cluster(acts);
  const someone = visitor();
  const uid = await pageOf(someone, '/begin');
  const moments = new Set<number>();
  for (let i = 0; i < 15 * 60; i += 1) {
    clock.advance(1000);
    await someone.get('/find');
    const found = store.find(uid, false);
    if (isLive(found)) moments.add(found.lastSeenAt);
  }
  t.true(moments.size <= 20, `${moments.size} times`);
  clock.advance(15 * minutes - 46_000);
  t.is(await pageOf(someone, '/find'), uid, 'and ends at most that much early');
  clock.advance(15 * minutes);
  t.is(await pageOf(someone, '/find'), 'none');
});

test('S30: a session that was idle for too long is dead on every site', async t => {
  const {clock, visitor} = cluster(acts);
  const cookie = cookieIn(await visitor().get('/begin'))!;
  clock.advance(15 * minutes);
  for (const at of [0, 1]) t.is(await pageOf(visitor(at), '/find', cookie), 'none');
});

test('S35: the server alone decides when a session ends: a cookie that the browser keeps for longer opens nothing', async t => {
  const {clock, visitor} = cluster(acts);
  const begun = await visitor().get('/begin');
  t.notRegex(begun.headers.get('Set-Cookie')!, /expires|max-age/i);
  clock.advance(15 * minutes);
  const headers = {
    cookie: `${cookieIn(begun)!}; Expires=Fri, 31 Dec 9999 23:59:59 GMT`,
    Date: 'Thu, 01 Jan 1970 00:00:00 GMT',
  };
  t.is(await (await visitor().get('/find', {headers})).text(), 'none');
});

test('S37: requireSignIn() refuses who has not signed in, or too long ago, with a challenge; signing in again helps, with a new id', async t => {
  const {clock, visitor, store} = cluster(acts);
  const someone = visitor();
  const refused = async (path: string, detail: string) => {
    const answer = await someone.get(path);
    t.deepEqual([answer.status, answer.headers.get('WWW-Authenticate')], [401, 'Session']);
    t.deepEqual([answer.headers.get('Cache-Control'), answer.headers.getSetCookie()], ['no-store', []]);
    t.like(await answer.json(), {detail, code: 'SIGN_IN_REQUIRED'});
  };
  await refused('/account', 'Sign in first.');
  t.is(store.size, 0, 'which begins no session');
  await someone.get('/begin');
  await refused('/account', 'Sign in first.');
  const uid = await pageOf(someone, '/ann');
  t.is(await pageOf(someone, '/account'), 'ann');
  clock.advance(5 * minutes - 1);
  t.is(await pageOf(someone, '/password'), uid);
  clock.advance(1);
  await refused('/password', 'Sign in again: it was too long ago.');
  t.is(await pageOf(someone, '/account'), 'ann', 'ever is enough here');
  const again = await pageOf(someone, '/ann');
  t.not(again, uid);
  t.is(await pageOf(someone, '/password'), again);
});

test('S75: ten thousand visitors who are only looked for leave no row', async t => {
  const {visitor, store} = cluster(acts);
  for (let i = 0; i < 10_000; i += 1) await visitor(i % 2).get('/find');
  t.is(store.size, 0);
});

test('S76: ten thousand random ids cost one look-up each, whatever is asked, and bring nothing into being', async t => {
  const {calls, sites, store} = watchedCluster();
  for (let i = 0; i < 10_000; i += 1) {
    const {status} = await sites[0]!.handle({
      url: '/all',
      headers: {host: 'localhost', cookie: `sid=${randomToken()}`},
    });
    if (status !== 204) t.fail();
  }
  t.is(calls.length, 10_000);
  t.deepEqual(new Set(calls), new Set(['find']));
  t.is(store.size, 0);
});

test('a grace, or a limit, that is none is refused at once', t => {
  for (const sessions of [
    {renewalGrace: -1},
    {renewalGrace: NaN},
    {userLimit: 0},
    {userLimit: 1.5},
    {componentLimit: 0},
    {insecure: 'false' as unknown as boolean},
  ]) {
    t.throws(() => world({sessions}), {code: 'OPTION_INVALID'});
  }
});

test('S37: requireSignIn() takes nothing but a number of milliseconds, lest it let in whoever has signed in at all', async t => {
  const {visit} = visitedSite();
  await visit(async (_session, sessions) => {
    await sessions.signIn('ada');
    for (const options of [{within: '5m'}, {within: NaN}, {within: -1}, 300_000, null]) {
      const asked = sessions.requireSignIn(options as {within: number});
      await t.throwsAsync(asked, {code: 'OPTION_INVALID', message: /^requireSignIn\(\)/});
    }
  });
});

test('a part of a millisecond counts as a whole one', async t => {
  const {clock, text} = world({sessions: {idleTimeout: 999.5}});
  const uid = await text('/');
  clock.advance(999);
  t.is(await text('/'), uid);
  clock.advance(1000);
  t.not(await text('/'), uid);
});

/** Two sites, each with a page that does what it is told with the services of both. */
function twoServices() {
  let act: (own: SessionService, other: SessionService) => unknown = () => undefined;
  @Resource()
  class Both {
    @Get()
    show() {
      return act(one.container.get(SessionService), other.container.get(SessionService));
    }
  }
  const [{site: one, clock}, {site: other}] = [testSite(Both), testSite(Home)];
  /** What the first site answers where its handler does this, and to whom. */
  const answer = (doing: typeof act, cookie?: string) => {
    act = doing;
    return one.handle({headers: {host: 'localhost', cookie}});
  };
  const otherCookie = async () => {
    const begun = await other.handle({headers: {host: 'localhost'}});
    return begun.header('Set-Cookie')!.split(';')[0]!;
  };
  return {other, clock, answer, otherCookie};
}

test('a session that was begun is sent, and its answer kept out of caches, although the service of another site was asked too', async t => {
  const {answer} = twoServices();
  const orders: ((own: SessionService, other: SessionService) => Promise<unknown>)[] = [
    async (own, other) => [await own.getSession(), await other.findSession()],
    async (own, other) => [await other.findSession(), await own.getSession()],
  ];
  for (const ask of orders) {
    const response = await answer(async (own, other) => {
      await ask(own, other);
    });
    t.regex(response.header('Set-Cookie')!, /^sid=/);
    t.deepEqual([response.header('Cache-Control'), response.header('Vary')], ['no-store', 'Cookie']);
  }
});

test('all calls of one service in a request give the same session, whatever other services are asked between them', async t => {
  const {answer} = twoServices();
  const {body} = await answer(async (own, other) => {
    const first = await own.getSession();
    await other.findSession();
    return String(first === (await own.getSession()));
  });
  t.is(body, 'true');
});

test('an answer that read the session of another site alone is kept out of caches too', async t => {
  const {answer, otherCookie} = twoServices();
  const response = await answer(async (_own, other) => (await other.findSession())!.uid, await otherCookie());
  t.is(response.status, 200);
  t.deepEqual([response.header('Cache-Control'), response.header('Vary')], ['no-store', 'Cookie']);
  t.is(response.header('Set-Cookie'), undefined);
});

test('in a request that another site answers a session is found and ended, and that site’s cookie is left alone', async t => {
  const {other, answer, otherCookie} = twoServices();
  const cookie = await otherCookie();
  const response = await answer((_own, service) => service.expire(), cookie);
  t.deepEqual([response.status, response.header('Set-Cookie')], [204, undefined]);
  t.is((await other.handle({url: '/find', headers: {host: 'localhost', cookie}})).body, 'none');
  const begun = await answer(async own => (await own.getSession()).uid);
  const own = begun.header('Set-Cookie')!.split(';')[0]!;
  t.is((await answer((_own, service) => service.expire(), own)).header('Set-Cookie'), undefined);
  t.is((await answer(async service => (await service.findSession())!.uid, own)).body, begun.body);
});

test('in a request that another site answers no session is begun, renewed or signed in: its cookie would drive out that site’s', async t => {
  const {other, answer, otherCookie} = twoServices();
  const store = other.container.get<MemoryStore>(SessionStore);
  const cookie = await otherCookie();
  const refused: [(service: SessionService) => Promise<unknown>, string?][] = [
    [service => service.getSession()],
    [service => service.signIn('ada')],
    [service => service.renew(), cookie],
    [service => service.signIn('ada'), cookie],
  ];
  for (const [call, carried] of refused) {
    const response = await answer(async (_own, service) => {
      await t.throwsAsync(call(service), {code: 'SESSION_FOREIGN', message: /^Another site answers this request/});
    }, carried);
    t.is(response.header('Set-Cookie'), undefined);
  }
  t.is(store.size, 1);
});

test('a request that was passed by hand keeps its session from being idle until it is answered', async t => {
  const {answer, clock} = twoServices();
  let request: Request | undefined;
  const {body} = await answer(async own => {
    request = currentRequest();
    const session = await outsideRequest(() => own.getSession(request));
    for (let minute = 0; minute < 30; minute += 1) clock.advance(minutes);
    return String(await session.touch());
  });
  t.is(body, 'true');
});

test('S70: no header for single caches leaves with what read a session, on a Response and an error neither; without a session they stay', async t => {
  const caching = {
    'CDN-Cache-Control': 'max-age=600',
    'X-Accel-Expires': '600',
    Expires: 'Thu, 31 Dec 2099 23:59:59 GMT',
  };
  @Resource({leaf: true})
  class Cached extends Page {
    @Get()
    async show(request: Request) {
      const [how, isLooking] = [request.postpath[0], request.query.has('look')];
      if (isLooking) await this.sessions.findSession();
      if (how === 'error') throw createError(404, 'Nothing here.', {headers: caching});
      return new globalThis.Response('text', {headers: caching});
    }
  }
  const {site} = testSite(Cached);
  const told = async (url: string) => {
    const response = await site.handle({url, headers: {host: 'localhost'}});
    return Object.keys(caching).filter(name => response.header(name) !== undefined);
  };
  for (const how of ['response', 'error']) {
    t.deepEqual(await told(`/${how}?look`), [], how);
    t.deepEqual(await told(`/${how}`), Object.keys(caching), how);
  }
});

test.serial(
  'S11: in production there is no session over plain HTTP, from this machine neither, unless that was said',
  async t => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    const [strict, insecure] = [world(), world({sessions: {insecure: true}})];
    if (before === undefined) delete process.env['NODE_ENV'];
    else process.env['NODE_ENV'] = before;
    const refused = await strict.get('/');
    t.is(refused.status, 403);
    t.regex(((await refused.json()) as {detail: string}).detail, /because this is production \(NODE_ENV\)/);
    t.is((await insecure.get('/')).status, 200);
  },
);

const day = 24 * 60 * minutes;

/** A visitor who may sign in, and close their browser. */
function rememberedSite(options: Parameters<typeof sessionSite>[0] = {}) {
  const {clock, visitor, look, visit} = sessionSite(options);
  const someone = visitor();
  const url = 'http://localhost/';
  const ask = <T>(act: (session: Session) => T) => visit(someone, act);
  /** Sign in, and give the `Set-Cookie` header without its token. */
  const signIn = async (user: string, how?: SignInOptions, cookie?: string) =>
    told((await look(someone, (_, sessions) => sessions.signIn(user, how), cookie)).response);
  const renew = async () => told((await look(someone, session => session.renew())).response);
  const user = () => ask(session => session.user);
  const cookie = () => someone.jar.getCookieString(url);
  /** The browser forgets what has no `Max-Age`. */
  const closeBrowser = async () => {
    const kept = (await someone.jar.getCookies(url)).filter(({maxAge}) => typeof maxAge === 'number');
    await someone.jar.removeAllCookies();
    for (const each of kept) await someone.jar.setCookie(each, url);
  };
  return {clock, ask, signIn, renew, user, cookie, closeBrowser};
}

const told = (response: globalThis.Response) => response.headers.get('Set-Cookie')?.replace(/=[^;]+/, '');

test('who asks to be remembered is known for as long as they said, although they close their browser and do not come', async t => {
  const {clock, signIn, user, closeBrowser, ask} = rememberedSite();
  t.is(await signIn('ada', {remember: 3 * day}), 'sid; Max-Age=259200; Path=/; HttpOnly; SameSite=Lax');
  clock.advance(2 * day);
  await closeBrowser();
  t.is(await user(), 'ada');
  t.true(await ask(session => session.isRemembered));
  clock.advance(day - 1);
  t.is(await user(), 'ada');
  clock.advance(1);
  t.is(await user(), undefined);
});

test('the session of who is remembered lasts from the sign-in on, however often they come', async t => {
  const {clock, signIn, ask} = rememberedSite();
  clock.advance(5000);
  await signIn('ada', {remember: 60 * minutes});
  const deadlines = await ask(session => [session.idleDeadline, session.absoluteDeadline, session.timeLeft]);
  t.deepEqual(deadlines, [clock.now() + 60 * minutes, clock.now() + 60 * minutes, 60 * minutes]);
  clock.advance(30 * minutes);
  t.is(await ask(session => session.timeLeft), 30 * minutes);
});

test('a renewal of a session that is remembered sends what is left, in whole seconds, and so does signing in again where the answer was lost', async t => {
  const {clock, signIn, renew, cookie} = rememberedSite();
  const before = await signIn('ada').then(cookie);
  clock.advance(1000);
  await signIn('ada', {remember: day});
  clock.advance(10_500);
  t.is(
    await signIn('ada', {remember: day}, before),
    `sid; Max-Age=${24 * 60 * 60 - 10}; Path=/; HttpOnly; SameSite=Lax`,
  );
  t.is(await signIn('ada', {}, before), `sid; Max-Age=${24 * 60 * 60 - 10}; Path=/; HttpOnly; SameSite=Lax`);
  clock.advance(500);
  t.is(await renew(), `sid; Max-Age=${24 * 60 * 60 - 11}; Path=/; HttpOnly; SameSite=Lax`);
  clock.advance(day - 11_500);
  t.is(await renew(), 'sid; Max-Age=1; Path=/; HttpOnly; SameSite=Lax', 'a browser takes 0 for "forget it"');
});

test('who signs in without asking to be remembered is remembered no more', async t => {
  const {clock, signIn, user, closeBrowser, ask} = rememberedSite();
  await signIn('ada', {remember: day});
  t.is(await signIn('ada', {remember: undefined}), 'sid; Path=/; HttpOnly; SameSite=Lax');
  t.deepEqual(await ask(session => [session.isRemembered, session.idleTimeout]), [false, 15 * minutes]);
  clock.advance(15 * minutes);
  t.is(await user(), undefined);
  await signIn('ada', {remember: day});
  await signIn('ada');
  await closeBrowser();
  t.is(await user(), undefined);
  t.false(await ask(session => session.isRemembered));
});

test('whoever signs in over somebody who is remembered is not', async t => {
  const {signIn, ask} = rememberedSite();
  await signIn('ada', {remember: day});
  t.is(await signIn('eve'), 'sid; Path=/; HttpOnly; SameSite=Lax');
  t.deepEqual(await ask(session => [session.user, session.isRemembered, session.idleTimeout]), [
    'eve',
    false,
    15 * minutes,
  ]);
});

test('signing in leaves a session the idle timeout that it was given, and asks the store for no more than before', async t => {
  const asked: unknown[] = [];
  const store = around(new MemoryStore({clock: new TestClock()}), (act, name, parameters) => {
    if (name === 'renew') asked.push((parameters[1] as Renewal).signIn);
    return act();
  });
  const {signIn, ask} = rememberedSite({store});
  await ask(session => session.setIdleTimeout(5 * minutes));
  await signIn('ada');
  t.deepEqual(asked, [{user: 'ada', limit: Infinity}]);
  t.is(await ask(session => session.idleTimeout), 5 * minutes);
});

test('a sign-in that makes a session last for less has it not be idle while its request is answered', async t => {
  const {clock, look, visitor} = sessionSite({sessions: {idleTimeout: 1000}});
  const someone = visitor();
  await look(someone, (_, sessions) => sessions.signIn('ada', {remember: day}));
  clock.advance(minutes);
  const {result} = await look(someone, async (_, sessions) => {
    const session = await sessions.signIn('ada');
    for (let i = 0; i < 20; i += 1) {
      clock.advance(500);
      await setImmediate();
    }
    return session.touch();
  });
  t.true(result);
});

test('a visitor is remembered for 500 milliseconds to 400 days; anything else is refused', async t => {
  const {site} = world();
  const sessions = site.container.get(SessionService);
  const request = () => Request.from({headers: {host: 'localhost'}});
  for (const remember of [0, 499, -1, NaN, Infinity, 400 * day + 1, '30d', null] as number[]) {
    const message =
      /signIn\(\): remember is .*\. It must be a number of milliseconds, from 500 to 34560000000, which is 400 days/;
    await t.throwsAsync(sessions.signIn('ada', {remember}, request()), {code: 'OPTION_INVALID', message});
  }
  await t.throwsAsync(sessions.signIn('ada', {remeber: day} as never, request()), {
    message: /Did you mean "remember"\?/,
  });
  t.is((await sessions.signIn('ada', {remember: 500.5}, request())).idleTimeout, 500);
  t.is((await sessions.signIn('ada', {remember: 400 * day}, request())).idleTimeout, 400 * day);
  t.false((await sessions.signIn('ada', undefined, request())).isRemembered);
  t.false((await sessions.signIn('ada', request())).isRemembered);
});
