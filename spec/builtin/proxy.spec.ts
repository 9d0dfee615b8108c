import {EventEmitter, once} from 'node:events';
import {createServer, request as ask, type IncomingMessage, type RequestListener, type RequestOptions} from 'node:http';
import {connect as connectHttp2, constants} from 'node:http2';
import {createServer as createSecureServer} from 'node:https';
import {mkdtempSync, rmSync} from 'node:fs';
import {connect, createServer as createRawServer, type AddressInfo, type Server, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {setImmediate as turn} from 'node:timers/promises';
import {gzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import express from 'express';
import {
  Child,
  Get,
  Resource,
  SessionService,
  Use,
  createError,
  inject,
  type Middleware,
  type SiteOptions,
  type Next,
  type Request,
} from 'espalier';
import * as builtin from 'espalier/builtin/proxy';
import {proxy, type ProxyOptions} from 'espalier/builtin/proxy';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';

test('espalier/builtin/proxy gives these names, and no others', t => {
  t.deepEqual(Object.keys(builtin).toSorted(), ['proxy', 'proxyDefaults']);
});

async function opened(t: ExecutionContext, server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => void sockets.add(socket.on('error', () => undefined)));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A target that answers so. */
const target = (t: ExecutionContext, listener: RequestListener) => opened(t, createServer(listener));

/** A target that says this, whatever it is asked. */
const saying = (t: ExecutionContext, ...pieces: string[]) =>
  opened(
    t,
    createRawServer(socket => {
      socket.once('data', () => {
        for (const piece of pieces) socket.write(piece, 'latin1');
      });
    }),
  );

/** A target that tells what it was asked, byte by byte, and answers with it. */
async function telling(t: ExecutionContext) {
  const heard: string[] = [];
  const url = await opened(
    t,
    createRawServer(socket => {
      let said = '';
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        said += chunk;
        const [head, rest] = said.split(/\r\n\r\n(.*)/s) as [string, string?];
        if (rest === undefined) return;
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        const isChunked = /^transfer-encoding: chunked/im.test(head);
        if (isChunked ? !rest.endsWith('0\r\n\r\n') : rest.length < length) return;
        heard.push(said);
        said = '';
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK');
      });
    }),
  );
  return {url, heard};
}

/** A site that has this target at `/old`, and where it listens. */
async function proxied(t: ExecutionContext, url: string, options: ProxyOptions = {}, siteOptions: SiteOptions = {}) {
  @Resource()
  @Child('old', proxy(url, options))
  class Home {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}

    @Get()
    async show() {
      return (await this.sessions.getSession()).uid;
    }
  }
  const {site, clock, log} = testSite(Home, siteOptions);
  t.teardown(() => site.close());
  const own = await site.listen({port: 0});
  return {
    site,
    clock,
    log,
    url: own,
    ask: (path: string, init: RequestOptions = {}, body: string | Buffer = '') => exchange(own + path, init, body),
  };
}

async function exchange(url: string, init: RequestOptions, body: string | Buffer) {
  const request = ask(url, {agent: false, ...init});
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const {statusCode: status, headers} = response;
  return {status, headers, body: await text(response)};
}

/** What comes back for bytes that are sent as they are. */
async function raw(url: string, bytes: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write(bytes, 'latin1');
  return text(socket.setEncoding('latin1'));
}

const show: RequestListener = (message, answer) => void answer.end(`${message.method} ${message.url}`);

test('a target is asked for what is below the proxy’s place, below its own path, or with wholePath for the whole', async t => {
  const url = await target(t, show);
  for (const [path, options, from, to] of [
    ['', {}, '/old', '/'],
    ['', {}, '/old/', '/'],
    ['', {}, '/old?a=b', '/?a=b'],
    ['', {}, '/old/a%2Fb/%C3%BC//c/?d=%20e', '/a%2Fb/%C3%BC//c/?d=%20e'],
    ['/app', {}, '/old', '/app'],
    ['/app', {}, '/old?a', '/app?a'],
    ['/app', {}, '/old/', '/app/'],
    ['/app/', {}, '/old/a', '/app/a'],
    ['', {wholePath: true}, '/old/a?b', '/old/a?b'],
    ['/app', {wholePath: true}, '/old/a?b', '/app/old/a?b'],
    ['/app', {}, String.raw`/old/\..\..\admin`, '/app/%5C..%5C..%5Cadmin'],
  ] as const) {
    const {ask: askFor} = await proxied(t, url + path, options);
    t.is((await askFor('/', {path: from})).body, `GET ${to}`, `${path} ${from}`);
  }
});

