import {once} from 'node:events';
import {get, request as httpRequest, type IncomingMessage} from 'node:http';
import {connect as connectHttp2, constants} from 'node:http2';
import {connect} from 'node:net';
import {Writable} from 'node:stream';
import test, {type ExecutionContext} from 'ava';
import {
  Child,
  ContainerModule,
  Get,
  Logger,
  Post,
  type Request,
  Resource,
  type Response,
  Use,
  createSite,
  type SiteOptions,
} from 'espalier';
import {accessLog, cors, csrf, requestId, requireSignIn, type AccessLogOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {pino, type Logger as Pino} from 'pino';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';

/** What the handler that waits is let go by, and what it is told of. */
let asked = Promise.withResolvers<Request>();

@Resource()
class Reset {
  @Get()
  show(request: Request) {
    return `id ${request.get(requestId)}`;
  }
}

@Resource()
@Child(':token', Reset)
class Root {
  @Get()
  show() {
    return 'Hellö';
  }
  @Post()
  fail() {
    throw new Error('secret reason');
  }
}

@Resource()
class Odd {
  @Get()
  show(_request: Request, response: Response) {
    response.status = 304;
    return 'not sent';
  }
}

@Resource()
class Slow {
  @Get()
  async show(request: Request) {
    asked.resolve(request);
    await new Promise(resolve => request.signal.addEventListener('abort', resolve));
    return 'too late';
  }
}

@Resource()
class Stream {
  @Get()
  async *show(request: Request) {
    yield 'abc';
    yield Buffer.from('defg');
    if (!request.query.has('endless')) return;
    await new Promise(resolve => request.signal.addEventListener('abort', resolve));
    yield 'never';
  }
}

@Resource()
class Broken {
  @Get()
  async *show() {
    yield 'abc';
    throw new Error('in the middle');
  }
}

@Resource()
@Child('broken', Broken)
@Child('odd', Odd)
@Child('slow', Slow)
@Child('stream', Stream)
@Child('people', Root)
class Site extends Root {}

type Line = Record<string, unknown>;

function logged(options?: AccessLogOptions, siteOptions: SiteOptions = {}) {
  const {log, ...rest} = testSite(Site, {...siteOptions, use: [accessLog(options)]});
  const texts = () => log.filter(({level}) => level === 'info').map(({message}) => message);
  return {...rest, log, texts, lines: () => texts().map(text => JSON.parse(text) as Line)};
}

/** The same, listening. */
async function listening(t: ExecutionContext, tls?: Awaited<ReturnType<typeof selfSigned>>) {
  asked = Promise.withResolvers();
  const {site, lines, log} = logged();
  const url = await site.listen({port: 0, host: '127.0.0.1', ...(tls && {tls})});
  t.teardown(() => site.close());
  /** The line of the only request; it comes when the answer has ended. */
  const line = async () => (await until(() => lines().length > 0 && lines()))[0]!;
  return {url, line, lines, log};
}

test('each answer is one line of JSON, with its way, its status, its bytes, its time and who asked', async t => {
  const {site, lines, clock} = logged();
  const headers = {host: 'localhost', 'user-agent': 'curl/8', 'x-request-id': 'abc-123.DEF_4'};
  await site.handle({url: '/people/ada', headers, ip: '192.0.2.7'});
  t.deepEqual(lines(), [
    {
      time: new Date(clock.now()).toISOString(),
      id: 'abc-123.DEF_4',
      method: 'GET',
      path: '/people/ada',
      pattern: '/people/:token',
      status: 200,
      bytes: 16,
      whole: true,
      duration: 0,
      ip: '192.0.2.7',
      userAgent: 'curl/8',
    },
  ]);
});

test('the duration is from the head of the request to the end of the answer, by the site’s clock', async t => {
  const {site, lines, clock} = logged();
  const response = await site.fetch(new globalThis.Request('http://localhost/stream'));
  t.deepEqual(lines(), []);
  clock.advance(1500);
  t.is(await response.text(), 'abcdefg');
  t.like(lines()[0], {duration: 1500, bytes: 7, whole: true});
});

test('answers of errors are told too: those of handlers, and those of the framework', async t => {
  const {site, lines} = logged();
  const headers = {host: 'localhost'};
  await site.handle({method: 'POST', headers});
  await site.handle({url: '/people/none/at/all', headers});
  await site.handle({url: '/%FF', headers});
  await site.handle({headers: {host: 'a b'}});
  await site.handle({method: 'DELETE', headers});
  await site.close();
  await site.handle({headers});
  t.deepEqual(
    lines().map(({status}) => status),
    [500, 404, 400, 400, 405, 503],
  );
  t.true(lines().every(({bytes}) => (bytes as number) > 10));
});

test('what onError answers is told as it goes out', async t => {
  const {site, lines} = logged({}, {onError: () => 'Sorry'});
  await site.handle({method: 'POST', headers: {host: 'localhost'}});
  t.like(lines()[0], {status: 500, bytes: 5});
});

test('there is no query, no cookie, no authorization and no referer in a line of JSON', async t => {
  const {site, texts} = logged();
  const secret = 'c2VjcmV0';
  const headers = {cookie: `sid=${secret}`, authorization: `Basic ${secret}`, referer: `http://a/${secret}`};
  await site.handle({url: `/?token=${secret}`, headers: {host: 'localhost', ...headers}});
  t.is(texts().length, 1);
  t.false(texts()[0]!.includes(secret));
});

test('the query is there where it is asked for', async t => {
  const {site, lines} = logged({query: true});
  await site.handle({url: '/?a=1&b=%20', headers: {host: 'localhost'}});
  t.is(lines()[0]!.path, '/?a=1&b=%20');
});

test('a capture that is secret stands as its name, however it is encoded, and where nothing is found too', async t => {
  const {site, lines} = logged({hide: ['token', 'other']});
  for (const url of ['/people/s3cret', '/people/s%33cret', '/people/s3cret/none', '/none/s3cret']) {
    await site.handle({url, headers: {host: 'localhost'}});
  }
  t.deepEqual(
    lines().map(({path}) => path),
    ['/people/:token', '/people/:token', '/people/:token/none', '/:token/s3cret'],
  );
});

test('a capture that is secret stands as its name where the request was refused before it was captured', async t => {
  @Resource()
  class Confirm {
    @Post()
    save() {
      return 'saved';
    }
  }
  @Resource()
  @Child('confirm', Confirm)
  class ResetOne {
    @Get()
    show() {
      return 'Hello';
    }
  }
  @Use(cors({origins: ['https://app.example']}), requireSignIn())
  @Resource()
  @Child('known', ResetOne)
  @Child(':token', ResetOne)
  class Resets {}
  @Resource()
  class Folder {
    @Child(':folder', () => Folder)
    open() {
      return new Folder();
    }
  }
  @Resource()
  @Child('reset', Resets)
  @Child('folders', Folder)
  class Top {}
  const {site, log} = testSite(Top, {use: [accessLog({hide: ['token', 'folder']}), csrf()]});
  const path = async (url: string, more: {method?: string; headers?: Record<string, string>} = {}) => {
    const {status} = await site.handle({url, ...more, headers: {host: 'localhost', ...more.headers}});
    return `${status} ${(JSON.parse(log.at(-1)!.message) as Line).path as string}`;
  };
  const forged = {method: 'POST', headers: {'sec-fetch-site': 'cross-site'}};
  t.is(await path('/reset/s3cret'), '401 /reset/:token');
  t.is(await path('/reset/s3cret/none'), '401 /reset/:token/none');
  t.is(await path('/%72eset/s%33cret/confirm', forged), '403 /%72eset/:token/confirm');
  t.is(await path('/reset/s3cret', {headers: {host: 'a b'}}), '400 /reset/:token');
  t.is(await path('/reset/known', forged), '403 /reset/known');
  t.is(await path('/reset/:token', forged), '403 /reset/:token');
  t.is(await path('//reset//s3cret'), '404 //reset//:token');
  t.is(await path('/none/s3cret'), '404 /none/s3cret');
  t.is(await path('/folders/a/b/c/d', forged), '403 /folders/:folder/:folder/:folder/:folder');
  t.is(await path('/reset/s3cret%FF'), '400 /reset/:token');
  t.is(await path('/reset/s3cret/confirm/%FF'), '400 /reset/:token/confirm/...');
  t.is(await path('/reset%FF/s3cret'), '400 /...');
  t.is(await path('/reset/../s3cret'), '400 /reset/:token/...');
  t.is(await path('http://s3cret:s3cret@localhost/reset/s3cret'), '400 /...');
  t.is(await path('/'), '405 /');
  t.is(await path('*', {method: 'OPTIONS'}), '200 *');
});

test('the id that comes in is taken over only in a strict form; it is sent, and the handler reads it', async t => {
  const {site, lines} = logged();
  const ask = async (id?: string) => {
    const headers = {host: 'localhost', ...(id !== undefined && {'x-request-id': id})};
    const response = await site.handle({url: '/people/x', headers});
    const sent = response.header('X-Request-Id')!;
    t.is(response.body, `id ${sent}`);
    t.is(lines().at(-1)!.id, sent);
    return sent;
  };
  for (const id of ['12345678', 'a'.repeat(64), '1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed']) t.is(await ask(id), id);
  for (const id of [
    undefined,
    '',
    '1234567',
    'a'.repeat(65),
    'a b c d e f',
    '12345678\n9',
    'aaaaaaaa, bbbbbbbb',
    '"12345678"',
  ]) {
    t.regex(await ask(id), /^[\da-f]{8}-[\da-f-]{27}$/, JSON.stringify(id));
  }
});

test('the id goes with an answer of an error', async t => {
  const {site} = logged();
  const headers = {host: 'localhost', 'x-request-id': '12345678'};
  t.is((await site.handle({url: '/a/b/c', headers})).header('X-Request-Id'), '12345678');
  t.is((await site.handle({method: 'POST', headers})).header('X-Request-Id'), '12345678');
});

const wicked = 'a"b\\c\nd\r\u0000\u001b[2J\u0085\u2028\u202e\u{e0001}e';
const unfit = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

test('what an attacker writes into path, user agent or id makes no second line, and no fields of its own', async t => {
  for (const format of ['json', 'combined', 'fields'] as const) {
    const {site, texts, lines} = logged({format, query: true});
    const headers = {host: 'localhost', 'user-agent': wicked, referer: wicked, 'x-request-id': wicked};
    await site.handle({method: wicked, url: `/${wicked}?${wicked}`, headers});
    t.is(texts().length, 1);
    t.notRegex(texts()[0]!, unfit, format);
    if (format === 'json') t.like(lines()[0], {userAgent: wicked, path: `/${wicked}?${wicked}`, method: wicked});
    if (format === 'combined') {
      const [, asked_, , agent] =
        /^- - - \[.*?\] ("(?:[^"\\]|\\.)*") \d+ \S+ ("(?:[^"\\]|\\.)*") ("(?:[^"\\]|\\.)*")$/.exec(texts()[0]!)!;
      t.true(asked_!.includes('a\\"b\\\\c\\u000ad'));
      t.true(agent!.includes('\\"b'));
    }
  }
});

