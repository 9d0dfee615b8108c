import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Duplex} from 'node:stream';
import {connect as connectTls} from 'node:tls';
import test, {type ExecutionContext} from 'ava';
import express from 'express';
import {WebSocket} from 'ws';
import {
  Child,
  Get,
  Post,
  Resource,
  Use,
  html,
  type Middleware,
  type Next,
  type Request,
  type Response,
  type Site,
} from 'espalier';
import {accessLog, compress, cors, csrf, etag, Socket} from 'espalier/builtin';
import {rateLimit} from 'espalier/builtin/rate-limit';
import {securityHeaders} from 'espalier/builtin/security-headers';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';
import {endless} from './endless.ts';
import {answerOf, dial, frame, handshake, listening, openRaw} from './raw-socket.ts';

@Resource()
class Chat {
  opened = 0;
  closed: number[] = [];
  @Socket()
  chat(socket: WebSocket, request: Request) {
    this.opened += 1;
    socket.on('message', data => socket.send(`${request.mountPath}${request.path}: ${String(data)}`));
    socket.on('close', code => this.closed.push(code));
  }
}

@Resource()
@Child('chat', Chat)
class Root {
  @Get()
  show() {
    return 'the root';
  }
  @Post()
  async post(request: Request) {
    return `posted ${await request.text()}`;
  }
}

/** A connection of HTTP/1.1 by TLS to a site that listens. */
async function dialTls(t: ExecutionContext, site: Site): Promise<Duplex> {
  const url = await listening(t, site, {tls: await selfSigned()});
  const client = connectTls({port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false});
  t.teardown(() => client.destroy());
  return client.on('error', () => undefined);
}

const text = 'Content-Type: text/plain\r\n';

for (const over of ['plain HTTP', 'TLS'] as const) {
  test(`other protocols that are asked for over ${over} are ignored, as RFC 9110 wants it, and the connection goes on`, async t => {
    const client =
      over === 'TLS' ? await dialTls(t, testSite(Root).site) : dial(t, await listening(t, testSite(Root).site));
    const upgrade = 'Host: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n';
    const requests = [
      `GET / HTTP/1.1\r\n${upgrade}\r\n`,
      `POST / HTTP/1.1\r\n${upgrade}${text}Content-Length: 5\r\n\r\nhello`,
      `${handshake({'Content-Length': '5', 'Content-Type': 'text/plain'}, '/', 'POST')}world`,
    ];
    let answers = '';
    client.on('data', (chunk: Buffer) => (answers += chunk.toString('latin1')));
    for (const [i, request] of requests.entries()) {
      client.write(request);
      await until(() => answers.split('HTTP/1.1 200').length > i + 1 && /root|hello|world/.test(answers.slice(-10)));
    }
    t.deepEqual(answers.match(/HTTP\/1\.1 \d+|the root|posted (?:hello|world)/g), [
      'HTTP/1.1 200',
      'the root',
      'HTTP/1.1 200',
      'posted hello',
      'HTTP/1.1 200',
      'posted world',
    ]);
  });
}