test('every method but TRACE and CONNECT reaches the target', async t => {
  const {ask: askFor} = await proxied(t, await target(t, show));
  for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY', 'PROPFIND', 'PURGE']) {
    t.is((await askFor('/old', {method})).body, `${method} /`);
  }
  t.is((await askFor('/old', {method: 'HEAD'})).status, 200);
  t.is((await askFor('/old', {method: 'TRACE'})).status, 501);
});

test('status, headers and cookies of the target go out as they came, but for those of the connection', async t => {
  const url = await target(t, (_message, answer) => {
    answer.writeHead(418, {
      'Content-Type': 'text/x',
      'Set-Cookie': ['a=1', 'b=2; Path=/x'],
      'X-Own': 'ü',
      Connection: 'X-Hop, close',
      'X-Hop': '1',
      'Keep-Alive': 'timeout=7',
      'Proxy-Authenticate': 'Basic',
      ETag: '"1"',
    });
    answer.end('short and stout');
  });
  const {status, headers, body} = await (await proxied(t, url)).ask('/old');
  t.is(`${status} ${body}`, '418 short and stout');
  t.deepEqual(headers['set-cookie'], ['a=1', 'b=2; Path=/x']);
  t.like(headers, {'content-type': 'text/x', 'x-own': 'ü', etag: '"1"'});
  t.is(headers['x-hop'], undefined);
});

for (const status of [204, 205, 304]) {
  test(`a ${status} of the target has no body, and the next request is answered`, async t => {
    const {ask: askFor, log} = await proxied(
      t,
      await target(t, (_message, answer) => void answer.writeHead(status, {'X-Own': '1'}).end()),
    );
    for (let i = 0; i < 3; i += 1) {
      const answer = await askFor('/old');
      t.is(`${answer.status} ${String(answer.headers['x-own'])} ${answer.body}`, `${status} 1 `);
    }
    t.deepEqual(log, []);
  });
}

test('a length is told as the target told it, to HEAD too', async t => {
  const url = await target(t, (message, answer) => {
    answer.setHeader('Content-Length', 5);
    answer.end(message.method === 'HEAD' ? undefined : 'Hello');
  });
  const {ask: askFor} = await proxied(t, url);
  t.is((await askFor('/old')).headers['content-length'], '5');
  t.is((await askFor('/old', {method: 'HEAD'})).headers['content-length'], '5');
});

test('bodies are streamed both ways at a time', async t => {
  const url = await target(t, (message, answer) => void message.pipe(answer));
  const {url: own} = await proxied(t, url);
  const request = ask(`${own}/old`, {method: 'POST'});
  let chunks: AsyncIterator<string> | undefined;
  for (const word of ['one', 'two', 'three']) {
    request.write(word);
    if (!chunks) {
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      chunks = response.setEncoding('utf8')[Symbol.asyncIterator]() as AsyncIterator<string>;
    }
    t.is((await chunks.next()).value, word);
  }
  request.end();
  t.true((await chunks!.next()).done);
});

test('the head of an answer goes out before its body', async t => {
  const events = new EventEmitter();
  const url = await target(t, (_message, answer) => {
    answer.writeHead(200, {'X-Own': '1'}).flushHeaders();
    events.once('go on', () => answer.end('late'));
  });
  const {url: own} = await proxied(t, url);
  const response = await fetch(`${own}/old`);
  t.is(response.headers.get('x-own'), '1');
  events.emit('go on');
  t.is(await response.text(), 'late');
});

