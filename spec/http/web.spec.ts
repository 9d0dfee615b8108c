import {Readable} from 'node:stream';
import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import {brotliCompressSync, deflateSync, gzipSync, zstdCompressSync} from 'node:zlib';
import test from 'ava';
import {Get, Post, Request, Resource, Response, createError, createSite} from 'espalier';
import {testSite} from 'espalier/testing';
import {adoptWebHeaders, fromWebRequest, toWebResponse} from '../../src/http/web.ts';

const {Request: WebRequest, Response: WebResponse} = globalThis;

/** A response with this body and status. */
function answer(body?: Response['body'], status?: number): Response {
  const response = new Response();
  response.body = body;
  if (status !== undefined) response.status = status;
  return response;
}

/** A stream that says when it was ended. */
function endless() {
  const {promise: ended, resolve} = Promise.withResolvers<string>();
  async function* chunks() {
    try {
      for (;;) yield 'chunk';
    } finally {
      resolve('ended');
    }
  }
  return {chunks: chunks(), ended};
}

test('a web request keeps its method, path, query, headers and host', t => {
  const web = new WebRequest('http://example.org:81/a%2Fb?c=d#e', {
    method: 'PUT',
    headers: {'X-A': '1', Cookie: 'a=b'},
  });
  const request = Request.from(fromWebRequest(web));
  t.is(request.method, 'PUT');
  t.is(request.url, '/a%2Fb?c=d');
  t.is(request.headers['x-a'], '1');
  t.is(request.host, 'example.org:81');
  t.deepEqual(request.cookieValues('a'), ['b']);
});

test('a web request to an https URL came over TLS', t => {
  t.true(Request.from(fromWebRequest(new WebRequest('https://example.org/'))).secure);
  t.false(Request.from(fromWebRequest(new WebRequest('http://example.org/'))).secure);
});

test('a web request’s body is read as it comes', async t => {
  const web = new WebRequest('http://x/', {method: 'POST', body: new URLSearchParams({a: 'é'})});
  t.deepEqual([...(await Request.from(fromWebRequest(web)).form())], [['a', 'é']]);
  t.is(await Request.from(fromWebRequest(new WebRequest('http://x/'))).text(), '');
});

test('a web request that is aborted aborts the signal of ours', t => {
  const controller = new AbortController();
  const {signal} = Request.from(fromWebRequest(new WebRequest('http://x/', {signal: controller.signal})));
  t.false(signal.aborted);
  controller.abort();
  t.true(signal.aborted);
});

test('an answer is a web response with its status, headers and body', async t => {
  const response = answer('Hé', 201);
  response.setHeader('X-A', '1');
  const web = toWebResponse(response);
  t.is(web.status, 201);
  t.deepEqual([web.headers.get('x-a'), web.headers.get('content-length')], ['1', '3']);
  t.is(await web.text(), 'Hé');
});

test('each cookie stays a header of its own', t => {
  const response = answer();
  response.setCookie('a', '1');
  response.setCookie('b', '2');
  t.deepEqual(
    toWebResponse(response)
      .headers.getSetCookie()
      .map(cookie => cookie.split(';')[0]),
    ['a=1', 'b=2'],
  );
});

for (const status of [204, 205, 304]) {
  test(`a ${status} is a web response without a body, whatever the handler returned`, t => {
    t.is(toWebResponse(answer('text', status)).body, null);
    t.is(toWebResponse(answer(undefined, status)).status, status);
  });
}

test('bytes stay bytes', async t => {
  t.deepEqual(await toWebResponse(answer(new Uint8Array([0, 255, 128]))).bytes(), new Uint8Array([0, 255, 128]));
});

test('a stream of text and bytes is a web stream of bytes', async t => {
  const stream = Readable.from(['é', '', Buffer.from('!')]);
  t.is(await toWebResponse(answer(stream)).text(), 'é!');
});

test('a web stream that is cancelled ends its source', async t => {
  const {chunks, ended} = endless();
  const reader = toWebResponse(answer(chunks)).body!.getReader();
  t.is(Buffer.from((await reader.read()).value!).toString(), 'chunk');
  await reader.cancel();
  t.is(await ended, 'ended');
});

