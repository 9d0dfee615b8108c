import {EventEmitter, on, once} from 'node:events';
import {connect as connectHttp2} from 'node:http2';
import {get, type IncomingMessage} from 'node:http';
import {connect} from 'node:net';
import {setImmediate} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {Get, Post, Request, Resource, SessionService, Use, createError, inject, type ListenOptions} from 'espalier';
import {
  compress,
  etag,
  requireSignIn,
  sse,
  type ServerSentEvent,
  type ServerSentEvents,
  type SseOptions,
} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {listening as listeningAt} from '../http/raw-socket.ts';
import {acting} from '../resource/on-the-way.ts';
import {until} from '../until.ts';

/** A source to which events are given, and that says what has become of it. */
function channel() {
  const emitter = new EventEmitter();
  const state = {opened: 0, asked: 0, ended: 0, lastEventId: undefined as string | undefined};
  async function* source(lastEventId: string | undefined, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    state.opened += 1;
    state.lastEventId = lastEventId;
    try {
      for await (const [event] of on(emitter, 'event', {signal})) {
        state.asked += 1;
        yield event as ServerSentEvent;
      }
    } finally {
      state.ended += 1;
    }
  }
  const send = (...all: ServerSentEvent[]) => {
    for (const event of all) emitter.emit('event', event);
  };
  return {source, state, send, emitter};
}

/** A site whose root sends these events, listening, and a client of it. */
async function sending(
  t: ExecutionContext,
  source: ServerSentEvents | (() => ServerSentEvents),
  options?: SseOptions,
  listen?: ListenOptions,
) {
  @Resource()
  @Use(compress({threshold: 0}), etag())
  class Root {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    events() {
      return sse(source as ServerSentEvents, options);
    }
    @Post()
    async begin() {
      return (await this.sessions.signIn('ada')).uid;
    }
  }
  const {site, log, clock, visitor, as} = testSite(Root, {drainTimeout: 200});
  const url = await site.listen({port: 0, host: '127.0.0.1', ...listen});
  t.teardown(() => site.close());
  return {site, log, clock, url, visitor, as};
}

/** An open stream, what it has said so far, and how it has ended. */
async function listening(t: ExecutionContext, url: string, headers: Record<string, string> = {}) {
  const request = get(url, {headers});
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  t.teardown(() => request.destroy());
  const stream = {request, response, text: '', end: undefined as string | undefined};
  response.setEncoding('utf8').on('data', (chunk: string) => (stream.text += chunk));
  response.on('end', () => (stream.end ??= response.complete ? 'whole' : 'cut'));
  response.on('error', () => (stream.end ??= 'cut'));
  return stream;
}

async function* events(...all: ServerSentEvent[]) {
  yield* all;
}

/** What is sent of these events, without the comment that begins it. */
async function sent(...all: unknown[]): Promise<string> {
  @Resource()
  class Root {
    @Get()
    events() {
      return sse(events(...(all as ServerSentEvent[])));
    }
  }
  const answer = await testSite(Root).visitor().get('/');
  return (await answer.text()).replace(/^: \n/, '');
}

test('an event has an id, a name, data and a time to come back after', async t => {
  t.is(await sent({id: 7, event: 'price', data: 'a', retry: 1000}), 'retry: 1000\nid: 7\nevent: price\ndata: a\n\n');
  t.is(await sent({data: 'a'}, {data: ''}), 'data: a\n\ndata: \n\n');
  t.is(await sent({comment: 'hello'}, {id: ''}, {retry: 0}), ': hello\nid: \n\nretry: 0\n\n');
});

test('data that is no text goes as JSON', async t => {
  for (const data of [{a: 'x\ny'}, [1], 1, true, null]) t.is(await sent({data}), `data: ${JSON.stringify(data)}\n\n`);
});