test('a body that the target does not take is not taken from the client, and an answer that the client does not take is not taken from the target', async t => {
  const events = new EventEmitter();
  let written = 0;
  const url = await target(t, (message, answer) => {
    if (message.method === 'GET') {
      const write = () => {
        while (written < 512 && answer.write(Buffer.alloc(1024 * 1024))) written += 1;
        written += 1;
      };
      answer.on('drain', write);
      write();
    } else message.pause();
  });
  const {url: own} = await proxied(t, url);
  const upload = ask(`${own}/old`, {method: 'POST'}).on('error', () => undefined);
  for (let i = 0; i < 128; i += 1) upload.write(Buffer.alloc(1024 * 1024));
  const [download] = (await once(ask(`${own}/old`).end(), 'response')) as [IncomingMessage];
  download.pause();
  let before = -1;
  await until(async () => {
    const isStill = before === written + upload.writableLength;
    before = written + upload.writableLength;
    for (let i = 0; i < 50; i += 1) await turn();
    return isStill;
  });
  t.true(written < 256, `${written} MiB were taken`);
  t.true(upload.writableLength > 32 * 1024 * 1024, `${upload.writableLength} bytes wait`);
  upload.destroy();
  download.destroy();
  events.emit('end');
});

test('a target is told whom it answers, whatever the client says of that', async t => {
  const {url, heard} = await telling(t);
  const {ask: askFor, url: own} = await proxied(t, url);
  const headers = {
    'x-forwarded-for': '1.2.3.4',
    X_Forwarded_For: '1.2.3.4',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-prefix': '/evil',
    'x-real-ip': '1.2.3.4',
    forwarded: 'for=1.2.3.4',
    proxy: 'http://evil.example',
    'proxy-authorization': 'Basic x',
    connection: 'close, X-Forwarded-For, Via, Host',
    te: 'trailers',
    upgrade: 'h2c',
    'http2-settings': 'x',
    authorization: 'Bearer own',
  };
  await askFor('/old/a', {headers});
  const {host} = new URL(own);
  t.deepEqual(
    heard[0]!.split('\r\n').filter(Boolean).toSorted(),
    [
      'Connection: keep-alive',
      'GET /a HTTP/1.1',
      'authorization: Bearer own',
      `forwarded: for=127.0.0.1;host="${host}";proto=http`,
      `host: ${host}`,
      'via: 1.1 espalier',
      'x-forwarded-for: 127.0.0.1',
      `x-forwarded-host: ${host}`,
      'x-forwarded-prefix: /old',
      'x-forwarded-proto: http',
    ]
      .map(line => (line.includes('127.0.0.1;host') || line.startsWith('x-forwarded-for') ? line : line))
      .toSorted(),
  );
});

test('what a trusted proxy says of the client is handed on as this site believes it', async t => {
  const {url, heard} = await telling(t);
  const {ask: askFor} = await proxied(t, url, {host: 'target'}, {trustProxy: 'loopback'});
  await askFor('/old', {
    headers: {host: 'shop.example', 'x-forwarded-for': '6.6.6.6, 192.0.2.7', 'x-forwarded-proto': 'https'},
  });
  t.regex(heard[0]!, /^x-forwarded-for: 192\.0\.2\.7\r$/m);
  t.regex(heard[0]!, /^x-forwarded-proto: https\r$/m);
  t.regex(heard[0]!, /^forwarded: for=192\.0\.2\.7;host="shop\.example";proto=https\r$/m);
  t.regex(heard[0]!, new RegExp(`^host: ${new URL(url).host}\r$`, 'm'));
});

test('the cookie of this site’s session is kept from the target, which can’t set it either, unless it is to', async t => {
  const seen: (string | undefined)[] = [];
  const url = await target(t, (message, answer) => {
    seen.push(message.headers.cookie);
    answer.writeHead(200, {'Set-Cookie': ['sid=evil', '__Host-Http-sid=evil; Secure', 'own=1']}).end();
  });
  const headers = {cookie: 'a=1; sid=secret; __Host-Http-sid=secret; b=2'};
  const kept = await (await proxied(t, url)).ask('/old', {headers});
  t.deepEqual(kept.headers['set-cookie'], ['own=1']);
  const open = await (await proxied(t, url, {sessionCookie: true})).ask('/old', {headers});
  t.is(open.headers['set-cookie']!.length, 3);
  t.deepEqual(seen, ['a=1; b=2', headers.cookie]);
});

