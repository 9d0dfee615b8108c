import test from 'ava';
import {
  Get,
  Post,
  Request,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  inject,
  type SessionCookieOptions,
  type SessionOptions,
} from 'espalier';
import type {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';
import {CrossSiteRule} from '../../../src/session/visit/cross-site.ts';
import {cluster, cookieIn} from '../cluster.ts';

@Resource()
class Basket {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Post()
  async begin() {
    return (await this.sessions.getSession()).uid;
  }
}

/** A request as a browser marks it that sends one for a page of another site. */
function fromElsewhere(method: string, cookie?: string): Request {
  return Request.from({method, headers: {host: 'localhost', 'sec-fetch-site': 'cross-site', cookie}});
}

/** Whether a request is refused by a rule that lets these patterns through. */
function refusing(patterns: readonly string[]) {
  const rule = new CrossSiteRule(patterns);
  return (url: string, method = 'POST', site = 'cross-site'): boolean => {
    try {
      rule.refuse(Request.from({url, method, headers: {'Sec-Fetch-Site': site}}), false, false);
      return false;
    } catch (error) {
      return (error as {code?: string}).code === 'SESSION_CROSS_SITE';
    }
  };
}

test('what a page of another site posts begins, renews and signs in no session', async t => {
  const {sites, store, visitor} = cluster({begin: async sessions => (await sessions.getSession()).uid});
  const service = sites[0]!.container.get(SessionService);
  const refused = {code: 'SESSION_CROSS_SITE', message: /another site/};
  const request = fromElsewhere('POST');
  await t.throwsAsync(service.getSession(request), refused);
  await t.throwsAsync(service.signIn('ann', request), refused);
  t.is(await service.findSession(request), undefined);
  t.is(store.size, 0);
  // Some browsers send the cookie along.
  const begun = await visitor().get('/begin');
  const known = fromElsewhere('POST', cookieIn(begun));
  await t.throwsAsync(service.renew(known), refused);
  await t.throwsAsync(service.signIn('ann', known), refused);
  t.is((await service.getSession(known)).uid, await begun.text());
});

test('a link on a page of another site may begin a session', async t => {
  const {sites} = cluster({});
  const service = sites[0]!.container.get(SessionService);
  t.truthy(await service.getSession(fromElsewhere('GET')));
});

test('requests of this site, of the visitor and of programs that are no browsers are not refused', t => {
  const refuses = refusing([]);
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'QUERY']) t.false(refuses('/', method), method);
  for (const site of ['same-origin', 'same-site', 'none', '']) t.false(refuses('/', 'POST', site), site);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'MKCOL']) t.true(refuses('/', method), method);
});

test('a callback that is named by its path may begin a session, and no other path', t => {
  const refuses = refusing(['/payment/return', '/sign-in/:provider', '/saml/*']);
  for (const url of ['/payment/return', '/payment/return?x=1', '/payment/retur%6E', '/sign-in/apple', '/saml/a/b']) {
    t.false(refuses(url), url);
  }
  for (const url of [
    '/',
    '/payment',
    '/payment/return/',
    '/payment/RETURN',
    '/payment%2Freturn',
    '/sign-in',
    '/saml',
  ]) {
    t.true(refuses(url), url);
  }
});

test('the visitor is answered with a 403, unless the site names the path', async t => {
  const post = async (sessions: SessionOptions) => {
    const {site} = testSite(Basket, {sessions});
    return (await site.handle(fromElsewhere('POST'))).status;
  };
  t.is(await post({}), 403);
  t.is(await post({crossSite: ['/']}), 200);
});

@SessionComponent('visits')
class Visits {
  count = 0;
}

@Resource()
class Page {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async act({query}: Request) {
    const act = query.get('act');
    if (act === 'sign in') return (await this.sessions.signIn('ann')).user;
    if (act === 'renew') await this.sessions.renew();
    const session = await this.sessions.getSession();
    if (act === 'count') await session.update(Visits, visits => void (visits.count += 1));
    return session.uid;
  }
  @Post()
  async post(request: Request) {
    return this.act(request);
  }
}

/**
 * A page whose cookie is as told, and how it answers a request that a page of another site has sent, where none is refused as
 * forged.
 */
function page(sameSite: SessionCookieOptions['sameSite'], crossSite: string[] = []) {
  const {site, visitor, log} = testSite(Page, {csrf: false, sessions: {cookie: {sameSite: sameSite!}, crossSite}});
  const store = site.container.get<MemoryStore>(SessionStore);
  const headers = {'Sec-Fetch-Site': 'cross-site'};
  const ask = async (method: string, path = '/', cookie = '') => {
    const url = new URL(path, 'https://localhost');
    const answer = await site.fetch(new globalThis.Request(url, {method, headers: {...headers, cookie}}));
    return {status: answer.status, cookies: answer.headers.getSetCookie(), text: await answer.text()};
  };
  const begin = async () => (await visitor('https://localhost').get('/')).headers.getSetCookie()[0]!.split(';')[0]!;
  return {store, log, ask, begin};
}

