import {once} from 'node:events';
import {createServer, get} from 'node:http';
import {
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type ClientHttp2Stream,
  type Http2ServerResponse,
} from 'node:http2';
import {connect, type AddressInfo, type Server as NetServer} from 'node:net';
import {setImmediate, setTimeout as later} from 'node:timers/promises';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {json} from 'node:stream/consumers';
import {brotliCompressSync, gzipSync, zstdCompressSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import express from 'express';
import {isHttpError} from 'http-errors';
import {Get, Post, Resource, Response, type FormPart, type SiteOptions} from 'espalier';
import {testSite} from 'espalier/testing';
import {z} from 'zod';
import {until} from '../until.ts';
import {systemClock} from '../../src/clock.ts';
import {Request, type Message, type RequestSettings} from '../../src/http/request.ts';

/** What a site says that believes the proxies at 10.0.0.1 and 10.0.0.2. */
const behindProxies: RequestSettings = {
  bodyLimit: 100,
  bodyCodings: [],
  trust: address => /^10\.0\.0\.[12]$/.test(address),
  clock: systemClock,
};

/** A request from this address with these headers, to a site behind proxies. */
function proxied(ip: string, headers: Record<string, string>): Request {
  return Request.from({ip, headers}, behindProxies);
}

/** The status of the error that this ends in. */
async function statusOf(act: () => unknown): Promise<number | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return isHttpError(error) ? error.status : 0;
  }
}

/** A site whose root answers GET and POST by this. */
function answering(answer: (request: Request, response: Response) => unknown, options?: SiteOptions) {
  @Resource({leaf: true})
  class Root {
    @Get()
    @Post()
    answer(request: Request, response: Response) {
      return answer(request, response);
    }
  }
  return testSite(Root, options);
}

