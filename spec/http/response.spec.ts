import test from 'ava';
import {Get, html, Put, Resource, type MiddlewareClass, type Request} from 'espalier';
import {etag} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {Response} from '../../src/http/response.ts';

/** A response with this body and status. */
function answer(body?: Response['body'], status?: number): Response {
  const response = new Response();
  response.body = body;
  if (status !== undefined) response.status = status;
  return response;
}

async function* stream() {
  yield 'a';
}

test('the status is 200 with a body and 204 without, unless it is set', t => {
  t.is(answer('').status, 200);
  t.is(answer().status, 204);
  t.is(answer(undefined, 201).status, 201);
  t.is(answer('x', 404).status, 404);
});

for (const status of [0, 99, 100, 101, 199, 600, 1000, 200.5, NaN, Infinity, '200' as unknown as number]) {
  test(`what is no final status is a RangeError: ${typeof status} ${status}`, t => {
    const response = answer('x', 201);
    t.throws(() => (response.status = status), {instanceOf: RangeError});
    t.is(response.status, 201);
  });
}

test('the first and the last final status are taken', t => {
  t.is(answer('', 200).status, 200);
  t.is(answer('', 599).status, 599);
});

test('a header is found by its name in any case', t => {
  const response = new Response();
  response.setHeader('X-Count', 3);
  t.is(response.header('x-count'), '3');
  t.is(response.header('x-coun'), undefined);
});

test('setting a header takes all by its name away, appending adds one beside', t => {
  const response = answer('');
  response.appendHeader('Link', '<a>');
  response.appendHeader('link', '<b>');
  t.is(response.header('LINK'), '<a>');
  t.deepEqual(response.headerList(), ['Link', '<a>', 'link', '<b>', 'Content-Length', '0']);
  response.setHeader('LINK', '<c>');
  t.deepEqual(response.headerList(), ['LINK', '<c>', 'Content-Length', '0']);
});

test('removing a header removes every one by its name and no other', t => {
  const response = answer();
  for (const name of ['A', 'a', 'B', 'A']) response.appendHeader(name, '1');
  response.removeHeader('a');
  response.removeHeader('c');
  t.deepEqual(response.headerList(), ['B', '1']);
});

test('a header whose value is another’s name is not mistaken for it', t => {
  const response = answer();
  response.setHeader('A', 'B');
  t.is(response.header('B'), undefined);
  response.removeHeader('B');
  t.deepEqual(response.headerList(), ['A', 'B']);
});

for (const [name, value] of [
  ['X', 'a\r\nSet-Cookie: b'],
  ['X', 'a\nb'],
  ['X', 'a\rb'],
  ['X', 'a\0'],
  ['X', '€'],
  ['X\r\nY', 'a'],
  ['X:', 'a'],
  ['X Y', 'a'],
  ['', 'a'],
] as const) {
  test(`a header that HTTP does not allow is a TypeError: ${JSON.stringify([name, value])}`, t => {
    const response = answer();
    t.throws(() => response.setHeader(name, value), {instanceOf: TypeError});
    t.throws(() => response.appendHeader(name, value), {instanceOf: TypeError});
    t.deepEqual(response.headerList(), []);
  });
}

test('a location can’t smuggle in a header', t => {
  t.throws(() => answer().redirect('/\r\nSet-Cookie: a=b'), {instanceOf: TypeError});
});

test('each cookie is a header of its own', t => {
  const response = answer();
  response.setCookie('a', '1');
  response.setCookie('b', '2', {path: '/b'});
  t.deepEqual(response.headerList(), [
    'Set-Cookie',
    'a=1; Path=/; HttpOnly; SameSite=Lax',
    'Set-Cookie',
    'b=2; Path=/b; HttpOnly; SameSite=Lax',
  ]);
});

test('a cookie is forgotten where it was set', t => {
  const response = answer();
  response.clearCookie('a', {path: '/b', domain: 'example.org'});
  t.is(response.header('Set-Cookie'), 'a=; Max-Age=0; Domain=example.org; Path=/b; HttpOnly; SameSite=Lax');
});

test('what no URL can hold as it is, is encoded in a redirect, and nothing else', t => {
  const to = (location: string) => {
    const response = answer();
    response.redirect(location);
    return response.header('Location');
  };
  t.is(to('/café/☃/🌳 "<>^`{|}'), '/caf%C3%A9/%E2%98%83/%F0%9F%8C%B3%20%22%3C%3E%5E%60%7B%7C%7D');
  t.is(to('/\\evil.example'), '/%5Cevil.example');
  t.is(to('/\ud800'), '/%EF%BF%BD');
  const asItIs = "https://[::1]:8080/a%20b/%E9?a=b&c=d;e,f+g#h/!$'()*@~";
  t.is(to(asItIs), asItIs);
});

