import {AsyncLocalStorage} from 'node:async_hooks';
import {once} from 'node:events';
import {connect, type Socket} from 'node:net';
import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {Pool} from 'pg';
import {Get, Post, Request, Resource, SessionService, inject, type Session} from 'espalier';
import {testSite} from 'espalier/testing';
import {currentRequest, duringRequest, requestHere} from '../../src/http/current.ts';
import {until} from '../until.ts';
import {PostgresServer, postgresBin} from '../store/postgres-server.ts';

test('what a request calls finds it, before and after an await', async t => {
  const request = Request.from({});
  const [before, after] = await duringRequest(request, async () => {
    const first = currentRequest();
    await setImmediate();
    return [first, currentRequest()];
  });
  t.is(before, request);
  t.is(after, request);
});

test('two requests answered at once do not see each other', async t => {
  const requests = [Request.from({url: '/a'}), Request.from({url: '/b'})];
  const seen = requests.map(request =>
    duringRequest(request, async () => {
      await setImmediate();
      return currentRequest();
    }),
  );
  t.deepEqual(await Promise.all(seen), requests);
  t.not(requests[0], requests[1]);
});

test('a request answered inside another hides it, and gives it back', t => {
  const [outer, inner] = [Request.from({}), Request.from({})];
  duringRequest(outer, () => {
    t.is(duringRequest(inner, currentRequest), inner);
    t.is(currentRequest(), outer);
  });
});

test('what the act gives or throws comes through', t => {
  t.is(
    duringRequest(Request.from({}), () => 'given'),
    'given',
  );
  const error = new Error('thrown');
  const fail = () => {
    throw error;
  };
  t.is(
    t.throws(() => duringRequest(Request.from({}), fail)),
    error,
  );
});

test('outside a request there is none to be had', t => {
  t.throws(currentRequest, {code: 'OUTSIDE_REQUEST', message: /^No request is being answered here\. /});
  duringRequest(Request.from({}), () => undefined);
  t.throws(currentRequest, {code: 'OUTSIDE_REQUEST'}, 'nor after one');
});

const testWithPostgres = postgresBin === undefined ? test.skip : test;

/** A page whose handler is told what to do; its answers as text. */
function page(act: (request: Request, sessions: SessionService) => unknown) {
  @Resource()
  class Page {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    show(request: Request) {
      return act(request, this.sessions);
    }
    @Post()
    async signIn(request: Request) {
      return (await this.sessions.signIn(await request.text())).user;
    }
  }
  return testSite(Page);
}

/** Where this was called, to come back to. */
function contextHere(): (act: () => unknown) => unknown {
  return AsyncLocalStorage.snapshot();
}

test('a request is found until its answer is made, and never from when that is handed over', async t => {
  let inContext = contextHere();
  const {site} = page(async () => {
    inContext = contextHere();
    await setImmediate();
    return requestHere()!.path;
  });
  t.is((await site.handle({url: '/'})).body, '/');
  t.is(inContext(requestHere), undefined);
  t.throws(() => inContext(currentRequest), {
    code: 'OUTSIDE_REQUEST',
    message: /has been answered\. .* pass the request that is meant, as in getSession\(request\)/,
  });
});

test('nor is one whose answer was an error', async t => {
  let inContext = contextHere();
  const {site} = page(() => {
    inContext = contextHere();
    throw new Error('broken');
  });
  t.is((await site.handle({})).status, 500);
  t.is(inContext(requestHere), undefined);
});

test('work that outlives its request finds it no more, and goes on with it where it was passed', async t => {
  const {promise: answered, resolve: answer} = Promise.withResolvers<void>();
  const {promise: worked, resolve: work} = Promise.withResolvers<unknown>();
  const {site} = page(async (request, sessions) => {
    const session = await sessions.getSession();
    const later = async () => {
      await answered;
      await t.throwsAsync(sessions.getSession(), {code: 'OUTSIDE_REQUEST'});
      work((await sessions.getSession(request)) === session);
    };
    void later();
    return 'answered';
  });
  await site.handle({headers: {host: 'localhost'}});
  answer();
  t.true(await worked);
});

