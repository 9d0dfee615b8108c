import test from 'ava';
import {Child, Get, Post, Resource, SessionService, Use, inject, type SiteOptions} from 'espalier';
import {csrf, type CsrfOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

@Resource()
class Payment {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Post()
  async take() {
    return (await this.sessions.findSession())?.user ?? 'nobody';
  }
}

@Resource()
@Child('payment', Payment)
class Shop {
  calls = 0;
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async enter() {
    await this.sessions.signIn('ada');
    return 'in';
  }
  @Post()
  async buy() {
    this.calls += 1;
    return (await this.sessions.findSession())?.user ?? 'nobody';
  }
}

/** A site, and how it answers to requests that carry the cookie of somebody who has signed in. */
async function shop(options: SiteOptions = {}) {
  const {site, log} = testSite(Shop, {...options, sessions: {insecure: true}});
  const entered = await site.handle({headers: {host: 'localhost:8080'}});
  const cookie = entered.header('Set-Cookie')!.split(';')[0]!;
  const send = (headers: Record<string, string>, {method = 'POST', url = '/'} = {}) =>
    site.handle({method, url, headers: {host: 'localhost:8080', cookie, ...headers}});
  return {site, send, log};
}

const passing: Record<string, string>[] = [
  {},
  {'sec-fetch-site': 'same-origin'},
  {'sec-fetch-site': 'same-origin', origin: 'http://localhost:8080'},
  {'sec-fetch-site': 'none'},
  {origin: 'http://localhost:8080'},
  {referer: 'https://evil.example/'},
];
const forged: Record<string, string>[] = [
  {'sec-fetch-site': 'cross-site'},
  {'sec-fetch-site': 'same-site'},
  {'sec-fetch-site': 'cross-site', origin: 'http://localhost:8080'},
  {'sec-fetch-site': 'Same-Origin'},
  {'sec-fetch-site': 'same-origin, same-origin'},
  {'sec-fetch-site': ''},
  {'sec-fetch-site': 'cross-site', origin: 'null'},
  {origin: 'null'},
  {origin: ''},
  {origin: 'https://evil.example'},
  {origin: 'http://localhost:8081'},
  {origin: 'http://localhost:8080.evil.example'},
  {origin: 'http://localhost'},
];

for (const headers of passing) {
  test(`what the site's own page, or no browser, sends with the cookie is taken: ${JSON.stringify(headers)}`, async t => {
    const {send} = await shop();
    t.is((await send(headers)).body, 'ada');
  });
}

for (const headers of forged) {
  test(`what a page of another origin sends with the cookie is a 403, before any resource is asked: ${JSON.stringify(headers)}`, async t => {
    const {send, site, log} = await shop();
    for (const how of [{}, {method: 'DELETE'}, {url: '/none/at/all'}, {url: '/payment'}, {method: 'ODD'}]) {
      const response = await send(headers, how);
      t.is(response.status, 403);
      t.like(JSON.parse(response.body as string), {
        code: 'CSRF_REFUSED',
        detail: 'A page of another site has sent this request.',
      });
    }
    t.is(site.container.get(Shop).calls, 0);
    t.deepEqual(log, []);
    for (const method of ['GET', 'HEAD', 'OPTIONS']) t.is((await send(headers, {method})).status, 200, method);
  });
}

test('the name of either cookie counts, that over TLS and that over plain HTTP, whatever it holds', async t => {
  const {site} = await shop();
  for (const cookie of ['sid=x', '__Host-Http-sid=x', 'a=b; sid=']) {
    t.is(
      (await site.handle({method: 'POST', headers: {host: 'localhost', cookie, 'sec-fetch-site': 'cross-site'}}))
        .status,
      403,
      cookie,
    );
  }
  for (const cookie of [undefined, 'other=x', 'sid2=x']) {
    t.is(
      (await site.handle({method: 'POST', headers: {host: 'localhost', cookie, 'sec-fetch-site': 'cross-site'}}))
        .status,
      200,
      cookie,
    );
  }
});

test('other origins and paths can be excepted by name, and no others are', async t => {
  const {send} = await shop({csrf: {origins: ['https://app.example', 'null'], except: ['/payment']}});
  const cross = {'sec-fetch-site': 'cross-site'};
  t.is((await send({...cross, origin: 'https://app.example'})).body, 'ada');
  t.is((await send({origin: 'https://app.example'})).body, 'ada');
  t.is((await send({...cross, origin: 'null'})).body, 'ada');
  t.is((await send({...cross, origin: 'https://app.example.evil.example'})).status, 403);
  t.is((await send({...cross, origin: 'http://app.example'})).status, 403);
  t.is((await send({...cross, origin: 'https://evil.example'}, {url: '/payment'})).body, 'ada');
  t.is((await send(cross, {url: '/payment/'})).status, 403);
});

test('csrf: false takes them all', async t => {
  const {send} = await shop({csrf: false});
  t.is((await send({'sec-fetch-site': 'cross-site'})).body, 'ada');
});

test('csrf() on a branch refuses forged requests there whatever they carry', async t => {
  @Use(csrf({except: ['/branch/open']}))
  @Resource()
  @Child('open', Payment)
  class Branch extends Payment {}
  @Resource()
  @Child('branch', Branch)
  class Root extends Payment {}
  const {site} = testSite(Root, {csrf: false});
  const post = async (url: string, site_: string) =>
    (await site.handle({method: 'POST', url, headers: {host: 'localhost', 'sec-fetch-site': site_}})).status;
  t.is(await post('/branch', 'cross-site'), 403);
  t.is(await post('/branch/none', 'cross-site'), 403);
  t.is(await post('/branch/open', 'cross-site'), 200);
  t.is(await post('/branch', 'same-origin'), 200);
  t.is(await post('/', 'cross-site'), 200);
});

test('what is no origin or path is refused when the site is built', t => {
  for (const options of [
    {origins: ['app.example']},
    {origins: ['https://app.example/']},
    {origins: 'https://app.example'},
    {except: ['payment']},
    {exept: []},
  ]) {
    t.throws(() => csrf(options as CsrfOptions), {code: 'OPTION_INVALID'});
    t.throws(() => testSite(Shop, {csrf: options as CsrfOptions}), {code: 'OPTION_INVALID'});
  }
  t.throws(() => testSite(Shop, {csrf: true as never}), {
    code: 'OPTION_INVALID',
    message: /It must be false, or an object/,
  });
});