test('a redirect is a 303 unless told otherwise', t => {
  const response = answer();
  response.redirect('/a');
  t.is(response.status, 303);
  t.is(response.header('Location'), '/a');
  response.redirect('/b', 308);
  t.is(response.status, 308);
  t.deepEqual(response.headerList(), ['Location', '/b', 'Content-Length', '0']);
});

test('vary lists each request header once, in any case', t => {
  const response = answer();
  for (const name of ['Accept', 'Cookie', 'accept', 'COOKIE']) response.vary(name);
  t.is(response.header('Vary'), 'Accept, Cookie');
});

test('an answer that varies by everything varies by nothing more', t => {
  const response = answer();
  response.setHeader('Vary', '*');
  response.vary('Cookie');
  t.is(response.header('Vary'), '*');
});

test('vary keeps what several headers listed', t => {
  const response = answer();
  response.appendHeader('Vary', 'Accept');
  response.appendHeader('Vary', 'Origin');
  response.vary('Cookie');
  t.is(response.header('Vary'), 'Accept, Origin, Cookie');
});

test('a body’s length is counted in bytes', t => {
  t.deepEqual(answer('é€').headerList(), ['Content-Length', '5']);
  t.deepEqual(answer(new Uint8Array(7)).headerList(), ['Content-Length', '7']);
  t.deepEqual(answer('').headerList(), ['Content-Length', '0']);
});

test('a stream has no length, unless the handler knows it', t => {
  t.deepEqual(answer(stream()).headerList(), []);
  const known = answer(stream());
  known.setHeader('content-length', 1);
  t.deepEqual(known.headerList(), ['content-length', '1']);
});

for (const status of [204, 304]) {
  test(`a ${status} has neither body nor length, whatever the handler returned`, t => {
    t.deepEqual(answer('text', status).headerList(), []);
    t.is(answer('text', status).sentBody, undefined);
    t.deepEqual(answer(undefined, status).headerList(), []);
  });
}

test('a 205 has the length 0 and no body, whatever the handler returned', t => {
  t.deepEqual(answer('text', 205).headerList(), ['Content-Length', '0']);
  t.is(answer('text', 205).sentBody, undefined);
});

test('another status without a body has the length 0', t => {
  t.deepEqual(answer(undefined, 200).headerList(), ['Content-Length', '0']);
  t.deepEqual(answer(undefined, 404).headerList(), ['Content-Length', '0']);
});

test('an answer to HEAD has the length of the body that it does not send', t => {
  const response = answer('Hello');
  response.isHead = true;
  t.deepEqual(response.headerList(), ['Content-Length', '5']);
  t.is(response.sentBody, undefined);
  t.is(answer('Hello').sentBody, 'Hello');
});

test('keepPrivate() keeps the answer out of every cache, unless it is said to be private', t => {
  const said = (...controls: string[]) => {
    const response = new Response();
    for (const control of controls) response.appendHeader('cache-control', control);
    response.keepPrivate();
    return response.header('Cache-Control');
  };
  t.is(said(), 'no-store');
  t.is(said('public, max-age=60'), 'no-store');
  t.is(said('privately'), 'no-store');
  t.is(said('max-age=60, no-transform'), 'no-store, no-transform');
  t.is(said('max-age=60, Private'), 'max-age=60, Private');
});

/** What some caches put before `Cache-Control`. */
const singleCaches = [
  'CDN-Cache-Control',
  'cloudflare-cdn-cache-control',
  'Netlify-CDN-Cache-Control',
  'Vercel-CDN-Cache-Control',
  'Akamai-Cache-Control',
  'X-LiteSpeed-Cache-Control',
  'Surrogate-Control',
  'Edge-Control',
  'X-Accel-Expires',
];

test('keepPrivate() lets no header go out by which a single cache would keep the answer all the same, also of several', t => {
  for (const control of ['public, max-age=60', 'private']) {
    const response = new Response();
    response.setHeader('Cache-Control', control);
    for (const name of [...singleCaches, ...singleCaches]) response.appendHeader(name, 'max-age=600');
    response.setHeader('X-Other', 'stays');
    response.keepPrivate();
    for (const name of singleCaches) t.is(response.header(name), undefined, name);
    t.is(response.header('X-Other'), 'stays');
  }
});

test('keepPrivate() lets an answer expire later only in the visitor’s own cache', t => {
  const expiresBeside = (control: string) => {
    const response = new Response();
    response.setHeader('Cache-Control', control);
    response.setHeader('expires', 'Thu, 31 Dec 2099 23:59:59 GMT');
    response.keepPrivate();
    return response.header('Expires');
  };
  t.is(expiresBeside('public'), undefined);
  t.is(expiresBeside('private'), 'Thu, 31 Dec 2099 23:59:59 GMT');
});

