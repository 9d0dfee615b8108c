import {once} from 'node:events';
import {constants, type ClientHttp2Stream} from 'node:http2';
import test from 'ava';
import type {WebSocket} from 'ws';
import {
  Child,
  Get,
  Resource,
  SessionService,
  Use,
  createError,
  inject,
  injectable,
  type Middleware,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {accessLog, requireSignIn, Socket} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';
import {endless} from './endless.ts';
import {askOver, dialHttp2, headOf, openOver, refusal, sessionWith, type Head} from './http2-socket.ts';
import {frame, listening} from './raw-socket.ts';
import {refusing, siteBefore, SocketTarget} from './socket-target.ts';

@Resource()
class Chat {
  opened = 0;
  readonly closed: number[] = [];
  readonly requests: Request[] = [];
  readonly sockets: WebSocket[] = [];

  @Socket({protocols: ['v2', 'v1'], maxPayload: 300_000})
  chat(socket: WebSocket, request: Request) {
    this.opened += 1;
    this.requests.push(request);
    this.sockets.push(socket);
    socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary}));
    socket.on('close', code => this.closed.push(code));
  }
}

@Resource()
class Page {
  @Get()
  show() {
    return 'a page';
  }
}

@Resource()
@Use(requireSignIn())
@Child('chat', Chat)
class Guarded {}

@Resource()
@Child('chat', Chat)
@Child('page', Page)
@Child('guarded', Guarded)
class Root {
  @Get()
  show(request: Request) {
    return request.query.has('old') ? Promise.reject(createError(410, 'It is gone.')) : 'the root';
  }
}

async function said(socket: WebSocket, text: string): Promise<string> {
  const heard = once(socket, 'message');
  socket.send(text);
  return String((await heard)[0]);
}

test('a WebSocket over HTTP/2 is one as over HTTP/1.1: messages of any size go both ways, and each side may close it', async t => {
  const {site, log} = testSite(Root);
  const session = await sessionWith(t, site);
  const {socket, head, stream} = await openOver(session, '/chat?room=7', {'sec-websocket-protocol': 'v1, v2'});
  t.like(head, {'sec-websocket-protocol': 'v2', 'sec-websocket-accept': undefined, upgrade: undefined});
  for (const text of ['hello', '', 'ü'.repeat(100_000)]) t.is(await said(socket, text), text);
  const chat = site.container.get(Chat);
  const [request] = chat.requests as [Request];
  t.like(request, {method: 'GET', url: '/chat?room=7', secure: true, ip: '127.0.0.1', httpVersion: '2.0'});
  socket.close(4000, 'that was all');
  t.deepEqual((await once(socket, 'close')).map(String), ['4000', 'that was all']);
  await until(() => chat.closed.length === 1 && stream.closed);
  t.is(stream.rstCode, 0);
  t.true(request.signal.aborted);
  const other = await openOver(session, '/chat');
  chat.sockets[1]!.close(4001);
  t.is((await once(other.socket, 'close'))[0], 4001);
  t.deepEqual(chat.closed, [4000, 4001]);
  t.deepEqual(log, []);
});

const instead: [string, string, Record<string, string>, number, RegExp][] = [
  ['of a path where nothing is', '/none', {}, 404, /Not Found/],
  ['of a guard', '/guarded/chat', {}, 401, /sign/i],
  ['to a page of another origin', '/chat', {origin: 'https://evil.example'}, 403, /CSRF_REFUSED|origin/],
  ['to a version that is not spoken', '/chat', {'sec-websocket-version': '12'}, 426, /version/],
  ['to a handshake without a version', '/chat', {'sec-websocket-version': ''}, 426, /version/],
  ['to a list of protocols that is none', '/chat', {'sec-websocket-protocol': ','}, 400, /^$/],
  ['to a handshake with a body', '/chat', {'content-length': '5'}, 400, /^$/],
  ['of a handler that throws', '/?old', {}, 410, /It is gone/],
  ['to a slash too many', '/page/', {}, 308, /^$/],
];

for (const [whose, path, headers, status, body] of instead) {
  test(`the answer ${whose} is as over HTTP/1.1, and ends the stream, not the connection`, async t => {
    const {site} = testSite(Root);
    const session = await sessionWith(t, site);
    const answer = await refusal(session, path, headers);
    t.is(answer.status, status);
    t.regex(answer.body, body);
    t.is(answer.code, 0);
    t.is((await headOf(session.request({':path': '/page'}).resume()))[':status'], 200);
    t.is(site.container.get(Chat).opened, 0);
    // The next one finds nothing that waits for this one.
    await site.close();
  });
}

