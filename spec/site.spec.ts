import {createServer, request as httpRequest} from 'node:http';
import {connect as connectHttp2} from 'node:http2';
import {connect, type AddressInfo, type Socket} from 'node:net';
import {join} from 'node:path';
import {once} from 'node:events';
import {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {setImmediate} from 'node:timers/promises';
import {connect as connectTls, type TLSSocket} from 'node:tls';
import express from 'express';
import test, {type ExecutionContext} from 'ava';
import {
  Child,
  Clock,
  Container,
  ContainerModule,
  Delete,
  Get,
  Patch,
  Post,
  Put,
  Request,
  Resource,
  type Response,
  SessionService,
  SessionStore,
  Use,
  createError,
  createSite,
  html,
  inject,
  injectable,
  preDestroy,
  type Middleware,
  type Next,
  type SiteError,
  type SiteOptions,
} from 'espalier';
import {sendFile, virtualHosts} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {temporaryFolder} from './builtin/temp-folder.ts';
import {selfSigned} from './certificate.ts';
import {dial, listening} from './http/raw-socket.ts';
import {until} from './until.ts';
import {setCommandLine} from '../src/command-line.ts';

@injectable()
class Greeting {
  readonly text: string = 'hello';
}

@Resource()
class Body {
  @Post()
  async read(request: Request) {
    return {length: (await request.bytes()).length, ip: request.ip};
  }
}

@Resource()
class Broken {
  @Get()
  show() {
    throw new Error('the password is swordfish');
  }
  @Post()
  refuse() {
    throw createError(409, 'Somebody was faster.', {headers: {'Retry-After': '3'}});
  }
}

@Resource()
@Child('body', Body)
@Child('broken', Broken)
class Home {
  constructor(
    @inject(Greeting) private readonly greeting: Greeting,
    @inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Get()
  async show() {
    return `${this.greeting.text}, ${(await this.sessions.getSession()).uid}`;
  }
}

const greeting = new ContainerModule(({bind}) => {
  bind(Greeting).toSelf().inSingletonScope();
});

const site = (options: SiteOptions = {}) => createSite(Home, {modules: [greeting], ...options});

/** Serve with a listener of somebody else's until the test ends; gives the URL. */
async function serving(t: ExecutionContext, server: ReturnType<typeof createServer>): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('handle() answers without a socket', async t => {
  const response = await site().handle({url: '/body', method: 'POST', body: 'four', ip: '10.0.0.1'});
  t.is(response.status, 200);
  t.is(response.body, '{"length":4,"ip":"10.0.0.1"}');
});

/** A desk, and in front of it a site that hands on to it all that it is asked. Both have sessions. */
function handingOn() {
  const {promise: ended, resolve: end} = Promise.withResolvers<void>();

  @Resource()
  class Desk {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}

    @Get()
    async show(request: Request, response: Response) {
      const {uid} = await this.sessions.getSession();
      response.vary('Accept-Language');
      response.setHeader('X-Who', 'desk');
      response.status = 203;
      if (request.query.has('refuse')) throw createError(409, 'Somebody was faster.', {headers: {'Retry-After': '3'}});
      if (!request.query.has('stream')) return html`desk: ${uid}`;
      return (async function* () {
        yield 'desk: ';
        yield uid;
        await ended;
      })();
    }
    @Post()
    async take(request: Request) {
      return {took: await request.text()};
    }
    @Delete()
    async leave() {
      await this.sessions.expire();
    }
  }
  const desk = createSite(Desk, {sessions: {cookie: {name: 'desk'}}});

  @Resource()
  class Leave {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}

    @Delete()
    async leave() {
      await this.sessions.expire();
    }
  }

  @Resource()
  @Child('leave', Leave)
  class Front {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}

    @Get()
    @Post()
    @Delete()
    async handOn(request: Request, response: Response) {
      response.vary('Accept');
      response.setHeader('X-Who', 'front');
      response.setHeader('X-Front', (await this.sessions.getSession()).uid);
      return desk.handle(request);
    }
  }
  const front = testSite(Front, {sessions: {cookie: {name: 'front'}}});
  return {...front, end};
}