test('keepPrivate() tells caches that the answer depends on the cookie', t => {
  const response = new Response();
  response.vary('Accept');
  response.keepPrivate();
  response.keepPrivate();
  t.is(response.header('Vary'), 'Accept, Cookie');
});

test('defaultType() gives a type where none is set', t => {
  const response = new Response();
  response.defaultType('text/a');
  response.defaultType('text/b');
  t.is(response.header('content-type'), 'text/a');
});

test('vary takes no name that could smuggle in another header', t => {
  t.throws(() => new Response().vary('a\r\nSet-Cookie: b'), {instanceOf: TypeError});
});

test('the length is that of the body, whatever the handler said', t => {
  for (const body of ['Hello', Buffer.from('Hello')]) {
    const response = answer(body);
    response.setHeader('content-length', 3);
    t.deepEqual(response.headerList(), ['Content-Length', '5']);
  }
  const empty = answer(undefined, 200);
  empty.setHeader('Content-Length', 3);
  t.deepEqual(empty.headerList(), ['Content-Length', '0']);
});

test('a 204 has no length, whatever the handler said', t => {
  const response = answer(undefined, 204);
  response.setHeader('Content-Length', 3);
  t.deepEqual(response.headerList(), []);
});

test('to HEAD a handler may tell a length without making the body', t => {
  const response = answer(undefined, 200);
  response.isHead = true;
  response.setHeader('Content-Length', 3);
  t.deepEqual(response.headerList(), ['Content-Length', '3']);
});

test("headers of the connection are the server's to set", t => {
  for (const name of ['Transfer-Encoding', 'connection', 'Keep-Alive', 'TE']) {
    t.throws(() => new Response().setHeader(name, 'x'), {
      instanceOf: TypeError,
      message: `${name} is the server's to set.`,
    });
  }
});

test('another value of a header that can have one is refused, and the same again is no other', t => {
  const response = new Response();
  response.appendHeader('X-Content-Type-Options', 'nosniff');
  response.appendHeader('x-content-type-options', ' nosniff ');
  t.throws(() => response.appendHeader('X-Content-Type-Options', 'other'), {
    instanceOf: TypeError,
    message: 'X-Content-Type-Options can have one value only, and has one. Use setHeader().',
  });
  t.deepEqual(response.headerList(), ['X-Content-Type-Options', 'nosniff']);
});

test('blanks around a value are not sent', t => {
  const response = new Response();
  response.setHeader('X-A', ' a b\t');
  t.is(response.header('X-A'), 'a b');
});

for (const length of ['abc', '', '-1', '1e3', 1.5, NaN]) {
  test(`a Content-Length that is no number of bytes is refused: ${length}`, t => {
    t.throws(() => new Response().setHeader('Content-Length', length), {
      instanceOf: TypeError,
      message: /Content-Length/,
    });
  });
}

const changed = 'Fri, 27 Nov 2026 18:56:51 GMT';
const before = 'Fri, 27 Nov 2026 18:56:50 GMT';

test('lastModified is a date of HTTP, to the second, and is taken back with undefined', t => {
  const response = new Response();
  t.is(response.lastModified, undefined);
  response.lastModified = Date.parse(changed) + 999;
  t.is(response.header('Last-Modified'), changed);
  t.deepEqual(response.lastModified, new Date(changed));
  response.lastModified = new Date(before);
  t.is(response.header('Last-Modified'), before);
  response.lastModified = undefined;
  t.is(response.header('Last-Modified'), undefined);
});

for (const wrong of [new Date(NaN), NaN, Infinity, 'yesterday' as never, {} as never]) {
  test(`lastModified can't be ${String(wrong)}`, t => {
    t.throws(() => (new Response().lastModified = wrong), {instanceOf: TypeError, message: /must be a Date/});
  });
}

@Resource()
class Page {
  n = 0;
  @Get()
  show(_request: Request, response: Response) {
    response.lastModified = new Date(changed);
    return `page ${(this.n += 1)}`;
  }
  @Put()
  change(_request: Request, response: Response) {
    response.lastModified = new Date(changed);
    this.n += 1;
    response.lastModified = Date.parse(changed) + 60_000;
    return 'changed';
  }
}

/** The status of an answer to these headers, and its text. */
async function asked(headers: Record<string, string>, method = 'GET', use: MiddlewareClass[] = []) {
  const sent = await testSite(Page, {use}).site.fetch(new globalThis.Request('http://localhost/', {method, headers}));
  return [sent.status, sent.ok ? await sent.text() : '', sent.headers.get('last-modified')] as const;
}