test('a line break in data, or in a comment, begins a line of data, or of a comment, and no field', async t => {
  t.is(
    await sent({data: 'a\nid: 1\r\n\r\nretry: 1\revent: x'}),
    'data: a\ndata: id: 1\ndata: \ndata: retry: 1\ndata: event: x\n\n',
  );
  t.is(await sent({comment: 'a\r\n\r\ndata: x\ry\n'}), ': a\n: \n: data: x\n: y\n: \n');
  t.is(await sent({data: ' a\u2028b\u0085'}), 'data:  a\u2028b\u0085\n\n');
});

test('an id or a name with a line break, and what is no event, cut the stream and are told to the log; the source ends', async t => {
  const wrong = [
    {id: 'a\nb'},
    {id: 'a\0'},
    {event: 'a\rb'},
    {retry: 1.5},
    {retry: '1\ndata: x'},
    {data: () => 1},
    'text',
    undefined,
    null,
  ];
  for (const event of wrong) {
    let isEnded = false;
    const {url, log} = await sending(t, async function* () {
      try {
        yield event as ServerSentEvent;
      } finally {
        isEnded = true;
      }
    });
    const stream = await listening(t, url);
    await until(() => stream.end);
    t.deepEqual([stream.end, stream.text, log.length, isEnded], ['cut', ': \n', 1, true], String(event));
  }
});

test('headers say what it is, that nobody keeps, packs or holds it back, and go out before the first event', async t => {
  const {url} = await sending(t, channel().source);
  const {response} = await listening(t, url, {'Accept-Encoding': 'gzip, br, zstd'});
  t.is(response.headers['content-type'], 'text/event-stream');
  t.is(response.headers['cache-control'], 'no-store, no-transform');
  t.is(response.headers['x-accel-buffering'], 'no');
  for (const name of ['content-encoding', 'etag', 'content-length']) t.is(response.headers[name], undefined, name);
});

test('each event goes out when it comes, past compress() and etag() too', async t => {
  const {source, send} = channel();
  const {url} = await sending(t, source);
  const stream = await listening(t, url, {'Accept-Encoding': 'gzip, br, zstd'});
  for (const data of ['one', 'two']) {
    send({data});
    await until(() => stream.text.endsWith(`data: ${data}\n\n`));
  }
  t.is(stream.text, ': \ndata: one\n\ndata: two\n\n');
});

test('a comment keeps the line open when nothing has come for so long', async t => {
  const {source, send} = channel();
  const {url, clock} = await sending(t, source, {interval: 1000});
  const stream = await listening(t, url);
  await until(() => clock.pending > 0);
  clock.advance(999);
  await setImmediate();
  t.is(stream.text, ': \n');
  clock.advance(1);
  await until(() => stream.text === ': \n: \n');
  await until(() => clock.pending > 0);
  clock.advance(500);
  send({data: 'x'});
  await until(() => stream.text.endsWith('data: x\n\n'));
  await until(() => clock.pending > 0);
  clock.advance(999);
  await setImmediate();
  t.true(stream.text.endsWith('data: x\n\n'), 'counted from the last event');
});

test('a quiet day costs one alarm at a time, and one event is asked for', async t => {
  let asked = 0;
  const {url, clock} = await sending(t, {
    [Symbol.asyncIterator]: () => ({
      next() {
        asked += 1;
        return new Promise<never>(() => undefined);
      },
    }),
  });
  const stream = await listening(t, url);
  const before = clock.pending;
  for (let comments = 2; comments < 100; comments += 1) {
    await until(() => clock.pending > 0);
    clock.advance(15_000);
    await until(() => stream.text.length === 3 * comments);
  }
  t.true(clock.pending <= before + 1);
  t.is(asked, 1);
});

test('a visitor who comes back tells the id of the last event that they had, in any script', async t => {
  const {source, state} = channel();
  const {url} = await sending(t, source);
  await listening(t, url);
  t.is(state.lastEventId, undefined);
  await listening(t, url, {'Last-Event-ID': Buffer.from('é7').toString('latin1')});
  t.is(state.lastEventId, 'é7');
});

