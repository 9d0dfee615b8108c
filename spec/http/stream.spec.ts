import {AsyncLocalStorage} from 'node:async_hooks';
import {createServer, get, type IncomingMessage, type ServerResponse} from 'node:http';
import {connect as connectHttp2, constants, createServer as createHttp2Server} from 'node:http2';
import {connect, type AddressInfo} from 'node:net';
import {Readable} from 'node:stream';
import {once} from 'node:events';
import test, {type ExecutionContext} from 'ava';
import {Get, Resource, type Request} from 'espalier';
import {testSite} from 'espalier/testing';
import {endless} from './endless.ts';
import {dismiss, primed} from '../../src/http/stream.ts';

/** A site that streams this from its root, listening. */
async function streaming(t: ExecutionContext, source: (request: Request) => unknown) {
  @Resource()
  class Root {
    @Get()
    stream(request: Request) {
      return source(request);
    }
  }
  const {site, log} = testSite(Root, {drainTimeout: 1});
  const url = await site.listen({port: 0});
  t.teardown(() => site.close());
  return {site, log, url, port: Number(new URL(url).port)};
}

async function* failing(...before: string[]) {
  yield* before;
  throw new Error('secret');
}

test('chunks go out as they come, and the end ends the answer', async t => {
  const {url} = await streaming(t, async function* () {
    yield 'Hé';
    yield '';
    yield 'llo';
  });
  const response = await fetch(url);
  t.is(response.headers.get('transfer-encoding'), 'chunked');
  t.is(await response.text(), 'Héllo');
});

test('a stream without a chunk is an empty answer', async t => {
  const {url, log} = await streaming(t, () => Readable.from([]));
  const response = await fetch(url);
  t.is(response.status, 200);
  t.is(await response.text(), '');
  t.deepEqual(log, []);
});

test('a fast source waits for its client', async t => {
  let out: ServerResponse;
  let buffered = 0;
  const {site} = await streaming(t, async function* () {
    for (let i = 0; i < 1000; i += 1) {
      yield Buffer.alloc(65_536);
      buffered = Math.max(buffered, out.writableLength);
    }
  });
  const server = createServer((message, answer) => site.handler(message, (out = answer))).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.is((await response.bytes()).length, 65_536_000);
  t.true(buffered < 1_000_000, `${buffered} bytes were buffered`);
});

test('a client that goes ends the source', async t => {
  const {chunks, ended} = endless();
  const {port, log} = await streaming(t, chunks);
  const client = connect(port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  await once(client, 'data');
  client.destroy();
  t.is(await ended, 'ended');
  t.deepEqual(log, []);
});

test('a client that goes from an HTTP/2 stream ends the source', async t => {
  const {chunks, ended} = endless();
  const {site, log} = await streaming(t, chunks);
  const server = createHttp2Server(site.handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const stream = client.request({':path': '/'});
  await once(stream, 'data');
  stream.close(constants.NGHTTP2_CANCEL);
  t.is(await ended, 'ended');
  t.deepEqual(log, []);
  client.close();
  server.close();
});

test('a client that goes before the first chunk is sent ends the source too', async t => {
  const {chunks, ended} = endless();
  const {promise: asked, resolve} = Promise.withResolvers<void>();
  const {port, log} = await streaming(t, async request => {
    const left = once(request.signal, 'abort');
    resolve();
    await left;
    return chunks();
  });
  const client = connect(port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
  await asked;
  client.destroy();
  t.is(await ended, 'ended');
  t.deepEqual(log, []);
});

test('a failure before the first chunk is answered as any other', async t => {
  const {url, log} = await streaming(t, () => failing());
  const response = await fetch(url);
  t.is(response.status, 500);
  t.is(response.headers.get('content-type'), 'application/problem+json');
  t.false((await response.text()).includes('secret'));
  t.is(String(log[0]?.error), 'Error: secret');
});

test('a failure after the first chunk breaks the connection, so that no client takes the answer for whole', async t => {
  const {url, log} = await streaming(t, () => failing('first'));
  const [response] = (await once(get(url), 'response')) as [IncomingMessage];
  t.is(response.statusCode, 200);
  await t.throwsAsync(response.toArray(), {code: 'ECONNRESET'});
  t.is(log[0]?.message, 'A response could not be sent whole, or a server failed.');
  t.is(String(log[0]?.error), 'Error: secret');
});

test('the headers can be set until the first chunk is there', async t => {
  @Resource()
  class Root {
    @Get()
    async *stream(_: Request, response: {setHeader: (name: string, value: string) => void}) {
      response.setHeader('X-Late', 'yes');
      yield 'x';
    }
  }
  const response = await testSite(Root).site.handle({});
  t.is(response.header('X-Late'), 'yes');
});

test('later chunks are asked for in the context of the request', async t => {
  const context = new AsyncLocalStorage<string>();
  async function* chunks() {
    yield context.getStore()!;
    yield context.getStore()!;
  }
  const {chunks: ready} = await context.run('request', () => primed(chunks()));
  t.deepEqual(await Readable.from(ready).toArray(), ['request', 'request']);
});

test('a primed stream has asked for one chunk and no more', async t => {
  let asked = 0;
  const source = {[Symbol.asyncIterator]: () => ({next: async () => ({done: false, value: (asked += 1) && 'x'})})};
  const {first} = await primed(source);
  t.is(first, 'x');
  t.is(asked, 1);
});

test('a primed stream that is left ends its source', async t => {
  const {chunks, ended} = endless();
  for await (const chunk of (await primed(chunks())).chunks) {
    t.is(chunk.length, 1024);
    break;
  }
  t.is(await ended, 'ended');
});

test('a source that can’t be ended can be left all the same', async t => {
  const source = {[Symbol.asyncIterator]: () => ({next: async () => ({done: false, value: 'x'})})};
  const {chunks} = await primed(source);
  t.deepEqual(await chunks.return!(), {done: true, value: undefined});
});

for (const wrong of [1, null, undefined, {secret: 1}, ['x'], true]) {
  test(`a first chunk that is neither text nor bytes is a TypeError and ends the source: ${JSON.stringify(wrong)}`, async t => {
    let isEnded = false;
    async function* chunks() {
      try {
        yield wrong;
      } finally {
        isEnded = true;
      }
    }
    const error = await t.throwsAsync(primed(chunks()), {instanceOf: TypeError});
    t.regex(error.message, /^A stream's chunks must be strings or bytes; one was /);
    t.false(error.message.includes('secret'));
    t.true(isEnded);
  });
}

test('a later chunk that is neither text nor bytes is a TypeError', async t => {
  const {chunks} = await primed(Readable.from(['x', 1]));
  t.deepEqual(await chunks.next(), {done: false, value: 'x'});
  await t.throwsAsync(async () => chunks.next(), {instanceOf: TypeError, message: /one was a number\.$/});
});

test('what nobody will read is given back: a generator, a Node stream, a web stream', async t => {
  const readable = Readable.from(['x']);
  await dismiss(readable);
  t.true(readable.destroyed);
  const {promise: cancelled, resolve} = Promise.withResolvers<string>();
  await dismiss(new ReadableStream({cancel: () => resolve('cancelled')}));
  t.is(await cancelled, 'cancelled');
  const {chunks, ended} = endless();
  const begun = chunks();
  await begun.next();
  await dismiss(begun);
  t.is(await ended, 'ended');
});