test('where a page is answered with, or by middleware, no client takes that for a WebSocket: it is a 404', async t => {
  const page = '<h1>Closed</h1>';
  class Closed implements Middleware {
    handle(request: Request, _response: Response, next: Next) {
      if (request.query.has('stream')) return endless().chunks();
      return request.query.has('closed') ? page : next();
    }
  }
  const {site} = testSite(Root, {use: [Closed]});
  const session = await sessionWith(t, site);
  for (const path of ['/', '/page', '/chat?closed', '/chat?stream']) {
    const {status, body} = await refusal(session, path);
    t.deepEqual([path, status, body], [path, 404, '']);
  }
});

test('a renewal sends its cookie with the 200, beside those of others, and the end of the session closes the WebSocket with 4401', async t => {
  @injectable()
  class Renew implements Middleware {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    async handle(request: Request, response: Response, next: Next) {
      response.setCookie('seen', 'yes');
      if (request.asksForWebSocket) await this.sessions.renew();
      return next();
    }
  }
  @Resource()
  @Use(Renew)
  class Room extends Chat {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {
      super();
    }
    @Get()
    async enter() {
      return (await this.sessions.signIn('ada')).uid;
    }
  }
  const {site} = testSite(Room);
  const session = await sessionWith(t, site);
  const own = (head: Head) => head['set-cookie']!.map(cookie => cookie.split(';')[0]!).toSorted();
  const before = own(await headOf(session.request({':path': '/'}).resume()));
  const {socket, head} = await openOver(session, '/', {cookie: before.join('; ')});
  t.deepEqual(
    own(head).map(cookie => cookie.split('=')[0]),
    ['__Host-Http-sid', 'seen'],
  );
  t.not(own(head)[0], before[0]);
  t.is(await said(socket, 'hello'), 'hello');
  const closed = once(socket, 'close');
  await site.container.get(SessionService).of('ada').expireAll();
  t.is((await closed)[0], 4401);
});

test('other requests of a connection are answered while one of its WebSockets is open, and while a side of it takes nothing', async t => {
  const {site} = testSite(Root);
  const session = await sessionWith(t, site);
  const [idle, deaf, stuck] = [
    await openOver(session, '/chat'),
    await openOver(session, '/chat'),
    await openOver(session, '/chat'),
  ];
  const piece = Buffer.alloc(40_000);
  // The client takes nothing.
  deaf.stream.pause();
  for (let i = 0; i < 5; i += 1) deaf.socket.send(piece);
  // The server takes nothing.
  const {sockets} = site.container.get(Chat);
  sockets[2]!.pause();
  for (let i = 0; i < 20; i += 1) stuck.socket.send(piece);
  await until(() => sockets[1]!.bufferedAmount > piece.length);
  for (let i = 0; i < 20; i += 1) {
    t.is((await headOf(session.request({':path': '/page'}).resume()))[':status'], 200);
    t.is(await said(idle.socket, 'hello'), 'hello');
  }
  t.true(stuck.socket.bufferedAmount > 10 * piece.length);
  let heard = 0;
  stuck.socket.on('message', () => (heard += 1));
  sockets[2]!.resume();
  deaf.stream.resume();
  await until(() => heard === 20);
  await until(() => sockets[1]!.bufferedAmount === 0);
});

test('a client that takes nothing of what is sent to it is let go when more than maxBuffered waits, and its connection goes on', async t => {
  @Resource()
  class Flood {
    sent = 0;
    most = 0;
    @Socket({maxBuffered: 500_000})
    async flood(socket: WebSocket) {
      const piece = Buffer.alloc(100_000);
      while (socket.readyState === socket.OPEN) {
        socket.send(piece);
        this.sent += 1;
        this.most = Math.max(this.most, socket.bufferedAmount);
        await new Promise(resolve => setImmediate(resolve));
      }
    }
    @Get()
    show() {
      return 'still here';
    }
  }
  const {site, log} = testSite(Flood);
  const session = await sessionWith(t, site);
  const stream = askOver(session, '/');
  await headOf(stream);
  await until(() => stream.closed);
  t.is(stream.rstCode, 8);
  const {sent, most} = site.container.get(Flood);
  t.true(sent < 20 && most < 700_000, `${sent} were sent, ${most} waited`);
  t.is((await headOf(session.request({':path': '/'}).resume()))[':status'], 200);
  t.deepEqual(log, []);
});

test('what breaks the protocol, or the limits, closes the WebSocket by the codes of RFC 6455', async t => {
  const {site} = testSite(Root);
  const session = await sessionWith(t, site);
  const wrong: [Buffer, number][] = [
    [Buffer.from([0x81, 1, 0x61]), 1002],
    [Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff]), 1007],
    [Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 0, 0, 0]), 1009],
  ];
  for (const [bytes, code] of wrong) {
    const stream = askOver(session, '/chat');
    await headOf(stream);
    stream.write(bytes);
    const [answer] = (await once(stream, 'data')) as [Buffer];
    t.is(answer.readUInt16BE(2), code);
    stream.end();
    await until(() => stream.closed);
  }
});