test('what the source throws before it gives an iterable is answered as an error', async t => {
  const {url, log} = await sending(t, () => {
    throw createError(404, 'There is no such channel.');
  });
  const answer = await fetch(url);
  t.is(answer.status, 404);
  t.is(answer.headers.get('Content-Type'), 'application/problem+json');
  t.deepEqual(log, []);
});

test('the end of the source is a clean end', async t => {
  const {url, log} = await sending(t, () => events({data: 'x'}));
  const stream = await listening(t, url);
  t.is(await until(() => stream.end), 'whole');
  t.deepEqual(log, []);
});

test('when the visitor goes, the source’s finally runs at once, although it waits for an event', async t => {
  const {source, state, emitter} = channel();
  const {url, log} = await sending(t, source);
  const stream = await listening(t, url);
  await until(() => state.opened);
  stream.request.destroy();
  await until(() => state.ended === 1);
  t.is(emitter.listenerCount('event'), 0);
  t.deepEqual(log, []);
});

test('an iterable that waits is told by return()', async t => {
  let isReturned = false;
  const {url} = await sending(t, {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise<never>(() => undefined),
      async return() {
        isReturned = true;
        return {done: true, value: undefined};
      },
    }),
  });
  (await listening(t, url)).request.destroy();
  await until(() => isReturned);
  t.pass();
});

test('a visitor who goes before the headers are out, or sends half a request, leaves nothing behind', async t => {
  const {source, state} = channel();
  const {promise, resolve} = Promise.withResolvers<void>();
  const {url, clock} = await sending(t, async (id, signal) => {
    await promise;
    return source(id, signal);
  });
  for (const text of ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', 'GET / HTTP/1.1\r\nHo']) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.write(text);
    await setImmediate();
    socket.destroy();
    await once(socket, 'close');
  }
  resolve();
  await until(() => state.opened === state.ended);
  t.is(clock.pending, 0);
});

test('a slow reader is waited for: no more events are asked for than it takes, but for what buffers hold', async t => {
  let asked = 0;
  const {url, clock} = await sending(t, async function* () {
    for (;;) {
      asked += 1;
      yield {data: 'x'.repeat(100_000)};
    }
  });
  const request = get(url);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  t.teardown(() => request.destroy());
  response.pause();
  let before = -1;
  // Until the connection takes no more.
  while (asked !== before) {
    before = asked;
    await new Promise(resume => void setTimeout(resume, 200));
  }
  t.true(asked < 200, `${asked}`);
  t.is(clock.pending, 0, 'and no comments pile up');
  response.resume();
  await until(() => asked > before);
});

test('close() ends the stream cleanly, at once, and the source; also over TLS and HTTP/2', async t => {
  const {source, state} = channel();
  const tls = await selfSigned();
  for (const listen of [{}, {tls}]) {
    const {url, site, log} = await sending(t, source, {}, listen);
    const opened = state.opened;
    const ended = state.ended;
    const client = 'tls' in listen ? connectHttp2(url, {rejectUnauthorized: false}) : undefined;
    if (client) {
      const stream = client.request({':path': '/'});
      stream.resume();
      await once(stream, 'response');
      await until(() => state.opened === opened + 1);
      const closed = site.close();
      await once(stream, 'end');
      t.is(stream.rstCode, 0);
      await closed;
    } else {
      const stream = await listening(t, url);
      await until(() => state.opened === opened + 1);
      const closed = site.close();
      t.is(await until(() => stream.end), 'whole');
      await closed;
    }
    t.is(state.ended, ended + 1);
    t.deepEqual(log, []);
  }
});

test('close() does not wait for drainTimeout where only events are open', async t => {
  const {source} = channel();
  @Resource()
  class Root {
    @Get()
    events() {
      return sse(source);
    }
  }
  const {site} = testSite(Root, {drainTimeout: 1_000_000});
  const stream = await listening(t, await site.listen({port: 0, host: '127.0.0.1'}));
  await site.close();
  t.is(await until(() => stream.end), 'whole');
});