test('a location of the target is one of this site, below the mount path too', async t => {
  const url = await target(t, (message, answer) => void answer.writeHead(302, {Location: message.url!.slice(2)}).end());
  const {site} = await proxied(t, url);
  const app = express().use('/app', site.handler);
  const outer = await opened(t, createServer(app as RequestListener));
  const location = async (to: string) => (await exchange(`${outer}/app/old?${to}`, {}, '')).headers.location;
  t.is(await location(`${url}/login?a`), '/app/old/login?a');
  t.is(await location('/login'), '/app/old/login');
  t.is(await location('https://other.example/'), 'https://other.example/');
});

test('a target is reached by TLS where its certificate is known, and is a 502 where it is not', async t => {
  const tls = await selfSigned();
  const url = (await opened(t, createSecureServer(tls, show))).replace('http://127.0.0.1', 'https://localhost');
  t.is((await (await proxied(t, url, {ca: tls.cert})).ask('/old/a')).body, 'GET /a');
  const {ask: askFor, log} = await proxied(t, url);
  t.is((await askFor('/old/a')).status, 502);
  t.regex(log[0]!.message, /self.signed certificate/);
});

test('a target is reached by a socket of the file system, and by IPv6', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-proxy-'));
  const path = join(folder, 'app.sock');
  const server = createServer(show).listen(path);
  t.teardown(() => rmSync(folder, {recursive: true}));
  t.teardown(() => server.close());
  await once(server, 'listening');
  t.is((await (await proxied(t, `unix:${path}`)).ask('/old/a')).body, 'GET /a');
  const six = createServer(show)
    .listen(0, '::1')
    .on('error', () => undefined);
  const isOpen = await Promise.race([once(six, 'listening').then(() => true), once(six, 'error').then(() => false)]);
  if (!isOpen) return;
  t.teardown(() => six.close());
  t.is((await (await proxied(t, `http://[::1]:${(six.address() as AddressInfo).port}`)).ask('/old/a')).body, 'GET /a');
});

test('guards stand before the target, and no session begins', async t => {
  const calls: string[] = [];
  const url = await target(t, (message, answer) => {
    calls.push(message.url!);
    answer.end();
  });
  class Closed implements Middleware {
    handle(): never {
      throw createError(403, 'No.');
    }
  }
  @Resource()
  @Use(Closed)
  class Guarded extends proxy(url) {}
  @Resource()
  @Child('closed', Guarded)
  @Child('open', proxy(url))
  class Home {}
  const visitor = testSite(Home).visitor();
  t.is((await visitor.get('/closed/a')).status, 403);
  t.deepEqual(calls, []);
  t.deepEqual((await visitor.get('/open/a')).headers.getSetCookie(), []);
  t.deepEqual(calls, ['/a']);
});

test('a dead target is a 502 that names nobody, told to the log once, and again when it is back', async t => {
  // Where no other spec listens.
  const dead = createServer(show).listen(0, '127.0.0.9');
  await once(dead, 'listening');
  const {port} = dead.address() as AddressInfo;
  dead.close();
  await once(dead, 'close');
  const {ask: askFor, log} = await proxied(t, `http://127.0.0.9:${port}`);
  for (let i = 0; i < 3; i += 1) {
    const answer = await askFor('/old', {method: i === 2 ? 'POST' : 'GET'}, i === 2 ? 'a body' : '');
    t.is(answer.status, 502);
    t.like(JSON.parse(answer.body), {code: 'TARGET_FAILED', detail: 'The server that has to answer this does not.'});
    t.notRegex(answer.body, new RegExp(`${port}`));
  }
  t.is(log.length, 1);
  t.regex(log[0]!.message, new RegExp(`^http://127\\.0\\.0\\.9:${port} does not answer as it should: .*ECONNREFUSED`));
  const back = createServer(show).listen(port, '127.0.0.9');
  t.teardown(() => back.close());
  await once(back, 'listening');
  t.is((await askFor('/old')).status, 200);
  t.is(log[1]!.message, `http://127.0.0.9:${port} answers again.`);
});

