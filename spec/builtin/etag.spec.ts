import {once} from 'node:events';
import {get, type IncomingMessage} from 'node:http';
import {Readable} from 'node:stream';
import test from 'ava';
import {
  Child,
  Get,
  type Middleware,
  type Next,
  Post,
  Put,
  Request,
  Resource,
  type Response,
  SessionService,
  SessionStore,
  Use,
  html,
  inject,
} from 'espalier';
import {checkPrecondition, etag, type EtagOptions, type Precondition} from 'espalier/builtin';
import type {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';

const changed = 'Fri, 27 Nov 2026 18:56:51 GMT';

@Resource()
class Json {
  @Get()
  show(request: Request, response: Response) {
    response.setHeader('Cache-Control', 'max-age=60');
    response.setHeader('Content-Language', 'en');
    response.setHeader('Content-Location', '/json');
    response.vary('Accept');
    response.setCookie('seen', 'yes');
    return {n: request.query.get('n')};
  }
  @Post()
  change() {
    return {n: 1};
  }
}

@Resource()
class Dated {
  @Get()
  show(_request: Request, response: Response) {
    response.setHeader('Last-Modified', changed);
    return html`<p>Hello</p>`;
  }
}

@Resource()
class Own {
  stream: Readable | undefined;
  @Get()
  show(request: Request, response: Response) {
    response.setHeader('ETag', '"own,comma"');
    if (!request.query.has('stream')) return 'Hello';
    return (this.stream = Readable.from(['a', 'b']));
  }
}

@Resource()
class Stream {
  @Get()
  async *show() {
    yield 'a';
  }
}

@Resource()
class Visitor {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show(request: Request, response: Response) {
    await this.sessions.getSession();
    if (request.query.has('private')) response.setHeader('Cache-Control', 'private');
    return 'Hello';
  }
}

@Resource()
class Odd {
  @Get()
  show(request: Request, response: Response) {
    response.status = Number(request.query.get('status'));
    return 'Hello';
  }
}

@Resource()
@Child('json', Json)
@Child('dated', Dated)
@Child('own', Own)
@Child('stream', Stream)
@Child('visitor', Visitor)
@Child('odd', Odd)
class Site {}

function tagged(options?: EtagOptions) {
  const {site, log} = testSite(Site, {use: [etag(options)]});
  const ask = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
    site.handle({url, method, headers: {host: 'localhost', ...headers}});
  return {site, ask, log};
}

test('the tag of a body is the same for the same body, and another for another', async t => {
  const {ask} = tagged();
  const tag = async (url: string) => (await ask(url)).header('ETag');
  t.regex((await tag('/json?n=1'))!, /^"[\w-]{22}"$/);
  t.is(await tag('/json?n=1'), await tag('/json?n=1'));
  t.not(await tag('/json?n=1'), await tag('/json?n=2'));
  t.regex((await tagged({weak: true}).ask('/json')).header('ETag')!, /^W\/"[\w-]{22}"$/);
});

test('a client that has the answer already gets a 304 without a body, with what caches go by', async t => {
  const {ask} = tagged();
  const first = await ask('/json');
  const tag = first.header('ETag')!;
  for (const known of [tag, `W/${tag}`, '*', `"other", ${tag}`, `W/"a,b" ,${tag}`]) {
    const again = await ask('/json', {'if-none-match': known});
    t.is(again.status, 304, known);
    t.is(again.sentBody, undefined);
    const headers = again.headerList().filter((_, i) => i % 2 === 0);
    t.deepEqual(headers.toSorted(), ['Cache-Control', 'Content-Location', 'ETag', 'Set-Cookie', 'Vary']);
    t.is(again.header('ETag'), tag);
  }
  for (const other of ['"other"', tag.slice(1, -1), '', 'W/', `${tag.slice(0, -2)}"`]) {
    const again = await ask('/json', {'if-none-match': other});
    t.is(again.status, 200, other);
    t.is(again.body, '{"n":null}');
  }
});

test('HEAD has the tag of GET, and its 304', async t => {
  const {ask} = tagged();
  const tag = (await ask('/json')).header('ETag')!;
  t.is((await ask('/json', {}, 'HEAD')).header('ETag'), tag);
  t.is((await ask('/json', {'if-none-match': tag}, 'HEAD')).status, 304);
});

test('a date that the handler has set is compared to the second, in each form of a date, and only where no tag is asked for', async t => {
  const {ask} = tagged();
  const status = async (headers: Record<string, string>) => (await ask('/dated', headers)).status;
  const since = (date: string) => status({'if-modified-since': date});
  t.is(await since(changed), 304);
  t.is(await since('Fri, 27 Nov 2026 18:56:50 GMT'), 200);
  t.is(await since('Friday, 27-Nov-26 18:56:51 GMT'), 304);
  t.is(await since('Fri Nov 27 18:56:51 2026'), 304);
  t.is(await since('Fri Nov 27 18:56:50 2026'), 200);
  for (const odd of ['', 'tomorrow', '2026-11-28', '2000000000', '9']) t.is(await since(odd), 200, odd);
  t.is(await status({'if-modified-since': changed, 'if-none-match': '"other"'}), 200);
  t.is((await ask('/dated', {'if-modified-since': changed})).header('Last-Modified'), changed);
});

test('a tag that the handler has set stays, and counts for a stream too, which gives back what it holds', async t => {
  const {ask, site} = tagged();
  const known = {'if-none-match': '"own,comma"'};
  t.is((await ask('/own')).header('ETag'), '"own,comma"');
  t.is((await ask('/own', known)).status, 304);
  const again = await ask('/own?stream', known);
  t.is(again.status, 304);
  t.is(again.stream, undefined);
  await new Promise(resolve => setImmediate(resolve));
  t.true(site.container.get(Own).stream!.destroyed);
});

test('no tag is made of a stream, of an error, of another status, or by another method', async t => {
  const {ask} = tagged();
  for (const answer of [
    await ask('/stream'),
    await ask('/none'),
    await ask('/odd?status=206'),
    await ask('/odd?status=203'),
    await ask('/json', {}, 'POST'),
    await ask('/json', {}, 'OPTIONS'),
  ]) {
    t.is(answer.header('ETag'), undefined);
  }
  t.is((await ask('/none', {'if-none-match': '*'})).status, 404);
  t.is((await ask('/json', {'if-none-match': '*'}, 'POST')).status, 200);
});

test('an answer that read a session has no tag, since nobody keeps it, but where the handler has said private', async t => {
  const {ask} = tagged();
  const page = await ask('/visitor');
  t.is(page.header('Cache-Control'), 'no-store');
  t.is(page.header('ETag'), undefined);
  const own = await ask('/visitor?private');
  t.truthy(own.header('ETag'));
  const again = await ask('/visitor?private', {'if-none-match': own.header('ETag')!});
  t.is(again.status, 304);
  t.is(again.header('Cache-Control'), 'private');
  t.is(again.header('Vary'), 'Cookie');
});

test('what If-Match does not find is a 412, with a document that says so', async t => {
  const {ask, log} = tagged();
  const tag = (await ask('/json')).header('ETag')!;
  t.is((await ask('/json', {'if-match': tag})).status, 200);
  const failed = await ask('/json', {'if-match': '"other"'});
  t.is(failed.status, 412);
  t.like(JSON.parse(failed.body as string), {status: 412, title: 'Precondition Failed'});
  t.is(failed.header('ETag'), undefined);
  t.is((await ask('/dated', {'if-unmodified-since': 'Fri, 27 Nov 2026 18:56:50 GMT'})).status, 412);
  t.deepEqual(log, []);
});

test('a 412 carries what the session has to say, and its visitor does not count as there for ever', async t => {
  @Use(etag())
  @Resource({leaf: true})
  class Page {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    show() {
      return 'Hello';
    }
    @Post()
    async enter() {
      await this.sessions.signIn('ada');
    }
  }
  class Look implements Middleware {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    async handle(_request: Request, _response: Response, next: Next) {
      const result = await next();
      await this.sessions.findSession();
      return result;
    }
  }
  const {site, visitor, clock} = testSite(Page, {use: [Look]});
  const ada = visitor();
  await ada.post('/');
  const failed = await ada.get('/', {headers: {'if-match': '"other"'}});
  t.is(failed.status, 412);
  t.is(failed.headers.get('cache-control'), 'no-store');
  t.is(failed.headers.get('vary'), 'Cookie, Accept');
  const store = site.container.get(SessionStore) as MemoryStore;
  for (let minute = 0; minute < 20; minute += 1) clock.advance(60_000);
  t.is(store.size, 0);
});

test('over a socket a 304 has no body, and the connection goes on', async t => {
  const {site} = tagged();
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => site.close());
  const first = await fetch(`${url}/json`);
  t.is(await first.text(), '{"n":null}');
  for (let i = 0; i < 2; i += 1) {
    const request = get(`${url}/json`, {headers: {'if-none-match': first.headers.get('etag')!}});
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    t.is(response.statusCode, 304);
    t.is(response.headers['content-length'], undefined);
    t.is(response.headers['content-type'], undefined);
    response.resume();
  }
});

