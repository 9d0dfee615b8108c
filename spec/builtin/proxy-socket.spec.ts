import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {createServer, type IncomingMessage} from 'node:http';
import {createServer as createSecureServer} from 'node:https';
import {connect, createServer as createRawServer, type AddressInfo, type Socket as NetSocket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {WebSocket, type ClientOptions} from 'ws';
import {Child, Resource, createError, type Next, type Request, type Response} from 'espalier';
import {accessLog, compress, cors, etag, requireSignIn, Socket} from 'espalier/builtin';
import {proxy} from 'espalier/builtin/proxy';
import {securityHeaders} from 'espalier/builtin/security-headers';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {answerOf, dial, frame, handshake, listening} from '../http/raw-socket.ts';
import {guard, refusing, siteBefore, SocketTarget} from '../http/socket-target.ts';
import {until} from '../until.ts';

/** A WebSocket of a client, open. */
async function opened(t: ExecutionContext, url: string, options: ClientOptions = {}, protocols: string[] = []) {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols, options);
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  return socket;
}

async function said(socket: WebSocket, text: string): Promise<string> {
  const heard = once(socket, 'message');
  socket.send(text);
  const [data] = (await heard) as [Buffer];
  return data.toString();
}

/** A target that says this to whatever it is asked, and keeps what it hears. */
async function raw(t: ExecutionContext, answer: (heard: string, socket: NetSocket) => void) {
  const heard: string[] = [];
  const sockets = new Set<NetSocket>();
  const server = createRawServer(socket => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    let index = -1;
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const isNew = index < 0;
      if (isNew) index = heard.push('') - 1;
      heard[index] += chunk;
      if (isNew) answer(chunk, socket);
    });
  });
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard, sockets};
}

/** That which belongs to the key of `handshake()` (RFC 6455, section 1.3). */
const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=';
const switching = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`;

for (const over of ['plain HTTP', 'TLS', 'another server', 'a test without a port'] as const) {
  test(`a WebSocket of a proxied resource is one of the target, over ${over}`, async t => {
    const target = await SocketTarget.begin(t);
    const {site, visitor} = siteBefore(`${target.url}/app`);
    if (over === 'a test without a port') {
      const socket = await visitor().socket('/old/chat?room=7');
      socket.send('hello');
      t.is(await socket.next(), 'hello');
      t.is((await socket.close(1000)).code, 1000);
    } else {
      const url = over === 'another server' ? await outer(t, site) : await ownUrl(t, site, over === 'TLS');
      const socket = await opened(t, `${url}/old/chat?room=7`, {rejectUnauthorized: false});
      t.is(await said(socket, 'hello'), 'hello');
      t.is(await said(socket, 'ü'.repeat(100_000)), 'ü'.repeat(100_000));
      socket.close(4000, 'that was all');
      t.is((await once(socket, 'close'))[0], 4000);
    }
    t.is(target.asked[0]!.url, '/app/chat?room=7');
    await until(() => target.connections.size === 0);
    t.deepEqual(target.ends, [over === 'a test without a port' ? 1000 : 4000]);
  });
}

async function ownUrl(t: ExecutionContext, site: ReturnType<typeof siteBefore>['site'], isSecure: boolean) {
  return listening(t, site, isSecure ? {tls: await selfSigned()} : {});
}

async function outer(t: ExecutionContext, site: ReturnType<typeof siteBefore>['site']): Promise<string> {
  const server = createServer(site.handler).on('upgrade', site.upgrade).listen(0, '127.0.0.1');
  t.teardown(async () => {
    await site.close();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a target is reached for WebSockets by TLS where its certificate is known, and by a socket of the file system', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'proxy-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const path = join(folder, 'app.sock');
  const tls = await selfSigned();
  const secure = await SocketTarget.begin(t, {}, undefined, createSecureServer(tls));
  const unix = await SocketTarget.begin(t, {}, undefined, createServer(), path);
  t.truthy(unix);
  for (const [url, options] of [
    [`https://localhost:${secure.port}`, {ca: tls.cert, host: 'target'}],
    [`unix:${path}`, {}],
  ] as const) {
    const socket = await opened(t, `${await listening(t, siteBefore(url, options).site)}/old`);
    t.is(await said(socket, url), url);
  }
  const strange = dial(t, await listening(t, siteBefore(`https://localhost:${secure.port}`).site));
  strange.write(handshake({}, '/old'));
  t.regex(await answerOf(strange), /^HTTP\/1\.1 502 /);
});