test('it ends cleanly with the visitor’s session, although the handler has not asked for that', async t => {
  const {source, state} = channel();
  const {url, site} = await sending(t, source);
  const begun = await fetch(url, {method: 'POST'});
  const cookie = begun.headers.getSetCookie()[0]!.split(';')[0]!;
  const stream = await listening(t, url, {Cookie: cookie});
  const other = await listening(t, url);
  await until(() => state.opened === 2);
  await site.container.get(SessionService).of('ada').expireAll();
  t.is(await until(() => stream.end), 'whole');
  t.is(state.ended, 1);
  t.is(other.end, undefined, 'one without a session goes on');
});

test('a stream keeps no session alive: its visitor does not count as seen by it', async t => {
  const {source, state} = channel();
  const {url, clock} = await sending(t, source);
  const begun = await fetch(url, {method: 'POST'});
  const cookie = begun.headers.getSetCookie()[0]!.split(';')[0]!;
  const stream = await listening(t, url, {Cookie: cookie});
  await until(() => state.opened);
  for (let minute = 0; minute < 16; minute += 1) {
    clock.advance(60_000);
    await setImmediate();
  }
  clock.advance(20_000);
  t.is(await until(() => stream.end), 'whole');
});

test('a cookie that is not taken over plain HTTP from elsewhere does not keep anybody from the events', async t => {
  const {site} = await sending(t, () => events({data: 'x'}));
  const request = Request.from({headers: {host: 'shop.example', cookie: 'sid=x'}, ip: '203.0.113.1'});
  t.is((await site.handle(request)).status, 200);
});

test('a guard comes before the events, and where it refuses, no source begins', async t => {
  const {source, state} = channel();
  @Resource()
  @Use(requireSignIn())
  class Root {
    @Get()
    events() {
      return sse(source);
    }
  }
  const {visitor, as} = testSite(Root);
  t.is((await visitor().get('/')).status, 401);
  t.is(state.opened, 0);
  const answer = await as('ada').get('/');
  t.is(answer.headers.get('Cache-Control'), 'no-store, no-transform');
  const reader = answer.body!.getReader();
  await reader.read();
  const more = reader.read();
  await until(() => state.opened === 1);
  await Promise.all([more, reader.cancel()]);
  await until(() => state.ended === 1);
});

test('HEAD has the headers and asks for no event', async t => {
  const {source, state} = channel();
  const {url} = await sending(t, source);
  const answer = await fetch(url, {method: 'HEAD'});
  t.deepEqual([answer.status, answer.headers.get('Content-Type')], [200, 'text/event-stream']);
  t.is(state.opened, 0);
});

test('events go one by one over HTTP/2, and a client that leaves is heard', async t => {
  const {source, state, send} = channel();
  const {url} = await sending(t, source, {}, {tls: await selfSigned()});
  const client = connectHttp2(url, {rejectUnauthorized: false});
  t.teardown(() => client.destroy());
  const stream = client.request({':path': '/'});
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(stream, 'response');
  await until(() => state.opened);
  send({data: 'x'});
  await until(() => text === ': \ndata: x\n\n');
  stream.close(8);
  await until(() => state.ended === 1);
  t.pass();
});

/** A listening site whose root does this, behind a middleware. */
async function showing(t: ExecutionContext, show: () => unknown, act?: Parameters<typeof acting>[0]) {
  @Resource()
  @Use(acting(act ?? ((_request, _response, next) => next())))
  class Root {
    @Get()
    show() {
      return show();
    }
  }
  const {site, log, clock} = testSite(Root, {handlerTimeout: 1000});
  return {url: await listeningAt(t, site), log, clock};
}

test('one sse() with a function may be returned to every visitor: each has a source of their own', async t => {
  let made = 0;
  const shared = sse(() => {
    made += 1;
    return events({data: `of ${made}`}, {data: 'more'});
  });
  const {url} = await showing(t, () => shared);
  const texts = await Promise.all([1, 2].map(async () => (await fetch(url)).text()));
  t.deepEqual(
    texts.toSorted(),
    [1, 2].map(each => `: \ndata: of ${each}\n\ndata: more\n\n`),
  );
});