test('what has a lastModified is a 304 to who has it already, and a 412 to who asks for an older one', async t => {
  t.deepEqual(await asked({}), [200, 'page 1', changed]);
  t.deepEqual(await asked({'if-modified-since': changed}), [304, '', changed]);
  t.deepEqual(await asked({'if-modified-since': changed}, 'HEAD'), [304, '', changed]);
  t.deepEqual(await asked({'if-modified-since': before}), [200, 'page 1', changed]);
  t.is((await asked({'if-unmodified-since': before}))[0], 412);
});

test('a tag that etag() makes goes before lastModified', async t => {
  const headers = {'if-none-match': '"another"', 'if-modified-since': changed};
  t.is((await asked(headers, 'GET', [etag()]))[0], 200);
  const {visitor} = testSite(Page, {use: [etag()]});
  const tag = (await visitor().get('/')).headers.get('etag')!;
  t.is((await asked({'if-none-match': tag, 'if-modified-since': before}, 'GET', [etag()]))[0], 304);
  t.is((await asked({'if-match': tag, 'if-unmodified-since': before}, 'GET', [etag()]))[0], 200);
});

test('a lastModified that is set before a change keeps the change of somebody else from being lost', async t => {
  const {site} = testSite(Page);
  const put = async (headers: Record<string, string>) =>
    (await site.fetch(new globalThis.Request('http://localhost/', {method: 'PUT', headers}))).status;
  t.is(await put({'if-unmodified-since': before}), 412);
  t.is(await (await site.fetch(new globalThis.Request('http://localhost/'))).text(), 'page 1', 'nothing has changed');
  t.is(await put({'if-unmodified-since': changed}), 200);
  t.is(await put({'if-modified-since': changed}), 200);
  t.is(
    await put({'if-match': '"7"', 'if-unmodified-since': before}),
    200,
    'the tag goes before, and is not compared here',
  );
});

@Resource()
class Negotiated {
  @Get()
  show(_request: Request, response: Response) {
    return response.negotiate({
      html: () => html`<p>seven</p>`,
      json: async () => ({n: 7}),
      text: () => 'seven',
      'text/csv': () => 'n\n7\n',
    });
  }
}

for (const [accept, type, body] of [
  [undefined, 'text/html; charset=utf-8', '<p>seven</p>'],
  ['*/*', 'text/html; charset=utf-8', '<p>seven</p>'],
  ['application/json', 'application/json', '{"n":7}'],
  ['text/html;q=0.5, application/json', 'application/json', '{"n":7}'],
  ['text/*;q=0.5, text/csv', 'text/csv; charset=utf-8', 'n\n7\n'],
  ['text/plain', 'text/plain; charset=utf-8', 'seven'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8', '<p>seven</p>'],
] as const) {
  test(`negotiate() answers Accept: ${accept} as ${type}`, async t => {
    const sent = await testSite(Negotiated).site.handle({headers: {accept}});
    t.is(sent.body, body);
    t.is(sent.header('Content-Type'), type);
  });
}

test('negotiate() says that the answer depends on Accept, and what type it is', async t => {
  const sent = await testSite(Negotiated)
    .visitor()
    .get('/', {headers: {accept: 'text/csv'}});
  t.is(sent.headers.get('vary'), 'Accept');
  t.is(sent.headers.get('content-type'), 'text/csv; charset=utf-8');
});

test('where a client takes none of what there is the answer is a 406 that names it', async t => {
  const sent = await testSite(Negotiated)
    .visitor()
    .get('/', {headers: {accept: 'image/png'}});
  t.is(sent.status, 406);
  t.is(sent.headers.get('vary'), 'Accept');
  const {detail} = (await sent.json()) as {detail: string};
  t.is(
    detail,
    'This can be had as text/html, application/json, text/plain, text/csv. The Accept of the request takes none of these.',
  );
});

test('negotiate() refuses a name that is no type', t => {
  t.throws(() => new Response().negotiate({pdf: () => ''}), {code: 'OPTION_INVALID', message: /has no "pdf"/});
});

test('negotiate() refuses what is no function, also where another is chosen', t => {
  const answers = {json: () => 7, html: '<p>8</p>'} as unknown as {json: () => unknown};
  t.throws(() => new Response().negotiate(answers), {
    code: 'OPTION_INVALID',
    message: /^negotiate\(\): the value of "html" is a string\. It must be a function, .*: \{"html": \(\) => …\}\./,
  });
});

test('a response of no site has no conditions, and is negotiated as for who takes anything', t => {
  const response = new Response();
  response.lastModified = 0;
  t.is(response.negotiate({json: () => 7, html: () => 8}), 7);
});