test('the subprotocol, the extensions and the headers of a 101 go to the client as the target says them, cookies too, but not those of the connection', async t => {
  const {url} = await raw(t, (_, socket) =>
    socket.write(
      `${switching}sec-websocket-PROTOCOL: Chat.v2\r\nSec-WebSocket-Extensions: x-Zip; a="b c";Q=1\r\nSet-Cookie: a=b; Path=/\r\n` +
        'Set-Cookie: sid=stolen\r\nKeep-Alive: timeout=5\r\nX-Name: \xe4\r\n\r\n',
      'latin1',
    ),
  );
  const client = dial(t, await listening(t, siteBefore(url).site));
  client.write(handshake({'Sec-WebSocket-Protocol': 'Chat.v1, Chat.v2', 'Sec-WebSocket-Extensions': 'x-Zip'}, '/old'));
  const head = await answerOf(client, /\r\n\r\n/);
  t.regex(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
  for (const line of [
    `Sec-WebSocket-Accept: ${accept}`,
    'sec-websocket-PROTOCOL: Chat.v2',
    'Sec-WebSocket-Extensions: x-Zip; a="b c";Q=1',
    'Set-Cookie: a=b; Path=/',
    'X-Name: \xe4',
  ]) {
    t.true(head.includes(`\r\n${line}\r\n`), line);
  }
  t.notRegex(head, /keep-alive|stolen|content-length/i);
  t.is(head.match(/^(?:upgrade|connection):/gim)!.length, 2);
});

test('messages that client and target have packed go through as they are', async t => {
  const target = await SocketTarget.begin(t, {perMessageDeflate: {threshold: 0}});
  const socket = await opened(t, `${await listening(t, siteBefore(target.url).site)}/old`, {
    perMessageDeflate: {threshold: 0},
  });
  t.regex(socket.extensions, /^permessage-deflate/);
  t.is(await said(socket, 'a'.repeat(10_000)), 'a'.repeat(10_000));
});

test('a handshake has the headers that other requests to the target have, and no more of the connection than it needs', async t => {
  const target = await SocketTarget.begin(t, {handleProtocols: () => 'chat'});
  const {site} = siteBefore(target.url, {siteOptions: {sessions: {cookie: {name: 'sid'}}}});
  const url = await listening(t, site);
  const socket = await opened(
    t,
    `${url}/old/x`,
    {
      origin: url,
      headers: {
        'x-forwarded-for': '1.2.3.4',
        forwarded: 'for=evil',
        'proxy-authorization': 'x',
        cookie: 'sid=secret; theme=dark',
        authorization: 'Bearer 7',
      },
    },
    ['chat'],
  );
  t.is(socket.protocol, 'chat');
  const {headers} = target.asked[0]!;
  t.like(headers, {
    connection: 'Upgrade',
    upgrade: 'websocket',
    host: new URL(url).host,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-prefix': '/old',
    cookie: 'theme=dark',
    authorization: 'Bearer 7',
    origin: url,
    'sec-websocket-version': '13',
    'sec-websocket-protocol': 'chat',
  });
  t.false('proxy-authorization' in headers);
});

test('guards stand before a WebSocket of the target, which hears nothing of what they refuse', async t => {
  const target = await SocketTarget.begin(t);
  const {site} = siteBefore(target.url, {guards: [requireSignIn()]});
  const client = dial(t, await listening(t, site));
  client.write(handshake({}, '/old'));
  // What comes behind a refused handshake is for nobody, in whatever protocol it is.
  client.write(frame('hello'));
  client.write('GET /old/smuggled HTTP/1.1\r\nHost: x\r\n\r\n');
  const answer = await answerOf(client);
  t.regex(answer, /^HTTP\/1\.1 401 /);
  t.is(answer.match(/HTTP\/1\.1 /g)!.length, 1);
  t.is(target.connections.size + target.asked.length, 0);
});

test('a page of another origin opens no WebSocket of a target, unless its origin is one of those that may', async t => {
  const target = await SocketTarget.begin(t);
  const evil = 'https://evil.example';
  for (const [options, headers, status] of [
    [{}, {Origin: evil}, 403],
    [{}, {'Sec-Fetch-Site': 'same-site'}, 403],
    [{siteOptions: {csrf: false}}, {Origin: evil}, 403],
    [{}, {Origin: 'http://localhost'}, 101],
    [{}, {}, 101],
    [{origins: [evil]}, {Origin: evil}, 101],
    [{origins: [evil]}, {Origin: 'https://other.example'}, 403],
    [{origins: 'any'}, {Origin: evil}, 101],
    [{siteOptions: {csrf: {origins: [evil]}}}, {Origin: evil}, 101],
  ] as const) {
    const before = target.asked.length;
    const client = dial(t, await listening(t, siteBefore(target.url, options).site));
    client.write(handshake(headers, '/old'));
    const answer = await answerOf(client, /\r\n\r\n/);
    t.regex(answer, new RegExp(`^HTTP/1\\.1 ${status} `), JSON.stringify([options, headers]));
    t.is(target.asked.length - before, status === 101 ? 1 : 0);
  }
});

test('a target that refuses a handshake has its answer given to the client, whole, and what the client has said behind it goes nowhere', async t => {
  for (const [status, headers, body] of [
    [401, {'WWW-Authenticate': 'Basic'}, 'who are you?'],
    [404, {}, ''],
    [503, {'Retry-After': '7'}, 'b'.repeat(300_000)],
    [200, {}, 'no socket here'],
    [302, {Location: '/sign-in'}, ''],
  ] as const) {
    const heard: string[] = [];
    const url = await refusing(t, (message, answer) => {
      heard.push(message.url!);
      answer.writeHead(status, headers as Record<string, string>).end(body);
    });
    const client = dial(t, await listening(t, siteBefore(url).site));
    client.write(handshake({}, '/old/chat'));
    client.write('GET /old/smuggled HTTP/1.1\r\nHost: x\r\n\r\n');
    const answer = await answerOf(client);
    t.regex(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
    t.is(answer.match(/HTTP\/1\.1 /g)!.length, 1);
    if (body !== '') t.true(unchunked(answer).endsWith(body), `${status}`);
    if (status === 302) t.regex(answer, /\r\nLocation: \/old\/sign-in\r\n/);
    t.deepEqual(heard, ['/chat']);
  }
});

/** The body of an answer, without the sizes of its chunks. */
function unchunked(answer: string): string {
  const [, body = ''] = answer.split(/\r\n\r\n(.*)/s);
  return /transfer-encoding: chunked/i.test(answer)
    ? body.replace(/(?:^|\r\n)[\da-f]+\r\n/gi, '').replace(/\r\n$/, '')
    : body;
}

test('a dead target is a 502 for a WebSocket, told to the log once, and again when it is back', async t => {
  const target = await SocketTarget.begin(t);
  const {port} = target;
  target.server.close();
  await once(target.server, 'close');
  const {site, log} = siteBefore(`http://127.0.0.1:${port}`);
  const url = await listening(t, site);
  for (let i = 0; i < 2; i += 1) {
    const client = dial(t, url);
    client.write(handshake({}, '/old'));
    const answer = await answerOf(client);
    t.regex(answer, /^HTTP\/1\.1 502 [^]*"code":"TARGET_FAILED"/);
    t.notRegex(answer, new RegExp(`${port}`));
  }
  t.is(log.length, 1);
  target.server.listen(port, '127.0.0.1');
  await once(target.server, 'listening');
  await opened(t, `${url}/old`);
  t.is(log[1]!.message, `http://127.0.0.1:${port} answers again.`);
});

test('a target that does not answer a handshake is a 504 when its time is over, and its connection is ended', async t => {
  const {url, sockets} = await raw(t, () => undefined);
  const {site, clock} = siteBefore(url, {timeout: 1000});
  const client = dial(t, await listening(t, site));
  client.write(handshake({}, '/old'));
  await until(() => sockets.size === 1);
  clock.advance(999);
  clock.advance(1);
  t.regex(await answerOf(client), /^HTTP\/1\.1 504 [^]*"code":"TARGET_LATE"/);
  await until(() => sockets.size === 0);
  t.is(clock.pending, 0);
});

for (const [what, answer] of [
  ['for another key', switching.replace(accept, 'AAAAAAAAAAAAAAAAAAAAAAAAAAA=')],
  ['without a key', switching.replace(/Sec.*\r\n/, '')],
  ['to another protocol', switching.replace('Upgrade: websocket', 'Upgrade: h2c')],
  ['that says not to what', switching.replace('Upgrade: websocket\r\n', '')],
] as const) {
  test(`a target that switches ${what} is a 502, and hears nothing of what the client says behind its handshake`, async t => {
    const {url, heard, sockets} = await raw(t, (_, socket) => socket.write(`${answer}\r\n`));
    const {site} = siteBefore(url);
    const client = dial(t, await listening(t, site));
    client.write(`${handshake({}, '/old')}GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`);
    t.regex(await answerOf(client), /^HTTP\/1\.1 502 /);
    await until(() => sockets.size === 0);
    t.notRegex(heard.join(), /smuggled/);
  });
}

test('what is no handshake never reaches the target as one', async t => {
  const {url, heard} = await raw(t, () => undefined);
  const own = await listening(t, siteBefore(url).site);
  for (const [headers, status] of [
    [{'Sec-WebSocket-Version': '777'}, 426],
    [{'Sec-WebSocket-Version': ''}, 426],
    [{'Sec-WebSocket-Key': ''}, 400],
    [{'Sec-WebSocket-Key': 'short'}, 400],
  ] as const) {
    const client = dial(t, own);
    client.write(handshake(headers, '/old'));
    client.write('GET /old/smuggled HTTP/1.1\r\nHost: x\r\n\r\n');
    t.regex(await answerOf(client), new RegExp(`^HTTP/1\\.1 ${status} `));
  }
  t.deepEqual(heard, []);
});

test('where a connection can be no WebSocket, as without site.upgrade, a handshake is a 501, and the target hears nothing of it', async t => {
  const {url, heard} = await raw(t, () => undefined);
  const {site} = siteBefore(url);
  const server = createServer(site.handler).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const client = dial(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  client.write(handshake({}, '/old'));
  t.regex(await answerOf(client, /over this/), /^HTTP\/1\.1 501 [^]*No WebSocket can be opened over this connection/);
  const headers = {upgrade: 'websocket', connection: 'Upgrade', host: 'x'};
  t.is((await site.handle({url: '/old', headers})).status, 501);
  t.deepEqual(heard, []);
});

test('bytes that come with the handshake, or with the 101, get over, and in this order', async t => {
  const {url, heard} = await raw(t, (_, socket) => socket.write(`${switching}\r\n\x81\x05early`, 'latin1'));
  const client = dial(t, await listening(t, siteBefore(url).site));
  client.write(Buffer.concat([Buffer.from(handshake({}, '/old')), frame('first')]));
  client.write(frame('second'));
  t.true((await answerOf(client, /early/)).endsWith('\r\n\r\n\x81\x05early'));
  await until(() => /second/.test(heard.join()));
  t.is(heard.length, 1);
  const [head, rest] = heard[0]!.split('\r\n\r\n') as [string, string];
  t.notRegex(head, /first/);
  t.is(rest, Buffer.concat([frame('first'), frame('second')]).toString('latin1'));
});

test('a handshake that waits behind another request of its connection is handed on when that is answered', async t => {
  const target = await SocketTarget.begin(t);
  target.server.on('request', (message: IncomingMessage, answer) => void answer.end(`asked for ${message.url}`));
  const client = dial(t, await listening(t, siteBefore(target.url).site));
  client.write(`GET /old/page HTTP/1.1\r\nHost: x\r\n\r\n${handshake({}, '/old/chat')}`);
  client.write(frame('hello'));
  const answers = await answerOf(client, /hello/);
  t.regex(answers, /^HTTP\/1\.1 200 [^]*asked for \/page[^]*HTTP\/1\.1 101 [^]*hello$/);
});

test('a middleware may answer in place of a WebSocket that the target has opened, which that hears of at once', async t => {
  const target = await SocketTarget.begin(t);
  const refuse = guard(async (_request: Request, _response: Response, next: Next) => {
    await next();
    throw createError(409, 'No room.', {expose: true});
  });
  const replace = guard(async (_request: Request, _response: Response, next: Next) => {
    await next();
    return 'something else';
  });
  for (const [each, answered] of [
    [refuse, /^HTTP\/1\.1 409 /],
    [replace, /^HTTP\/1\.1 200 [^]*something else$/],
  ] as const) {
    const client = dial(t, await listening(t, siteBefore(target.url, {guards: [each]}).site));
    client.write(handshake({}, '/old'));
    const answer = await answerOf(client);
    t.regex(answer, answered);
    t.notRegex(answer, /sec-websocket/i);
    await until(() => target.connections.size === 0);
  }
  t.deepEqual(target.ends, [1006, 1006]);
});

test('middleware that is made for other answers leaves a WebSocket as it is, and adds its headers', async t => {
  const target = await SocketTarget.begin(t);
  const guards = [accessLog(), compress(), etag(), cors({origins: '*'}), securityHeaders()];
  const {site} = siteBefore(target.url, {guards});
  const socket = new WebSocket(`${(await listening(t, site)).replace('http', 'ws')}/old`);
  t.teardown(() => socket.terminate());
  const [[message]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [
    [IncomingMessage],
    unknown,
  ];
  t.is(message.headers['x-content-type-options'], 'nosniff');
  t.is(await said(socket, 'hello'), 'hello');
});

test('a client that breaks off while the target thinks ends the handshake of the target', async t => {
  const {url, sockets} = await raw(t, () => undefined);
  const {site, log, clock} = siteBefore(url);
  const own = await listening(t, site);
  const client = connect(Number(new URL(own).port), '127.0.0.1');
  client.write(handshake({}, '/old'));
  await until(() => sockets.size === 1);
  client.resetAndDestroy();
  await until(() => sockets.size === 0);
  await until(() => clock.pending === 0);
  t.deepEqual(log, []);
});

test('a WebSocket that the target opens when handlerTimeout is over is ended there', async t => {
  const asked: NetSocket[] = [];
  const {url, sockets} = await raw(t, (_, socket) => void asked.push(socket));
  const {site, clock} = siteBefore(url, {siteOptions: {handlerTimeout: 1000}});
  const client = dial(t, await listening(t, site));
  client.write(handshake({}, '/old'));
  await until(() => sockets.size === 1);
  clock.advance(1000);
  t.regex(await answerOf(client), /^HTTP\/1\.1 503 /);
  asked[0]!.write(`${switching}\r\n`);
  await until(() => sockets.size === 0);
  t.is(clock.pending, 0);
});

test('of a resource that extends a proxy a method of its own takes the WebSockets, where it has one', async t => {
  const target = await SocketTarget.begin(t);
  @Resource()
  class Own extends proxy(target.url) {
    @Socket()
    take(socket: WebSocket) {
      socket.send('mine');
    }
  }
  @Resource()
  class Extended extends proxy(target.url) {}
  @Resource()
  @Child('own', Own)
  @Child('extended', Extended)
  class Home {}
  const visitor = testSite(Home).visitor();
  const mine = await visitor.socket('/own');
  t.is(await mine.next(), 'mine');
  t.is(target.asked.length, 0);
  const theirs = await visitor.socket('/extended');
  theirs.send('theirs');
  t.is(await theirs.next(), 'theirs');
});