test('a request is handed on by returning what another site answers: its status, headers and body, and the cookies of both', async t => {
  const {visitor} = handingOn();
  const somebody = visitor();
  const first = await somebody.get('/');
  const cookies = first.headers.getSetCookie().map(cookie => cookie.replace(/=.*/, ''));
  t.deepEqual(new Set(cookies), new Set(['desk', 'front']));
  t.deepEqual([first.status, first.headers.get('X-Who')], [203, 'desk']);
  t.is(first.headers.get('Content-Type'), 'text/html; charset=utf-8');
  t.is(first.headers.get('Vary'), 'Accept, Accept-Language, Cookie');
  t.is(first.headers.get('Cache-Control'), 'no-store');
  const [page, uid] = [await first.text(), first.headers.get('X-Front')];
  t.regex(page, /^desk: [\w-]{43}$/);

  const again = await somebody.get('/');
  t.deepEqual([await again.text(), again.headers.get('X-Front')], [page, uid], 'each site finds its own session again');
  t.deepEqual(again.headers.getSetCookie(), []);
  t.deepEqual(await (await somebody.post('/', {body: 'a spade'})).json(), {took: 'a spade'});
  const head = await somebody.head('/');
  t.deepEqual([head.status, head.headers.get('Content-Length'), await head.text()], [203, String(page.length), '']);
});

test('an error of the site that a request is handed on to is answered as that site does', async t => {
  const response = await handingOn().visitor().get('/?refuse');
  t.is(response.status, 409);
  t.is(response.headers.get('Retry-After'), '3');
  t.like(await response.json(), {detail: 'Somebody was faster.'});
  t.is(response.headers.getSetCookie().length, 2);
});

for (const [whose, leave] of [
  ['the one', '/'],
  ['the other', '/leave'],
] as const) {
  test(`a stream of the site that a request is handed on to goes out as it comes, and ends with the session of ${whose}`, async t => {
    const {visitor, end} = handingOn();
    const somebody = visitor();
    const uid = (await (await somebody.get('/')).text()).replace('desk: ', '');
    const {headers, body} = await somebody.get('/?stream');
    t.is(headers.get('Content-Type'), 'text/plain; charset=utf-8');
    const reader = body!.getReader();
    t.is(String(Buffer.from((await reader.read()).value!)), 'desk: ');
    t.is(String(Buffer.from((await reader.read()).value!)), uid);
    const cut = t.throwsAsync(reader.read());
    await somebody.delete(leave);
    await cut;
    end();
  });
}

test('fetch() answers a WHATWG Request', async t => {
  const {fetch} = site();
  const response = await fetch(new globalThis.Request('http://localhost/body', {method: 'POST', body: 'four'}));
  t.like(await response.json(), {length: 4});
});

test('listen() gives the URL that then answers, until close()', async t => {
  const served = site();
  const url = await served.listen({port: 0});
  t.regex(await (await fetch(url)).text(), /^hello, /);
  await served.close();
  await t.throwsAsync(fetch(url));
});

test('the handler can be mounted in a bare node:http server', async t => {
  const url = await serving(t, createServer(site().handler));
  t.regex(await (await fetch(url)).text(), /^hello, /);
  t.is((await fetch(`${url}/body`, {method: 'POST', body: 'x'.repeat(2 ** 21)})).status, 413);
});

test('the handler can be mounted below a path in Express, and redirects stay there', async t => {
  const app = express().use('/app', site().handler);
  const url = await serving(t, createServer(app));
  t.regex(await (await fetch(`${url}/app`)).text(), /^hello, /);
  const redirect = await fetch(`${url}/app/broken/?q=1`, {redirect: 'manual'});
  t.deepEqual([redirect.status, redirect.headers.get('Location')], [308, '/app/broken?q=1']);
});

test("an application's own container gives its resources what they ask for", async t => {
  const container = new Container();
  container.bind(Greeting).toConstantValue({text: 'good evening'});
  const {body} = await createSite(Home, {container}).handle({url: '/', headers: {host: 'localhost'}});
  t.regex(String(body), /^good evening, /);
});

test('two sites in one process share no session', async t => {
  const [one, other] = [testSite(Home, {modules: [greeting]}), testSite(Home, {modules: [greeting]})];
  const headers = {cookie: (await one.visitor().get('/')).headers.get('Set-Cookie')!.split(';')[0]!};
  t.deepEqual((await one.visitor().get('/', {headers})).headers.getSetCookie(), []);
  t.is((await other.visitor().get('/', {headers})).headers.getSetCookie().length, 1);
});

test('the text of an unexpected error goes to the log with an id, and the client gets the id', async t => {
  const {log, visitor} = testSite(Home, {modules: [greeting]});
  const answer = await visitor().get('/broken');
  const {instance, ...rest} = (await answer.json()) as {instance: string};
  t.is(answer.status, 500);
  t.deepEqual(rest, {type: 'about:blank', title: 'Internal Server Error', status: 500});
  t.is(log[0]!.message, `GET /broken failed: ${instance}`);
  t.is(String(log[0]!.error), 'Error: the password is swordfish');
});