test('a web response wins over headers set before, and its cookies are added', async t => {
  const response = new Response();
  response.setHeader('X-A', 'before');
  response.setHeader('X-B', 'stays');
  response.setCookie('a', '1');
  const headers = new Headers([
    ['X-A', 'after'],
    ['Set-Cookie', 'b=2'],
    ['Set-Cookie', 'c=3'],
  ]);
  adoptWebHeaders(new WebResponse('x', {headers}), response, undefined);
  t.deepEqual([response.header('X-A'), response.header('X-B')], ['after', 'stays']);
  const cookies = response.headerList().filter((_, i, list) => list[i - 1]?.toLowerCase() === 'set-cookie');
  t.deepEqual(
    cookies.map(cookie => cookie.split(';')[0]),
    ['a=1', 'b=2', 'c=3'],
  );
});

test('what belongs to one connection is not handed on', t => {
  const response = answer(undefined, 200);
  const headers = {connection: 'close', 'transfer-encoding': 'chunked', 'keep-alive': 'timeout=5', 'x-a': '1'};
  adoptWebHeaders(new WebResponse('x', {headers}), response, undefined);
  t.deepEqual(response.headerList().slice(2), ['x-a', '1', 'Content-Length', '0']);
});

test('an answer that was fetched is handed on as it was decoded', async t => {
  const upstream = createServer((_request, out) => {
    out.setHeader('Content-Encoding', 'gzip');
    out.end(gzipSync('unpacked'));
  }).listen(0);
  t.teardown(() => upstream.close());
  await once(upstream, 'listening');
  @Resource()
  class Proxy {
    @Get()
    async pass() {
      return fetch(`http://localhost:${(upstream.address() as AddressInfo).port}`);
    }
  }
  const passed = await testSite(Proxy).visitor().get('/');
  t.is(await passed.text(), 'unpacked');
  t.is(passed.headers.get('Content-Encoding'), null);
});

for (const [encoding, pack] of Object.entries({
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
})) {
  for (const text of ['{"a":1}', '42', '<!doctype html><p>'.repeat(1000)]) {
    const what = `${encoding}, of ${text.length} characters`;

    test(`an answer that was fetched, and put into a new Response with its headers, is answered whole: ${what}`, async t => {
      const packed = pack(text);
      const upstream = createServer((_request, out) => {
        out.writeHead(200, {'Content-Encoding': encoding, 'Content-Length': packed.length, 'X-A': '1'}).end(packed);
      }).listen(0);
      t.teardown(() => upstream.close());
      await once(upstream, 'listening');
      @Resource()
      class Proxy {
        @Get()
        async pass() {
          const up = await fetch(`http://localhost:${(upstream.address() as AddressInfo).port}`);
          // zstd came to fetch() later than to zlib.
          return encoding === 'zstd' ? new WebResponse(text, up) : new WebResponse(up.body, up);
        }
      }
      const site = createSite(Proxy);
      t.teardown(() => site.close());
      const given = await fetch(await site.listen({port: 0}));
      t.deepEqual([await given.text(), given.headers.get('X-A')], [text, '1']);
    });

    test(`an answer that the handler has encoded keeps its encoding: ${what}`, async t => {
      @Resource()
      class Packed {
        @Get()
        give() {
          return new WebResponse(pack(text), {headers: {'Content-Encoding': encoding, 'Content-Length': '1'}});
        }
      }
      const {site} = testSite(Packed);
      const given = await site.fetch(new WebRequest('http://localhost/'));
      t.deepEqual([...(await given.bytes())], [...pack(text)]);
      t.is(given.headers.get('Content-Encoding'), encoding);
      t.is(given.headers.get('Content-Length'), null);
    });
  }
}

test('an encoding that fetch() does not know is handed on as the handler says it', async t => {
  @Resource()
  class Packed {
    @Get()
    give() {
      return new WebResponse('x', {headers: {'Content-Encoding': 'compress'}});
    }
  }
  const {site} = testSite(Packed);
  const given = await site.fetch(new WebRequest('http://localhost/'));
  t.is(given.headers.get('Content-Encoding'), 'compress');
});

test('a site answers a web request with a web response', async t => {
  @Resource()
  class Echo {
    @Post()
    async echo(request: Request) {
      return globalThis.Response.json(await request.json(), {status: 201});
    }
    @Get()
    fail() {
      throw createError(410);
    }
  }
  const {site} = testSite(Echo);
  const init = {method: 'POST', body: '{"a":1}', headers: {'Content-Type': 'application/json'}};
  const created = await site.fetch(new WebRequest('http://x/', init));
  t.is(created.status, 201);
  t.deepEqual(await created.json(), {a: 1});
  t.is((await site.fetch(new WebRequest('http://x/'))).status, 410);
});