/** The port that this server now listens on. */
async function portOf(t: ExecutionContext, server: NetServer): Promise<number> {
  t.teardown(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}

test('a request that says nothing is a GET of the root, from nowhere', async t => {
  const request = Request.from({});
  t.is(request.method, 'GET');
  t.is(request.url, '/');
  t.is(request.ip, '');
  t.false(request.secure);
  t.is(request.host, undefined);
  t.is(await request.text(), '');
});

test('path and query are as sent', t => {
  const request = Request.from({url: '/a%20b/?c=%C3%A9&c=2'});
  t.is(request.url, '/a%20b/?c=%C3%A9&c=2');
  t.is(request.path, '/a%20b/');
  t.is(request.search, '?c=%C3%A9&c=2');
  t.deepEqual(request.segments, ['a b', '']);
  t.deepEqual(request.query.getAll('c'), ['é', '2']);
  t.is(Request.from({url: '/a?'}).search, '');
});

test('the absolute form of a target is read as path and query', t => {
  const request = Request.from({url: 'http://example.org/a?b=c'});
  t.is(request.path, '/a');
  t.is(request.query.get('b'), 'c');
});

test('nothing is parsed before it is asked for', async t => {
  const headers = {cookie: 'a=%', 'content-type': 'application/json', 'x-forwarded-for': '?'};
  const request = Request.from({method: 'POST', url: '/%ff?%', headers, body: '{'}, behindProxies);
  t.is(request.path, '/%ff');
  t.is(await statusOf(() => request.segments), 400);
  t.is(await statusOf(() => request.json()), 400);
});

test('a body is not read before it is asked for', async t => {
  let isRead = false;
  async function* body() {
    isRead = true;
    yield Buffer.from('x');
  }
  const request = Request.from({method: 'POST', body: body()});
  t.deepEqual([request.segments, request.cookies, isRead], [[], {}, false]);
  t.is(await request.text(), 'x');
  t.true(isRead);
});

test('the segments are told apart into those walked and those left', t => {
  const request = Request.from({url: '/a/b/c'});
  t.deepEqual([request.prepath, request.postpath], [[], ['a', 'b', 'c']]);
  request.walk();
  t.deepEqual([request.prepath, request.postpath], [['a'], ['b', 'c']]);
});

test('there are no params before a segment is captured, nor any that every object has', t => {
  t.is(Request.from({}).params['constructor'], undefined);
  t.throws(() => Object.assign(Request.from({}).params, {a: '1'}), {instanceOf: TypeError});
});

test('headers go by their lower-case name', t => {
  t.is(Request.from({headers: {'X-A': '1'}}).headers['x-a'], '1');
});

test('cookies are decoded, the first of a name wins, and __proto__ is a name like any other', t => {
  const request = Request.from({headers: {Cookie: 'a=%C3%A9; a=2; b=%; __proto__=p'}});
  t.deepEqual([request.cookies['a'], request.cookies['b'], request.cookies['__proto__']], ['é', '%', 'p']);
  t.is(request.cookies['toString'], undefined);
  t.deepEqual(request.cookieValues('a'), ['%C3%A9', '2']);
});

test('the host is as sent', t => {
  t.is(Request.from({headers: {host: 'Example.org:81'}}).host, 'Example.org:81');
});

test('over HTTP/2 the host is the authority', async t => {
  const {site} = answering(request => request.host);
  const port = await portOf(t, createHttp2Server(site.handler));
  const client = connectHttp2(`http://127.0.0.1:${port}`);
  t.is(String(Buffer.concat(await client.request({':path': '/'}).toArray())), `127.0.0.1:${port}`);
  client.close();
});

test('a visitor is secure over TLS, whatever a header says', t => {
  t.true(Request.from({secure: true, headers: {'X-Forwarded-Proto': 'http'}}).secure);
  t.false(Request.from({secure: false}).secure);
});

test('a trusted proxy says whether the visitor came over TLS', t => {
  t.true(proxied('10.0.0.1', {'X-Forwarded-Proto': 'https'}).secure);
  t.true(proxied('10.0.0.1', {'X-Forwarded-Proto': 'HTTPS , http'}).secure);
  t.false(proxied('10.0.0.1', {'X-Forwarded-Proto': 'http'}).secure);
  t.false(proxied('10.0.0.1', {'X-Forwarded-Proto': 'httpsx'}).secure);
  t.false(proxied('10.0.0.1', {}).secure);
});

test('nobody else says so', t => {
  t.false(proxied('10.0.0.3', {'X-Forwarded-Proto': 'https'}).secure);
  t.false(Request.from({headers: {'X-Forwarded-Proto': 'https'}}).secure, 'nobody is trusted by default');
});

test('the address is the socket’s, unless a trusted proxy tells of another', t => {
  const headers = {'X-Forwarded-For': '203.0.113.9'};
  t.is(proxied('10.0.0.3', headers).ip, '10.0.0.3');
  t.is(proxied('10.0.0.1', headers).ip, '203.0.113.9');
  t.is(proxied('10.0.0.1', {}).ip, '10.0.0.1');
});

test('the address is the nearest that is no trusted proxy, so a visitor can’t make one up', t => {
  const headers = {'X-Forwarded-For': '1.1.1.1, 203.0.113.9, 10.0.0.2'};
  t.is(proxied('10.0.0.1', headers).ip, '203.0.113.9');
});

test('the mount path is empty where nothing is mounted', t => {
  t.is(Request.from({url: '/a'}).mountPath, '');
});

for (const [url, mountPath, path] of [
  ['/app', '/app', '/'],
  ['/app?x=/', '/app', '/'],
  ['/app/', '/app', '/'],
  ['/app/?x', '/app', '/'],
  ['/app/a/b?x', '/app', '/a/b'],
  ['/app/app', '/app', '/app'],
] as const) {
  test(`below a path of Express the mount path is that path: ${url}`, async t => {
    const {site} = answering(request => [request.mountPath, request.path]);
    const port = await portOf(t, createServer(express().use('/app', site.handler)));
    t.deepEqual(await (await fetch(`http://127.0.0.1:${port}${url}`)).json(), [mountPath, path]);
  });
}

test('a URL that an outer framework has rewritten tells of no mount path', t => {
  const message = Object.assign(Object.create(null), {
    url: '/new',
    originalUrl: '/old',
    headers: {},
    socket: {},
  }) as Message;
  t.is(new Request(message).mountPath, '');
});

test('a body can be read again, in any of its shapes', async t => {
  const headers = {'Content-Type': 'application/json'};
  const request = Request.from({method: 'POST', headers, body: '{"a":1}'});
  t.deepEqual(await Promise.all([request.json(), request.json()]), [{a: 1}, {a: 1}]);
  t.is(await request.text(), '{"a":1}');
  t.is((await request.bytes()).length, 7);
});

test('a body past the site’s limit is a 413, and again a 413', async t => {
  const request = Request.from({method: 'POST', body: 'x'.repeat(101)}, behindProxies);
  t.is(await statusOf(() => request.text()), 413);
  t.is(await statusOf(() => request.bytes()), 413);
  t.is((await Request.from({body: 'x'.repeat(100)}, behindProxies).text()).length, 100);
});

test('a limit of a handler’s own goes before the site’s, up and down', async t => {
  const body = 'x'.repeat(101);
  const post = () => Request.from({method: 'POST', body}, behindProxies);
  t.is(await post().text({limit: 101}), body);
  t.is(await statusOf(() => post().json({limit: 50})), 413);
  t.is(await statusOf(() => post().form({limit: 50})), 413);
});

test('a form is read', async t => {
  const headers = {'Content-Type': 'application/x-www-form-urlencoded'};
  t.is((await Request.from({headers, body: 'a=1'}).form()).get('a'), '1');
});

test('a body that a client leaves half-way is a 400', async t => {
  const {promise: status, resolve} = Promise.withResolvers<unknown>();
  const {promise: asked, resolve: ask} = Promise.withResolvers<void>();
  const {site} = answering(async request => {
    const reading = statusOf(() => request.text());
    ask();
    resolve(await reading);
  });
  const client = connect(await portOf(t, createServer(site.handler)), '127.0.0.1');
  client.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf');
  await asked;
  client.destroy();
  t.is(await status, 400);
});

test('the signal is aborted when the client goes', async t => {
  const {promise: reason, resolve} = Promise.withResolvers<unknown>();
  const {promise: asked, resolve: ask} = Promise.withResolvers<void>();
  const {site} = answering(async ({signal}) => {
    ask();
    await once(signal, 'abort');
    resolve(signal.reason);
  });
  const client = get({port: await portOf(t, createServer(site.handler)), host: '127.0.0.1'}).on('error', () => {});
  await asked;
  client.destroy();
  t.like(await reason, {name: 'AbortError', message: 'The client has gone.'});
});

test('the signal is aborted when an HTTP/2 client goes, from the stream or altogether', async t => {
  const signals: AbortSignal[] = [];
  const {promise: bothGone, resolve} = Promise.withResolvers<void>();
  const {site} = answering(async function* ({signal}) {
    signals.push(signal);
    signal.addEventListener('abort', () => signals.every(each => each.aborted) && signals.length === 2 && resolve());
    yield 'x';
    await once(signal, 'abort');
  });
  const client = connectHttp2(`http://127.0.0.1:${await portOf(t, createHttp2Server(site.handler))}`);
  const streams = [client.request({':path': '/'}), client.request({':path': '/'})] as const;
  await Promise.all(streams.map(stream => once(stream, 'data')));
  streams[0].close(constants.NGHTTP2_CANCEL);
  client.destroy();
  await bothGone;
  t.is(signals.length, 2);
});

for (const [what, give] of [
  ['bytes', () => Buffer.alloc(1000)],
  ['a stream that has ended', () => Readable.from([Buffer.alloc(1000)])],
] as const) {
  for (const [how, leave] of [
    ['the stream', (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ['the connection', (stream: ClientHttp2Stream) => stream.session?.destroy()],
  ] as const) {
    test(`the signal is aborted when an HTTP/2 client ends ${how} before it has the whole of ${what}`, async t => {
      const {promise: gone, resolve} = Promise.withResolvers<unknown>();
      const {site} = answering(({signal}) => {
        signal.addEventListener('abort', () => resolve(signal.reason));
        return give();
      });
      let answer: Http2ServerResponse | undefined;
      const server = createHttp2Server((message, out) => site.handler(message, (answer = out)));
      const settings = {initialWindowSize: 0};
      const client = connectHttp2(`http://127.0.0.1:${await portOf(t, server)}`, {settings});
      t.teardown(() => client.destroy());
      const stream = client.request({':path': '/'});
      await until(() => answer?.writableEnded);
      leave(stream);
      t.like(await gone, {name: 'AbortError'});
    });
  }
}

test('the signal of a client that has gone already is aborted at once', async t => {
  const {promise: wasAborted, resolve} = Promise.withResolvers<boolean>();
  const {promise: asked, resolve: ask} = Promise.withResolvers<void>();
  const {site} = answering(request => resolve(request.signal.aborted));
  const server = createServer((message, out) => {
    ask();
    out.once('close', () => site.handler(message, out));
  });
  const client = get({port: await portOf(t, server), host: '127.0.0.1'}).on('error', () => {});
  await asked;
  client.destroy();
  t.true(await wasAborted);
});

test('the signal is not aborted when the client has its whole answer', async t => {
  const {promise: signal, resolve} = Promise.withResolvers<AbortSignal>();
  const {site} = answering(request => {
    resolve(request.signal);
    return 'x'.repeat(100_000);
  });
  const {promise: closed, resolve: close} = Promise.withResolvers<void>();
  const server = createServer((message, out) => site.handler(message, out.once('close', close)));
  await (await fetch(`http://127.0.0.1:${await portOf(t, server)}`)).text();
  await closed;
  t.false((await signal).aborted);
});

test('nor when an HTTP/2 client has, be it that there is no body', async t => {
  const signals: AbortSignal[] = [];
  let closed = 0;
  const {site} = answering(({signal, search}) => {
    signals.push(signal);
    return search ? undefined : 'x'.repeat(100_000);
  });
  const server = createHttp2Server((message, out) =>
    site.handler(
      message,
      out.once('close', () => (closed += 1)),
    ),
  );
  const client = connectHttp2(`http://127.0.0.1:${await portOf(t, server)}`);
  for (const head of [{':path': '/'}, {':path': '/', ':method': 'HEAD'}, {':path': '/?nothing'}]) {
    await client.request(head).toArray();
  }
  await until(() => closed === 3);
  t.deepEqual(
    signals.map(({aborted}) => aborted),
    [false, false, false],
  );
  client.close();
});

test('whoever has a say in the headers is asked before they go out, one after the other, those that come meanwhile too', async t => {
  const request = Request.from({});
  const asked: string[] = [];
  request.beforeHeaders(async () => {
    request.beforeHeaders(() => void asked.push('last'));
    await setImmediate();
    t.false(request.isAnswered);
    asked.push('first');
  });
  await request.settle(new Response());
  t.deepEqual(asked, ['first', 'last']);
  t.true(request.isAnswered);
});

test('where nobody has a say in them nobody has to wait', t => {
  const request = Request.from({});
  t.is(request.settle(new Response()), undefined);
  t.true(request.isAnswered);
});

test('whoever has a say in the headers is asked, also after another has failed; the first failure is told at the end', async t => {
  const request = Request.from({});
  const asked: string[] = [];
  request.beforeHeaders(() => void asked.push('first'));
  request.beforeHeaders(() => {
    throw new Error('at once');
  });
  request.beforeHeaders(async () => Promise.reject(new Error('later')));
  request.beforeHeaders(async () => void asked.push('last'));
  await t.throwsAsync(async () => request.settle(new Response()), {message: 'at once'});
  t.deepEqual(asked, ['first', 'last']);
  t.true(request.isAnswered);
});

test('url is path and query, of a target in absolute form too', t => {
  t.is(Request.from({url: 'http://example.org/a?b'}).url, '/a?b');
  t.is(Request.from({url: 'http://example.org'}).url, '/');
  t.is(Request.from({url: '/a?'}).url, '/a?');
});

test('where an outer server leaves nothing of the path, the root answers', async t => {
  const {site} = answering(() => undefined);
  const outer = createServer((message, out) => {
    message.url = message.url!.replace(/^\/app/, '');
    site.handler(message, out);
  }).listen(0, '127.0.0.1');
  t.teardown(() => outer.close());
  await once(outer, 'listening');
  const base = `http://127.0.0.1:${(outer.address() as AddressInfo).port}`;
  for (const path of ['/app', '/app?a', '/app/']) t.is((await fetch(base + path)).status, 204);
});

test('what is asked for in advance says so in one of five headers', t => {
  const asked = (headers: Record<string, string>) => Request.from({headers}).isPrefetch;
  for (const name of ['Sec-Purpose', 'X-Sec-Purpose', 'Purpose', 'X-Moz']) t.true(asked({[name]: 'prefetch'}), name);
  t.true(asked({'Sec-Purpose': 'prefetch;prerender'}));
  t.true(asked({'X-Purpose': 'preview'}));
  t.false(asked({}));
  t.false(asked({Purpose: 'navigation'}));
});

test('an error that only says that the client has gone is none of the site', async t => {
  const wrapped = (cause: unknown) => Promise.reject(new Error('Upstream.', {cause}));
  for (const wait of [later, (...args: Parameters<typeof later>) => later(...args).catch(wrapped)]) {
    const {promise, resolve} = Promise.withResolvers<void>();
    const {site, log} = answering(async ({signal}) => {
      resolve();
      await wait(60_000, undefined, {signal});
    });
    const url = await site.listen({port: 0, host: '127.0.0.1'});
    const client = get(url).on('error', () => {});
    await promise;
    client.destroy();
    await site.close();
    t.deepEqual(log, []);
  }
});

test('an AbortError while the client is there is an error of the site', async t => {
  const {site, log} = answering(() => later(60_000, undefined, {signal: AbortSignal.abort()}));
  t.is((await site.handle({})).status, 500);
  t.is(log.length, 1);
});

test('what comes from nowhere has no proxy that could be trusted', t => {
  const headers = {'X-Forwarded-For': '203.0.113.7', 'X-Forwarded-Proto': 'https'};
  const {ip, secure} = Request.from({headers}, {bodyLimit: 1, bodyCodings: [], trust: () => true, clock: systemClock});
  t.deepEqual([ip, secure], ['', false]);
});

test('a proxy at a Unix socket is trusted where trustProxy says so, and only there', async t => {
  const folder = await mkdtemp(join(tmpdir(), 'socket-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const ask = async (trustProxy: SiteOptions['trustProxy'], name: string) => {
    const {site} = answering(({ip, secure}) => ({ip, secure}), {trustProxy: trustProxy!});
    const socketPath = join(folder, name);
    const outer = createServer(site.handler).listen(socketPath);
    t.teardown(() => outer.close());
    await once(outer, 'listening');
    const headers = {'X-Forwarded-For': '203.0.113.7, unix', 'X-Forwarded-Proto': 'https'};
    const far = {...headers, 'X-Forwarded-For': '203.0.113.7'};
    const tell = async (sent: Record<string, string>) => {
      const [answer] = (await once(get({socketPath, path: '/', headers: sent}), 'response')) as [NodeJS.ReadableStream];
      return json(answer);
    };
    return [await tell(far), await tell(headers)];
  };
  const believed = {secure: true};
  t.deepEqual(await ask(['loopback', 'unix'], 'a'), [
    {ip: '203.0.113.7', ...believed},
    {ip: 'unix', ...believed},
  ]);
  const doubted = {ip: 'unix', secure: false};
  t.deepEqual(await ask('loopback', 'b'), [doubted, doubted]);
  t.deepEqual(await ask(false, 'c'), [doubted, doubted]);
});

const formType = 'multipart/form-data; boundary=B';
const filePart = (content: string, name = 'up') =>
  `--B\r\nContent-Disposition: form-data; name="${name}"; filename="a.txt"\r\n\r\n${content}\r\n`;

/** A site that answers POST by this, listening; a connection to it. */
async function uploading(
  t: ExecutionContext,
  post: (request: Request, response: Response) => unknown,
  options?: SiteOptions,
) {
  @Resource()
  class Root {
    @Post()
    read(request: Request, response: Response) {
      return post(request, response);
    }
    @Get()
    show() {
      return 'shown';
    }
  }
  const {site, log} = testSite(Root, options);
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => site.close());
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  t.teardown(() => socket.destroy());
  const post1 = (head: string, begin: string) =>
    socket.write(`POST / HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n${begin}`);
  return {site, log, url, socket, post: post1};
}

/** What a connection has said, once that matches. */
async function heard(socket: NodeJS.ReadableStream, wanted: RegExp): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  return until(() => wanted.test(text) && text, String(wanted));
}

test('a body is given as it comes, no faster than it is taken, and can be answered with', async t => {
  const {url} = await uploading(t, request => request.stream());
  const answer = await fetch(url, {method: 'POST', body: 'x'.repeat(1_000_000)});
  t.is((await answer.text()).length, 1_000_000);
});

test('a client can send no more of a body than is read, but for what buffers hold', async t => {
  let take!: () => Promise<IteratorResult<Buffer>>;
  const {promise: done, resolve: finish} = Promise.withResolvers<string>();
  const {socket, post} = await uploading(t, async request => {
    const stream = request.stream({limit: Infinity});
    take = () => stream.next();
    return done;
  });
  post('Transfer-Encoding: chunked', '');
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`;
  // As much as the connection takes.
  let sent = 0;
  while (socket.write(chunk) || sent < 1000) sent += 1;
  await until(() => take);
  let read = (await take()).value!.length;
  for (let round = 0; round < 10; round += 1) await setImmediate();
  t.true(socket.writableLength > 0, 'it waits');
  while (read < sent * 65_536) read += (await take()).value!.length;
  finish('read');
  t.true(read >= sent * 65_536);
});

test('a stream has a limit, the site’s or one of its own', async t => {
  const lengths = async (request: Request, limit?: number) => {
    let length = 0;
    for await (const chunk of request.stream(limit === undefined ? {} : {limit})) length += chunk.length;
    return length;
  };
  const post = () => Request.from({method: 'POST', body: 'x'.repeat(101)}, behindProxies);
  t.is(await statusOf(() => lengths(post())), 413);
  t.is(await lengths(post(), 101), 101);
  t.throws(() => post().stream({limit: -1}), {code: 'OPTION_INVALID'});
  t.throws(() => post().files({fieldLimit: 0}), {code: 'OPTION_INVALID'});
});

test('who streams a body and asks for the whole, or the other way round, gets a clear error', async t => {
  const post = () => Request.from({method: 'POST', body: 'x', headers: {'Content-Type': formType}});
  const streamed = post();
  streamed.stream();
  for (const read of [() => streamed.json(), () => streamed.form(), () => streamed.text(), () => streamed.bytes()]) {
    await t.throwsAsync(read(), {code: 'BODY_TAKEN', message: /^The body is read as a stream already\./});
  }
  t.throws(() => streamed.files(), {code: 'BODY_TAKEN'});
  const whole = post();
  await whole.text();
  t.throws(() => whole.stream(), {code: 'BODY_TAKEN', message: /^The body has been read as a whole already\./});
  t.throws(() => whole.files(), {code: 'BODY_TAKEN'});
});

test('another site that is handed a request reads its body no second time', async t => {
  const first = Request.from({method: 'POST', body: 'Hello'});
  const second = first.anew(behindProxies);
  t.is(await second.text(), 'Hello');
  t.is(await first.text(), 'Hello');
  const third = Request.from({method: 'POST', body: 'Hello'});
  third.stream();
  t.throws(() => third.anew(behindProxies).stream(), {code: 'BODY_TAKEN'});
});

for (const how of [
  'never reads it',
  'reads a part of it',
  'waits for more of it',
  'leaves a form after a part',
  'answers 413',
]) {
  test(`the connection goes on with the next request after a handler ${how}`, async t => {
    const {socket, post, log} = await uploading(t, async request => {
      if (how === 'leaves a form after a part') {
        for await (const {name} of request.files({limit: Infinity})) return name;
      }
      const stream = request.stream({limit: how === 'answers 413' ? 10_000 : Infinity});
      if (how === 'reads a part of it') await stream.next();
      if (how === 'waits for more of it') {
        await stream.next();
        void stream.next().catch(() => undefined);
      }
      if (how === 'answers 413') for await (const chunk of stream) t.true(chunk.length > 0);
      return 'done';
    });
    const body = filePart('x'.repeat(300_000)) + filePart('y'.repeat(300_000)) + '--B--';
    post(`Content-Type: ${formType}\r\nContent-Length: ${body.length}`, body.slice(0, 60_000));
    await heard(socket, how === 'answers 413' ? /^HTTP\/1.1 413 / : /^HTTP\/1.1 200 /);
    socket.write(`${body.slice(60_000)}GET / HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await heard(socket, /shown$/);
    t.deepEqual(log, []);
  });
}

test('a client that goes while its body is streamed, or its form is read, is a 400 for the reader and no line in the log', async t => {
  const failures: unknown[] = [];
  const {promise: begun, resolve: begin} = Promise.withResolvers<void>();
  const {socket, post, log} = await uploading(t, async request => {
    try {
      const {value: part} = (await request.files().next()) as {value: FormPart};
      for await (const piece of part) if (piece.length > 0) begin();
    } catch (error) {
      failures.push(error);
      throw error;
    }
  });
  post(`Content-Type: ${formType}\r\nContent-Length: 1000`, filePart('Hello'));
  await begun;
  socket.destroy();
  await until(() => failures.length > 0);
  t.like(failures, [{status: 400}]);
  t.deepEqual(log, []);
});

test('compressed bodies are taken where the site says so, as JSON, forms, text and streams', async t => {
  const options = {bodyCodings: ['gzip', 'br'], bodyLimit: 1000} as const;
  const {url, log} = await uploading(
    t,
    async request => {
      const type = request.headers['content-type'];
      if (type === 'application/json') return {json: await request.json()};
      if (type === 'text/plain') return request.text();
      if (type === 'text/stream') return request.stream();
      return [...(await request.form())];
    },
    options,
  );
  const post = async (type: string, coding: string, body: Buffer) => {
    const headers = {'Content-Type': type, 'Content-Encoding': coding};
    const answer = await fetch(url, {method: 'POST', headers, body: new Uint8Array(body)});
    return [answer.status, answer.status === 200 ? await answer.text() : answer.headers.get('Accept-Encoding')];
  };
  t.deepEqual(await post('application/json', 'gzip', gzipSync('{"a":1}')), [200, '{"json":{"a":1}}']);
  t.deepEqual(await post('application/x-www-form-urlencoded', 'br', brotliCompressSync('a=1')), [200, '[["a","1"]]']);
  const form = gzipSync('--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--');
  t.deepEqual(await post(formType, 'x-gzip', form), [200, '[["a","1"]]']);
  t.deepEqual(await post('text/plain', 'gzip', gzipSync('Hello')), [200, 'Hello']);
  t.deepEqual(await post('text/stream', 'gzip', gzipSync('Hello')), [200, 'Hello']);
  t.deepEqual(await post('text/plain', 'gzip', gzipSync('x'.repeat(1001))), [413, null]);
  t.deepEqual(await post('text/plain', 'zstd', zstdCompressSync('Hello')), [415, 'gzip, br']);
  t.deepEqual(await post('text/plain', 'gzip', Buffer.from('Hello')), [400, null]);
  t.deepEqual(log, []);
});

test('declared input is read of a compressed body too', async t => {
  @Resource()
  class Root {
    @Post({body: z.object({a: z.number()})})
    read({body}: {body: {a: number}}) {
      return body;
    }
  }
  const {visitor} = testSite(Root, {bodyCodings: ['gzip']});
  const headers = {'Content-Type': 'application/json', 'Content-Encoding': 'gzip'};
  const post = (text: string) => visitor().post('/', {headers, body: new Uint8Array(gzipSync(text))});
  t.deepEqual(await (await post('{"a":1}')).json(), {a: 1});
  t.is((await post('{"a":"1"}')).status, 422);
});

test('a site refuses a coding that it does not know', t => {
  t.throws(() => testSite(Home, {bodyCodings: ['lzma' as 'gzip']}), {
    code: 'OPTION_INVALID',
    message:
      /^testSite\(\): bodyCodings is an object of class Array\. It must be a list of "gzip", "br", "zstd", "deflate"\./,
  });
});

@Resource()
class Home {
  @Get()
  show() {
    return '';
  }
}