test('the combined format is that of Apache and nginx, with the origin alone of the page that led here', async t => {
  const {site, texts, clock} = logged({format: 'combined'});
  clock.advance(Date.UTC(2026, 10, 27, 18, 56, 51) - clock.now());
  const headers = {host: 'localhost', 'user-agent': 'Mozilla/5.0 (X11)', referer: 'https://a.example/reset/secret?x=1'};
  await site.handle({url: '/people/ada?token=1', headers, ip: '2001:db8::1'});
  await site.handle({url: '/odd', headers: {host: 'localhost'}});
  t.deepEqual(texts(), [
    '2001:db8::1 - - [27/Nov/2026:18:56:51 +0000] "GET /people/ada" 200 39 "https://a.example" "Mozilla/5.0 (X11)"',
    '- - - [27/Nov/2026:18:56:51 +0000] "GET /odd" 304 - "-" "-"',
  ]);
});

test('in the combined format there is an address or a dash, whatever a trusted proxy says', async t => {
  const {site, texts} = logged({format: 'combined'}, {trustProxy: () => true});
  const told = ['1.2.3.4 - - [x] "GET /admin" 200 1 "-" "-"', 'none', '"', '2001:db8::1', '1.2.3.4', 'unix', ''];
  for (const address of told) {
    await site.handle({ip: '192.0.2.7', headers: {host: 'localhost', 'x-forwarded-for': address}});
  }
  t.deepEqual(
    texts().map(text => text.split(' - - [')[0]),
    ['-', '-', '-', '2001:db8::1', '1.2.3.4', 'unix', '192.0.2.7'],
  );
});