const ways = {
  'resets its stream': stream => stream.close(constants.NGHTTP2_CANCEL),
  'resets its stream without a reason': stream => stream.close(constants.NGHTTP2_NO_ERROR),
  'ends its stream': stream => stream.resume().end(),
  'breaks its connection off': stream => stream.session!.destroy(),
} satisfies Record<string, (stream: ClientHttp2Stream) => unknown>;

for (const [way, leave] of Object.entries(ways)) {
  test(`a client that ${way} is gone, at every stage`, async t => {
    const gates: (() => void)[] = [];
    const signals: AbortSignal[] = [];
    class Slow implements Middleware {
      async handle(request: Request, _response: Response, next: Next) {
        signals.push(request.signal);
        await new Promise<void>(resolve => gates.push(resolve));
        return next();
      }
    }
    const {site, log, clock} = testSite(Root, {use: [Slow]});
    const chat = site.container.get(Chat);
    // While a guard is asked.
    const early = askOver(await sessionWith(t, site), '/chat');
    await until(() => gates.length > 0);
    leave(early);
    if (way !== 'ends its stream') await until(() => signals[0]!.aborted);
    gates.pop()!();
    await until(() => chat.closed.length === chat.opened);
    // Behind the 200, and in the middle of a frame.
    const late = askOver(await sessionWith(t, site), '/chat');
    await until(() => gates.length > 0);
    gates.pop()!();
    await headOf(late);
    late.write(Buffer.concat([frame('hello'), frame('half').subarray(0, 5)]));
    await once(late, 'data');
    leave(late);
    await until(() => chat.closed.includes(1006) && signals[1]!.aborted);
    t.deepEqual(log, []);
    await site.close();
    t.is(clock.pending, 0);
  });
}

test('a client that answers no ping is let go, and one that does stays', async t => {
  const {site, clock} = testSite(Root);
  const session = await sessionWith(t, site);
  const {socket} = await openOver(session, '/chat');
  const silent = askOver(session, '/chat').resume();
  await headOf(silent);
  for (let i = 0; i < 3; i += 1) {
    const pinged = once(socket, 'ping');
    clock.advance(30_000);
    await pinged;
    t.is(await said(socket, 'hello'), 'hello');
  }
  await until(() => silent.closed);
  t.is(silent.rstCode, 8);
});

test('close() closes it with 1000, waits for a handshake that is under way, and ends the connection', async t => {
  const {promise: released, resolve: release} = Promise.withResolvers<void>();
  const begun: Request[] = [];
  class Slow implements Middleware {
    async handle(request: Request, _response: Response, next: Next) {
      begun.push(request);
      if (request.query.has('slow')) await released;
      return next();
    }
  }
  @Resource()
  @Use(Slow)
  class Room extends Chat {}
  const {site} = testSite(Room, {drainTimeout: 1_000_000});
  const session = await sessionWith(t, site);
  const open = await openOver(session, '/');
  const late = openOver(session, '/?slow');
  await until(() => begun.length === 2);
  const closed = once(open.socket, 'close');
  const closing = site.close();
  t.is((await closed)[0], 1000);
  release();
  t.is((await once((await late).socket, 'close'))[0], 1000);
  await closing;
  await until(() => session.destroyed);
});

test('a client that does not say goodbye is cut off by drainTimeout', async t => {
  const {site} = testSite(Root, {drainTimeout: 50});
  const stream = askOver(await sessionWith(t, site), '/chat').resume();
  await headOf(stream);
  await site.close();
  await until(() => stream.closed);
  t.pass();
});

test('a site offers it where it has a WebSocket, from the first settings on, also where that is found later', async t => {
  @Resource()
  class Talk extends Page {
    @Socket()
    echo(socket: WebSocket) {
      socket.on('message', data => socket.send(String(data)));
    }
  }
  @Resource()
  class Later {
    @Child(':name', Page)
    find(_name: string) {
      return new Talk();
    }
  }
  const {site, visitor} = testSite(Later);
  const url = await listening(t, site, {tls: await selfSigned()});
  const before = await dialHttp2(t, url);
  t.false(before.remoteSettings.enableConnectProtocol);
  await t.throwsAsync(once(askOver(before, '/any'), 'response'), {message: /PROTOCOL_ERROR/});
  t.is((await visitor().get('/any')).status, 200);
  const session = await dialHttp2(t, url);
  t.true(session.remoteSettings.enableConnectProtocol);
  t.is(await said((await openOver(session, '/any')).socket, 'hello'), 'hello');
});

