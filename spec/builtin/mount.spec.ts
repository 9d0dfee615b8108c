import {EventEmitter, once} from 'node:events';
import {request as ask, type IncomingMessage} from 'node:http';
import {connect as connectHttp2} from 'node:http2';
import {connect, type Socket} from 'node:net';
import {text} from 'node:stream/consumers';
import {setImmediate as turn} from 'node:timers/promises';
import {gzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import {
  Child,
  Get,
  Resource,
  SessionService,
  Use,
  createError,
  inject,
  type Middleware,
  type Next,
  type Request,
} from 'espalier';
import {cors, mount, type Fetch, type MountContext, type MountOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {mountDefaults} from '../../src/builtin/mount.ts';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';

const WebResponse = globalThis.Response;

/** A site that has this handler at `/api`, and at `/whole` with the whole path. */
function mounted(fetch: Fetch, options: MountOptions = {}) {
  @Resource()
  @Child('api', mount(fetch, options))
  @Child('whole', mount(fetch, {wholePath: true}))
  class Home {}
  return testSite(Home, {trustProxy: 'loopback'});
}

async function listening(t: ExecutionContext, fetch: Fetch, options: Parameters<typeof tlsOf>[0] = {}) {
  const {site, log} = mounted(fetch);
  t.teardown(() => site.close());
  return {site, log, url: await site.listen({port: 0, ...tlsOf(options)})};
}

function tlsOf({tls}: {tls?: {key: string; cert: string}}) {
  return tls ? {tls} : {};
}

const path: Fetch = request => new WebResponse(new URL(request.url).pathname + new URL(request.url).search);

test('the handler sees the path below its place, as it was sent, or with wholePath the whole of it', async t => {
  const {site} = mounted(path);
  const show = async (url: string) => (await site.fetch(new globalThis.Request(`http://x${url}`))).text();
  t.is(await show('/api'), '/');
  t.is(await show('/api/'), '/');
  t.is(await show('/api?a=%20b&c'), '/?a=%20b&c');
  t.is(await show('/api/a%2Fb/%C3%BC//c/'), '/a%2Fb/%C3%BC//c/');
  t.is(await show('/api//evil.example/x'), '//evil.example/x');
  t.is(await show('/whole/a%2Fb?c'), '/whole/a%2Fb?c');
  t.deepEqual(mountDefaults, {wholePath: false});
});

test('no path leads the handler to a URL above its place, or to another host', async t => {
  const {site} = mounted(request => new WebResponse(request.url));
  for (const [url, seen] of [
    [String.raw`/whole/..\..\admin`, 'http://x/whole/..%5C..%5Cadmin'],
    [String.raw`/api\admin`, undefined],
    [String.raw`/api/\evil.example/`, 'http://x/%5Cevil.example/'],
    ['/api/@evil.example', 'http://x/@evil.example'],
    ['/api/a#/../b?c#d', 'http://x/a%23/../b?c%23d'],
    ['/api/%2e%2e/admin', undefined],
    ['/api/..', undefined],
  ] as const) {
    const answer = await site.handle({url, headers: {host: 'x'}});
    if (seen === undefined) t.true(answer.status >= 400, url);
    else if (url.includes('/../')) t.is(answer.status, 400);
    else t.is(await bodyOf(answer), seen, url);
  }
});

async function bodyOf({body}: {body?: unknown}): Promise<string> {
  return text(body as AsyncIterable<Uint8Array>);
}

test('the URL has the host and the scheme of the visitor', async t => {
  const {site} = mounted(request => new WebResponse(request.url));
  const headers = {host: 'shop.example:8443', 'x-forwarded-proto': 'https'};
  t.is(await bodyOf(await site.handle({url: '/api/a', headers, ip: '127.0.0.1'})), 'https://shop.example:8443/a');
  t.is(await bodyOf(await site.handle({url: '/api/a', headers, ip: '192.0.2.1'})), 'http://shop.example:8443/a');
  t.is((await site.handle({url: '/api', headers: {host: 'a:99999'}})).status, 400);
});

test('every method reaches the handler, those that have no decorator too, but for those that no Request can have', async t => {
  const {url} = await listening(t, request => new WebResponse(request.method));
  const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND', 'MKCOL', 'REPORT', 'PURGE'];
  for (const method of methods) {
    const [response] = (await once(ask(`${url}/api`, {method}).end(), 'response')) as [IncomingMessage];
    t.is(await text(response), method);
  }
  const [refused] = (await once(ask(`${url}/api`, {method: 'TRACE'}).end(), 'response')) as [IncomingMessage];
  t.is(refused.statusCode, 501);
});

test('headers go on, but for those of the connection, by name or as Connection lists them', async t => {
  const {url} = await listening(t, request => WebResponse.json(Object.fromEntries(request.headers)));
  const headers = {
    connection: 'keep-alive, X-Hop',
    'x-hop': '1',
    'keep-alive': 'timeout=5',
    te: 'trailers',
    upgrade: 'h2c',
    expect: '100-continue',
    'x-own': ['a', 'b'],
    cookie: 'a=1; b=2',
    'content-type': 'text/x',
  };
  const [response] = (await once(ask(`${url}/api`, {headers}).end(), 'response')) as [IncomingMessage];
  t.deepEqual(JSON.parse(await text(response)), {
    host: new URL(url).host,
    'x-own': 'a, b',
    cookie: 'a=1; b=2',
    'content-type': 'text/x',
  });
});

test('the handler is told the visitor’s address, as trustProxy has it, and the request', async t => {
  const seen: MountContext[] = [];
  const {site} = mounted((_request, context) => {
    seen.push(context);
    return new WebResponse();
  });
  await site.handle({url: '/api/a', ip: '127.0.0.1', headers: {'x-forwarded-for': '192.0.2.7'}});
  await site.handle({url: '/api/a', ip: '192.0.2.1', headers: {'x-forwarded-for': '192.0.2.7'}});
  await site.handle({url: '/api/a'});
  t.deepEqual(
    seen.map(({ip}) => ip),
    ['192.0.2.7', '192.0.2.1', ''],
  );
  t.is(seen[0]!.request.pattern, '/api');
});

test('another site can be mounted as it is: it knows the address', async t => {
  @Resource()
  class Inner {
    @Get()
    show(request: Request) {
      return `${request.ip} ${request.url}`;
    }
  }
  const inner = testSite(Inner).site;
  const {site} = mounted(inner.fetch);
  t.is(await bodyOf(await site.handle({url: '/api?a', ip: '192.0.2.1', headers: {host: 'x'}})), '192.0.2.1 /?a');
});

test('status, headers and all cookies of the answer go out, and a type where it has one', async t => {
  const {url} = await listening(t, request => {
    const status = Number(new URL(request.url).pathname.slice(1));
    const headers = new Headers({'x-own': 'a', 'content-type': 'text/x'});
    headers.append('set-cookie', 'a=1');
    headers.append('set-cookie', 'b=2; Path=/x');
    return new WebResponse([204, 205, 304].includes(status) ? null : 'body', {status, headers});
  });
  for (const status of [200, 201, 204, 205, 304, 404, 503]) {
    const response = await fetch(`${url}/api/${status}`, {redirect: 'manual'});
    t.is(response.status, status);
    t.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2; Path=/x']);
    t.is(response.headers.get('x-own'), 'a');
    t.is(await response.text(), [204, 205, 304].includes(status) ? '' : 'body');
  }
});

test('HEAD is answered without a body, and with the length that the handler tells', async t => {
  const {url} = await listening(t, request =>
    request.method === 'HEAD' && request.url.endsWith('/length')
      ? new WebResponse(null, {headers: {'content-length': '1234', 'content-type': 'text/x'}})
      : new WebResponse('a body that is not sent'),
  );
  const told = await fetch(`${url}/api/length`, {method: 'HEAD'});
  t.is(`${told.status} ${told.headers.get('content-length')} ${told.headers.get('content-type')}`, '200 1234 text/x');
  const other = await fetch(`${url}/api/other`, {method: 'HEAD'});
  t.is(`${other.status} ${await other.text()}`, '200 ');
});

for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
  test(`bodies are streamed both ways at a time, over ${protocol}`, async t => {
    const upper: Fetch = request =>
      new WebResponse(
        request
          .body!.pipeThrough(new TextDecoderStream())
          .pipeThrough(new TransformStream({transform: (chunk: string, out) => out.enqueue(chunk.toUpperCase())}))
          .pipeThrough(new TextEncoderStream()),
      );
    const tls = await selfSigned();
    const {url} = await listening(t, upper, protocol === 'HTTP/2' ? {tls} : {});
    const exchange = protocol === 'HTTP/2' ? http2Exchange(t, url) : http1Exchange(url);
    for (const word of ['one', 'two', 'three']) {
      exchange.send(word);
      t.is(await exchange.next(), word.toUpperCase());
    }
    exchange.end();
    t.is(await exchange.next(), undefined);
  });
}

/** Sends chunks, and gives those that come back. */
interface Exchange {
  send(chunk: string): void;
  end(): void;
  next(): Promise<string | undefined>;
}

function http1Exchange(url: string): Exchange {
  const request = ask(`${url}/api`, {method: 'POST'});
  request.flushHeaders();
  const response = once(request, 'response').then(([message]: IncomingMessage[]) => message!.setEncoding('utf8'));
  let chunks: AsyncIterator<string> | undefined;
  return {
    send: chunk => void request.write(chunk),
    end: () => void request.end(),
    async next() {
      chunks ??= (await response)[Symbol.asyncIterator]() as AsyncIterator<string>;
      return ((await chunks.next()) as IteratorResult<string, undefined>).value;
    },
  };
}

function http2Exchange(t: ExecutionContext, url: string): Exchange {
  const client = connectHttp2(url, {rejectUnauthorized: false});
  t.teardown(() => client.destroy());
  const stream = client.request({':path': '/api', ':method': 'POST'}).setEncoding('utf8');
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<string>;
  return {
    send: chunk => void stream.write(chunk),
    end: () => void stream.end(),
    next: async () => ((await chunks.next()) as IteratorResult<string, undefined>).value,
  };
}

test('a body that the handler does not take is not taken from the client', async t => {
  const events = new EventEmitter();
  const {url} = await listening(t, async request => {
    const reader = request.body!.getReader();
    await reader.read();
    events.emit('begun');
    await once(events, 'go on');
    let size = 0;
    for (let step = await reader.read(); !step.done; step = await reader.read()) size += step.value.length;
    return new WebResponse(String(size > 0));
  });
  const begun = once(events, 'begun');
  const request = ask(`${url}/api`, {method: 'POST'});
  const chunk = Buffer.alloc(1024 * 1024);
  let sent = 0;
  while (request.write(chunk) || sent < 2) sent += 1;
  await begun;
  // What the buffers of the system hold is taken, and no more: 64 MiB would not fit in there.
  for (let i = 0; i < 64; i += 1) request.write(chunk);
  for (let i = 0; i < 100; i += 1) await turn();
  t.true(request.writableLength > 32 * 1024 * 1024, `${request.writableLength} bytes wait`);
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  events.emit('go on');
  request.end();
  t.is(await text((await answered)[0]), 'true');
});

for (const reads of [false, true]) {
  test(`a client that still sends when the handler has answered, which ${reads ? 'began to read' : 'read nothing'}, is heard to its end`, async t => {
    const {url} = await listening(t, async request => {
      if (reads) await request.body!.getReader().read();
      return new WebResponse('enough');
    });
    const socket = connect(Number(new URL(url).port), 'localhost');
    t.teardown(() => socket.destroy());
    let said = '';
    socket.on('data', chunk => (said += String(chunk)));
    const size = 8 * 1024 * 1024;
    socket.write(`POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: ${size}\r\n\r\nbegin`);
    await until(() => said.includes('enough'));
    socket.write(Buffer.alloc(size - 5));
    socket.write('GET /api/next HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => said.split('HTTP/1.1 ').length === 3);
    t.pass();
  });
}

test('a body that ends early fails in the handler, as a 400', async t => {
  const events = new EventEmitter();
  const failures: unknown[] = [];
  const {url, log} = await listening(t, async request => {
    events.emit('begun');
    await request.text().catch((error: unknown) => {
      failures.push(error);
      throw error;
    });
    return new WebResponse();
  });
  const begun = async (socket: Socket) => {
    const heard = once(events, 'begun');
    socket.write('POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nbegin');
    await heard;
  };
  const socket = connect(Number(new URL(url).port), 'localhost');
  await begun(socket);
  socket.end();
  await until(() => failures.length > 0);
  t.like(failures[0], {status: 400});
  t.deepEqual(log, []);
});

test('what a middleware has read of the body is there for the handler', async t => {
  class Reads implements Middleware {
    async handle(request: Request, _response: unknown, next: Next) {
      await request.text();
      return next();
    }
  }
  @Resource()
  @Use(Reads)
  @Child('api', mount(async request => new WebResponse(`got ${await request.text()}`)))
  class Home {}
  const answer = await testSite(Home).site.handle({method: 'POST', url: '/api', body: 'a body'});
  t.is(await bodyOf(answer), 'got a body');
});

/** Has the body read, or begun to be, before anybody else gets it. */
class BeforeHand implements Middleware {
  async handle(request: Request, _response: unknown, next: Next) {
    if (request.headers['x-how'] === 'whole') await request.bytes();
    else await request.stream().next();
    return next();
  }
}

test('a compressed body that a middleware has read is handed on unpacked, without a word of how it came', async t => {
  const said: Fetch = async request => {
    const [coding, length] = ['content-encoding', 'content-length'].map(name => request.headers.get(name));
    return new WebResponse(`${coding} ${length} ${await request.text()}`);
  };
  @Resource()
  @Use(BeforeHand)
  @Child('api', mount(said))
  class Home {}
  const {site} = testSite(Home, {bodyCodings: ['gzip']});
  t.teardown(() => site.close());
  const url = await site.listen({port: 0});
  const send = (body: Uint8Array<ArrayBuffer>, headers: Record<string, string>) =>
    fetch(`${url}/api`, {method: 'POST', body, headers: {'x-how': 'whole', ...headers}});
  t.is(await (await send(gzipSync('a body'), {'content-encoding': 'gzip'})).text(), 'null null a body');
  t.is(await (await send(Buffer.from('a body'), {})).text(), 'null 6 a body');
});

test('a body that somebody has begun to stream is handed on to nobody, and told so at once', async t => {
  @Resource()
  @Use(BeforeHand)
  @Child('api', mount(async request => new WebResponse(await request.text())))
  class Home {}
  const {site, log} = testSite(Home);
  t.teardown(() => site.close());
  const url = await site.listen({port: 0});
  const answer = await fetch(`${url}/api`, {method: 'POST', body: 'a body'});
  t.is(answer.status, 500);
  t.like(log[0]!.error, {code: 'BODY_TAKEN'});
});

test('a GET with a body has none for the handler, and the connection goes on', async t => {
  const {url} = await listening(t, async request => new WebResponse(`${request.method} ${request.body === null}`));
  const request = ask(`${url}/api`, {method: 'GET', headers: {'content-length': 3}}).end('abc');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  t.is(await text(response), 'GET true');
});

test('a handler that throws is a 500 that tells the client nothing, and one that throws an http-errors error is that', async t => {
  const {site, log} = mounted(request => {
    if (request.url.endsWith('/known')) throw createError(409, 'Somebody else was first.');
    throw new Error('the password is 1234');
  });
  const failed = await site.handle({url: '/api'});
  t.is(failed.status, 500);
  t.notRegex(String(failed.body), /password/);
  t.like(log[0], {level: 'error', error: {message: 'the password is 1234'}});
  t.is((await site.handle({url: '/api/known'})).status, 409);
});

for (const [what, wrong] of [
  ['nothing', undefined],
  ['a text', 'Hello'],
  ['an object that is no Response', {status: 200, body: 'Hello'}],
] as const) {
  test(`a handler that answers with ${what} is a 500 whose log line names its place`, async t => {
    const {site, log} = mounted(() => wrong as unknown as globalThis.Response);
    t.is((await site.handle({url: '/api/x'})).status, 500);
    t.is(log.length, 1);
    t.like(log[0]!.error, {code: 'RESULT_UNSUPPORTED'});
    t.regex(String(log[0]!.error), /What is mounted at \/api returned .+ It has to return a WHATWG Response/);
  });
}

test('a Response that was answered with before, one of a network error, and one that was read are each a 500 with its log line', async t => {
  const kept = new WebResponse('Hello');
  const read = new WebResponse('Hello');
  await read.text();
  const {site, log} = mounted(request => {
    if (request.url.endsWith('/kept')) return kept;
    return request.url.endsWith('/read') ? read : WebResponse.error();
  });
  t.is(await bodyOf(await site.handle({url: '/api/kept'})), 'Hello');
  for (const url of ['/api/kept', '/api/read', '/api/error']) t.is((await site.handle({url})).status, 500, url);
  t.is(log.length, 3);
  for (const {error} of log) t.like(error, {code: 'RESULT_UNSUPPORTED'});
});

test('a Response of another class, as that of undici, is taken by what it says', async t => {
  class Other {
    readonly status = 201;
    readonly headers = new Headers([
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ]);
    readonly body = new Blob(['Hello']).stream();
    get [Symbol.toStringTag]() {
      return 'Response';
    }
  }
  const {site} = mounted(() => new Other() as unknown as globalThis.Response);
  const answer = await site.handle({url: '/api'});
  t.is(`${answer.status} ${await bodyOf(answer)}`, '201 Hello');
});

test('when the client goes, a handler that hangs is told by the signal, and nothing is logged', async t => {
  const aborted: unknown[] = [];
  const events = new EventEmitter();
  const begun = once(events, 'begun');
  const {url, log} = await listening(t, async request => {
    events.emit('begun');
    await once(request.signal, 'abort');
    aborted.push(request.signal.reason);
    throw request.signal.reason;
  });
  const request = ask(`${url}/api`).on('error', () => undefined);
  request.end();
  await begun;
  request.destroy();
  await until(() => aborted.length > 0);
  t.like(aborted[0], {name: 'AbortError'});
  t.deepEqual(log, []);
});

test('when the client goes in the middle of an answer, its stream is cancelled', async t => {
  const events = new EventEmitter();
  const cancelled = once(events, 'cancelled');
  const {url, log} = await listening(t, () => {
    const body = new ReadableStream({
      pull: controller => controller.enqueue(new Uint8Array(1024)),
      cancel: () => void events.emit('cancelled'),
    });
    return new WebResponse(body);
  });
  const [response] = (await once(ask(`${url}/api`).end(), 'response')) as [IncomingMessage];
  await once(response, 'readable');
  response.destroy();
  await cancelled;
  t.deepEqual(log, []);
});

test('a stream that fails in the middle cuts its answer and nothing else', async t => {
  const {url, log} = await listening(t, () => {
    let at = 0;
    const body = new ReadableStream({
      pull(controller) {
        at += 1;
        if (at > 3) throw new Error('broken');
        controller.enqueue(new Uint8Array(1024));
      },
    });
    return new WebResponse(body);
  });
  const response = await fetch(`${url}/api`);
  t.is(response.status, 200);
  await t.throwsAsync(response.arrayBuffer());
  t.is(log.length, 1);
  t.is((await fetch(`${url}/api`)).status, 200);
});

test('guards stand before the handler, and cors() answers for it', async t => {
  const calls: string[] = [];
  class Guard implements Middleware {
    handle(request: Request, _response: unknown, next: Next) {
      if (request.headers['x-key'] !== 'right') throw createError(403, 'No.');
      return next();
    }
  }
  @Resource()
  @Use(Guard)
  class Guarded extends mount(request => {
    calls.push(request.url);
    return new WebResponse();
  }) {}
  @Resource()
  @Use(cors({origins: ['https://page.example']}))
  @Child('api', Guarded)
  class Home {}
  const {site} = testSite(Home);
  const headers = {host: 'x', origin: 'https://page.example'};
  const refused = await site.handle({url: '/api/a', headers});
  t.is(`${refused.status} ${refused.header('Access-Control-Allow-Origin')}`, '403 https://page.example');
  const preflight = {...headers, 'access-control-request-method': 'PUT'};
  t.is((await site.handle({method: 'OPTIONS', url: '/api/a', headers: preflight})).status, 204);
  t.deepEqual(calls, []);
  await site.handle({url: '/api/a', headers: {...headers, 'x-key': 'right'}});
  t.deepEqual(calls, ['http://x/a']);
});

test('it begins no session, but the handler may ask for the visitor’s', async t => {
  let sessions: SessionService | undefined;
  @Resource()
  @Child(
    'api',
    mount(async request => {
      if (request.url.endsWith('/begin')) await sessions!.getSession();
      return new WebResponse((await sessions!.findSession())?.uid ?? 'nobody');
    }),
  )
  class Home {
    constructor(@inject(SessionService) own: SessionService) {
      sessions = own;
    }
  }
  const visitor = testSite(Home).visitor();
  const first = await visitor.get('/api');
  t.is(`${await first.text()} ${first.headers.getSetCookie().length}`, 'nobody 0');
  const begun = await visitor.get('/api/begin');
  t.is(begun.headers.getSetCookie().length, 1);
  t.is(await (await visitor.get('/api')).text(), await begun.text());
});

test('what is no function is refused where it is mounted', t => {
  for (const wrong of [undefined, {fetch() {}}, 'app']) {
    t.throws(() => mount(wrong as unknown as Fetch), {
      code: 'OPTION_INVALID',
      message: /^mount\(\) was given .+ like app\.fetch/,
    });
  }
  t.throws(() => mount(path, {whole: true} as MountOptions), {code: 'OPTION_INVALID'});
});

test('the tree says that it answers every method', t => {
  const {site} = mounted(path);
  const [api] = site.tree.children;
  t.like(api, {pattern: '/api', isLeaf: true});
  t.deepEqual(
    api!.handlers.map(({verb}) => verb),
    ['*'],
  );
});
