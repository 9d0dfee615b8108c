import {AsyncLocalStorage} from 'node:async_hooks';
import {lookup} from 'node:dns/promises';
import {once, type EventEmitter} from 'node:events';
import {Agent, createServer, get, request as httpRequest, type ClientRequest, type IncomingMessage} from 'node:http';
import {
  connect as connectHttp2,
  constants,
  createServer as createHttp2Server,
  type ClientHttp2Session,
} from 'node:http2';
import {Agent as TlsAgent, get as getTls} from 'node:https';
import {connect, type AddressInfo, type Socket} from 'node:net';
import {networkInterfaces} from 'node:os';
import {setTimeout as wait} from 'node:timers/promises';
import {connect as connectTls} from 'node:tls';
import test, {type ExecutionContext} from 'ava';
import express, {type RequestHandler} from 'express';
import {Get, Post, Request, Resource, Response, createSite} from 'espalier';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';
import {endless} from './endless.ts';
import {listenDefaults, Server, type ListenOptions} from '../../src/http/server.ts';

const tls = await selfSigned();
const rejectUnauthorized = false;
/** A drain timeout that no test lives to see. */
const never = 1_000_000;

type Fill = (response: Response, request: Request) => unknown;

const hello: Fill = response => {
  response.body = 'Hello';
};

/** A server that answers by this, and what it heard of broken streams. */
function served(t: ExecutionContext, fill: Fill = hello) {
  const broken: unknown[] = [];
  const answer: ConstructorParameters<typeof Server>[0] = (message, outgoing, send) => {
    const response = new Response();
    void Promise.resolve(fill(response, new Request(message, undefined, outgoing))).then(() => send(response));
  };
  const server = new Server(answer, error => broken.push(error));
  t.teardown(() => server.close(1));
  return {server, broken};
}

/** An answer that waits to be let go; `begun` says that it was asked for. */
function waiting() {
  const {promise: begun, resolve: begin} = Promise.withResolvers<Request>();
  const {promise: released, resolve: release} = Promise.withResolvers<void>();
  const fill: Fill = async (response, request) => {
    begin(request);
    await released;
    response.body = 'Hello';
  };
  return {fill, begun, release};
}

/** An HTTP/2 client, that may lose its connection. */
function http2Client(url: string): ClientHttp2Session {
  return connectHttp2(url, {rejectUnauthorized}).on('error', () => {});
}

/** Resolves when this is closed, by an error or not. */
function closing(emitter: EventEmitter): Promise<void> {
  return new Promise(resolve => emitter.on('error', () => {}).once('close', resolve));
}

async function responseTo(request: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

async function textOf(message: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of message) text += String(chunk);
  return text;
}

function portIn(url: string): number {
  return Number(new URL(url).port);
}

