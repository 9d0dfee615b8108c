import {AsyncLocalStorage} from 'node:async_hooks';
import {createServer, get, request as httpRequest, type IncomingMessage, type ServerResponse} from 'node:http';
import {connect as connectHttp2, constants, createServer as createHttp2Server} from 'node:http2';
import {connect, type AddressInfo} from 'node:net';
import {Readable} from 'node:stream';
import {once} from 'node:events';
import test, {type ExecutionContext} from 'ava';
import {Child, Get, Resource, type Request, type Response, type SessionService} from 'espalier';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {calm, Home, world} from '../session/processes.ts';
import {distant} from '../session/stores.ts';
import {until} from '../until.ts';
import {endless} from './endless.ts';
import {dismiss, primed, StoppableStream, StreamCut, type Chunk} from '../../src/http/stream.ts';
import {MemoryStore} from 'espalier/store/memory';

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

/** What gives these chunks and then waits for more, and tells whether it was given back. */
const idle: Record<string, (state: {isGivenBack: boolean}, ...given: string[]) => unknown> = {
  'a Node stream': (state, ...given) => {
    const stream = new Readable({read: () => undefined}).once('close', () => (state.isGivenBack = true));
    for (const each of given) stream.push(each);
    return stream;
  },
  'a web stream': (state, ...given) => webStream(state, given),
  'the body of a Response': (state, ...given) => new globalThis.Response(webStream(state, given)),
  'an iterator': (state, ...given) => ({
    next: async () => (given.length > 0 ? {done: false, value: given.shift()} : new Promise(() => undefined)),
    return: async () => {
      state.isGivenBack = true;
      return {done: true, value: undefined};
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  }),
};

function webStream(state: {isGivenBack: boolean}, given: readonly string[]): ReadableStream {
  return new ReadableStream({
    start: controller => {
      for (const each of given) controller.enqueue(Buffer.from(each));
    },
    cancel: () => {
      state.isGivenBack = true;
    },
  });
}

for (const [what, make] of Object.entries(idle)) {
  test(`${what} that waits is given back when its client goes, before its first chunk and after it`, async t => {
    for (const given of [[], ['first']]) {
      const state = {isGivenBack: false};
      const asked = Promise.withResolvers<void>();
      const {port, log} = await streaming(t, () => {
        asked.resolve();
        return make(state, ...given);
      });
      const client = connect(port, '127.0.0.1', () => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'));
      await asked.promise;
      if (given.length > 0) await once(client, 'data');
      client.destroy();
      await until(() => state.isGivenBack);
      t.deepEqual(log, []);
    }
  });

  test(`${what} that fetch() answers with is given back when its reader cancels, and when the request is aborted`, async t => {
    const {site} = await streaming(t, request => make(states.get(request.search)!, 'first'));
    const states = new Map(['?cancel', '?abort'].map(each => [each, {isGivenBack: false}]));
    const ask = async (search: string, signal?: AbortSignal) => {
      const answer = await site.fetch(new globalThis.Request(`http://x/${search}`, {...(signal && {signal})}));
      const reader = answer.body!.getReader();
      t.is(Buffer.from((await reader.read()).value!).toString(), 'first');
      return {reader, next: reader.read()};
    };
    const cancelled = await ask('?cancel');
    await cancelled.reader.cancel();
    t.true((await cancelled.next).done);
    const controller = new AbortController();
    const aborted = await ask('?abort', controller.signal);
    controller.abort();
    await t.throwsAsync(aborted.next, {name: 'AbortError'});
    for (const state of states.values()) await until(() => state.isGivenBack);
  });
}

test('a request whose answer is cancelled hears of it by its signal', async t => {
  const left = Promise.withResolvers<unknown>();
  const {site} = await streaming(t, ({signal}) => {
    signal.addEventListener('abort', () => left.resolve(signal.reason));
    return endless().chunks();
  });
  await (await site.fetch(new globalThis.Request('http://x/'))).body!.cancel();
  t.like(await left.promise, {name: 'AbortError'});
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
    await until(() => isEnded);
  });
}

test('a later chunk that is neither text nor bytes is a TypeError', async t => {
  const {chunks} = await primed(Readable.from(['x', 1]));
  t.deepEqual(await chunks.next(), {done: false, value: 'x'});
  await t.throwsAsync(async () => chunks.next(), {instanceOf: TypeError, message: /one was a number\.$/});
});

test('what nobody will read is given back: a generator, a Node stream, a web stream', async t => {
  const readable = Readable.from(['x']);
  dismiss(readable);
  t.true(readable.destroyed);
  const {promise: cancelled, resolve} = Promise.withResolvers<string>();
  dismiss(new ReadableStream({cancel: () => resolve('cancelled')}));
  t.is(await cancelled, 'cancelled');
  const {chunks, ended} = endless();
  const begun = chunks();
  await begun.next();
  dismiss(begun);
  t.is(await ended, 'ended');
});

/** A stream whose source waits for the chunks that are pushed, and what has become of it. */
function stoppable() {
  const waiting: PromiseWithResolvers<IteratorResult<Chunk>>[] = [];
  let [doneTimes, isEnded] = [0, false];
  async function* chunks(): AsyncGenerator<Chunk> {
    try {
      for (;;) {
        const next = Promise.withResolvers<IteratorResult<Chunk>>();
        waiting.push(next);
        const step = await next.promise;
        if (step.done) return;
        yield step.value;
      }
    } finally {
      isEnded = true;
    }
  }
  const stream = new StoppableStream(chunks(), () => (doneTimes += 1));
  const push = (value: Chunk) => waiting.shift()!.resolve({done: false, value});
  const finish = () => waiting.shift()!.resolve({done: true, value: undefined});
  const fail = (error: Error) => waiting.shift()!.reject(error);
  return {stream, push, finish, fail, state: () => ({doneTimes, isEnded})};
}

const over = {done: true, value: undefined};

test('a stream that can be stopped gives what its source gives, and says once that it is over', async t => {
  const {stream, push, finish, state} = stoppable();
  const first = stream.next();
  push('x');
  t.deepEqual(await first, {done: false, value: 'x'});
  const last = stream.next();
  finish();
  t.like(await last, {done: true});
  stream.stop(false);
  await stream.return();
  t.deepEqual(await stream.next(), over as IteratorResult<Chunk>);
  t.deepEqual(state(), {doneTimes: 1, isEnded: true});
});

test('a stream that can be stopped fails as its source does, and says once that it is over', async t => {
  const {stream, fail, state} = stoppable();
  const next = stream.next();
  fail(new Error('no'));
  await t.throwsAsync(next, {message: 'no'});
  stream.stop(false);
  t.deepEqual(state(), {doneTimes: 1, isEnded: true});
});

for (const isWhole of [true, false]) {
  const what = isWhole ? 'what has come is whole, so it ends' : 'what has come is not whole, so it fails';
  const ended = async (t: ExecutionContext, next: Promise<IteratorResult<Chunk>>) =>
    isWhole ? t.deepEqual(await next, over) : void (await t.throwsAsync(next, {instanceOf: StreamCut}));

  test(`stopped while somebody waits for a chunk: ${what}`, async t => {
    const {stream, push, state} = stoppable();
    const next = stream.next();
    stream.stop(isWhole);
    await ended(t, next);
    await stream.return();
    t.deepEqual(state(), {doneTimes: 1, isEnded: false}, 'the source still waits, and nobody for it');
    push('late');
    await calm();
    t.deepEqual(state(), {doneTimes: 1, isEnded: true});
  });

  test(`stopped while nobody waits for a chunk: ${what}`, async t => {
    const {stream, push, state} = stoppable();
    const first = stream.next();
    push('x');
    await first;
    stream.stop(isWhole);
    stream.stop(!isWhole);
    await ended(t, stream.next());
    await calm();
    t.deepEqual(state(), {doneTimes: 1, isEnded: true});
  });
}

test('a stream that is left ends its source before it says so', async t => {
  const {stream, push, state} = stoppable();
  const first = stream.next();
  push('x');
  await first;
  t.deepEqual(await stream.return(), over as IteratorResult<Chunk>);
  t.deepEqual(state(), {doneTimes: 1, isEnded: true});
});

test('a source that can’t be ended, or fails when it is, can be stopped all the same', async t => {
  const next = () => new Promise<never>(() => undefined);
  const throws = () => {
    throw new Error('no');
  };
  for (const more of [{}, {return: throws}, {return: () => Promise.reject(new Error('no'))}]) {
    const stream = new StoppableStream({[Symbol.asyncIterator]: () => ({next, ...more})}, () => undefined);
    const waiting = stream.next();
    stream.stop(true);
    t.deepEqual(await waiting, over as IteratorResult<Chunk>);
    await calm();
  }
});

type Source = (sessions: SessionService, response: Response) => unknown;

/** A site, in a scene, that streams this at `/stream`, and a visitor with a session. */
async function accompanied(t: ExecutionContext, source: Source, scene = world(), options = {}, tls?: object) {
  @Resource()
  class Stream extends Home {
    @Get()
    override enter(_: Request, response: Response) {
      return source(this.sessions, response) as Promise<string>;
    }
  }
  @Resource()
  @Child('stream', Stream)
  class Root extends Home {}
  const process = scene.begin(Root, {drainTimeout: 1, ...options});
  const url = await process.site.listen({port: 0, ...(tls && {tls: tls as never})});
  t.teardown(() => process.site.close());
  return {...scene, ...process, url};
}

async function enter(url: string) {
  const entered = await fetch(`${url}/?user=ada`);
  await entered.text();
  const headers = {cookie: entered.headers.getSetCookie()[0]!.split(';')[0]!};
  return {headers, logout: () => fetch(url, {method: 'POST', headers})};
}

/** Follow a streamed answer, as it comes over its socket. */
function follow(url: string, headers: Record<string, string>, method = 'GET') {
  const state = {text: '', end: ''};
  const asked = httpRequest(url, {headers, method, agent: false}, answer => {
    answer.setEncoding('utf8').on('data', (text: string) => (state.text += text));
    answer.on('end', () => (state.end ||= 'whole')).on('error', () => (state.end ||= 'cut off'));
  });
  asked.on('error', () => (state.end ||= 'refused')).end();
  return Object.assign(state, {leave: () => asked.destroy()});
}

/** Events for a visitor who has a session; `state` says whether their source has ended. */
function events(type = 'text/event-stream', more: () => Promise<unknown> = () => new Promise(() => undefined)) {
  const state = {isEnded: false};
  const source: Source = async (sessions, response) => {
    await sessions.getSession();
    response.setHeader('Content-Type', type);
    return (async function* () {
      try {
        for (;;) {
          yield 'data: 1\n\n';
          await more();
        }
      } finally {
        state.isEnded = true;
      }
    })();
  };
  return {source, state};
}

const ways = {
  'by a logout': ({logout}) => logout(),
  'by another process that revokes it': async ({begin, pass}) => {
    await begin().sessions.of('ada').expireAll();
    await pass(1000);
  },
  'by its absolute timeout': ({pass}) => pass(61_000),
} satisfies Record<
  string,
  (scene: {
    logout: () => Promise<unknown>;
    begin: ReturnType<typeof world>['begin'];
    pass: (time: number) => Promise<void>;
  }) => unknown
>;

for (const [how, end] of Object.entries(ways)) {
  for (const [where, far] of [
    ['', (store: MemoryStore) => store],
    [', with a store far away', distant],
  ] as const) {
    const scene = () => world(clock => far(new MemoryStore({clock})));
    const sessions = {idleTimeout: 10_000, absoluteTimeout: 60_000};

    test(`S80: when a session ends ${how}, its event streams end well at once, whatever their sources wait for${where}`, async t => {
      const {source} = events();
      const {url, log, ...rest} = await accompanied(t, source, scene(), {sessions});
      const {headers, logout} = await enter(url);
      const stream = follow(`${url}/stream`, headers);
      await until(() => stream.text !== '');
      await rest.pass(30_000);
      t.is(stream.end, '', 'S33: an open stream keeps its session from being idle');
      await end({...rest, logout});
      await until(() => stream.end !== '');
      t.like(stream, {end: 'whole', text: 'data: 1\n\n'});
      t.deepEqual(log, []);
    });

    test(`when a session ends ${how}, other streams are cut off, so that nobody takes them for whole${where}`, async t => {
      const {source} = events('text/plain');
      const {url, log, ...rest} = await accompanied(t, source, scene(), {sessions});
      const {headers, logout} = await enter(url);
      const stream = follow(`${url}/stream`, headers);
      await until(() => stream.text !== '');
      await end({...rest, logout});
      await until(() => stream.end !== '');
      t.is(stream.end, 'cut off');
      t.deepEqual(log, []);
    });
  }
}

test('the source of a stream that was stopped gives back what it holds: when it wakes', async t => {
  const {promise, resolve} = Promise.withResolvers<void>();
  const {source, state} = events('text/event-stream', () => promise);
  const {url} = await accompanied(t, source);
  const {headers, logout} = await enter(url);
  const stream = follow(`${url}/stream`, headers);
  await until(() => stream.text !== '');
  await logout();
  await until(() => stream.end === 'whole');
  t.false(state.isEnded);
  resolve();
  await until(() => state.isEnded);
  t.is(stream.text, 'data: 1\n\n');
});

for (const [type, end] of [
  ['text/event-stream', 'whole'],
  ['text/plain', 'cut off'],
] as const) {
  test(`S80: a client that is slow to read finds the stream of an ended session ${end}: ${type}`, async t => {
    let given = 0;
    const source: Source = async (sessions, response) => {
      await sessions.getSession();
      response.setHeader('Content-Type', type);
      return (async function* () {
        for (;;) {
          given += 1;
          yield 'x'.repeat(65_536);
        }
      })();
    };
    const {url, log} = await accompanied(t, source);
    const {headers, logout} = await enter(url);
    const [answer] = (await once(get(`${url}/stream`, {headers, agent: false}), 'response')) as [IncomingMessage];
    // It waits for its client.
    for (let before = -1; before !== given;) {
      before = given;
      await calm();
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    await logout();
    let outcome = '';
    answer.on('end', () => (outcome ||= 'whole')).on('error', () => (outcome ||= 'cut off'));
    answer.resume();
    await until(() => outcome !== '');
    t.is(outcome, end);
    t.deepEqual(log, []);
  });
}

test('S81: a stream that was made while its session ended ends as soon as it begins', async t => {
  const scene = world();
  const {source} = events();
  const ending: Source = async (sessions, response) => {
    const {key} = await sessions.getSession();
    const stream = await source(sessions, response);
    await scene.store.end(key, 'revoked');
    return stream;
  };
  const {url, log} = await accompanied(t, ending, scene);
  const {headers} = await enter(url);
  const stream = follow(`${url}/stream`, headers);
  await until(() => stream.end !== '');
  t.is(stream.end, 'whole');
  t.deepEqual(log, []);
});

test('HEAD of what would be a stream is answered, and the source is given back', async t => {
  const {source} = events();
  const {url, log, pass, clock} = await accompanied(t, source);
  const {headers, logout} = await enter(url);
  await pass(2000);
  const before = clock.pending;
  const stream = follow(`${url}/stream`, headers, 'HEAD');
  await until(() => stream.end === 'whole');
  await pass(2000);
  t.is(clock.pending, before);
  t.is((await logout()).status, 204);
  t.deepEqual(log, []);
});

test('S80: over HTTP/2 a stream ends with its session as well', async t => {
  const tls = await selfSigned();
  const {source} = events();
  const plain = events('text/plain');
  const both: Source = (sessions, response) => (count++ === 0 ? source : plain.source)(sessions, response);
  let count = 0;
  const {url, log, sessions} = await accompanied(t, both, world(), {}, tls);
  const client = connectHttp2(url, {ca: tls.cert});
  t.teardown(() => client.destroy());
  const ask = (path: string, headers = {}) => {
    const stream = client.request({':path': path, ...headers});
    const state = {stream, text: '', end: ''};
    stream.setEncoding('utf8').on('data', (text: string) => (state.text += text));
    stream.on('aborted', () => (state.end ||= 'cut off')).on('error', () => (state.end ||= 'cut off'));
    stream.on('close', () => (state.end ||= stream.rstCode === 0 ? 'whole' : 'cut off'));
    return state;
  };
  const entered = ask('/?user=ada');
  const [answer] = (await once(entered.stream, 'response')) as [Record<string, string[]>];
  const cookie = answer['set-cookie']![0]!.split(';')[0]!;
  const first = ask('/stream', {cookie});
  await until(() => first.text !== '');
  const second = ask('/stream', {cookie});
  await until(() => second.text !== '');
  await sessions.of('ada').expireAll();
  await until(() => first.end !== '' && second.end !== '');
  t.deepEqual([first.end, second.end], ['whole', 'cut off']);
  t.deepEqual(log, []);
});

test('a stream that never asked for the session goes on when that ends', async t => {
  const {promise, resolve} = Promise.withResolvers<void>();
  async function* chunks() {
    yield 'a';
    await promise;
    yield 'b';
  }
  const {url} = await accompanied(t, chunks);
  const {headers, logout} = await enter(url);
  const stream = follow(`${url}/stream`, headers);
  await until(() => stream.text === 'a');
  await logout();
  resolve();
  await until(() => stream.end !== '');
  t.like(stream, {text: 'ab', end: 'whole'});
});

test('who ends their own session within their own stream is not cut off', async t => {
  const source: Source = async sessions => {
    await sessions.getSession();
    return (async function* () {
      yield 'a';
      await sessions.expire();
      yield 'b';
    })();
  };
  const {url, log} = await accompanied(t, source);
  const {headers} = await enter(url);
  const stream = follow(`${url}/stream`, headers);
  await until(() => stream.end !== '');
  t.like(stream, {text: 'ab', end: 'whole'});
  t.deepEqual(log, []);
});

test('a client that goes from the stream of a session leaves nothing behind, and the session becomes idle again', async t => {
  const {promise, resolve} = Promise.withResolvers<void>();
  const {source, state} = events('text/event-stream', () => promise);
  const {url, log, clock, pass, store} = await accompanied(t, source);
  const {headers} = await enter(url);
  await pass(2000);
  const before = clock.pending;
  const stream = follow(`${url}/stream`, headers);
  await until(() => stream.text !== '');
  await pass(2000);
  t.is(clock.pending, before + 1, 'one timer for all that is in flight');
  stream.leave();
  await calm();
  await until(() => (clock.advance(1000), clock.pending === before));
  resolve();
  await until(() => state.isEnded);
  await pass(16 * 60_000);
  t.is((store as MemoryStore).size, 0);
  t.deepEqual(log, []);
});