test('a logger that makes its own lines is handed the fields', async t => {
  const {site, log} = logged({format: 'fields'});
  await site.handle({url: '/people/ada', headers: {host: 'localhost'}});
  t.is(log.length, 1);
  t.is(log[0]!.message, 'GET /people/ada 200');
  t.like(log[0]!.fields, {status: 200, pattern: '/people/:token', whole: true});
});

function loggerOf(log: Pino): Logger {
  return {
    error: (message, err) => log.error({err}, message),
    warn: message => log.warn(message),
    info: (message, fields) => log.info(fields, message),
  };
}

test('pino is handed the fields, and its line is one', async t => {
  const chunks: string[] = [];
  const log = pino(new Writable({write: (chunk, _encoding, done) => done(void chunks.push(String(chunk)))}));
  const modules = [
    new ContainerModule(({bind}) => {
      bind(Logger).toConstantValue(loggerOf(log));
    }),
  ];
  const site = createSite(Root, {modules, use: [accessLog({format: 'fields'})]});
  await site.handle({url: '/ada', headers: {host: 'localhost', 'user-agent': wicked}});
  await site.handle({method: 'POST', headers: {host: 'localhost'}});
  const lines = chunks.map(chunk => JSON.parse(chunk) as Line);
  t.deepEqual(
    lines.map(({level, msg, status}) => [level, msg, status]),
    [
      [30, 'GET /ada 200', 200],
      [50, lines[1]!.msg, undefined],
      [30, 'POST / 500', 500],
    ],
  );
  t.is(lines[0]!.userAgent, wicked);
  t.is(chunks[0]!.split('\n').length, 2);
});