/** A connection to this port, on which this much was said. */
async function said(url: string, text: string): Promise<Socket> {
  const socket = connect(portIn(url), '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  if (text) await new Promise(resolve => socket.write(text, resolve));
  return socket;
}

test('port 0 takes a free one, which is in the URL', async t => {
  const {server} = served(t);
  const url = await server.listen({port: 0});
  t.regex(url, /^http:\/\/localhost:[1-9]\d+$/);
  t.is(await (await fetch(url)).text(), 'Hello');
});

test('a taken port is PORT_TAKEN, with a way out', async t => {
  const port = portIn(await served(t).server.listen({port: 0}));
  const error = await t.throwsAsync(served(t).server.listen({port}), {code: 'PORT_TAKEN'});
  t.is(
    error.message,
    `Port ${port} of localhost is taken. Stop what listens there, or choose another port (PORT=8081). [PORT_TAKEN]`,
  );
  t.like(error.cause, {code: 'EADDRINUSE'});
});

test('an address that is not this machine’s is LISTEN_FAILED', async t => {
  const error = await t.throwsAsync(served(t).server.listen({port: 0, host: '192.0.2.1'}), {code: 'LISTEN_FAILED'});
  t.regex(error.message, /^Can't listen on port 0 of 192\.0\.2\.1: .*EADDRNOTAVAIL/);
});

test('localhost is reachable on each of its addresses that the machine has', async t => {
  const port = portIn(await served(t).server.listen({port: 0}));
  const own = new Set(Object.values(networkInterfaces()).flatMap(all => all!.map(({address}) => address)));
  const named = (await lookup('localhost', {all: true})).map(({address}) => address);
  for (const host of ['127.0.0.1', ...named.filter(address => own.has(address))]) {
    t.is(await textOf(await responseTo(get({host, port}))), 'Hello', host);
  }
});

test('an IPv6 address stands in brackets in the URL', async t => {
  const {server} = served(t);
  const hasIpv6 = Object.values(networkInterfaces()).some(all => all!.some(({address}) => address === '::1'));
  if (!hasIpv6) {
    t.pass('This machine has no IPv6.');
    return;
  }
  const url = await server.listen({port: 0, host: '::1'});
  t.regex(url, /^http:\/\/\[::1\]:\d+$/);
  t.is(await (await fetch(url)).text(), 'Hello');
});

test('each cookie is a header of its own', async t => {
  const {server} = served(t, response => {
    response.setCookie('a', '1');
    response.setCookie('b', '2');
  });
  const url = await server.listen({port: 0});
  const response = await fetch(url);
  t.is(response.status, 204);
  t.deepEqual(
    response.headers.getSetCookie().map(cookie => cookie.slice(0, 3)),
    ['a=1', 'b=2'],
  );
});

test('with a key and a certificate one port speaks HTTP/1.1 and HTTP/2 over TLS', async t => {
  const {server} = served(t, (response, {secure, host}) => {
    response.body = `${secure} ${host}`;
    response.setCookie('a', '1');
    response.setCookie('b', '2');
  });
  const url = await server.listen({port: 0, tls});
  t.regex(url, /^https:\/\/localhost:\d+$/);
  const {host} = new URL(url);
  const http1 = await responseTo(getTls(url, {rejectUnauthorized}));
  t.deepEqual([http1.httpVersion, await textOf(http1)], ['1.1', `true ${host}`]);
  const client = http2Client(url);
  const http2 = client.request({':path': '/'});
  const [headers] = await once(http2, 'response');
  t.deepEqual([headers[':status'], headers['set-cookie'].length, await textOf(http2)], [200, 2, `true ${host}`]);
  client.close();
});

test('a stream goes out over HTTP/2, and what breaks it resets it', async t => {
  const {server, broken} = served(t, response => {
    response.body = (async function* () {
      yield 'first';
      throw new Error('broken');
    })();
  });
  const client = http2Client(await server.listen({port: 0, tls}));
  const stream = client.request({':path': '/'});
  await t.throwsAsync(textOf(stream), {code: 'ERR_HTTP2_STREAM_ERROR'});
  t.like(broken, [{message: 'broken'}]);
  client.close();
});

test('the listener answers for another server', async t => {
  const {server} = served(t);
  const other = createServer(server.listener).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  t.is(await (await fetch(`http://127.0.0.1:${(other.address() as AddressInfo).port}`)).text(), 'Hello');
});

/** The bodies of the answers to two requests, `/0` and `/1`, that come in during the same turn of the event loop. */
async function inOneTurn(url: string): Promise<string[]> {
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
  const sockets = [await said(url, ''), await said(url, '')];
  for (const [i, socket] of sockets.entries()) socket.write(request(`/${i}`));
  return Promise.all(sockets.map(async socket => (await textOf(socket)).split('\r\n\r\n')[1]!));
}

test('the answers that are ready in one turn of the event loop go out together, at its end', async t => {
  const sockets: Socket[] = [];
  const together: number[] = [];
  const server = new Server(
    (message, _outgoing, send) => {
      const response = new Response();
      response.body = message.url!;
      send(response);
      sockets.push((message as IncomingMessage).socket);
      together.push(sockets.filter(({bytesWritten}) => bytesWritten === 0).length);
    },
    error => t.fail(String(error)),
  );
  t.teardown(() => server.close(1));
  const url = await server.listen({port: 0, host: '127.0.0.1'});
  // What takes a millisecond, as the first requests do, is cut short.
  for (let i = 0; i < 100 && !together.includes(2); i += 1) t.deepEqual(await inOneTurn(url), ['/0', '/1']);
  t.is(Math.max(...together), 2);
});

for (const options of [{}, {tls}]) {
  const over = options.tls ? 'TLS' : 'plain HTTP';
  test(`a client that says no more after its request gets an answer that is ready at once, over ${over}`, async t => {
    const {server} = served(t, response => {
      response.body = 'Hello';
    });
    const url = await server.listen({port: 0, host: '127.0.0.1', ...options});
    for (let i = 0; i < 20; i += 1) {
      const socket = options.tls
        ? connectTls({port: portIn(url), host: '127.0.0.1', rejectUnauthorized})
        : connect(portIn(url), '127.0.0.1');
      socket.end('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      t.true((await textOf(socket)).endsWith('Hello'));
    }
  });
}

test('an answer that can’t be ended breaks its connection alone, and is told; the others of its turn go out', async t => {
  const failure = new Error('not to be ended');
  const fail = () => {
    throw failure;
  };
  const broken: unknown[] = [];
  const server = new Server(
    (message, outgoing, send) => {
      const response = new Response();
      response.body = 'Hello';
      if (message.url === '/bad') Object.assign(outgoing, {end: fail});
      send(response);
    },
    error => broken.push(error),
  );
  t.teardown(() => server.close(1));
  const url = await server.listen({port: 0, host: '127.0.0.1'});
  const bad = t.throwsAsync(async () => (await fetch(`${url}/bad`)).text());
  t.is(await (await fetch(url)).text(), 'Hello');
  await bad;
  t.deepEqual(broken, [failure]);
});

test('bytes go out as they are when they are handed over, whatever becomes of them', async t => {
  const scratch = Buffer.alloc(2);
  const server = new Server(
    (message, _outgoing, send) => {
      const response = new Response();
      scratch.write(message.url!);
      response.body = scratch;
      send(response);
    },
    error => t.fail(String(error)),
  );
  t.teardown(() => server.close(1));
  t.deepEqual(await inOneTurn(await server.listen({port: 0, host: '127.0.0.1'})), ['/0', '/1']);
});

test('of an answer by another server its end is heard in the async context of its request', async t => {
  const {server} = served(t);
  const asking = new AsyncLocalStorage<string>();
  const heard: unknown[] = [];
  const other = createServer((message, answer) =>
    asking.run(message.url!, () => {
      answer.once('finish', () => heard.push([message.url, asking.getStore()]));
      server.listener(message, answer);
    }),
  ).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  await inOneTurn(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  t.deepEqual(heard, [
    ['/0', '/0'],
    ['/1', '/1'],
  ]);
});

test('an answer that can’t be written breaks its connection alone, and is told', async t => {
  const {server, broken} = served(t);
  const other = createServer((message, answer) => {
    if (message.url === '/taken') answer.write('mine');
    server.listener(message, answer);
  }).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  await t.throwsAsync(async () => (await fetch(`${url}/taken`)).text());
  t.like(broken, [{code: 'ERR_HTTP_HEADERS_SENT'}]);
  t.is(await (await fetch(url)).text(), 'Hello');
});

test('a stream that can’t be begun gives back what it holds', async t => {
  const {promise: returned, resolve: giveBack} = Promise.withResolvers<unknown>();
  const {server} = served(t, response => {
    response.body = {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({done: false as const, value: 'chunk'}),
        async return() {
          giveBack('returned');
          return {done: true as const, value: undefined};
        },
      }),
    };
  });
  const other = createServer((message, answer) => {
    answer.write('mine');
    server.listener(message, answer);
  }).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  await t.throwsAsync(async () => (await fetch(url)).text());
  t.is(await returned, 'returned');
});

test('closing ends an idle connection at once', async t => {
  const {server} = served(t);
  const agent = new Agent({keepAlive: true});
  const response = await responseTo(get(await server.listen({port: 0}), {agent}));
  const {socket} = response;
  await textOf(response);
  await Promise.all([server.close(never), closing(socket)]);
  t.true(socket.destroyed);
});

test('closing ends an idle connection at once, over TLS and HTTP/1.1 too', async t => {
  const {server} = served(t);
  const agent = new TlsAgent({keepAlive: true, rejectUnauthorized});
  const response = await responseTo(getTls(await server.listen({port: 0, tls}), {agent}));
  const {socket} = response;
  await textOf(response);
  await Promise.all([server.close(never), closing(socket)]);
  t.true(socket.destroyed);
});

test('closing ends an idle HTTP/2 connection at once', async t => {
  const {server} = served(t);
  const client = http2Client(await server.listen({port: 0, tls}));
  await textOf(client.request({':path': '/'}));
  await Promise.all([server.close(never), closing(client)]);
  t.true(client.destroyed);
});

for (const [what, options] of Object.entries({'in the clear': {port: 0}, 'before TLS': {port: 0, tls}})) {
  test(`closing ends a connection that has said nothing at once: ${what}`, async t => {
    const {server} = served(t);
    const url = await server.listen(options);
    const silent = await said(url, '');
    // An answered request on a later connection shows that the earlier one was accepted.
    const client = 'tls' in options ? getTls(url, {rejectUnauthorized}) : get(url);
    await textOf(await responseTo(client));
    await Promise.all([server.close(never), closing(silent)]);
    t.true(silent.destroyed);
  });
}

test('closing waits for a request that is being answered, and takes no new one', async t => {
  const {fill, begun, release} = waiting();
  const {server} = served(t, fill);
  const url = await server.listen({port: 0});
  const answer = responseTo(get(url, {agent: new Agent({keepAlive: true})}));
  await begun;
  const closed = server.close(never);
  await t.throwsAsync(once(get(url), 'response'), {code: 'ECONNREFUSED'});
  release();
  const response = await answer;
  t.is(response.headers.connection, 'close');
  t.is(await textOf(response), 'Hello');
  await closed;
});

test('closing waits for a request that is being answered over HTTP/2', async t => {
  const {fill, begun, release} = waiting();
  const {server} = served(t, fill);
  const client = http2Client(await server.listen({port: 0, tls}));
  const text = textOf(client.request({':path': '/'}));
  await begun;
  const closed = server.close(never);
  release();
  t.is(await text, 'Hello');
  await closed;
});

test('closing cuts off an answer that takes longer than the drain timeout, and aborts its signal', async t => {
  const {fill, begun} = waiting();
  const {server, broken} = served(t, fill);
  const answer = once(get(await server.listen({port: 0})), 'response');
  const {signal} = await begun;
  const aborted = once(signal, 'abort');
  await Promise.all([server.close(1), t.throwsAsync(answer, {code: 'ECONNRESET'}), aborted]);
  t.deepEqual(broken, []);
});

test('closing cuts off over TLS too: HTTP/1.1, HTTP/2 and a half-done handshake', async t => {
  const {fill, begun} = waiting();
  const {server} = served(t, fill);
  const url = await server.listen({port: 0, tls});
  const answer = once(getTls(url, {rejectUnauthorized}), 'response');
  const client = http2Client(url);
  const stream = client.request({':path': '/'});
  const half = await said(url, '\x16\x03\x01');
  await Promise.all([begun, once(client, 'remoteSettings')]);
  const gone = [closing(half), closing(stream), t.throwsAsync(answer, {code: 'ECONNRESET'})];
  await Promise.all([server.close(1), ...gone]);
});

for (const version of ['HTTP/1.1', 'HTTP/2']) {
  test(`closing ends a streamed answer at once: ${version}`, async t => {
    const {chunks, ended} = endless();
    const {server, broken} = served(t, response => {
      response.body = chunks();
    });
    const url = await server.listen({port: 0, tls});
    const client = version === 'HTTP/2' ? http2Client(url) : undefined;
    const stream = client?.request({':path': '/'}) ?? (await responseTo(getTls(url, {rejectUnauthorized})));
    await once(
      stream.on('error', () => {}),
      'data',
    );
    await server.close(never);
    t.is(await ended, 'ended');
    t.deepEqual(broken, []);
  });
}

test('closing a server that does not listen is done at once', async t => {
  await t.notThrowsAsync(served(t).server.close(never));
});

/** A site that takes a body of 1 MiB, listening. */
async function taking(t: ExecutionContext) {
  @Resource()
  class Root {
    @Get()
    show() {
      return 'Hello';
    }
    @Post()
    async take(request: Request) {
      return (await request.text()).length.toString();
    }
  }
  const {site, log} = testSite(Root);
  const url = await site.listen({port: 0});
  t.teardown(() => site.close());
  return {url, log};
}

for (const headers of [{'Content-Length': 10_000_000}, {'Transfer-Encoding': 'chunked'}]) {
  test(`a body of 10 MB is a 413, and its connection goes on: ${Object.keys(headers).join()}`, async t => {
    const {url, log} = await taking(t);
    const agent = new Agent({keepAlive: true, maxSockets: 1});
    t.teardown(() => agent.destroy());
    const post = httpRequest(url, {method: 'POST', agent, headers});
    for (let i = 0; i < 10; i += 1) post.write(Buffer.alloc(1_000_000));
    post.end();
    const refused = await responseTo(post);
    t.is(refused.statusCode, 413);
    t.is(JSON.parse(await textOf(refused)).detail, 'The body is larger than 1048576 bytes.');
    const next = get(url, {agent});
    t.is(await textOf(await responseTo(next)), 'Hello');
    t.is(next.socket, post.socket);
    t.deepEqual(log, []);
  });
}

const half = {
  'within the request line': 'GET / HT',
  'within a header': 'GET / HTTP/1.1\r\nHost: exam',
  'within the body': 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf',
  'within a chunk': 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf',
};
for (const [where, text] of Object.entries(half)) {
  test(`a thousand clients that go ${where} leave the server answering`, async t => {
    const {url, log} = await taking(t);
    for (let batch = 0; batch < 10; batch += 1) {
      const sockets = await Promise.all(Array.from({length: 100}, () => said(url, text)));
      await Promise.all(sockets.map(socket => closing(socket.destroy())));
    }
    t.is(await (await fetch(url)).text(), 'Hello');
    t.deepEqual(log, []);
  });
}

test('what is no HTTP is a 400', async t => {
  const {url} = await taking(t);
  t.regex(await textOf(await said(url, 'Hello there\r\n\r\n')), /^HTTP\/1\.1 400 Bad Request\r\n/);
});

for (const method of ['GET', 'POST', 'DELETE']) {
  test(`the body of a ${method} that has none is empty, now and when it is read late`, async t => {
    const {server} = served(t, async (response, request) => {
      const early = request.url === '/late' ? undefined : await request.bytes();
      await new Promise(resolve => setImmediate(resolve));
      response.body = JSON.stringify([early?.length ?? 0, (await request.text()).length]);
    });
    const url = await server.listen({port: 0, host: '127.0.0.1'});
    for (const path of ['/', '/late']) {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      socket.end(`${method} ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      t.true((await textOf(socket)).endsWith('[0,0]'));
    }
  });
}

test('over HTTP/2 a large body that nobody reads holds nothing up, nor the requests after it', async t => {
  const {server} = served(t);
  const client = http2Client(await server.listen({port: 0, tls}));
  t.teardown(() => client.destroy());
  for (let i = 0; i < 3; i += 1) {
    const upload = client.request({':method': 'POST', ':path': '/', 'content-length': 1_000_000});
    upload.on('error', () => undefined).end(Buffer.alloc(1_000_000));
    const [headers] = await once(upload, 'response');
    t.deepEqual([headers[':status'], await textOf(upload)], [200, 'Hello']);
    t.is(headers['content-length'], undefined, 'curl would wait for ever with it');
  }
});

for (const version of ['HTTP/1.1', 'HTTP/2']) {
  for (const [how, chunks, sent] of [
    ['longer', ['abc', 'HTTP/1.1 200 OK\r\n\r\nevil'], 'abc'],
    ['shorter', ['a'], 'a'],
    ['empty, and so shorter,', [], ''],
  ] as const) {
    test(`a stream that is ${how} than its Content-Length says is cut off, told once, and harms nobody else, over ${version}`, async t => {
      const {server, broken} = served(t, (response, {path}) => {
        if (path === '/other') return hello(response, undefined!);
        response.setHeader('Content-Length', 3);
        response.body = (async function* () {
          yield* chunks;
        })();
        return undefined;
      });
      const url = await server.listen({port: 0, tls});
      const client = http2Client(url);
      t.teardown(() => client.destroy());
      let got = '';
      const {promise: failed, resolve} = Promise.withResolvers<{code?: string} | undefined>();
      const follow = (answer: NodeJS.ReadableStream) =>
        answer
          .on('data', chunk => (got += String(chunk)))
          .once('error', resolve)
          .once('end', resolve);
      if (version === 'HTTP/2') follow(client.request({':path': '/'}));
      else getTls(url, {rejectUnauthorized}, follow);
      // Over HTTP/1.1 what was said to come has come.
      const seen = how === 'longer' ? undefined : 'ECONNRESET';
      t.is((await failed)?.code, version === 'HTTP/2' ? 'ERR_HTTP2_STREAM_ERROR' : seen);
      t.is(got, sent);
      t.is(broken.length, 1);
      t.regex(
        String(broken[0]),
        /^RangeError: The Content-Length of a stream was said to be 3 bytes, but it has (?:more|1|0)\.$/,
      );
      t.is(await textOf(client.request({':path': '/other'})), 'Hello');
    });
  }
}

test('a stream that is as long as its Content-Length says goes out with it', async t => {
  const {server, broken} = served(t, response => {
    response.setHeader('Content-Length', 4);
    response.body = (async function* () {
      yield 'é';
      yield Buffer.from('ab');
    })();
  });
  const answer = await fetch(await server.listen({port: 0}));
  t.deepEqual([answer.headers.get('Content-Length'), await answer.text()], ['4', 'éab']);
  t.deepEqual(broken, []);
});

test('over HTTP/2 a body left half-way holds up neither its answer nor close()', async t => {
  const site = createSite(HalfReader);
  const client = http2Client(await site.listen({port: 0, tls}));
  t.teardown(() => client.destroy());
  for (let i = 0; i < 3; i += 1) {
    const upload = client.request({':method': 'POST', ':path': '/'});
    upload.on('error', () => undefined).end(Buffer.alloc(1_000_000));
    const [headers] = await once(upload, 'response');
    t.is(headers[':status'], 413);
    await textOf(upload);
  }
  client.close();
  await site.close();
});

@Resource()
class HalfReader {
  @Post()
  async read(request: Request) {
    return request.bytes({limit: 10});
  }
}

test('a stream may read the body of its request after its first chunk', async t => {
  @Resource()
  class Echo {
    @Post()
    async *echo(request: Request) {
      yield 'first ';
      yield request.text();
    }
  }
  const site = createSite(Echo);
  t.teardown(() => site.close());
  const post = httpRequest(await site.listen({port: 0}), {method: 'POST'});
  post.write('sec');
  const answer = await responseTo(post);
  post.end('ond');
  t.is(await textOf(answer), 'first second');
});

test('CONNECT is answered with a 501, over HTTP/1.1 with and without TLS and over HTTP/2', async t => {
  const {server} = served(t);
  const plain = connect(portIn(await server.listen({port: 0, host: '127.0.0.1'})), '127.0.0.1');
  const url = await server.listen({port: 0, host: '127.0.0.1', tls});
  const secure = connectTls({port: portIn(url), host: '127.0.0.1', rejectUnauthorized});
  for (const socket of [plain, secure]) {
    socket.write('CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n');
    t.regex(await textOf(socket), /^HTTP\/1.1 501 Not Implemented\r\n/);
  }
  const client = http2Client(url);
  t.teardown(() => client.destroy());
  const [headers] = await once(client.request({':method': 'CONNECT', ':authority': 'a:1'}), 'response');
  t.is(headers[':status'], 501);
});

test('130 cookies, each a header of its own as browsers send them over HTTP/2, all arrive', async t => {
  const {server} = served(t, (response, {cookies}) => (response.body = String(Object.keys(cookies).length)));
  const client = http2Client(await server.listen({port: 0, host: '127.0.0.1', tls}));
  t.teardown(() => client.destroy());
  const cookie = Array.from({length: 130}, (_, i) => `c${i}=1`) as unknown as string;
  t.is(await textOf(client.request({cookie})), '130');
});

/** What an HTTP/2 client gets for `/`. */
async function askHttp2(client: ClientHttp2Session, path = '/') {
  const stream = client.request({':path': path});
  const [headers] = (await once(stream, 'response')) as [Record<string, string>];
  return {headers, text: await textOf(stream)};
}

test('an answer that names another protocol does so over HTTP/1.1, and over HTTP/2 is sent without', async t => {
  const {server, broken} = served(t, response => {
    response.status = 426;
    response.setHeader('Upgrade', 'websocket');
    response.body = 'no';
  });
  const url = await server.listen({port: 0, tls});
  const {headers} = await responseTo(getTls(url, {rejectUnauthorized}));
  t.deepEqual([headers.upgrade, headers.connection], ['websocket', 'Upgrade']);
  const client = http2Client(url);
  t.teardown(() => client.destroy());
  const answer = await askHttp2(client);
  t.deepEqual([answer.headers[':status'], answer.headers['upgrade'], answer.text], [426, undefined, 'no'] as never);
  t.deepEqual(broken, []);
});

test('an answer that names another protocol is the last one of its connection where its client wants that', async t => {
  const {server} = served(t, response => {
    response.status = 426;
    response.setHeader('Upgrade', 'websocket');
    response.body = 'no';
  });
  const url = await server.listen({port: 0, host: '127.0.0.1', keepAliveTimeout: 0});
  for (const request of ['GET / HTTP/1.0\r\n\r\n', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n']) {
    const answer = await textOf(await said(url, request));
    t.regex(answer, /^HTTP\/1\.1 426 [^]*Connection: Upgrade\r\nConnection: close\r\n[^]*no$/);
  }
});

test('more headers than HTTP/2 can carry are a 500, and the connection goes on', async t => {
  const {server, broken} = served(t, (response, {path}) => {
    if (path === '/large') for (let i = 0; i < 7; i += 1) response.setHeader(`X-${i}`, 'x'.repeat(10_000));
    response.body = 'Hello';
  });
  const client = http2Client(await server.listen({port: 0, tls}));
  t.teardown(() => client.destroy());
  t.like(await askHttp2(client, '/large'), {headers: {':status': 500}, text: ''} as never);
  t.regex(String(broken[0]), /^RangeError: The headers take 70\d\d\d bytes; over HTTP\/2 65536 can be sent\.$/);
  t.is((await askHttp2(client)).text, 'Hello');
});

test('every header that can be set can be sent over HTTP/2, once or twice', async t => {
  const names = Object.entries(constants).flatMap(([key, name]) =>
    key.startsWith('HTTP2_HEADER_') ? [String(name)] : [],
  );
  const refused: string[] = [];
  const {server, broken} = served(t, (response, {path}) => {
    const name = path.slice(1);
    for (const value of ['1', ' 1\t', '2']) {
      try {
        response.appendHeader(name, value);
      } catch {
        refused.push(name);
      }
    }
    response.body = 'Hello';
  });
  const client = http2Client(await server.listen({port: 0, tls}));
  t.teardown(() => client.destroy());
  for (const name of names) t.is((await askHttp2(client, `/${name}`)).text, 'Hello', name);
  t.deepEqual(broken, []);
  t.true(names.length > 80);
  t.true(refused.includes('etag') && !refused.includes('set-cookie'));
});

test('what a server that mounts us has set, and Node refuses, is a 500 and told', async t => {
  const {server, broken} = served(t);
  const other = createHttp2Server((message, answer) => {
    answer.setHeader('Upgrade', 'h2c');
    server.listener(message, answer);
  }).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const client = http2Client(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  t.teardown(() => client.destroy());
  t.is((await askHttp2(client)).headers[':status'], 500 as never);
  t.like(broken, [{code: 'ERR_HTTP2_INVALID_CONNECTION_HEADERS'}]);
});

/** A server whose `/slow` waits to be let go, and whose `/bad` fails after its first chunk. */
function queueing(t: ExecutionContext) {
  const {promise: released, resolve: release} = Promise.withResolvers<void>();
  const signals: AbortSignal[] = [];
  const {server, broken} = served(t, async (response, {path, signal}) => {
    signals.push(signal);
    if (path === '/slow') await released;
    response.body = path;
    if (path !== '/bad') return;
    response.body = (async function* () {
      yield 'first';
      throw new Error('broken');
    })();
  });
  return {server, broken, release, signals};
}

const pipelined = (...paths: string[]) => paths.map(path => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`).join('');

test('a stream that fails while it waits behind another answer ends the connection after that', async t => {
  const {server, broken, release} = queueing(t);
  const url = await server.listen({port: 0, host: '127.0.0.1'});
  const socket = await said(url, pipelined('/slow', '/bad', '/after'));
  await until(() => broken.length === 1);
  release();
  const text = await textOf(socket);
  t.true(text.includes('/slow'));
  t.false(text.includes('/after'));
  t.like(broken, [{message: 'broken'}]);
});

test('a stream that fails right behind an answer that is ready ends the connection', async t => {
  const {server} = queueing(t);
  const url = await server.listen({port: 0, host: '127.0.0.1'});
  t.false((await textOf(await said(url, pipelined('/', '/bad', '/after')))).includes('/after'));
});

test('over HTTP/2 a stream that fails while its client takes nothing is reset', async t => {
  const {server} = queueing(t);
  const client = connectHttp2(await server.listen({port: 0, tls}), {
    rejectUnauthorized,
    settings: {initialWindowSize: 0},
  });
  t.teardown(() => client.destroy());
  const stream = client.request({':path': '/bad'});
  await closing(stream);
  t.is(stream.rstCode, constants.NGHTTP2_INTERNAL_ERROR);
});

test('who waits behind another answer hears that the client has gone', async t => {
  const {server, signals} = queueing(t);
  const socket = await said(await server.listen({port: 0, host: '127.0.0.1'}), pipelined('/slow', '/slow'));
  await until(() => signals.length === 2);
  socket.destroy();
  await until(() => signals.every(({aborted}) => aborted));
  t.pass();
});

test('who waits behind another answer hears it also when what was sent has been read', async t => {
  const gone: string[] = [];
  let read = 0;
  const {promise: held} = Promise.withResolvers<void>();
  const {server} = served(t, async (_response, request) => {
    request.signal.addEventListener('abort', () => gone.push(request.path));
    await request.bytes();
    read += 1;
    await held;
  });
  const post = (path: string) => `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nHello`;
  const socket = await said(await server.listen({port: 0, host: '127.0.0.1'}), post('/first') + post('/second'));
  await until(() => read === 2);
  socket.destroy();
  await until(() => gone.length === 2);
  t.deepEqual(gone.toSorted(), ['/first', '/second']);
});

/** What a client gets from an Express application that prepares its answers so, and has the rest be answered by ours. */
async function mounted(t: ExecutionContext, prepare: RequestHandler, fill: Fill) {
  const {server, broken} = served(t, fill);
  const other = createServer(express().use(prepare, server.listener as never)).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const answer = await fetch(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  const text = await answer.text();
  t.deepEqual(broken, []);
  return {headers: answer.headers, text};
}

test('mounted, cookies and lists are added to what the application has set, and each header of its own stays', async t => {
  const prepare: RequestHandler = (_request, answer, next) => {
    answer.cookie('csrf', 'token').vary('Origin').links({next: '/2'});
    answer.set({
      'Server-Timing': 'db;dur=5',
      'X-Frame-Options': 'DENY',
      'Content-Length': '99',
      'Content-Type': 'text/a',
    });
    next();
  };
  const {headers, text} = await mounted(t, prepare, response => {
    response.setCookie('sid', '1');
    response.setCookie('more', '2');
    response.vary('Cookie');
    response.vary('origin');
    response.setHeader('Link', '</3>; rel="prev"');
    response.setHeader('Server-Timing', 'site');
    response.setHeader('Content-Type', 'text/b');
    response.body = 'Hello';
  });
  t.is(text, 'Hello');
  t.deepEqual(
    headers.getSetCookie().map(cookie => cookie.split(';')[0]),
    ['csrf=token', 'sid=1', 'more=2'],
  );
  t.deepEqual(headers.get('Vary')!.toLowerCase().split(', '), ['origin', 'cookie']);
  t.is(headers.get('Link'), '</2>; rel="next", </3>; rel="prev"');
  t.is(headers.get('Server-Timing'), 'db;dur=5, site');
  t.deepEqual(
    ['X-Frame-Options', 'Content-Type', 'Content-Length'].map(name => headers.get(name)),
    ['DENY', 'text/b', '5'],
  );
});

test('mounted, a Vary of everything stays one', async t => {
  const prepare: RequestHandler = (_request, answer, next) => {
    answer.set('Vary', '*');
    next();
  };
  const {headers} = await mounted(t, prepare, response => response.vary('Cookie'));
  t.is(headers.get('Vary'), '*');
});

test('mounted, a stream goes out whole where the application had another length in mind', async t => {
  const prepare: RequestHandler = (_request, answer, next) => {
    answer.set('Content-Length', '2');
    next();
  };
  const {text} = await mounted(t, prepare, response => {
    response.body = (async function* () {
      yield 'Hel';
      yield 'lo';
    })();
  });
  t.is(text, 'Hello');
});

test('mounted, those who listen for the head find each header, and can add to it', async t => {
  const prepare: RequestHandler = (_request, answer, next) => {
    const writeHead = answer.writeHead.bind(answer);
    // As the modules do that wait for the head: they read an object, and set its headers one by one.
    answer.writeHead = function (status: number, headers: Record<string, string | string[]>) {
      for (const [name, value] of Object.entries(headers)) answer.setHeader(name, value);
      answer.append('Set-Cookie', `seen=${JSON.stringify(answer.getHeader('content-type'))}`);
      return writeHead(status);
    } as never;
    next();
  };
  const {headers} = await mounted(t, prepare, response => {
    response.setCookie('sid', '1');
    response.setHeader('Content-Type', 'text/b');
    response.body = 'Hello';
  });
  t.deepEqual(
    headers.getSetCookie().map(cookie => cookie.split(';')[0]),
    ['sid=1', 'seen="text/b"'],
  );
});

test('mounted in an HTTP/2 server, cookies and Vary are added to as well', async t => {
  const {server} = served(t, response => {
    response.setCookie('sid', '1');
    response.vary('Cookie');
  });
  const other = createHttp2Server((message, answer) => {
    answer.setHeader('Set-Cookie', 'csrf=token');
    answer.setHeader('Vary', ['Origin', 'Accept']);
    server.listener(message, answer);
  }).listen(0, '127.0.0.1');
  t.teardown(() => other.close());
  await once(other, 'listening');
  const client = http2Client(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
  t.teardown(() => client.destroy());
  const {headers} = await askHttp2(client);
  t.is(headers['vary'], 'Origin, Accept, Cookie');
  t.is(headers['set-cookie']!.length, 2);
});

test('an idle connection is kept for longer than a load balancer keeps its own, and says so', async t => {
  const {server} = served(t);
  const agent = new Agent({keepAlive: true});
  t.teardown(() => agent.destroy());
  const answer = await responseTo(get(await server.listen({port: 0}), {agent}));
  t.is(answer.headers['keep-alive'], 'timeout=65');
});

const oneRequest = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

/** What comes back over a connection on which this was said, until the server ends it. */
async function untilEnded(url: string, text: string): Promise<string> {
  const socket = url.startsWith('https')
    ? connectTls({port: portIn(url), host: '127.0.0.1', rejectUnauthorized})
    : connect(portIn(url), '127.0.0.1');
  let got = '';
  socket.on('data', chunk => (got += String(chunk))).write(text);
  await closing(socket);
  return got;
}

for (const secure of [{}, {tls}]) {
  const over = 'tls' in secure ? 'TLS' : 'plain HTTP';
  const listening = (t: ExecutionContext, limits: ListenOptions, fill?: Fill) =>
    served(t, fill).server.listen({port: 0, host: '127.0.0.1', connectionsCheckingInterval: 20, ...secure, ...limits});

  test(`keepAliveTimeout ends a connection without a request, over ${over}`, async t => {
    const url = await listening(t, {keepAliveTimeout: 20});
    t.regex(await untilEnded(url, oneRequest), /^HTTP\/1\.1 200 OK\r\n[^]*Hello$/);
  });

  test(`headersTimeout ends a request whose head does not come, with a 408, over ${over}`, async t => {
    const url = await listening(t, {headersTimeout: 20});
    t.regex(await untilEnded(url, 'GET / HTTP/1.1\r\nHost: x'), /^HTTP\/1\.1 408 /);
  });

  test(`requestTimeout ends a request whose body does not come, with a 408, over ${over}`, async t => {
    const url = await listening(
      t,
      {requestTimeout: 20},
      async (_response, request) => void (await request.bytes().catch(() => undefined)),
    );
    t.regex(await untilEnded(url, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx'), /^HTTP\/1\.1 408 /);
  });

  test(`maxHeaderSize refuses a larger head with a 431, over ${over}`, async t => {
    const large = `GET / HTTP/1.1\r\nHost: x\r\nX-A: ${'x'.repeat(1000)}\r\nConnection: close\r\n\r\n`;
    t.regex(await untilEnded(await listening(t, {maxHeaderSize: 500}), large), /^HTTP\/1\.1 431 /);
    t.regex(await untilEnded(await listening(t, {}), large), /^HTTP\/1\.1 200 /);
  });

  test(`maxRequestsPerSocket ends a connection after so many, over ${over}`, async t => {
    // Node says `Connection: close`, and ends it by itself when the client has not after this time.
    const url = await listening(t, {maxRequestsPerSocket: 2, keepAliveTimeout: 500});
    const text = await untilEnded(url, oneRequest + oneRequest + oneRequest);
    t.is(text.match(/HTTP\/1\.1 200/g)?.length, 2);
    t.regex(text, /HTTP\/1\.1 503 /);
  });

  test(`maxHeadersCount is the most headers that a request has, over ${over}`, async t => {
    const fill: Fill = (response, {headers}) => {
      response.body = `${Object.keys(headers).length} headers`;
    };
    const many = Array.from({length: 30}, (_, i) => `X-${i}: 1\r\n`).join('');
    const text = await untilEnded(
      await listening(t, {maxHeadersCount: 10}, fill),
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many}\r\n`,
    );
    // Node 22 leaves out the others.
    t.regex(text, /^HTTP\/1\.1 431 |\n10 headers$/);
  });
}

/** Answers with more than a client takes that reads nothing; `gone` resolves when a client has gone. */
function filling(body: () => Response['body']) {
  const {promise: gone, resolve} = Promise.withResolvers<void>();
  const fill: Fill = (response, request) => {
    request.signal.addEventListener('abort', () => resolve());
    response.body = body();
  };
  return {fill, gone};
}

for (const [what, body] of [
  ['an answer in bytes', () => Buffer.alloc(20_000_000)],
  ['a stream', () => endless().chunks()],
] as const) {
  for (const secure of [{}, {tls}]) {
    test(`sendTimeout ends the connection of a client that reads nothing of ${what}, over ${'tls' in secure ? 'TLS' : 'plain HTTP'}`, async t => {
      const {fill, gone} = filling(body);
      const {server, broken} = served(t, fill);
      const url = await server.listen({port: 0, host: '127.0.0.1', sendTimeout: 50, ...secure});
      const socket =
        'tls' in secure
          ? connectTls({port: portIn(url), host: '127.0.0.1', rejectUnauthorized})
          : connect(portIn(url), '127.0.0.1');
      t.teardown(() => socket.destroy());
      socket.on('error', () => {}).write(oneRequest);
      await gone;
      t.deepEqual(broken, []);
    });
  }

  test(`sendTimeout ends the HTTP/2 stream of a client that takes nothing of ${what}`, async t => {
    const {fill, gone} = filling(body);
    const {server, broken} = served(t, fill);
    const client = http2Client(await server.listen({port: 0, tls, sendTimeout: 50}));
    t.teardown(() => client.destroy());
    const request = client.request({':path': '/'});
    await Promise.all([closing(request), gone]);
    t.is(request.rstCode, 8);
    t.deepEqual(broken, []);
  });
}

test('sendTimeout ends an HTTP/2 stream whose window stays shut, however little is to be sent', async t => {
  const {server} = served(t);
  const client = connectHttp2(await server.listen({port: 0, tls, sendTimeout: 50}), {
    rejectUnauthorized,
    settings: {initialWindowSize: 0},
  }).on('error', () => {});
  t.teardown(() => client.destroy());
  const request = client.request({':path': '/'});
  await closing(request.resume());
  t.is(request.rstCode, 8);
});

test('sendTimeout does not end an answer that itself waits, over HTTP/1.1 and HTTP/2', async t => {
  const stuck = filling(() => Buffer.alloc(20_000_000));
  async function* waits() {
    yield 'before, ';
    await stuck.gone;
    yield 'after';
  }
  const fill: Fill = (response, request) => {
    if (request.path === '/stuck') stuck.fill(response, request);
    else response.body = waits();
  };
  const url = await served(t, fill).server.listen({port: 0, host: '127.0.0.1', tls, sendTimeout: 50});
  const client = http2Client(url);
  t.teardown(() => client.destroy());
  const answers = [textOf(await responseTo(getTls(url, {rejectUnauthorized}))), textOf(client.request({':path': '/'}))];
  const socket = connectTls({port: portIn(url), host: '127.0.0.1', rejectUnauthorized}).on('error', () => {});
  t.teardown(() => socket.destroy());
  socket.write('GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n');
  t.deepEqual(await Promise.all(answers), ['before, after', 'before, after']);
});

/** Reads all there is, but pauses at each half of a megabyte; gives how much there was. */
async function readSlowly(source: AsyncIterable<Buffer>): Promise<number> {
  let bytes = 0;
  let pauseAt = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes < pauseAt) continue;
    pauseAt += 500_000;
    await wait(100);
  }
  return bytes;
}

for (const [over, options, ask] of [
  ['HTTP/1.1', {}, async url => responseTo(get(url))],
  ['HTTP/1.1 with TLS', {tls}, async url => responseTo(getTls(url, {rejectUnauthorized}))],
  [
    'HTTP/2',
    {tls},
    async (url, t) => {
      const client = http2Client(url);
      t.teardown(() => client.destroy());
      return client.request({':path': '/'});
    },
  ],
] as [string, ListenOptions, (url: string, t: ExecutionContext) => Promise<AsyncIterable<Buffer>>][]) {
  test(`who reads slowly has the whole of a large answer, however much longer that takes than sendTimeout, over ${over}`, async t => {
    const {server, broken} = served(t, response => {
      response.body = Buffer.alloc(30_000_000);
    });
    // The pauses alone take six seconds, and each of them a fiftieth of what the client is given.
    const url = await server.listen({port: 0, host: '127.0.0.1', sendTimeout: 5000, ...options});
    t.is(await readSlowly(await ask(url, t)), 30_000_000);
    t.deepEqual(broken, []);
  });
}

test('HTTP/2 has its limits from the same options', async t => {
  const {server} = served(t);
  const client = http2Client(
    await server.listen({port: 0, tls, maxConcurrentStreams: 7, maxHeaderSize: 2000, maxHeadersCount: 20}),
  );
  t.teardown(() => client.destroy());
  const [settings] = await once(client, 'remoteSettings');
  t.like(settings, {maxConcurrentStreams: 7, maxHeaderListSize: 2000});
  const many = client.request({':path': '/', cookie: Array.from({length: 21}, (_, i) => `c${i}=1`) as never});
  await t.throwsAsync(once(many, 'response'));
  t.is((await askHttp2(client)).text, 'Hello');
});

test('by default an HTTP/2 connection has 128 requests at a time, and a request as many cookies as browsers send', async t => {
  const {server} = served(t);
  const client = http2Client(await server.listen({port: 0, tls}));
  t.teardown(() => client.destroy());
  const [settings] = await once(client, 'remoteSettings');
  t.is(settings.maxConcurrentStreams, 128);
  const many = client.request({':path': '/', cookie: Array.from({length: 200}, (_, i) => `c${i}=1`) as never});
  t.is(await textOf(many), 'Hello');
});

test('an idle HTTP/2 connection is ended after keepAliveTimeout', async t => {
  const {server} = served(t);
  const url = await server.listen({port: 0, tls, keepAliveTimeout: 20, connectionsCheckingInterval: 20});
  await closing(http2Client(url));
  t.pass();
});

test('a head is given no more time than its request, unless both are said', async t => {
  await t.notThrowsAsync(served(t).server.listen({port: 0, requestTimeout: 1000}));
  await t.notThrowsAsync(served(t).server.listen({port: 0, requestTimeout: 0, headersTimeout: 0}));
  await t.throwsAsync(served(t).server.listen({port: 0, requestTimeout: 1000, headersTimeout: 2000}), {
    code: 'OPTION_INVALID',
    message: /^headersTimeout is 2000, and requestTimeout 1000\. /,
  });
});

const limitNames = Object.keys(listenDefaults).filter(name => !['port', 'host'].includes(name));
for (const name of limitNames) {
  test(`${name} must be a whole number`, async t => {
    for (const value of [-1, 0.5, NaN, 2 ** 31, '5']) {
      const named = typeof value === 'string' ? `"${value}"` : String(value);
      await t.throwsAsync(served(t).server.listen({port: 0, [name]: value}), {
        code: 'OPTION_INVALID',
        message: new RegExp(
          `^listen\\(\\): ${name} is ${named}\\. It must be a whole number from [01] to 2147483647\\.`,
        ),
      });
    }
  });
}