test('a tunnel, and another protocol than WebSocket, is a 501 over a connection that goes on (RFC 9220, section 3)', async t => {
  const session = await sessionWith(t, testSite(Root).site);
  t.is((await refusal(session, '/chat', {':protocol': 'connect-udp'})).status, 501);
  t.is((await refusal(session, '', {':protocol': '', ':scheme': '', ':authority': 'example.com:443'})).status, 501);
  t.is(await said((await openOver(session, '/chat')).socket, 'hello'), 'hello');
});

test('a guard that reads the body of a handshake finds none, and waits for nothing', async t => {
  class Reading implements Middleware {
    async handle(request: Request, response: Response, next: Next) {
      response.setHeader('X-Body', `<${await request.text()}>`);
      return next();
    }
  }
  const {socket, head} = await openOver(await sessionWith(t, testSite(Root, {use: [Reading]}).site), '/chat');
  t.is(head['x-body'], '<>');
  t.is(await said(socket, 'hello'), 'hello');
});

test('headers that HTTP/2 has no room for end the handshake, are told to the log, and leave the connection', async t => {
  class Much implements Middleware {
    handle(request: Request, response: Response, next: Next) {
      if (request.path === '/chat') response.setHeader('X-Much', 'x'.repeat(70_000));
      return next();
    }
  }
  const {site, log, clock} = testSite(Root, {use: [Much]});
  const session = await sessionWith(t, site);
  const stream = askOver(session, '/chat');
  await until(() => stream.closed);
  t.is(stream.rstCode, 8);
  t.regex(String(log[0]!.error), /over HTTP\/2 65536 can be sent/);
  t.is((await headOf(session.request({':path': '/page'}).resume()))[':status'], 200);
  t.is(clock.pending, 0);
});

test('the log tells of a WebSocket when it is closed, and of a refusal, as over HTTP/1.1', async t => {
  const {site, log} = testSite(Root, {use: [accessLog()]});
  const session = await sessionWith(t, site);
  const {socket} = await openOver(session, '/chat');
  t.is(await said(socket, 'hello'), 'hello');
  t.deepEqual(log, []);
  socket.close(1000);
  await until(() => log.length === 1);
  await refusal(session, '/none');
  await until(() => log.length === 2);
  t.regex(log[0]!.message, /"method":"GET","path":"\/chat".*"status":101/);
  t.regex(log[1]!.message, /"path":"\/none".*"status":404/);
});

test('maxRequests counts handshakes, and no open WebSockets', async t => {
  const {promise: released, resolve: release} = Promise.withResolvers<void>();
  let begun = 0;
  class Slow implements Middleware {
    async handle(request: Request, _response: Response, next: Next) {
      begun += 1;
      if (request.query.has('slow')) await released;
      return next();
    }
  }
  const session = await sessionWith(t, testSite(Root, {use: [Slow], maxRequests: 1}).site);
  await openOver(session, '/chat');
  const slow = openOver(session, '/chat?slow');
  await until(() => begun === 2);
  t.is((await refusal(session, '/chat')).status, 503);
  release();
  t.is(await said((await slow).socket, 'hello'), 'hello');
});

test('a WebSocket stays open when requestTimeout is over', async t => {
  const session = await sessionWith(t, testSite(Root).site, {requestTimeout: 30, connectionsCheckingInterval: 5});
  const {socket} = await openOver(session, '/chat');
  const upload = askOver(session, '/page', {':method': 'POST', ':protocol': ''});
  upload.write('x');
  await until(() => upload.closed);
  t.is(await said(socket, 'hello'), 'hello');
});

test('through proxy() a WebSocket of HTTP/2 becomes one of HTTP/1.1, with its subprotocol and its cookies', async t => {
  const target = await SocketTarget.begin(t, {handleProtocols: () => 'v1'});
  const {site} = siteBefore(target.url);
  const session = await sessionWith(t, site);
  const {socket, head} = await openOver(session, '/old/chat', {'sec-websocket-protocol': 'v1'});
  t.deepEqual(Object.keys(head).toSorted(), [':status', 'date', 'sec-websocket-protocol']);
  t.is(await said(socket, 'hello'), 'hello');
  t.is(await said(socket, 'ü'.repeat(100_000)), 'ü'.repeat(100_000));
  t.like(target.asked[0]!.headers, {via: '2.0 espalier', upgrade: 'websocket'});
  const closed = once(socket, 'close');
  await site.close();
  t.is((await closed)[0], 1000);
  await until(() => target.ends[0] === 1000);
});

test('a target of proxy() that refuses a handshake refuses that of HTTP/2, and a page in its place opens nothing', async t => {
  for (const [status, told] of [
    [403, 403],
    [200, 404],
  ] as const) {
    const url = await refusing(t, (_request, out) => out.writeHead(status).end('no'));
    const session = await sessionWith(t, siteBefore(url).site);
    t.is((await refusal(session, '/old/chat')).status, told);
  }
});