/** What a request with these headers comes to, where this is there. */
function outcome(precondition: Precondition, headers: Record<string, string>, method = 'PUT'): number {
  try {
    checkPrecondition(Request.from({method, headers}), precondition);
    return 200;
  } catch (error) {
    return (error as {status: number}).status;
  }
}

test('a write passes where If-Match names what is there, by a strong tag', t => {
  const now = {etag: '"7"'};
  for (const match of ['"7"', '"6", "7"', '*', ' * ']) t.is(outcome(now, {'if-match': match}), 200, match);
  for (const match of ['"6"', 'W/"7"', '7', '', '"7']) t.is(outcome(now, {'if-match': match}), 412, match);
  t.is(outcome({etag: 'W/"7"'}, {'if-match': 'W/"7"'}), 412);
  t.is(outcome({}, {'if-match': '*'}), 412);
  t.is(outcome({lastModified: 0}, {'if-match': '*'}), 200);
  t.is(outcome(now, {}), 200);
});

test('a write passes where If-Unmodified-Since holds, and If-Match does not say more', t => {
  const lastModified = new Date(Date.parse(changed) + 700);
  t.is(outcome({lastModified}, {'if-unmodified-since': changed}), 200);
  t.is(outcome({lastModified: Number(lastModified)}, {'if-unmodified-since': changed}), 200);
  t.is(outcome({lastModified}, {'if-unmodified-since': 'Fri, 27 Nov 2026 18:56:50 GMT'}), 412);
  t.is(outcome({lastModified, etag: '"7"'}, {'if-unmodified-since': changed, 'if-match': '"6"'}), 412);
  t.is(outcome({lastModified}, {'if-unmodified-since': 'yesterday'}), 200);
  t.is(outcome({etag: '"7"'}, {'if-unmodified-since': changed}), 200);
});

