import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import test from 'ava';
import express from 'express';
import {CookieJar} from 'tough-cookie';
import {
  Child,
  Get,
  Post,
  Request,
  Resource,
  Response,
  SessionService,
  createSite,
  inject,
  type SessionCookieOptions,
} from 'espalier';
import {testSite} from 'espalier/testing';
import {
  SessionCookies,
  clearToken,
  sendToken,
  tokenIn,
  type PlainHttp,
  type SessionCookie,
} from '../../../src/session/visit/cookie.ts';

const token = 'A'.repeat(43);
const at = (host: string, init = {}) => Request.from({headers: {host}, ...init});
const carrying = (cookie: string) => Request.from({headers: {cookie}});
const fitting = (request: Request, plainHttp: PlainHttp, options: SessionCookieOptions = {}) =>
  new SessionCookies(options, plainHttp).fitting(request);
const plain = fitting(at('localhost'), 'thisMachine');
const tls = fitting(at('localhost', {secure: true}), 'thisMachine');

@Resource()
class Leave {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Post()
  async leave() {
    await this.sessions.expire();
  }
}

@Resource()
@Child('leave', Leave)
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
  @Post()
  async find() {
    return (await this.sessions.findSession())?.uid ?? 'none';
  }
}

/** A site whose cookie is as told, and what a visitor of it gets. */
function siteWith(cookie: SessionCookieOptions, sessions = {}) {
  const {visitor, ...rest} = testSite(Home, {sessions: {cookie, ...sessions}});
  const text = async (someone: ReturnType<typeof visitor>, path = '/') => (await someone.get(path)).text();
  return {visitor, text, ...rest};
}

/** The `Set-Cookie` header by which a token is sent, and that by which it is cleared. */
function headersOf(cookie: SessionCookie): (string | undefined)[] {
  return [sendToken.bind(undefined, token), clearToken].map(act => {
    const response = new Response();
    act(cookie, response);
    return response.header('Set-Cookie');
  });
}

test('S10: over TLS the cookie is __Host-Http-sid, whatever the host', t => {
  t.like(fitting(at('example.com', {secure: true}), 'nobody'), {name: '__Host-Http-sid', secure: true});
  t.deepEqual(fitting(at('localhost', {secure: true}), 'thisMachine'), tls, 'and so the same for all');
});

test('over plain HTTP from this machine to itself it is sid, without Secure', t => {
  t.like(plain, {name: 'sid', secure: false});
});

test('over plain HTTP from or to any other a session is refused, with the reason and the ways out, a container’s port among them', t => {
  for (const [request, reason] of [
    [at('example.com'), 'because the host that it asks for is another'],
    [at('localhost', {ip: '172.17.0.1'}), 'because the connection comes from elsewhere'],
  ] as const) {
    const error = t.throws(() => fitting(request, 'thisMachine'), {code: 'SESSION_INSECURE'});
    t.regex(error.message, /trustProxy: "loopback".*the published port of a container.*sessions: \{insecure: true\}/);
    t.true(error.message.includes(reason), error.message);
  }
});

test('where nobody is excepted, this machine is not either', t => {
  t.throws(() => fitting(at('localhost'), 'nobody'), {
    code: 'SESSION_INSECURE',
    message: /because this is production/,
  });
});

test('insecure sessions are kept where that was said', t => {
  t.deepEqual(fitting(at('example.com'), 'all'), plain);
});

test('the token is what the one cookie of the exact name holds', t => {
  t.is(tokenIn(carrying(`a=b; sid=${token}; c=d`), plain), token);
  for (const name of ['SID', 'xsid', 'sid2', '\u00A0sid', '__Host-sid']) {
    t.is(tokenIn(carrying(`${name}=${token}`), plain), undefined, name);
  }
});

test('a repeated cookie counts as none, the same value twice too', t => {
  t.is(tokenIn(carrying(`sid=${token}; sid=${token}`), plain), undefined);
  t.is(tokenIn(carrying(`sid=${token}; sid=`), plain), undefined);
});

test('a malformed or oversized cookie counts as none', t => {
  for (const value of ['', 'x', `"${token}"`, `${token}A`, '%00'.repeat(15), 'A'.repeat(10_000)]) {
    t.is(tokenIn(carrying(`sid=${value}`), plain), undefined, value.slice(0, 50));
  }
});

test('S10: the cookie is sent with every attribute that protects it, and no lifetime of its own', t => {
  t.is(headersOf(tls)[0], `__Host-Http-sid=${token}; Path=/; HttpOnly; Secure; SameSite=Lax`);
});

test('the cookie of who is remembered says for how many seconds the browser keeps it', t => {
  const response = new Response();
  sendToken(token, tls, response, 60);
  t.is(response.header('Set-Cookie'), `__Host-Http-sid=${token}; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax`);
});