test('a handshake with a body opens no socket: its bytes are none of its messages', async t => {
  const {site} = testSite(Root);
  const client = dial(t, await listening(t, site));
  client.write(handshake({'Content-Length': '11'}, '/chat'));
  client.write(frame('hello'));
  t.regex(await answerOf(client, /\r\n\r\n/), /^HTTP\/1\.1 426 /);
  const other = createServer(site.handler).on('upgrade', site.upgrade).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const mounted = dial(t, `http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  mounted.write(handshake({'Transfer-Encoding': 'chunked'}, '/chat'));
  t.regex(await answerOf(mounted), /^HTTP\/1\.1 400 /);
  t.is(site.container.get(Chat).opened, 0);
});

for (const where of ['a site that listens', 'another server'] as const) {
  test(`a handshake by HTTP/1.0 opens no socket in ${where}: before 1.1 there is no Upgrade`, async t => {
    const {site} = testSite(Root);
    const url =
      where === 'another server'
        ? (await outer(t, createServer(site.handler).on('upgrade', site.upgrade))).replace('ws', 'http')
        : await listening(t, site);
    for (const [path, answer] of [
      ['/chat', /^HTTP\/1\.1 426 /],
      ['/', /^HTTP\/1\.1 200 [^]*the root$/],
    ] as const) {
      const client = dial(t, url);
      client.write(handshake({}, path).replace('HTTP/1.1', 'HTTP/1.0'));
      t.regex(await answerOf(client), answer);
    }
    t.is(site.container.get(Chat).opened, 0);
  });
}

test('clients that vanish at every stage harm nobody', async t => {
  const gates: (() => void)[] = [];
  class Slow implements Middleware {
    async handle(_request: Request, _response: Response, next: Next) {
      await new Promise<void>(resolve => gates.push(resolve));
      return next();
    }
  }
  @Resource()
  @Use(Slow)
  @Child('chat', Chat)
  class Gated {}
  const {site, log, clock} = testSite(Gated);
  const url = await listening(t, site);
  const chat = site.container.get(Chat);
  const whole = handshake({}, '/chat');
  for (const part of [whole.slice(0, 1), whole.slice(0, 40), whole.slice(0, -2)]) {
    const client = dial(t, url);
    client.write(part);
    await once(client, 'connect');
    client.destroy();
  }
  for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const client = dial(t, url);
    client.write(whole);
    await until(() => gates.length > 0);
    client[leave]();
    await new Promise(resolve => setTimeout(resolve, 20));
    gates.pop()!();
    await until(() => chat.closed.length === chat.opened);
  }
  for (const leave of ['destroy', 'resetAndDestroy', 'end'] as const) {
    const client = dial(t, url);
    client.write(Buffer.concat([Buffer.from(whole), frame('hello'), frame('half').subarray(0, 5)]));
    await until(() => gates.length > 0);
    gates.pop()!();
    await once(client, 'data');
    client[leave]();
    await until(() => chat.closed.length === chat.opened);
  }
  t.true(chat.opened >= 3);
  t.deepEqual(log, []);
  t.is(clock.pending, 0);
});

/** A resource that answers GET when it is let go, a stream at POST, and has sockets below it. */
function slowly() {
  const begun: string[] = [];
  const {promise: released, resolve: release} = Promise.withResolvers<void>();
  @Resource()
  @Child('chat', Chat)
  class Slow {
    @Get()
    async wait(request: Request) {
      begun.push(request.search);
      await released;
      return `answered${request.search}`;
    }
    @Post()
    async *stream() {
      yield 'a'.repeat(1_000_000);
      yield 'b'.repeat(1_000_000);
    }
  }
  return {...testSite(Slow), begun, release};
}

const pipelined = 'Host: localhost\r\nContent-Length: 0\r\n\r\n';

for (const where of ['a site that listens', 'another server', 'a site that listens by TLS'] as const) {
  /** Where the site is reached, and who connects to it. */
  const reached = async (t: ExecutionContext, site: Site): Promise<Duplex> => {
    if (where === 'another server') {
      return dial(t, (await outer(t, createServer(site.handler).on('upgrade', site.upgrade))).replace('ws', 'http'));
    }
    if (where === 'a site that listens') return dial(t, await listening(t, site));
    return dialTls(t, site);
  };

  test(`a handshake waits until what came before it over its connection is answered, in ${where}`, async t => {
    const {site, begun, release, log} = slowly();
    const client = await reached(t, site);
    const before = [1, 2].map(n => `GET /?${n} HTTP/1.1\r\n${pipelined}`).join('');
    client.write(`${before}POST / HTTP/1.1\r\n${pipelined}${handshake({}, '/chat')}`);
    client.write(frame('hello'));
    await until(() => begun.length === 2);
    t.is(site.container.get(Chat).opened, 0);
    release();
    const answer = await answerOf(client, /\/chat: hello/);
    const order =
      /^HTTP\/1\.1 200 [^]*answered\?1HTTP[^]*answered\?2HTTP[^]*a{999}[^]*b{999}\r\n0\r\n\r\nHTTP\/1\.1 101 /;
    t.regex(answer, order);
    t.is(answer.match(/[ab]{9,}/g)!.join('').length, 2_000_000);
    t.deepEqual(log, []);
  });

  test(`so does one that is refused, in ${where}`, async t => {
    const {site, begun, release, log} = slowly();
    const client = await reached(t, site);
    client.write(`GET / HTTP/1.1\r\n${pipelined}${handshake({}, '/none')}`);
    await until(() => begun.length === 1);
    release();
    t.regex(await answerOf(client), /^HTTP\/1\.1 200 [^]*answeredHTTP\/1\.1 404 [^]*Connection: close/);
    t.deepEqual(log, []);
  });

  test(`one that waits is not heard of when its client goes, or when the connection ends before, in ${where}`, async t => {
    const {site, begun, release, log} = slowly();
    const [gone, last] = [await reached(t, site), await reached(t, site)];
    gone.write(`GET / HTTP/1.1\r\n${pipelined}${handshake({}, '/chat')}`);
    last.write(`GET / HTTP/1.1\r\nConnection: close\r\n${pipelined}${handshake({}, '/chat')}`);
    await until(() => begun.length === 2);
    gone.destroy();
    release();
    t.notRegex(await answerOf(last), /101/);
    await site.close();
    t.is(site.container.isBound(Chat), false);
    t.deepEqual(log, []);
  });
}

test('a connection that is handed over twice ends, and the process does not', async t => {
  const {site, log} = testSite(Root);
  const server = createServer(site.handler);
  server.on('upgrade', site.upgrade).on('upgrade', site.upgrade);
  const socket = new WebSocket(`${await outer(t, server)}/chat`);
  await once(
    socket.on('error', () => undefined),
    'close',
  );
  await until(() => log.length > 0);
  t.regex(log[0]!.message, /could not be sent whole|handleUpgrade/);
  const fine = dial(t, (await outer(t, createServer(site.handler))).replace('ws', 'http'));
  fine.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  t.regex(await answerOf(fine), /the root$/);
});

/** A server of somebody else's, with sites in it. */
async function outer(t: ExecutionContext, server: ReturnType<typeof createServer>) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function say(url: string, message: string): Promise<string> {
  const socket = new WebSocket(url);
  await once(socket, 'open');
  socket.send(message);
  const [data] = (await once(socket, 'message')) as [Buffer];
  socket.terminate();
  return data.toString();
}

test('a site in another server takes the upgrades that it is handed, at the path where it hangs', async t => {
  const [shop, blog] = [testSite(Root).site, testSite(Root).site];
  const app = express().use('/shop', shop.handler).use('/blog', blog.handler);
  const server = createServer(app);
  server.on('upgrade', (message, socket, head) => {
    const isTaken =
      shop.upgrade(message, socket, head, {mountPath: '/shop'}) ||
      blog.upgrade(message, socket, head, {mountPath: '/blog'});
    if (!isTaken) socket.destroy();
  });
  const url = await outer(t, server);
  t.is(await say(`${url}/shop/chat?x=1`, 'hello'), '/shop/chat: hello');
  t.is(await say(`${url}/blog/chat`, 'hello'), '/blog/chat: hello');
  const elsewhere = new WebSocket(`${url}/shopping/chat`);
  await t.throwsAsync(once(elsewhere, 'open'), {message: /socket hang up|ECONNRESET/});
  const kept = new WebSocket(`${url}/blog/chat`);
  await once(kept, 'open');
  const closed = once(kept, 'close');
  await Promise.all([shop.close(), blog.close()]);
  t.is((await closed)[0], 1000);
  t.throws(() => shop.upgrade(undefined as never, undefined as never, undefined as never, {mountPath: 'shop'}), {
    code: 'OPTION_INVALID',
  });
});

test('what another server hands over that asks for no WebSocket is answered, and the connection ends', async t => {
  const {site} = testSite(Root);
  const server = createServer(site.handler).on('upgrade', site.upgrade);
  const url = await outer(t, server);
  const client = dial(t, url.replace('ws', 'http'));
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  const answer = await answerOf(client);
  t.regex(answer, /^HTTP\/1\.1 200 [^]*Connection: close[^]*the root$/);
});

test('over TLS a socket is opened by HTTP/1.1, beside HTTP/2', async t => {
  const tls = await selfSigned();
  const url = await listening(t, testSite(Root).site, {tls});
  const socket = new WebSocket(`${url.replace('https', 'wss')}/chat`, {rejectUnauthorized: false});
  await once(socket, 'open');
  socket.send('hello');
  t.is(String(((await once(socket, 'message')) as [Buffer])[0]), '/chat: hello');
  socket.terminate();
});

test('ready-made middleware before a socket lets it pass, and the log tells of it when it is closed', async t => {
  const all = [accessLog(), compress(), etag(), cors({origins: ['https://app.example']}), csrf(), securityHeaders()];
  const {site, log, visitor} = testSite(Root, {use: [...all, rateLimit({limit: 100, per: 1000})]});
  const socket = await visitor().socket('/chat');
  socket.send('hello');
  t.is(await socket.next(), '/chat: hello');
  t.deepEqual(log, []);
  await socket.close(1000);
  await until(() => log.length === 1);
  t.regex(log[0]!.message, /"path":"\/chat".*"status":101/);
  await site.close();
});

test('an answer to a handshake may be of any kind: a page, a stream', async t => {
  const {site} = instead(request => {
    if (request.query.has('page')) return html`<h1>Sign in</h1>`;
    return (async function* () {
      yield 'in ';
      yield 'parts';
    })();
  });
  const url = await listening(t, site);
  const page = dial(t, url);
  page.write(handshake({}, '/chat?page'));
  t.regex(await answerOf(page), /^HTTP\/1\.1 200 [^]*<h1>Sign in<\/h1>$/);
  const stream = dial(t, url);
  stream.write(handshake({}, '/chat'));
  t.regex(await answerOf(stream), /in [^]*parts[^]*0\r\n\r\n$/);
});

/** Has this answered to a handshake. */
function instead(body: (request: Request) => unknown) {
  class Instead implements Middleware {
    handle(request: Request): unknown {
      return body(request);
    }
  }
  @Resource()
  @Use(Instead)
  @Child('chat', Chat)
  class Closed {}
  return testSite(Closed);
}

test('an answer to a handshake comes whole, however much more it is than a connection takes at once', async t => {
  const pieces = 30;
  const {site} = instead(async function* () {
    for (let i = 0; i < pieces; i += 1) yield Buffer.alloc(100_000, 'x');
  });
  const client = dial(t, await listening(t, site));
  client.write(handshake({}, '/chat'));
  const answer = await answerOf(client);
  t.is(answer.match(/x{9,}/g)!.join('').length, pieces * 100_000);
  t.regex(answer, /\r\n0\r\n\r\n$/);
});

for (const [what, body] of [
  ['a stream', () => endless().chunks()],
  ['bytes', () => Buffer.alloc(20_000_000)],
] as const) {
  test(`sendTimeout ends the connection of a client that takes nothing of an answer to its handshake, which is ${what}`, async t => {
    const {promise: gone, resolve} = Promise.withResolvers<void>();
    const {site, log} = instead(request => {
      request.signal.addEventListener('abort', () => resolve());
      return body();
    });
    const client = dial(t, await listening(t, site, {sendTimeout: 50}));
    client.write(handshake({}, '/chat'));
    await gone;
    await site.close();
    t.deepEqual(log, []);
  });
}

test('sendTimeout holds too for what was answered before a handshake over the same connection', async t => {
  const {promise: gone, resolve} = Promise.withResolvers<void>();
  @Resource()
  @Child('chat', Chat)
  class Endless {
    @Get()
    show(request: Request) {
      request.signal.addEventListener('abort', () => resolve());
      return endless().chunks();
    }
  }
  const client = dial(t, await listening(t, testSite(Endless).site, {sendTimeout: 50}));
  client.write(`GET / HTTP/1.1\r\n${pipelined}${handshake({}, '/chat')}`);
  await t.notThrowsAsync(gone);
});

for (const where of ['a site that listens', 'another server'] as const) {
  test(`close() waits for a handshake that is under way in ${where}, and closes its socket with 1000`, async t => {
    const {promise: released, resolve: release} = Promise.withResolvers<void>();
    const {promise: begun, resolve: begin} = Promise.withResolvers<void>();
    class Slow implements Middleware {
      async handle(_request: Request, _response: Response, next: Next) {
        begin();
        await released;
        return next();
      }
    }
    @Resource()
    @Use(Slow)
    @Child('chat', Chat)
    class Gated {}
    const {site} = testSite(Gated, {drainTimeout: 1_000_000});
    const chat = site.container.get(Chat);
    const url =
      where === 'another server'
        ? await outer(t, createServer(site.handler).on('upgrade', site.upgrade))
        : (await listening(t, site)).replace('http', 'ws');
    const socket = new WebSocket(`${url}/chat`);
    await begun;
    const closed = once(socket, 'close');
    const closing = site.close();
    release();
    await closing;
    t.deepEqual(chat.closed, [1000]);
    t.is((await closed)[0], 1000);
  });
}

test('a client that leaves its handshake in another server holds up no close()', async t => {
  const {promise: begun, resolve: begin} = Promise.withResolvers<void>();
  class Stuck implements Middleware {
    async handle(request: Request) {
      begin();
      await new Promise<void>(resolve => request.signal.addEventListener('abort', () => resolve()));
      return 'gone';
    }
  }
  const {site} = testSite(Root, {use: [Stuck], drainTimeout: 1_000_000});
  const client = dial(
    t,
    (await outer(t, createServer(site.handler).on('upgrade', site.upgrade))).replace('ws', 'http'),
  );
  client.write(handshake({}, '/chat'));
  await begun;
  const closing = site.close();
  client.resetAndDestroy();
  await t.notThrowsAsync(closing);
});

test('a guard that reads the body of a handshake finds none, and waits for nothing', async t => {
  class Reading implements Middleware {
    async handle(request: Request, response: Response, next: Next) {
      response.setHeader('X-Body', `<${await request.text()}>`);
      return next();
    }
  }
  const client = await openRaw(t, await listening(t, testSite(Root, {use: [Reading]}).site), {}, '/chat');
  client.write(frame('hello'));
  t.regex(await answerOf(client, /hello/), /hello/);
});