test('a target that never answers is a 504 when its time is over, and its connection is ended', async t => {
  const events = new EventEmitter();
  const url = await target(t, message => {
    message.resume();
    message.socket.once('close', () => events.emit('ended'));
    events.emit('asked');
  });
  const {ask: askFor, clock, log} = await proxied(t, url, {timeout: 1000});
  for (const body of ['', 'a body']) {
    const [asked, ended] = [once(events, 'asked'), once(events, 'ended')];
    const answered = askFor('/old', {method: 'POST'}, body);
    await asked;
    // Until the site has seen the end of the body.
    await until(() => clock.pending > 0);
    for (let i = 0; i < 50; i += 1) await turn();
    clock.advance(999);
    clock.advance(1);
    const answer = await answered;
    t.is(answer.status, 504);
    t.like(JSON.parse(answer.body), {code: 'TARGET_LATE'});
    await ended;
  }
  t.is(log.length, 1);
});

test('a target that sends a head without end, byte by byte, is a 504 when its time is over', async t => {
  const events = new EventEmitter();
  const url = await opened(
    t,
    createRawServer(socket => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nX-A: ');
        const timer = setInterval(() => socket.write('a'), 5);
        socket.once('close', () => clearInterval(timer));
        events.emit('begun');
      });
    }),
  );
  const {ask: askFor, clock} = await proxied(t, url, {timeout: 1000});
  const begun = once(events, 'begun');
  const answered = askFor('/old');
  await begun;
  clock.advance(1000);
  t.is((await answered).status, 504);
});