test('SameSite=Strict: a link on a page of another site, which carries no cookie, takes the place of no session', async t => {
  const {store, log, ask, begin} = page('strict');
  const cookie = await begin();
  const linked = await ask('GET');
  t.like(linked, {status: 200, cookies: []});
  t.regex(linked.text, /^[\w-]{43}$/);
  t.is(store.size, 1, 'an empty session for this request alone');
  t.like(await ask('GET', '/?act=renew'), {status: 200, cookies: []});
  for (const act of ['count', 'sign in']) {
    const refused = await ask('GET', `/?act=${act}`);
    t.like(refused, {status: 403, cookies: []});
    t.regex(refused.text, /SESSION_CROSS_SITE/);
  }
  t.is((await ask('POST')).status, 403);
  t.is(store.size, 1);
  t.deepEqual(log, []);
  // A browser that has sent the cookie all the same has nothing to lose.
  const known = await ask('GET', '/', cookie);
  t.like(known, {status: 200, cookies: []});
  t.is((await ask('GET', '/?act=renew', cookie)).cookies.length, 1);
});

test('SameSite=Strict: a path that is named in crossSite may begin a session and sign in for a link', async t => {
  const {ask} = page('strict', ['/']);
  for (const act of ['', 'count', 'sign in']) {
    t.like(await ask('GET', `/?act=${act}`), {status: 200, cookies: {length: 1}});
  }
});

test('SameSite=None: what another site posts, which carries the cookie, begins and renews sessions, and signs nobody in', async t => {
  const {store, ask, begin} = page('none');
  const cookie = await begin();
  t.like(await ask('POST', '/', cookie), {status: 200, cookies: {length: 0}});
  t.like(await ask('POST', '/?act=count', cookie), {status: 200, cookies: {length: 0}});
  t.like(await ask('POST', '/?act=renew', cookie), {status: 200, cookies: {length: 1}});
  t.is(store.size, 1);
  t.like(await ask('POST'), {status: 200, cookies: {length: 1}});
  t.is(store.size, 2);
  for (const known of [cookie, '']) {
    const refused = await ask('POST', '/?act=sign in', known);
    t.like(refused, {status: 403, cookies: []});
    t.regex(refused.text, /SESSION_CROSS_SITE/);
  }
  t.is(store.size, 2, 'nor is a session begun for nothing');
  t.is((await page('none', ['/']).ask('POST', '/?act=sign in')).status, 200);
});

test('what is no list of paths is refused when the site is built', t => {
  for (const crossSite of [['payment'], ['//payment'], [7], 'payment'] as never[]) {
    t.throws(() => testSite(Basket, {sessions: {crossSite}}), {code: 'OPTION_INVALID', message: /crossSite/});
  }
});

test('where the browser does not say the site, the origin does: another host, and none at all, is another site', t => {
  const rule = new CrossSiteRule([]);
  const refuses = (headers: Record<string, string>, method = 'POST') => {
    try {
      rule.refuse(Request.from({method, headers: {Host: 'shop.example:8080', ...headers}}), false, false);
      return false;
    } catch (error) {
      return (error as {code?: string}).code === 'SESSION_CROSS_SITE';
    }
  };
  for (const Origin of ['http://evil.example', 'http://shop.example', 'http://shop.example:8081', 'null', '']) {
    t.true(refuses({Origin}), Origin);
    t.false(refuses({Origin}, 'GET'), Origin);
    t.false(refuses({Origin, 'Sec-Fetch-Site': 'same-origin'}), Origin);
  }
  t.false(refuses({}));
  t.false(refuses({Origin: 'http://Shop.example:8080'}));
  t.false(refuses({Origin: 'https://shop.example', Host: 'shop.example:443'}));
  t.false(refuses({Origin: 'https://shop.example', Host: '127.0.0.1:3000', 'X-Forwarded-Host': 'shop.example'}));
});

test('another host of the same site signs nobody in by a form, unless its path is excepted', t => {
  const refuses = (rule: CrossSiteRule, isSignIn: boolean, method = 'POST') => {
    const headers = {Host: 'shop.example', Origin: 'https://blog.shop.example', 'Sec-Fetch-Site': 'same-site'};
    try {
      rule.refuse(Request.from({method, url: '/sign-in', headers}), isSignIn, false);
      return false;
    } catch {
      return true;
    }
  };
  t.true(refuses(new CrossSiteRule([]), true));
  t.false(refuses(new CrossSiteRule([]), true, 'GET'));
  t.false(refuses(new CrossSiteRule([]), false), 'it comes with the cookie, so it takes the place of none');
  t.false(refuses(new CrossSiteRule(['/sign-in']), true));
});