test('S13: name and value of the cookie are far from the 4096 bytes that browsers take, the longest name too', t => {
  const longest = fitting(at('localhost', {secure: true}), 'nobody', {name: 'n'.repeat(100)});
  for (const cookie of [tls, plain, longest]) t.true(headersOf(cookie)[0]!.split(';')[0]!.length < 200);
});

test('the cookie has the name that is given, with the prefix that fits: __Host-Http-, or __Http- with a domain or another path', t => {
  for (const [options, overTls] of [
    [{name: 'shop'}, `__Host-Http-shop=${token}; Path=/; HttpOnly; Secure; SameSite=Lax`],
    [{name: 'shop', path: '/app'}, `__Http-shop=${token}; Path=/app; HttpOnly; Secure; SameSite=Lax`],
    [
      {name: 'shop', domain: 'example.com'},
      `__Http-shop=${token}; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ],
    [{sameSite: 'strict'}, `__Host-Http-sid=${token}; Path=/; HttpOnly; Secure; SameSite=Strict`],
    [
      {sameSite: 'none', partitioned: true},
      `__Host-Http-sid=${token}; Path=/; HttpOnly; Secure; Partitioned; SameSite=None`,
    ],
  ] as const) {
    const cookie = fitting(at('www.example.com', {secure: true}), 'nobody', options);
    t.is(headersOf(cookie)[0], overTls);
  }
  const insecure = fitting(at('www.example.com'), 'all', {name: 'shop', domain: 'example.com', path: '/app'});
  t.is(headersOf(insecure)[0], `shop=${token}; Domain=example.com; Path=/app; HttpOnly; SameSite=Lax`);
});

test('the cookie is cleared with every attribute that it was set with', t => {
  for (const options of [
    {},
    {path: '/app', domain: 'example.com', sameSite: 'strict'},
    {sameSite: 'none', partitioned: true},
  ] as const) {
    const [sent, cleared] = headersOf(fitting(at('www.example.com', {secure: true}), 'nobody', options));
    t.is(cleared!.replace('=; Max-Age=0;', `=${token};`), sent!);
  }
});

test('a cookie that contradicts itself, its prefix or the transport is refused when the site is built', t => {
  const refused: [SessionCookieOptions, RegExp, object?][] = [
    ...['', 'a b', 'a;b', 'a=b', 'ü', 'a\n', '__Host-sid', '__host-sid', '__Secure-x', '__HTTP-x', '__Host-Http-x'].map(
      name => [{name}, /sessions\.cookie\.name is .*It must be a name for a cookie/] as [SessionCookieOptions, RegExp],
    ),
    [{name: 'n'.repeat(101)}, /cookie\.name/],
    [{name: 7} as never, /cookie\.name/],
    [{sameSite: 'Lax'} as never, /cookie\.sameSite is "Lax"\. It must be "lax" or "strict" or "none"/],
    ...['', 'app', '/a;b', '/a b', '/a\r\n', '/ä', '/a?b', '/a#b', '/a/../b', '/.', `/${'a'.repeat(1001)}`].map(
      path => [{path}, /cookie\.path is .*It must be a path/] as [SessionCookieOptions, RegExp],
    ),
    ...['', '.example.com', 'example.com:80', 'localhost', 'https://example.com', 'a..b', '-a.com', '127.0.0.1'].map(
      domain => [{domain}, /cookie\.domain is .*It must be a domain/] as [SessionCookieOptions, RegExp],
    ),
    ...['example.com.', 'bücher.example', 'a.b;c.d', '[::1]', `${'a.'.repeat(127)}aa`].map(
      domain => [{domain}, /cookie\.domain/] as [SessionCookieOptions, RegExp],
    ),
    [{partitioned: 'yes'} as never, /cookie\.partitioned/],
    [{partitioned: true}, /partitioned is for a site in frames/],
    [{partitioned: true, sameSite: 'lax'}, /partitioned is for a site in frames/],
    [{sameSite: 'none'}, /over TLS alone, so it goes with no sessions: \{insecure: true\}/, {insecure: true}],
    [{nmae: 'shop'} as never, /no option "sessions\.cookie\.nmae"\. Did you mean "sessions\.cookie\.name"\?/],
  ];
  for (const [cookie, message, sessions] of refused) {
    t.throws(() => createSite(Home, {sessions: {cookie, ...sessions}}), {code: 'OPTION_INVALID', message});
  }
});

test('a cookie may be shaped in every way that browsers take', async t => {
  for (const cookie of [
    {name: "!#$%&'*+-.^_`|~09AZaz"},
    {name: '__host'},
    {path: '/app/'},
    {path: '/a.b/..c/%C3%A4'},
    {domain: 'xn--bcher-kva.example'},
    {domain: 'EXAMPLE.co.uk'},
    {sameSite: 'none', partitioned: true, domain: 'example.com'},
    {domain: undefined},
  ] as const) {
    t.notThrows(() => createSite(Home, {sessions: {cookie}}));
  }
});

test('over plain HTTP a session whose cookie is SameSite=None is refused, with the ways out', async t => {
  for (const cookie of [{sameSite: 'none'}, {sameSite: 'none', partitioned: true}] as const) {
    const {visitor, text} = siteWith(cookie);
    const refused = await visitor().get('/');
    t.is(refused.status, 403);
    t.regex(await refused.text(), /SESSION_INSECURE/);
    t.throws(() => fitting(at('localhost'), 'thisMachine', cookie), {message: /trustProxy.*tls.*https: origin/});
    const framed = visitor('https://localhost');
    t.is(await text(framed), await text(framed));
  }
});

test('a visitor is found again by a cookie of any shape, and it is cleared when the session ends', async t => {
  const origins = ['http://localhost', 'https://localhost', 'https://www.example.com'] as const;
  for (const [cookie, origin] of [
    [{name: 'shop'}, origins[0]],
    [{name: 'shop'}, origins[1]],
    [{sameSite: 'strict'}, origins[1]],
    [{sameSite: 'none', partitioned: true}, origins[1]],
    [{domain: 'example.com'}, origins[2]],
    [{domain: 'example.com', sameSite: 'none', partitioned: true}, origins[2]],
    [{domain: 'example.com'}, origins[0]],
  ] as [SessionCookieOptions, string][]) {
    const {visitor, text} = siteWith(cookie);
    const someone = visitor(origin);
    const first = await text(someone);
    t.is(await text(someone), first, JSON.stringify(cookie));
    await someone.post('/leave');
    t.deepEqual(await someone.jar.getCookies(origin), []);
    t.not(await text(someone), first);
  }
});

test('a session is one for all hosts of the cookie’s domain', async t => {
  const {visitor, site} = siteWith({domain: 'example.com'});
  const someone = visitor('https://www.example.com');
  const first = await (await someone.get('/')).text();
  const cookie = await someone.jar.getCookieString('https://shop.example.com/');
  t.regex(cookie, /^__Http-sid=/);
  const request = new globalThis.Request('https://shop.example.com/', {headers: {cookie}});
  t.is(await (await site.fetch(request)).text(), first);
});

test('on this machine, which is in no domain, the cookie goes to the host alone', async t => {
  const {visitor, text, log} = siteWith({domain: 'example.com'}, {insecure: true});
  const someone = visitor();
  t.is(await text(someone), await text(someone));
  t.deepEqual(log, []);
});

test('where the cookie’s domain does not have the host that is asked for, the log says so, once', async t => {
  const {visitor, log} = siteWith({domain: 'example.com'});
  for (const origin of ['https://example.com', 'https://www.EXAMPLE.com:8080']) await visitor(origin).get('/');
  t.deepEqual(log, []);
  for (const origin of ['https://notexample.com', 'https://example.org']) await visitor(origin).get('/');
  t.is(log.length, 1);
  t.regex(log[0]!.message, /The cookie __Http-sid is for example\.com .* a request is for notexample\.com:/);
});

test('a site that is mounted at the path of its cookie has its sessions there, and the cookie goes nowhere else', async t => {
  const site = createSite(Home, {sessions: {cookie: {path: '/app'}}});
  const server = express().use('/app', site.handler).listen(0, '127.0.0.1');
  t.teardown(() => (server.close(), site.close()));
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const jar = new CookieJar();
  const get = async (path: string) => {
    const answer = await fetch(url + path, {headers: {cookie: await jar.getCookieString(url + path)}});
    for (const cookie of answer.headers.getSetCookie()) await jar.setCookie(cookie, url + path);
    return answer.text();
  };
  const first = await get('/app');
  t.is(await get('/app'), first);
  t.is(await get('/app/'), first);
  t.is(await jar.getCookieString(`${url}/apple`), '');
});

test('two applications on one host, each with a name of its own, leave each other’s sessions alone', async t => {
  const [shop, desk] = [siteWith({name: 'shop'}), siteWith({name: 'desk'})];
  const [atShop, atDesk] = [shop.visitor(), desk.visitor()];
  // Cookies know no ports (RFC 6265, section 8.5).
  Object.defineProperty(atDesk, 'jar', {value: atShop.jar});
  const seen = [await shop.text(atShop), await shop.text(atShop), await desk.text(atDesk)];
  seen.push(await shop.text(atShop), await desk.text(atDesk));
  t.is(new Set(seen).size, 2);
  t.deepEqual(seen, [seen[0], seen[0], seen[2], seen[0], seen[2]]);
});

test('of a cookie of the host and one of its domain by one name neither is used', async t => {
  const [forHost, forDomain] = [siteWith({}, {insecure: true}), siteWith({domain: 'example.com'}, {insecure: true})];
  const someone = forHost.visitor('http://www.example.com');
  await someone.get('/');
  const other = forDomain.visitor('http://www.example.com');
  Object.defineProperty(other, 'jar', {value: someone.jar});
  await other.get('/');
  t.is((await someone.jar.getCookies('http://www.example.com/')).length, 2);
  t.is(await (await someone.post('/')).text(), 'none');
  t.is(await (await other.post('/')).text(), 'none');
});