for (const isMade of [false, true]) {
  test(`an iterator ${isMade ? 'that a function gives twice' : 'in an sse() that is returned twice'} is refused to the second visitor`, async t => {
    const secret = events({data: 'secret'}, {data: 'more'});
    const shared = sse(isMade ? () => secret : secret);
    const {url, log} = await showing(t, () => shared);
    const answers = await Promise.all([fetch(url), fetch(url)]);
    t.deepEqual(new Set(answers.map(({status}) => status)), new Set([200, 500]));
    const texts = await Promise.all(answers.map(async answer => answer.text()));
    t.is(texts.filter(each => each.includes('secret') && each.includes('more')).length, 1);
    t.regex(String(log[0]!.error), /Give sse\(\) a function that makes one for each visitor\. \[RESULT_UNSUPPORTED\]/);
  });
}

test('a middleware may make events of what comes from behind', async t => {
  const {url} = await showing(
    t,
    () => events({data: 1}, {data: 2}),
    async (_request, _response, next) => sse((await next()) as AsyncIterable<ServerSentEvent>),
  );
  t.is(await (await fetch(url)).text(), ': \ndata: 1\n\ndata: 2\n\n');
});

test('what another answer takes the place of leaves no header behind, and its source is given back', async t => {
  let signal: AbortSignal | undefined;
  const {url} = await showing(
    t,
    () =>
      sse((_id, gone) => {
        signal = gone;
        return events({data: 1});
      }),
    async (_request, _response, next) => {
      await next();
      return new globalThis.Response(null, {status: 204});
    },
  );
  const answer = await fetch(url);
  t.is(answer.status, 204);
  t.is(answer.headers.get('cache-control'), null);
  t.is(answer.headers.get('x-accel-buffering'), null);
  t.true(signal!.aborted);
});

test('no source is asked for when a middleware has answered already', async t => {
  const {promise: held, resolve: release} = Promise.withResolvers<void>();
  let opened = 0;
  const late = Promise.withResolvers<unknown>();
  const {url} = await showing(
    t,
    async () => {
      await held;
      return sse(() => {
        opened += 1;
        return events({data: 1});
      });
    },
    (_request, _response, next) => {
      late.resolve(next());
      return 'early';
    },
  );
  t.is(await (await fetch(url)).text(), 'early');
  release();
  await late.promise;
  t.is(opened, 0);
});

for (const how of ['goes', 'is told that it took too long']) {
  test(`the signal is aborted while the source is still made, when the visitor ${how}; what comes then is given back`, async t => {
    const made = Promise.withResolvers<AbortSignal>();
    let isReturned = false;
    const {url, clock} = await showing(t, () =>
      sse(async (_id, signal) => {
        made.resolve(signal);
        await once(signal, 'abort');
        return {
          [Symbol.asyncIterator]: () => ({
            next: () => new Promise<never>(() => undefined),
            return: async () => {
              isReturned = true;
              return {done: true, value: undefined};
            },
          }),
        };
      }),
    );
    const request = get(url);
    request.on('error', () => undefined);
    const signal = await made.promise;
    if (how === 'goes') request.destroy();
    else clock.advance(1000);
    await until(() => isReturned);
    t.like(signal.reason, {name: how === 'goes' ? 'AbortError' : 'TimeoutError'});
    request.destroy();
  });
}

test('what is no source of events, and options that can’t be meant so, are refused', t => {
  for (const wrong of [undefined, 'a', [], {}, 1]) t.throws(() => sse(wrong as never), {instanceOf: TypeError});
  for (const options of [{interval: 0}, {interval: Infinity}, {intervall: 1}]) {
    t.throws(() => sse(events(), options), {code: 'OPTION_INVALID'});
  }
});