for (const [how, ending] of [
  ['has ended', (chunks: AsyncIterator<unknown>) => chunks.next()],
  ['was left', (chunks: AsyncIterator<unknown>) => chunks.return!()],
  ['has failed', (chunks: AsyncIterator<unknown>) => chunks.next().catch(() => undefined)],
] as const) {
  test(`a request that a stream answers is found until the stream ${how}, and no longer`, async t => {
    let inContext = contextHere();
    async function* stream() {
      inContext = contextHere();
      yield 'first';
      yield requestHere()!.path;
      if (how === 'has failed') throw new Error('broken');
    }
    const {site} = page(stream);
    const {body} = await site.handle({url: '/'});
    const chunks = (body as AsyncIterable<string>)[Symbol.asyncIterator]();
    await chunks.next();
    t.is((await chunks.next()).value, '/');
    t.is((inContext(requestHere) as Request).path, '/');
    await ending(chunks);
    t.is(inContext(requestHere), undefined);
  });
}

test('a request whose stream was cut is found no more, although the stream still waits for something', async t => {
  let inContext = contextHere();
  const {site} = page(async (_request, sessions) => {
    await sessions.getSession();
    return (async function* () {
      inContext = contextHere();
      yield 'first';
      await new Promise(() => undefined);
    })();
  });
  const {body} = await site.handle({headers: {host: 'localhost'}});
  const chunks = (body as AsyncIterable<string>)[Symbol.asyncIterator]();
  await chunks.next();
  const next = t.throwsAsync(chunks.next());
  t.truthy(inContext(requestHere));
  await site.container.get(SessionService).expireEveryone();
  await next;
  t.is(inContext(requestHere), undefined);
});

test('a stream that is left gives back what it holds with the request that it was passed', async t => {
  let found: unknown;
  const {site} = page(async function* (request) {
    try {
      yield 'first';
    } finally {
      found = [requestHere(), request.path];
    }
  });
  const {body} = await site.handle({url: '/'});
  for await (const chunk of body as AsyncIterable<string>) if (chunk === 'first') break;
  t.deepEqual(found, [undefined, '/']);
});

test('a request whose client has gone in the middle of a stream is found no more', async t => {
  let inContext = contextHere();
  const {site} = page(async function* () {
    inContext = contextHere();
    yield 'first';
    await new Promise(() => undefined);
  });
  t.teardown(() => site.close());
  const {port} = new URL(await site.listen({port: 0, host: '127.0.0.1'}));
  const client: Socket = connect(Number(port), '127.0.0.1');
  client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(client, 'data');
  t.truthy(inContext(requestHere));
  client.destroy();
  await until(() => inContext(requestHere) === undefined, 'the request is over');
  t.pass();
});

testWithPostgres(
  'in a callback of node-postgres nobody gets the session of the visitor who opened the connection, and each gets their own by passing the request',
  async t => {
    const server = await PostgresServer.start();
    t.teardown(() => server.dispose());
    const pool = new Pool({connectionString: server.url, max: 1});
    t.teardown(() => pool.end());
    const asked = (call: () => Promise<Session>) =>
      new Promise<string>(resolve => {
        pool.query('SELECT 1', () => {
          call().then(
            ({user}) => resolve(user ?? 'nobody'),
            ({code}: {code: string}) => resolve(code),
          );
        });
      });
    const {visitor} = page(async (request, sessions) => {
      switch (request.query.get('form')) {
        case 'passed':
          return asked(() => sessions.getSession(request));
        case 'bound':
          return asked(AsyncLocalStorage.bind(() => sessions.getSession()));
        case 'awaited':
          await pool.query('SELECT 1');
          return (await sessions.getSession()).user;
        case 'required':
          return asked(() => sessions.requireSignIn());
        default:
          return asked(() => sessions.getSession());
      }
    });
    const [ada, grace] = [visitor(), visitor()];
    const pageOf = async (someone: typeof ada, form = '') => (await someone.get(`/?form=${form}`)).text();
    await ada.post('/', {body: 'ada'});
    await grace.post('/', {body: 'grace'});
    t.is(await pageOf(ada), 'ada', 'who opens the connection');
    t.is(await pageOf(grace), 'OUTSIDE_REQUEST');
    t.is(await pageOf(visitor(), 'required'), 'OUTSIDE_REQUEST');
    for (const form of ['passed', 'bound', 'awaited']) t.is(await pageOf(grace, form), 'grace', form);
  },
);