test('an http-errors error is answered as it says, and not logged', async t => {
  const {log, visitor} = testSite(Home, {modules: [greeting]});
  const answer = await visitor().post('/broken');
  t.deepEqual([answer.status, answer.headers.get('Retry-After')], [409, '3']);
  t.like(await answer.json(), {title: 'Conflict', detail: 'Somebody was faster.'});
  t.deepEqual(log, []);
});

test('a body past the limit is a 413, at the default limit of 1 MiB and at another', async t => {
  const post = async (size: number, options?: SiteOptions) =>
    (await site(options).handle({url: '/body', method: 'POST', body: Buffer.alloc(size)})).status;
  t.deepEqual([await post(2 ** 20), await post(2 ** 20 + 1)], [200, 413]);
  t.deepEqual([await post(10, {bodyLimit: 10}), await post(11, {bodyLimit: 10})], [200, 413]);
});

test('only a trusted proxy is believed whom it speaks for', async t => {
  const ask = async (trustProxy: SiteOptions['trustProxy'], ip?: string) => {
    const headers = {'X-Forwarded-For': '203.0.113.7'};
    const asked = {url: '/body', method: 'POST', headers, ...(ip && {ip})};
    return String((await site({trustProxy: trustProxy!}).handle(asked)).body);
  };
  t.regex(await ask(false, '127.0.0.1'), /"ip":"127\.0\.0\.1"/);
  t.regex(await ask('loopback', '127.0.0.1'), /"ip":"203\.0\.113\.7"/);
  t.regex(await ask('loopback'), /"ip":""/, 'what comes from nowhere comes from no proxy');
});

test('fetch takes the address of the client, and without one believes nobody', async t => {
  const {fetch} = site({trustProxy: ['10.0.0.1']});
  const asked = () => {
    const headers = {'X-Forwarded-For': '203.0.113.7'};
    return new globalThis.Request('http://localhost/body', {method: 'POST', headers});
  };
  const ip = async (options?: {ip?: string}) => ((await (await fetch(asked(), options)).json()) as {ip: string}).ip;
  t.is(await ip({ip: '192.0.2.1'}), '192.0.2.1');
  t.is(await ip({ip: '10.0.0.1'}), '203.0.113.7');
  t.is(await ip(), '');
  t.is(await ip({ip: {} as never}), '', 'what a runtime hands over besides is no address');
});