test('If-None-Match: * lets a write through only where nothing is there', t => {
  t.is(outcome({}, {'if-none-match': '*'}), 200);
  t.is(outcome({etag: '"7"'}, {'if-none-match': '*'}), 412);
  t.is(outcome({etag: '"7"'}, {'if-none-match': 'W/"7"'}), 412);
  t.is(outcome({etag: '"7"'}, {'if-none-match': '"6"'}), 200);
  t.is(outcome({etag: '"7"'}, {'if-none-match': '*'}, 'GET'), 200);
});

test('where a condition is required, a write without one that guards it is a 428', t => {
  const now = {etag: '"7"', lastModified: Date.parse(changed), required: true};
  for (const headers of [{}, {'if-none-match': '"6"'}, {'if-unmodified-since': 'yesterday'}] as Record<
    string,
    string
  >[]) {
    t.is(outcome(now, headers), 428, JSON.stringify(headers));
  }
  t.is(outcome({required: true}, {'if-none-match': '*'}), 200);
  t.is(outcome(now, {'if-match': '"7"'}), 200);
  t.is(outcome(now, {'if-match': '"6"'}), 412);
  t.is(outcome(now, {'if-unmodified-since': changed}), 200);
  t.is(outcome({etag: '"7"', required: true}, {'if-unmodified-since': changed}), 428);
});

class Note {
  text = '';
  revision = 0;
}

@Use(etag())
@Resource()
class Notes {
  readonly #note = new Note();
  get #tag() {
    return `"${this.#note.revision}"`;
  }
  @Get()
  show(_request: Request, response: Response) {
    response.setHeader('ETag', this.#tag);
    return this.#note.text;
  }
  @Put()
  async change(request: Request, response: Response) {
    const text = await request.text();
    checkPrecondition(request, {etag: this.#tag, required: true});
    this.#note.text = text;
    this.#note.revision += 1;
    response.setHeader('ETag', this.#tag);
  }
}

test('of two who change the same state one is told that it is not there any more', async t => {
  const {site} = testSite(Notes);
  const put = (body: string, headers = {}) =>
    site.handle({method: 'PUT', body, headers: {host: 'localhost', ...headers}});
  const tag = (await site.handle({headers: {host: 'localhost'}})).header('ETag')!;
  const answers = await Promise.all([put('one', {'if-match': tag}), put('other', {'if-match': tag})]);
  t.deepEqual(
    answers.map(({status}) => status).toSorted((one, other) => one - other),
    [204, 412],
  );
  t.is((await put('blind')).status, 428);
  t.is((await put('next', {'if-match': answers.find(({status}) => status === 204)!.header('ETag')!})).status, 204);
});

test('options and preconditions that there are not are refused', t => {
  t.throws(() => etag({weak: 'yes'} as never), {code: 'OPTION_INVALID'});
  t.throws(() => etag({strong: true} as never), {code: 'OPTION_INVALID'});
  for (const wrong of [
    {etag: '7'},
    {etag: 7},
    {etag: ''},
    {lastModified: changed},
    {lastModified: NaN},
    {tag: '"7"'},
  ]) {
    t.throws(() => checkPrecondition(Request.from({}), wrong as Precondition), {code: 'OPTION_INVALID'});
  }
});