const nonsense: readonly [what: string, pieces: readonly string[]][] = [
  ['no HTTP', ['SSH-2.0-OpenSSH_9.9\r\n']],
  ['HTTP/0.9', ['Hello, I am old\r\n\r\n']],
  ['a status that is none', ['HTTP/1.1 99999 OK\r\n\r\n']],
  ['a status below 100', ['HTTP/1.1 042 OK\r\nContent-Length: 0\r\n\r\n']],
  ['a status above 599', ['HTTP/1.1 999 Denied\r\nContent-Length: 0\r\n\r\n']],
  ['a head of 64 KiB', ['HTTP/1.1 200 OK\r\n', `X-A: ${'a'.repeat(65_536)}\r\n\r\n`]],
  ['headers without end', ['HTTP/1.1 200 OK\r\n', ...Array.from({length: 20_000}, (_, i) => `X-${i}: a\r\n`)]],
  ['two lengths', ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nHello!']],
  ['a length and chunks', ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n']],
  ['a length that is no number', ['HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nHello']],
  ['a header with a NUL', ['HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n']],
  ['a header name with a blank', ['HTTP/1.1 200 OK\r\nX A: a\r\nContent-Length: 0\r\n\r\n']],
  ['a header name with a blank behind', ['HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n']],
  ['a bare CR in a header', ['HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: b=c\r\nContent-Length: 0\r\n\r\n']],
  [
    'an upgrade that nobody asked for',
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
  ],
  ['an end at once', []],
];

for (const [what, pieces] of nonsense) {
  test(`a target that says nonsense is a 502, and nothing else breaks: ${what}`, async t => {
    const url =
      pieces.length > 0
        ? await saying(t, ...pieces)
        : await opened(
            t,
            createRawServer(socket => socket.once('data', () => socket.destroy())),
          );
    const {ask: askFor, log, url: own, clock} = await proxied(t, url, {timeout: 5000});
    const answered = askFor('/old');
    if (what.startsWith('an upgrade')) {
      await until(() => {
        clock.advance(1000);
        return Promise.race([answered.then(() => true), turn(false)]);
      });
      t.true([502, 504].includes((await answered).status!));
    } else t.is((await answered).status, 502);
    t.is(log.length, 1);
    t.is((await fetch(own)).status, 200);
  });
}

for (const [what, head, piece] of [
  ['with a length', 'Content-Length: 100', 'only a part'],
  ['in chunks', 'Transfer-Encoding: chunked', '5\r\nHello\r\n'],
  ['in the middle of a chunk', 'Transfer-Encoding: chunked', '50\r\nHello'],
  ['with a chunk that is none', 'Transfer-Encoding: chunked', '5\r\nHello\r\nzz\r\n'],
] as const) {
  test(`a target that breaks off in the middle of its answer has that cut, ${what}, and nothing else`, async t => {
    const url = await opened(
      t,
      createRawServer(socket => {
        socket.once('data', () => socket.end(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n${piece}`));
      }),
    );
    const {url: own, log} = await proxied(t, url);
    const response = await fetch(`${own}/old`);
    t.is(response.status, 200);
    await t.throwsAsync(response.text());
    await until(() => log.length > 0);
    t.is(log.length, 1);
    t.is((await fetch(own)).status, 200);
  });
}

test('of a target that tells early hints and trailers the answer goes out without them', async t => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n';
  const url = await saying(
    t,
    early,
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n2\r\nOK\r\n0\r\nX-A: 1\r\n\r\n',
  );
  const {ask: askFor} = await proxied(t, url);
  const {status, headers, body} = await askFor('/old');
  t.is(`${status} ${body}`, '200 OK');
  t.is(headers['link'] ?? headers['trailer'], undefined);
});

test('a compressed body that a middleware has read goes on unpacked and in chunks: its length was another', async t => {
  class Reads implements Middleware {
    async handle(request: Request, _response: unknown, next: Next) {
      await request.bytes();
      return next();
    }
  }
  const {url, heard} = await telling(t);
  const {ask: send} = await proxied(t, url, {}, {use: [Reads], bodyCodings: ['gzip']});
  const headers = {'content-encoding': 'gzip'};
  const {status} = await send('/old', {method: 'POST', headers}, gzipSync('a body'));
  t.is(status, 200);
  t.regex(heard[0]!, /^transfer-encoding: chunked\r$/im);
  t.notRegex(heard[0]!, /^content-(?:length|encoding):/im);
  t.regex(heard[0]!, /\r\n\r\n6\r\na body\r\n0\r\n\r\n$/);
});

test('a body in a transfer coding beside chunked is a 501, and not handed on as what it is not', async t => {
  const {url, heard} = await telling(t);
  const {url: own} = await proxied(t, url);
  const said = await raw(
    own,
    'POST /old HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  );
  t.regex(said, /^HTTP\/1\.1 501 /);
  t.deepEqual(heard, []);
});

test('more than the length that a target has told is none of its answer', async t => {
  const url = await saying(
    t,
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello',
    'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil',
  );
  const {ask: askFor} = await proxied(t, url);
  t.is((await askFor('/old')).body, 'Hello');
  t.is((await askFor('/old')).body, 'Hello');
});

test('a target that stops in the middle of its answer has that cut when its time is over', async t => {
  const url = await saying(t, 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly a part');
  const {url: own, clock} = await proxied(t, url, {idleTimeout: 1000});
  const response = await fetch(`${own}/old`);
  const reader = response.body!.getReader();
  await reader.read();
  await until(() => clock.pending > 0);
  clock.advance(1000);
  await t.throwsAsync(reader.read());
});

test('a body without its end is no request for the target: a client that goes in the middle ends the target’s request', async t => {
  const events = new EventEmitter();
  const url = await target(t, message => {
    message.resume().on('error', () => undefined);
    message.once('close', () => events.emit('ended', message.complete));
    events.emit('asked');
  });
  const {url: own, log} = await proxied(t, url);
  for (const framing of ['Content-Length: 100', 'Transfer-Encoding: chunked']) {
    const [asked, ended] = [once(events, 'asked'), once(events, 'ended')];
    const socket = connect(Number(new URL(own).port), '127.0.0.1');
    socket.write(`POST /old HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n5\r\nHello\r\n`);
    await asked;
    socket.destroy();
    t.deepEqual(await ended, [false]);
  }
  t.deepEqual(log, []);
});

test('a client that goes while the target thinks ends the target’s request', async t => {
  const events = new EventEmitter();
  const url = await target(t, message => {
    message.socket.once('close', () => events.emit('ended'));
    events.emit('asked');
  });
  const {url: own, log} = await proxied(t, url);
  const [asked, ended] = [once(events, 'asked'), once(events, 'ended')];
  const request = ask(`${own}/old`).on('error', () => undefined);
  request.end();
  await asked;
  request.destroy();
  await ended;
  t.deepEqual(log, []);
});

test('a client that goes while the answer comes ends the target’s answer, over HTTP/1.1 and HTTP/2', async t => {
  const events = new EventEmitter();
  const url = await target(t, (message, answer) => {
    const timer = setInterval(() => answer.write('piece'), 5);
    message.socket.once('close', () => {
      clearInterval(timer);
      events.emit('ended');
    });
  });
  const {url: own, log, site} = await proxied(t, url);
  const ended = once(events, 'ended');
  const [response] = (await once(ask(`${own}/old`).end(), 'response')) as [IncomingMessage];
  await once(response, 'readable');
  response.destroy();
  await ended;
  const secure = await site.listen({port: 0, tls: await selfSigned()});
  const client = connectHttp2(secure, {rejectUnauthorized: false});
  t.teardown(() => client.destroy());
  const stream = client.request({':path': '/old'});
  const endedToo = once(events, 'ended');
  await once(stream, 'data');
  stream.close(constants.NGHTTP2_CANCEL);
  await endedToo;
  t.deepEqual(log, []);
});

test('a target that answers before it has the whole body is heard, and the client can send on', async t => {
  const url = await target(t, (_message, answer) => void answer.writeHead(413, {Connection: 'close'}).end('too much'));
  const {url: own} = await proxied(t, url);
  const request = ask(`${own}/old`, {method: 'POST'}).on('error', () => undefined);
  request.write('begin');
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  t.is(`${response.statusCode} ${await text(response)}`, '413 too much');
  request.end(Buffer.alloc(1024 * 1024));
  await once(request, 'finish');
});

test('a connection that the target has just ended is no 502 for a request that can be asked again', async t => {
  let connections = 0;
  const url = await opened(
    t,
    createRawServer(socket => {
      connections += 1;
      let requests = 0;
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK');
        else socket.destroy();
      });
    }),
  );
  const {ask: askFor, log} = await proxied(t, url);
  t.is((await askFor('/old')).body, 'OK');
  t.is((await askFor('/old')).body, 'OK');
  t.is(connections, 2);
  t.is((await askFor('/old')).status, 200);
  t.deepEqual(log, []);
});

const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
const attacks: readonly [what: string, request: string][] = [
  [
    'CL.TE',
    `POST /old HTTP/1.1\r\nHost: x\r\nContent-Length: ${smuggled.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  [
    'TE.CL',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  ],
  [
    'TE.TE, a coding in disguise',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  [
    'TE with a blank before the colon',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  [
    'TE folded (obs-fold)',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  [
    'TE with a tab',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\tchunked, identity\r\n\r\n0\r\n\r\n${smuggled}`,
  ],
  ['TE of two codings', `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['TE under HTTP/1.0', `POST /old HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`],
  ['two lengths', `POST /old HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\n${smuggled}`],
  ['two lengths in one', `POST /old HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5\r\n\r\nHello`],
  ['a length with a sign', `POST /old HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nHello`],
  ['a length in hexadecimal', `POST /old HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nHello`],
  ['a bare LF in the head', `POST /old HTTP/1.1\nHost: x\nContent-Length: 5\nX: y\n\nHello`],
  ['a bare CR in the head', `GET /old HTTP/1.1\r\nHost: x\r\nX-A: a\rTransfer-Encoding: chunked\r\n\r\n`],
  ['a NUL in a header', `GET /old HTTP/1.1\r\nHost: x\r\nX-A: a\0\r\n\r\n`],
  [
    'a bare LF in a chunk extension',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n${smuggled.length.toString(16)}\r\n0\r\n\r\n${smuggled}`,
  ],
  [
    'a bare LF behind a chunk',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\n0\r\n\r\n${smuggled}`,
  ],
  [
    'a chunk size with a sign',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nHello\r\n0\r\n\r\n${smuggled}`,
  ],
  [
    'a chunk size that overflows',
    `POST /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nHello\r\n0\r\n\r\n`,
  ],
  [
    'a GET with chunks',
    `GET /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  ],
  ['a GET with a length', `GET /old HTTP/1.1\r\nHost: x\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`],
  [
    'a DELETE with chunks (CVE-2026-29057)',
    `DELETE /old HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  ],
  [
    'Connection: Content-Length',
    `POST /old HTTP/1.1\r\nHost: x\r\nConnection: Content-Length\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  ],
  [
    'Connection: Transfer-Encoding',
    `POST /old HTTP/1.1\r\nHost: x\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  ],
  [
    'Expect, with a body',
    `POST /old HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  ],
  [
    'Upgrade: h2c',
    `GET /old HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n${smuggled}`,
  ],
  [
    'Upgrade, with a length and a body (CVE-2026-58055)',
    `POST /old HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  ],
  ['a line break in the path, encoded', `GET /old/a%0d%0aHost:%20y HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['a blank in the path', `GET /old/a HTTP/1.1 x HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['an absolute target of another host', `GET http://127.0.0.1:1/old HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['two hosts', `GET /old HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n`],
  ['a host that is none', `GET /old HTTP/1.1\r\nHost: x/smuggled?\r\n\r\n`],
];

for (const [what, request] of attacks) {
  test(`no request is smuggled to the target: ${what}`, async t => {
    const {url, heard} = await telling(t);
    const {url: own} = await proxied(t, url);
    await raw(own, `${request}GET /old/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    t.true(heard.length <= 2, heard.join());
    for (const each of heard) {
      const [head, body] = each.split(/\r\n\r\n(.*)/s) as [string, string];
      t.notRegex(head, /smuggled/, each);
      t.false(/^content-length/im.test(head) && /^transfer-encoding/im.test(head), each);
      t.is(head.split('\r\n').filter(line => /^host:/i.test(line)).length, 1);
      t.notRegex(head, /^(?:upgrade|http2-settings|expect)/im);
      // What stands in a body has its frame, whatever the method.
      if (body !== '') t.regex(head, /^(?:content-length|transfer-encoding): /im, each);
    }
  });
}

test('a length that nobody has checked, as in a WHATWG request, frames no body for the target', async t => {
  const {url, heard} = await telling(t);
  const {site} = await proxied(t, url);
  const answer = await site.handle({
    method: 'POST',
    url: '/old',
    headers: {host: 'x', 'content-length': '5'},
    body: `Hello${smuggled}`,
  });
  t.is(answer.status, 200);
  t.regex(heard[0]!, /^transfer-encoding: chunked\r$/m);
  t.notRegex(heard[0]!, /content-length/i);
});

test('over HTTP/2 nothing of its own, and no framing, reaches the target', async t => {
  const {url, heard} = await telling(t);
  const {site} = await proxied(t, url);
  const own = await site.listen({port: 0, tls: await selfSigned()});
  const client = connectHttp2(own, {rejectUnauthorized: false});
  t.teardown(() => client.destroy());
  for (const [headers, body] of [
    [{}, ''],
    [{'content-length': '5'}, 'Hello'],
    [{}, 'Hello'],
  ] as const) {
    const stream = client.request({':path': '/old/a', ':method': 'POST', ...headers}, {endStream: body === ''});
    if (body !== '') stream.end(body);
    const [answered] = await once(stream, 'response');
    t.is((answered as Record<string, unknown>)[':status'], 200);
    stream.resume();
    await once(stream, 'close');
  }
  t.notRegex(heard.join(''), /^:/m);
  t.regex(heard[0]!, /^content-length: 0\r$/m);
  t.regex(heard[1]!, /^content-length: 5\r$/m);
  t.regex(heard[2]!, /^transfer-encoding: chunked\r$/m);
  for (const each of heard) t.regex(each, /^x-forwarded-proto: https\r$/m);
});

test('many clients that vanish leave no connection to the target behind', async t => {
  const sockets = new Set<Socket>();
  const server = createServer(() => undefined);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const {url: own, log} = await proxied(t, await opened(t, server));
  const requests = Array.from({length: 200}, () => ask(`${own}/old`, {agent: false}).on('error', () => undefined));
  for (const request of requests) request.end();
  await until(() => sockets.size === 200);
  for (const request of requests) request.destroy();
  await until(() => sockets.size === 0);
  t.deepEqual(log, []);
});

test('a target that is none is refused, without a word of it', t => {
  for (const wrong of ['localhost:4000', 'http://user:secret@a', 'ws://a', '']) {
    const error = t.throws(() => proxy(wrong), {code: 'OPTION_INVALID'}, wrong);
    t.notRegex(error.message, /secret/);
  }
  t.throws(() => proxy('http://a', {timeout: 0}), {code: 'OPTION_INVALID'});
});