test('who takes upgrades has the request, and with it the session of the visitor who asks', async t => {
  const ours = site({trustProxy: 'loopback', sessions: {insecure: true}});
  const sessions = ours.container.get(SessionService);
  const server = createServer(ours.handler);
  server.on('upgrade', (message, socket) => {
    const request = ours.request(message);
    void sessions.findSession(request).then(session => socket.end(`${session?.uid} ${request.ip}`));
  });
  const url = await serving(t, server);
  const begun = await fetch(url);
  const [, uid] = (await begun.text()).split(', ');
  const headers = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    Cookie: begun.headers.getSetCookie()[0]!.split(';')[0]!,
    'X-Forwarded-For': '203.0.113.7',
  };
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const lines = Object.entries({Host: 'localhost', ...headers}).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET / HTTP/1.1\r\n${lines.join('')}\r\n`);
  t.is(await text(socket), `${uid} 203.0.113.7`);
});

test('a site that does not come about leaves the container as it was', async t => {
  const container = new Container();
  const adding = new ContainerModule(({bind}) => {
    bind('added').toConstantValue(1);
  });
  t.throws(() => createSite(Home, {container, modules: [adding]}), {code: 'DEPENDENCY_MISSING'});
  for (const token of [SessionService, SessionStore, Clock, Home, 'added']) t.false(container.isBound(token));
  t.is((await createSite(Home, {container, modules: [greeting]}).handle({url: '/nowhere'})).status, 404);
});

test('nor does a module that throws leave anything behind, or take anything from the site that comes next', async t => {
  const container = new Container();
  const good = new ContainerModule(({bind}) => {
    bind('good').toConstantValue(1);
  });
  const bad = new ContainerModule(() => {
    throw new Error('bad');
  });
  t.throws(() => createSite(Home, {container, modules: [good, bad]}), {message: 'bad'});
  t.false(container.isBound('good'));
  createSite(Home, {container, modules: [good, greeting]});
  await setImmediate();
  t.true(container.isBound('good'));
});

test('a request handed over by hand has the limit of the site that answers it', async t => {
  const request = Request.from({url: '/body', method: 'POST', body: 'x'.repeat(11)});
  t.is((await site({bodyLimit: 10}).handle(request)).status, 413);
});

test('a module that binds what can not be bound is refused', t => {
  class Mailer {
    constructor(readonly host: string) {}
  }
  const module = new ContainerModule(({bind}) => {
    bind(Mailer).toSelf();
  });
  t.throws(() => site({modules: [module]}), {
    code: 'DEPENDENCY_FAILED',
    message: /^A module can't be loaded: Mailer has a constructor parameter without @inject/,
  });
});

test('options that can not be meant are refused with their name', t => {
  t.throws(() => site({bodyLimit: 0}), {code: 'OPTION_INVALID', message: /^createSite\(\): bodyLimit is 0\./});
  for (const drainTimeout of [NaN, 0, Infinity, 2 ** 31]) {
    t.throws(() => site({drainTimeout}), {
      code: 'OPTION_INVALID',
      message: new RegExp(`drainTimeout is ${drainTimeout}\\.`),
    });
  }
  t.throws(() => site({trustProxy: 'nonsense'}), {code: 'OPTION_INVALID', message: /^trustProxy: "nonsense"/});
  t.throws(() => site({sessions: {memoryLimit: 0}}), {
    code: 'OPTION_INVALID',
    message: /sessions\.memoryLimit is 0\./,
  });
});

test('a site that is closed while it begins to listen listens nowhere', async t => {
  const hasty = site();
  const refused = t.throwsAsync(hasty.listen({port: 0}), {code: 'SITE_CLOSED'});
  await hasty.close();
  await refused;
});

test('what a system refuses is LISTEN_FAILED: a host that is none, a certificate that is none', async t => {
  await t.throwsAsync(site().listen({port: 0, host: 'nowhere.invalid'}), {
    code: 'LISTEN_FAILED',
    message: /^Can't listen on port 0 of nowhere\.invalid: /,
  });
  await t.throwsAsync(site().listen({port: 0, tls: {key: 'key', cert: 'cert'}}), {code: 'LISTEN_FAILED'});
});

test('a port that is taken for a second listen() leaves the first alone', async t => {
  const twice = site();
  t.teardown(() => twice.close());
  const url = await twice.listen({port: 0, host: '127.0.0.1'});
  await t.throwsAsync(twice.listen({port: Number(new URL(url).port), host: '127.0.0.1'}), {code: 'PORT_TAKEN'});
  t.is((await fetch(url)).status, 200);
});

test('below a path that takes any name, a redirect still leads nowhere else', async t => {
  const url = await serving(t, createServer(express().use('/:tenant', site().handler)));
  const {port} = new URL(url);
  const asked = httpRequest({port, path: '/\\evil.example/broken/'}).end();
  const [answer] = await once(asked, 'response');
  t.deepEqual([answer.statusCode, answer.headers.location], [308, '/%5Cevil.example/broken']);
});

test('a closed site answers 503, listens no more, and closing it again does nothing', async t => {
  const closed = site();
  await closed.close();
  await closed.close();
  t.is((await closed.handle({url: '/'})).status, 503);
  await t.throwsAsync(closed.listen({port: 0}), {code: 'SITE_CLOSED'});
});

test('close() lets a request in flight finish, and ends services only then', async t => {
  const events: string[] = [];
  const {promise: entered, resolve: enter} = Promise.withResolvers<void>();
  const {promise: released, resolve: release} = Promise.withResolvers<void>();

  @injectable()
  class Database {
    @preDestroy()
    end() {
      events.push('database ended');
    }
  }

  @Resource()
  class Slow {
    constructor(@inject(Database) readonly database: Database) {}
    @Get()
    async show() {
      enter();
      await released;
      events.push('answered');
      return 'slow';
    }
  }

  const database = new ContainerModule(({bind}) => {
    bind(Database).toSelf().inSingletonScope();
  });
  const slow = createSite(Slow, {modules: [database]});
  const url = await slow.listen({port: 0});
  const answer = fetch(url).then(response => response.text());
  await entered;
  const closed = slow.close();
  release();
  t.is(await answer, 'slow');
  await closed;
  t.deepEqual(events, ['answered', 'database ended']);
});

test('a client that breaks off halfway through its body harms nobody', async t => {
  const broken = site();
  t.teardown(() => broken.close());
  const url = await broken.listen({port: 0});
  const half = httpRequest(`${url}/body`, {method: 'POST', headers: {'Content-Length': '100'}});
  half.on('error', () => undefined).write('half');
  await once(half, 'socket');
  half.destroy();
  t.is((await fetch(url)).status, 200);
});

test('the log tells of a failure by the way as declared, so that no secret of the path stands there', async t => {
  @Resource()
  class Reset {
    @Get()
    show() {
      throw new Error('no');
    }
  }
  @Resource()
  @Child(':token', Reset)
  class Resets {}
  const {site: tested, log} = testSite(Resets);
  await tested.handle({url: '/s3cret', headers: {host: 'localhost'}});
  t.regex(log[0]!.message, /^GET \/:token failed: urn:uuid:/);
});

test('nor does it where a guard fails before what has the secret is reached, or nothing is there', async t => {
  class Failing implements Middleware {
    handle() {
      throw new Error('no');
    }
  }
  @Resource({leaf: true})
  class Files {}
  @Resource()
  @Use(Failing)
  @Child('files', Files)
  class Reset {}
  @Resource()
  @Child(':token', Reset)
  class Resets {}
  @Resource()
  @Child('reset', Resets)
  class Root {}
  const {site: tested, log} = testSite(Root);
  const outer = testSite(Root, {use: [Failing]});
  const paths = ['/reset/s3cret', '/reset/s3cret/files/s3cret', '/reset/s3cret/s3cret', '/reset/s3cret/'];
  for (const url of paths) {
    await tested.handle({url, headers: {host: 'localhost'}});
    await outer.site.handle({url, headers: {host: 'localhost'}});
  }
  await outer.site.handle({url: '/s3cret'});
  await outer.site.handle({url: '/reset/s3cr%'});
  await outer.site.handle({url: '/'});
  await outer.site.handle({method: 'OPTIONS', url: '*'});
  const ways = (lines: typeof log) => lines.map(({message}) => message.replace(/ failed: .*/, ''));
  const inside = ['GET /reset/:token', 'GET /reset/:token/files/...', 'GET /reset/:token/...', 'GET /reset/:token'];
  t.deepEqual(ways(log), inside);
  t.deepEqual(ways(outer.log), [...inside, 'GET /...', 'GET /reset/:token', 'GET /', 'OPTIONS *']);
});

test('onError may be a class: the container makes it once, with what it asks for', async t => {
  let made = 0;
  @injectable()
  class Pages {
    constructor(@inject(Greeting) private readonly words: Greeting) {
      made += 1;
    }
    handle({status}: SiteError, request: Request) {
      return `${this.words.text}: ${status} at ${request.path}`;
    }
  }
  @Resource()
  class Empty {}
  const {site: tested} = testSite(Empty, {onError: Pages, modules: [greeting]});
  for (const url of ['/one', '/two']) {
    const answer = await tested.handle({url, headers: {host: 'localhost'}});
    t.is(answer.status, 404);
    t.is(answer.body, `hello: 404 at ${url}`);
  }
  t.is(made, 1);
});

test('a class that has no method handle is refused as onError when the site is built', t => {
  class Nothing {}
  @Resource()
  class Empty {}
  t.throws(() => createSite(Empty, {onError: Nothing as never}), {
    code: 'OPTION_INVALID',
    message: /onError .*must be a function, or a class with a method handle/,
  });
});

for (const [how, settle] of Object.entries({
  throws: () => {
    throw new Error('no');
  },
  rejects: () => Promise.reject(new Error('no')),
})) {
  test(`what ${how} while a response is settled is answered with a 500, and the process lives`, async t => {
    @Resource()
    class Settling {
      @Get()
      show(request: Request) {
        request.beforeHeaders(settle);
        return 'Hello';
      }
    }
    const {site: tested, log} = testSite(Settling);
    const url = await serving(t, createServer(tested.handler));
    t.is((await fetch(url)).status, 500);
    t.is(String(log[0]?.error), 'Error: no');
  });
}

/** A site whose `/slow` waits to be let go, and what becomes of it. */
function bounded(options: SiteOptions = {}) {
  const {promise: released, resolve: release} = Promise.withResolvers<void>();
  const seen: {signal?: AbortSignal; late: unknown[]} = {late: []};
  let begun = 0;
  @Resource()
  class Slow {
    @Get()
    async show(request: Request, response: Response) {
      begun += 1;
      seen.signal = request.signal;
      await released;
      response.status = 201;
      response.setHeader('X-Late', '1');
      return 'late';
    }
    @Post()
    async fail(request: Request) {
      await once(request.signal, 'abort');
      throw request.signal.reason as Error;
    }
    @Put()
    async give() {
      await released;
      return Readable.from(['late']).once('close', () => seen.late.push('given back'));
    }
    @Patch()
    async refuse() {
      await released;
      throw new Error('late');
    }
  }
  class Marks implements Middleware {
    handle(_request: Request, response: Response, next: Next) {
      response.setHeader('X-Mark', '1');
      response.setHeader('ETag', '"1"');
      return next();
    }
  }
  @Resource()
  @Use(Marks)
  @Child('slow', Slow)
  class Front {
    @Get()
    show() {
      return 'Hello';
    }
    @Post()
    stream() {
      return (async function* () {
        yield 'first ';
        await released;
        yield 'second';
      })();
    }
  }
  const {site: tested, clock, log} = testSite(Front, options);
  return {tested, clock, log, release, seen, begun: () => begun};
}

test('what takes longer than handlerTimeout is a 503, its signal tells why, and what comes later is thrown away', async t => {
  const {tested, clock, log, release, seen, begun} = bounded({handlerTimeout: 1000});
  const answered = tested.handle({url: '/slow', headers: {host: 'x'}});
  await until(() => begun() === 1);
  clock.advance(999);
  t.false(seen.signal!.aborted);
  clock.advance(1);
  const answer = await answered;
  t.is(answer.status, 503);
  t.like(JSON.parse(String(answer.body)), {code: 'HANDLER_TIMEOUT', detail: 'The answer takes too long.'});
  t.is(answer.header('X-Mark'), '1');
  t.is(answer.header('ETag'), undefined);
  t.like(seen.signal!.reason, {name: 'TimeoutError'});
  release();
  await setImmediate();
  t.is(answer.header('X-Late'), undefined);
  t.is(answer.status, 503);
  t.deepEqual(
    log.map(({message}) => message),
    ['GET /slow was answered with a 503: it took more than 1000 ms.'],
  );
  t.is((await tested.handle({headers: {host: 'x'}})).body, 'Hello');
});

test('of a handler that is late a stream is given back, an error is told, and that it heard of its end is no error', async t => {
  const {tested, clock, log, release, seen} = bounded({handlerTimeout: 1000});
  const answered = ['POST', 'PUT', 'PATCH'].map(method => tested.handle({method, url: '/slow', headers: {host: 'x'}}));
  await setImmediate();
  clock.advance(1000);
  await until(async () => {
    clock.advance(1000);
    return Promise.race([Promise.all(answered), setImmediate()]);
  });
  for (const answer of await Promise.all(answered)) t.is(answer.status, 503);
  release();
  await until(() => seen.late.length > 0);
  const late = log.filter(({level}) => level === 'error');
  t.deepEqual(
    late.map(({message}) => message),
    ['PATCH /slow failed when its time was over.'],
  );
});

for (const isLate of [true, false]) {
  test(`a stream without a first piece is given back where it comes ${isLate ? 'after' : 'before'} the end of its time`, async t => {
    const {promise: released, resolve: release} = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    let isGivenBack = false;
    @Resource()
    class Root {
      @Get()
      async show() {
        asked.resolve();
        if (isLate) await released;
        return new Readable({read: () => undefined}).once('close', () => (isGivenBack = true));
      }
    }
    const {site: tested, clock, log} = testSite(Root, {handlerTimeout: 1000});
    const url = await listening(t, tested);
    const answered = fetch(url);
    await asked.promise;
    await setImmediate();
    clock.advance(1000);
    t.is((await answered).status, 503);
    release();
    await until(() => isGivenBack);
    t.is(log.length, 1);
  });
}

test('what onError answers to what was late may depend on the client, be a file, and be a stream', async t => {
  for (const [accept, type, told] of [
    ['text/html', 'text/html; charset=utf-8', 'a page of 503'],
    ['application/json', 'application/json', '{"status":503}'],
    ['text/css', 'text/css; charset=utf-8', '{\n  "type": "module"\n}\n'],
    ['text/plain', 'text/plain; charset=utf-8', 'streamed'],
  ] as const) {
    const asked = Promise.withResolvers<void>();
    @Resource()
    class Root {
      @Get()
      show() {
        asked.resolve();
        return new Promise<never>(() => undefined);
      }
    }
    const folder = temporaryFolder(t, {'busy.css': '{\n  "type": "module"\n}\n'});
    const onError: SiteOptions['onError'] = ({status}, _request, response) =>
      response.negotiate({
        html: () => `a page of ${status}`,
        json: () => ({status}),
        'text/css': () => sendFile(join(folder, 'busy.css')),
        text: () => Readable.from(['stream', 'ed']),
      });
    const {site: tested, clock} = testSite(Root, {handlerTimeout: 1000, onError});
    const url = await listening(t, tested);
    const answered = fetch(url, {headers: {accept}});
    await asked.promise;
    clock.advance(1000);
    const answer = await answered;
    t.deepEqual([answer.status, answer.headers.get('content-type'), await answer.text()], [503, type, told]);
  }
});

test('an upload that is too large, for a handler that is late, holds up no other request of its connection', async t => {
  for (const read of [
    (request: Request) => request.bytes(),
    async (request: Request) => {
      for await (const _ of request.stream());
    },
  ]) {
    const asked = Promise.withResolvers<void>();
    @Resource()
    class Root {
      @Post()
      async take(request: Request) {
        asked.resolve();
        await read(request);
      }
      @Get()
      show() {
        return 'next';
      }
    }
    const {site: tested, clock} = testSite(Root, {handlerTimeout: 1000, bodyLimit: 1000});
    const client = dial(t, await listening(t, tested));
    client.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await asked.promise;
    clock.advance(1000);
    t.regex(await answerTo(client, /503[^]*\}$/), /^HTTP\/1\.1 503 /);
    for (let i = 0; i < 20; i += 1) client.write(`ea60\r\n${'x'.repeat(60_000)}\r\n`);
    client.write('0\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n');
    t.regex(await answerTo(client, /next$/), /^HTTP\/1\.1 200 [^]*next$/);
  }
});

/** What comes back until it fits. */
async function answerTo(client: Socket, enough: RegExp): Promise<string> {
  let come = '';
  while (!enough.test(come)) come += String(((await once(client, 'data')) as [Buffer])[0]);
  return come;
}

test('a body that is cut off by the answer is not taken for whole', async t => {
  const asked = Promise.withResolvers<void>();
  const read = Promise.withResolvers<unknown>();
  @Resource()
  class Root {
    @Post()
    async take(request: Request) {
      asked.resolve();
      const pieces: Buffer[] = [];
      try {
        for await (const each of request.stream()) pieces.push(each);
        read.resolve(Buffer.concat(pieces).toString());
      } catch (error) {
        read.resolve(error);
      }
    }
  }
  const {site: tested, clock} = testSite(Root, {handlerTimeout: 1000});
  const client = dial(t, await listening(t, tested));
  client.write('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  await asked.promise;
  clock.advance(1000);
  t.like(await read.promise, {name: 'AbortError'});
});

test('a stream that has begun goes on when handlerTimeout is over', async t => {
  const {tested, clock, release} = bounded({handlerTimeout: 1000});
  const response = await tested.fetch(new globalThis.Request('http://x/', {method: 'POST'}));
  clock.advance(5000);
  release();
  t.is(await response.text(), 'first second');
});

test('onError answers what was late, too', async t => {
  const {tested, clock, begun} = bounded({handlerTimeout: 1000, onError: error => `${error.status} of ours`});
  const answered = tested.handle({url: '/slow', headers: {host: 'x'}});
  await until(() => begun() === 1);
  clock.advance(1000);
  t.is((await answered).body, '503 of ours');
});

test('more requests than maxRequests are a 503 that says when to come back, and are told to the log once', async t => {
  const {tested, log, release, begun} = bounded({maxRequests: 2});
  const under = [1, 2].map(() => tested.handle({url: '/slow', headers: {host: 'x'}}));
  await until(() => begun() === 2);
  for (let i = 0; i < 3; i += 1) {
    const answer = await tested.handle({headers: {host: 'x'}});
    t.is(answer.status, 503);
    t.is(answer.header('Retry-After'), '1');
    t.is(answer.header('X-Mark'), undefined);
    t.like(JSON.parse(String(answer.body)), {code: 'SITE_BUSY'});
  }
  release();
  for (const answer of await Promise.all(under)) t.is(answer.status, 201);
  t.is((await tested.handle({headers: {host: 'x'}})).status, 200);
  t.deepEqual(
    log.map(({message}) => message),
    ['More than 2 requests are under way: others get a 503 (maxRequests).', 'The site takes all requests again.'],
  );
});

test('a refusal does not count for maxRequests, however long onError takes for it', async t => {
  const answers: (() => void)[] = [];
  const onError = () => new Promise(resolve => answers.push(() => resolve('too much')));
  const {tested, release, begun} = bounded({maxRequests: 2, onError});
  const under = [1, 2].map(() => tested.handle({url: '/slow', headers: {host: 'x'}}));
  await until(() => begun() === 2);
  const refused = [1, 2, 3].map(() => tested.handle({headers: {host: 'x'}}));
  await until(() => answers.length === 3);
  release();
  await Promise.all(under);
  t.is((await tested.handle({headers: {host: 'x'}})).status, 200);
  for (const answer of answers) answer();
  for (const {status, body} of await Promise.all(refused)) t.deepEqual([status, body], [503, 'too much']);
});

test('a stream that has begun does not count for maxRequests', async t => {
  const {tested, release} = bounded({maxRequests: 1});
  const response = await tested.fetch(new globalThis.Request('http://x/', {method: 'POST'}));
  t.is((await tested.handle({headers: {host: 'x'}})).status, 200);
  release();
  t.is(await response.text(), 'first second');
});

/** The serial number of the certificate that a connection is given. */
async function serialAt(url: string): Promise<{socket: TLSSocket; serial: string}> {
  const socket = connectTls({port: Number(new URL(url).port), host: 'localhost', rejectUnauthorized: false});
  await once(socket, 'secureConnect');
  return {socket, serial: socket.getPeerCertificate().serialNumber};
}

test('after setTls() new connections get the new certificate, and those that are open go on', async t => {
  @Resource()
  class Front {
    @Get()
    show() {
      return 'Hello';
    }
  }
  const [first, second] = [await selfSigned(), await selfSigned()];
  const tested = createSite(Front);
  t.teardown(() => tested.close());
  t.throws(() => tested.setTls(first), {code: 'OPTION_INVALID', message: /does not listen by TLS/});
  const url = await tested.listen({port: 0, tls: first});
  const before = await serialAt(url);
  const open = connectHttp2(url, {rejectUnauthorized: false});
  t.teardown(() => open.destroy());
  const ask = async () => {
    const stream = open.request({':path': '/'}).setEncoding('utf8');
    return (await stream.toArray()).join('');
  };
  t.is(await ask(), 'Hello');
  tested.setTls(second);
  const after = await serialAt(url);
  t.not(after.serial, before.serial);
  t.is(await ask(), 'Hello');
  before.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  t.regex((await before.socket.setEncoding('utf8').toArray()).join(''), /^HTTP\/1\.1 200 OK/);
  const fresh = connectHttp2(url, {rejectUnauthorized: false});
  t.teardown(() => fresh.destroy());
  await once(fresh, 'connect');
  t.is((fresh.socket as TLSSocket).getPeerCertificate().serialNumber, after.serial);
  after.socket.destroy();
});

test('setTls() refuses a pair that does not fit, without a word of the key, and that of before is used', async t => {
  @Resource()
  class Front {}
  const [first, second] = [await selfSigned(), await selfSigned()];
  const tested = createSite(Front);
  t.teardown(() => tested.close());
  const url = await tested.listen({port: 0, tls: first});
  const before = await serialAt(url);
  for (const wrong of [
    {key: first.key, cert: second.cert},
    {key: 'secret', cert: second.cert},
    {key: second.key} as typeof first,
  ]) {
    const error = t.throws(() => tested.setTls(wrong), {code: 'OPTION_INVALID', message: /setTls\(\)/});
    t.notRegex(error.message, /secret|PRIVATE/);
  }
  const after = await serialAt(url);
  t.is(after.serial, before.serial);
  for (const {socket} of [before, after]) socket.destroy();
});

test.serial('in development a 404 and a 405 show how the request came there; otherwise they never do', async t => {
  @Resource()
  class Shop {
    @Get() show() {
      return 'shop';
    }
  }
  const {visitor} = testSite(Shop);
  const pages = async () => {
    const lost = await visitor().get('/shp');
    const refused = await visitor().post('/', {headers: {accept: 'text/html'}});
    return [await lost.text(), await refused.text()];
  };
  for (const page of await pages()) t.notRegex(page, /Shop has|site\.spec|explanation|<table>/);
  setCommandLine({isDevelopment: true});
  t.teardown(() => Reflect.deleteProperty(globalThis, Symbol.for('espalier.command-line')));
  const [lost, refused] = await pages();
  const {explanation} = JSON.parse(lost!) as {explanation: {rows: string[][]; reason: string}};
  t.is(explanation.reason, 'Nothing takes "shp": Shop has no children.');
  t.regex(explanation.rows[0]!.join(' '), /^\/ Shop the root spec\/site\.spec\.ts:\d+$/);
  t.regex(refused!, /<tr><td>\/<\/td><td>Shop<\/td><td>the root<\/td><td>spec\/site\.spec\.ts:\d+<\/td><\/tr>/);
});

test.serial(
  'in development the explanation of a host starts from its tree, and says where the classes alone do not decide',
  async t => {
    @Resource()
    class Person {
      @Get() show() {
        return 'a person';
      }
    }
    @Resource()
    class Shop {
      @Child(':id', Person)
      find() {
        return undefined;
      }
    }
    const {visitor} = testSite(virtualHosts({'shop.example': Shop}));
    setCommandLine({isDevelopment: true});
    t.teardown(() => Reflect.deleteProperty(globalThis, Symbol.for('espalier.command-line')));
    const explained = async (path: string) => {
      const answer = await visitor().get(path, {headers: {host: 'shop.example'}});
      const {explanation} = (await answer.json()) as {explanation: {rows: string[][]; reason: string}};
      return [explanation.reason, explanation.rows[1]!.slice(1, 3).join(' ')];
    };
    t.deepEqual(await explained('/a/b'), [
      'Nothing takes "b": Person has no children.',
      'Shop by the host shop.example',
    ]);
    t.deepEqual(await explained('/a'), [
      'The classes alone lead to a 200, but a method with @Child gave nothing, or middleware or the handler answered otherwise.',
      'Shop by the host shop.example',
    ]);
  },
);
