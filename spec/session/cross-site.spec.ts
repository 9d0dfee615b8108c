import test from 'ava';
import {Post, Request, Resource, SessionService, inject, type SessionOptions} from 'espalier';
import {testSite} from 'espalier/testing';
import {crossSiteGuard} from '../../src/session/cross-site.ts';
import {cluster, cookieIn} from './cluster.ts';

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

/** Whether a request is refused by a guard that lets these patterns through. */
function refusing(patterns: readonly string[]) {
  const refuse = crossSiteGuard(patterns);
  return (url: string, method = 'POST', site = 'cross-site'): boolean => {
    try {
      refuse(Request.from({url, method, headers: {'Sec-Fetch-Site': site}}));
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

test('what is no list of paths is refused when the site is built', t => {
  for (const crossSite of [['payment'], ['//payment'], [7], 'payment'] as never[]) {
    t.throws(() => testSite(Basket, {sessions: {crossSite}}), {code: 'OPTION_INVALID', message: /crossSite/});
  }
});