test('over a socket: whole answers, those to HEAD, 304 and those by stream, each with its bytes', async t => {
  const {url, lines} = await listening(t);
  const agent = {'user-agent': 'spec'};
  t.is(await (await fetch(url, {headers: agent})).text(), 'Hellö');
  await fetch(url, {method: 'HEAD', headers: agent});
  await fetch(`${url}/odd`);
  await (await fetch(`${url}/stream`)).text();
  await until(() => lines().length === 4);
  t.deepEqual(
    lines().map(({method, path, status, bytes, whole}) => ({method, path, status, bytes, whole})),
    [
      {method: 'GET', path: '/', status: 200, bytes: 6, whole: true},
      {method: 'HEAD', path: '/', status: 200, bytes: 0, whole: true},
      {method: 'GET', path: '/odd', status: 304, bytes: 0, whole: true},
      {method: 'GET', path: '/stream', status: 200, bytes: 7, whole: true},
    ],
  );
  t.like(lines()[0], {ip: '127.0.0.1', userAgent: 'spec'});
});

test('a client that goes in the middle of a stream is told as an answer that was not whole', async t => {
  const {url, line} = await listening(t);
  const request = get(`${url}/stream?endless`);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  await once(response, 'data');
  request.destroy();
  t.like(await line(), {status: 200, whole: false});
});

test('a client that goes before it is answered is told, with no bytes', async t => {
  const {url, line} = await listening(t);
  const request = httpRequest(`${url}/slow`).on('error', () => undefined);
  request.end();
  await asked.promise;
  request.destroy();
  t.like(await line(), {path: '/slow', bytes: 0, whole: false});
});

test('one that waits behind another on its connection is told too when the client goes', async t => {
  const {url, lines} = await listening(t);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  const head = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  socket.write(head('/slow') + head('/people/behind'));
  await asked.promise;
  socket.destroy();
  await until(() => lines().length === 2);
  t.deepEqual(
    lines()
      .map(({path, whole}) => [path, whole].join(' '))
      .toSorted(),
    ['/people/behind false', '/slow false'],
  );
});

test('a stream that fails in the middle is told as an answer that was not whole', async t => {
  const {url, line, log} = await listening(t);
  await t.throwsAsync(fetch(`${url}/broken`).then(response => response.text()));
  t.like(await line(), {status: 200, bytes: 3, whole: false});
  t.true(log.some(({level}) => level === 'error'));
});

test('over HTTP/2 whole answers and those cut off are told as over HTTP/1.1', async t => {
  const {url, lines} = await listening(t, await selfSigned());
  const client = connectHttp2(url, {rejectUnauthorized: false});
  t.teardown(() => client.destroy());
  const ask = async (path: string, method = 'GET') => {
    const stream = client.request({':path': path, ':method': method});
    stream.resume();
    await once(stream, 'close');
  };
  await ask('/');
  await ask('/stream');
  await ask('/', 'HEAD');
  const cut = client.request({':path': '/stream?endless'});
  await once(cut, 'data');
  cut.close(constants.NGHTTP2_CANCEL);
  const early = client.request({':path': '/slow'}).on('error', () => undefined);
  await asked.promise;
  early.close(constants.NGHTTP2_CANCEL);
  const broken = client.request({':path': '/broken'}).on('error', () => undefined);
  broken.resume();
  await until(() => lines().length === 6);
  const found = lines().map(({method, path, bytes, whole}) => [method, path, whole && bytes].join(' '));
  t.deepEqual(
    found.toSorted(),
    ['GET / 6', 'GET /stream 7', 'HEAD / 0', 'GET /stream false', 'GET /slow false', 'GET /broken false'].toSorted(),
  );
});

test('an answer whose head can’t be sent is told as the 500 that goes out', async t => {
  @Resource()
  class Large {
    @Get()
    show(_request: Request, response: Response) {
      for (let i = 0; i < 10; i += 1) response.appendHeader('X-Large', 'x'.repeat(8000));
      return 'Hello';
    }
  }
  const {site, log} = testSite(Large, {use: [accessLog()]});
  t.teardown(() => site.close());
  const client = connectHttp2(await site.listen({port: 0, host: '127.0.0.1', tls: await selfSigned()}), {
    rejectUnauthorized: false,
  });
  t.teardown(() => client.destroy());
  const stream = client.request({':path': '/'});
  const [headers] = await once(stream.resume(), 'response');
  t.is((headers as {':status': number})[':status'], 500);
  const line = await until(() => log.find(({level}) => level === 'info'));
  t.like(JSON.parse(line.message), {status: 500, bytes: 0});
});

test('the fields of a stream that a caller of site.fetch gives up are told then', async t => {
  const {site, lines} = logged();
  const response = await site.fetch(new globalThis.Request('http://localhost/stream?endless'));
  const reader = response.body!.getReader();
  await reader.read();
  await reader.cancel();
  const [line] = await until(() => lines().length > 0 && lines());
  t.like(line, {whole: false});
});

test('on a branch it tells of that branch alone', async t => {
  @Use(accessLog())
  @Resource()
  class Branch extends Reset {}
  @Resource()
  @Child('branch', Branch)
  class Trunk extends Reset {}
  const {site, log} = testSite(Trunk);
  for (const url of ['/', '/branch', '/none']) await site.handle({url, headers: {host: 'localhost'}});
  t.deepEqual(
    log.map(({message}) => (JSON.parse(message) as Line).path),
    ['/branch'],
  );
});

test('a Logger without info is refused when the site is built; one that fails fails no answer', async t => {
  const build = (logger: Logger) =>
    createSite(Root, {
      use: [accessLog()],
      modules: [
        new ContainerModule(({bind}) => {
          bind(Logger).toConstantValue(logger);
        }),
      ],
    });
  const quiet = {error: () => undefined, warn: () => undefined};
  t.throws(() => build(quiet), {message: /accessLog\(\) needs a Logger with a method info/});
  const info = () => {
    throw new Error('disk full');
  };
  t.is((await build({...quiet, info}).handle({headers: {host: 'localhost'}})).status, 200);
});

test('console is a Logger that takes a line as it is', async t => {
  const lines: unknown[][] = [];
  const {info} = console;
  console.info = (...line: unknown[]) => void lines.push(line);
  t.teardown(() => (console.info = info));
  await createSite(Root, {use: [accessLog()]}).handle({headers: {host: 'localhost'}});
  t.is(lines.length, 1);
  t.is(lines[0]!.length, 1);
  t.is((JSON.parse(String(lines[0]![0])) as Line).status, 200);
});

test('options that there are not are refused when it is called', t => {
  for (const options of [{format: 'xml'}, {query: 'yes'}, {hide: 'token'}, {hidden: []}]) {
    t.throws(() => accessLog(options as AccessLogOptions), {code: 'OPTION_INVALID'});
  }
});
