import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {get, type IncomingMessage} from 'node:http';
import {connect as connectHttp2, constants} from 'node:http2';
import {Readable} from 'node:stream';
import {buffer} from 'node:stream/consumers';
import {brotliDecompressSync, createGunzip, createZstdDecompress, gunzipSync, zstdDecompressSync} from 'node:zlib';
import test from 'ava';
import {
  Child,
  Get,
  type MiddlewareClass,
  Put,
  type Request,
  Resource,
  type Response,
  SessionService,
  html,
  inject,
} from 'espalier';
import {accessLog, checkPrecondition, compress, etag, type CompressOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';

const long = 'a long text that says the same again and again '.repeat(100);
/** What makes nothing smaller. */
const noise = Buffer.concat(Array.from({length: 100}, (_, i) => createHash('sha256').update(String(i)).digest()));

@Resource()
class Text {
  @Get()
  show(request: Request, response: Response) {
    for (const [name, value] of request.query) {
      if (name === 'status') response.status = Number(value);
      else if (name !== 'length' && name !== 'of') response.setHeader(name, value);
    }
    if (request.query.get('of') === 'html') return html`<p>${long}</p>`;
    if (request.query.get('of') === 'json') return {long};
    if (request.query.get('of') === 'bytes') return Buffer.from(long);
    if (request.query.get('of') === 'noise') return noise;
    return long.slice(0, Number(request.query.get('length') ?? long.length));
  }
}

/** A stream that gives a chunk whenever it is told to, and what becomes of it. */
const tap = {chunks: [] as PromiseWithResolvers<string>[], returned: 0};

@Resource()
class Stream {
  @Get()
  show(_request: Request, response: Response) {
    response.setHeader('Content-Type', 'text/plain');
    const next = async () => {
      const chunk = Promise.withResolvers<string>();
      tap.chunks.push(chunk);
      const value = await chunk.promise;
      return value === '' ? {done: true as const, value: undefined} : {done: false as const, value};
    };
    const giveBack = async () => {
      tap.returned += 1;
      return {done: true as const, value: undefined};
    };
    tap.chunks.length = 0;
    tap.returned = 0;
    const first = {done: false as const, value: 'first'};
    let isFirst = true;
    return {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          if (!isFirst) return next();
          isFirst = false;
          return first;
        },
        return: giveBack,
      }),
    };
  }
}

@Resource()
class Sized {
  @Get()
  show(request: Request, response: Response) {
    const text = long.slice(0, Number(request.query.get('length')));
    response.setHeader('Content-Length', text.length);
    response.setHeader('Content-Type', 'text/plain');
    return Readable.from([text]);
  }
}

@Resource()
class Failing {
  @Get()
  async *show() {
    yield 'first';
    throw new Error('in the middle');
  }
}

@Resource()
class Visitor {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show(request: Request, response: Response) {
    await this.sessions.getSession();
    if (request.query.has('secret')) response.setHeader('Cache-Control', 'no-transform');
    return long;
  }
}

@Resource()
@Child('stream', Stream)
@Child('sized', Sized)
@Child('failing', Failing)
@Child('visitor', Visitor)
class Site extends Text {}

const all = 'gzip, deflate, br, zstd';

function packed(options?: CompressOptions, more: MiddlewareClass[] = []) {
  const {site, log} = testSite(Site, {use: [accessLog(), compress(options), ...more]});
  const ask = (
    url: string,
    accept: string | undefined = all,
    {method = 'GET', ...headers}: Record<string, string> = {},
  ) => site.handle({url, method, headers: {host: 'localhost', ...(accept && {'accept-encoding': accept}), ...headers}});
  return {site, ask, log};
}

const unpack: Record<string, (bytes: Uint8Array) => Buffer> = {
  zstd: zstdDecompressSync,
  br: brotliDecompressSync,
  gzip: gunzipSync,
};

for (const coding of ['zstd', 'br', 'gzip']) {
  test(`a text, a page, JSON and bytes of a known type are sent in ${coding} to those who take it, with their length`, async t => {
    const {ask} = packed();
    for (const url of ['/', '/?of=html', '/?of=json', '/?of=bytes&Content-Type=application/ld%2Bjson']) {
      const plain = await ask(url, 'identity');
      const answer = await ask(url, coding);
      t.is(answer.header('Content-Encoding'), coding, url);
      const body = answer.body as Buffer;
      t.true(body.length < 500);
      t.deepEqual(unpack[coding]!(body), Buffer.from(plain.body as string));
      t.is(answer.headerList()[answer.headerList().indexOf('Content-Length') + 1], String(body.length));
      t.is(answer.header('Content-Type'), plain.header('Content-Type'));
      for (const each of [plain, answer]) t.is(each.header('Vary'), 'Accept-Encoding');
    }
  });
}

test('the client says which coding it would rather have; of those it takes as gladly we choose', async t => {
  const {ask} = packed();
  const coding = async (accept?: string) => (await ask('/', accept)).header('Content-Encoding') ?? 'none';
  t.is(await coding(all), 'zstd');
  t.is(await coding('gzip, br'), 'br');
  t.is(await coding('gzip;q=0.9, br;q=0.5, zstd;q=0'), 'gzip');
  t.is(await coding('GZIP'), 'gzip');
  t.is(await coding('*'), 'zstd');
  t.is(await coding('*, zstd;q=0'), 'br');
  for (const accept of ['', 'identity', 'deflate', 'gzip;q=0', 'x-gzip', 'identity, gzip;q=0.5', '*;q=0', 'compress']) {
    t.is(await coding(accept), 'none', accept);
  }
  t.is((await packed({codings: ['gzip', 'zstd']}).ask('/')).header('Content-Encoding'), 'gzip');
});

test('what is small is sent as it is, and what no coding makes smaller', async t => {
  const {ask} = packed();
  t.is((await ask('/?length=1023')).header('Content-Encoding'), undefined);
  t.is((await ask('/?length=1023')).header('Vary'), undefined);
  t.is((await ask('/?length=1024')).header('Content-Encoding'), 'zstd');
  t.is((await ask('/sized?length=1023')).header('Content-Encoding'), undefined);
  t.is((await ask('/sized?length=1024')).header('Content-Encoding'), 'zstd');
  const answer = await ask('/?of=noise&Content-Type=text/plain');
  t.is(answer.header('Content-Encoding'), undefined);
  t.deepEqual(answer.body, noise);
  t.is((await packed({threshold: 0}).ask('/?length=40')).header('Content-Encoding'), undefined);
  t.is((await packed({threshold: 200}).ask('/?length=200')).header('Content-Encoding'), 'zstd');
});

for (const [why, query] of [
  ['is encoded already', 'Content-Encoding=deflate'],
  ['may not be changed on the way', 'Cache-Control=private, no-transform'],
  ['is a part', 'status=206&Content-Range=bytes 0-9/10'],
  ['is a part by its header', 'Content-Range=bytes 0-9/10'],
  ['has a digest', 'Repr-Digest=sha-256=:AAAA:'],
  ['is a stream of events', 'Content-Type=text/event-stream'],
  ['is a stream of events, with parameters', 'Content-Type=text/event-stream; charset=utf-8'],
  ['is an image', 'Content-Type=image/png'],
  ['is packed by its type', 'Content-Type=application/zip'],
  ['is no text by its type', 'Content-Type=application/octet-stream'],
  ['has a type that only begins like one', 'Content-Type=application/jsonish'],
  ['has no content', 'status=204'],
  ['has no content, and resets', 'status=205'],
]) {
  test(`an answer that ${why} is sent as it is`, async t => {
    const {ask} = packed();
    const url = encodeURI(`/?${query}`).replaceAll('+', '%2B');
    const answer = await ask(url);
    t.is(answer.body, long);
    t.is(answer.header('Vary'), undefined);
    t.is(answer.header('Content-Encoding'), query!.includes('deflate') ? 'deflate' : undefined);
  });
}

for (const type of [
  'text/css',
  'image/svg+xml; charset=utf-8',
  'application/problem+json',
  'application/javascript',
  'application/wasm',
  'font/ttf',
]) {
  test(`${type} is compressed`, async t => {
    const answer = await packed().ask(`/?Content-Type=${encodeURIComponent(type)}`);
    t.is(answer.header('Content-Encoding'), 'zstd');
  });
}

test('an answer that read a session is compressed unless the handler says no-transform, which goes out too', async t => {
  const {ask} = packed();
  const page = await ask('/visitor');
  t.is(page.header('Content-Encoding'), 'zstd');
  t.is(page.header('Vary'), 'Cookie, Accept-Encoding');
  const secret = await ask('/visitor?secret');
  t.is(secret.header('Content-Encoding'), undefined);
  t.is(secret.header('Cache-Control'), 'no-store, no-transform');
});

test('an answer to HEAD says what that to GET says', async t => {
  const {ask} = packed();
  for (const url of ['/', '/?length=10', '/?of=noise&Content-Type=text/plain']) {
    const [got, head] = [await ask(url, all), await ask(url, all, {method: 'HEAD'})];
    const headers = (answer: typeof got) =>
      answer.headerList().filter((text, i, list) => !/^X-Request-Id$/.test(list[i - (i % 2)]!) && text !== '');
    t.deepEqual(headers(head), headers(got), url);
    t.is(head.sentBody, undefined);
  }
  const stream = await ask('/stream', all, {method: 'HEAD'});
  t.is(stream.header('Content-Encoding'), 'zstd');
  const sized = await ask('/sized?length=2000', all, {method: 'HEAD'});
  t.is(sized.header('Content-Encoding'), 'zstd');
  t.is(sized.header('Content-Length'), undefined);
});

test('a strong tag is another in each coding, by which the client gets its 304, and nobody that of another coding', async t => {
  const {ask} = packed({}, [etag()]);
  const plain = (await ask('/', '')).header('ETag')!;
  const tagged = (coding: string) => `${plain.slice(0, -1)}-${coding}"`;
  for (const coding of ['zstd', 'br', 'gzip']) {
    t.is((await ask('/', coding)).header('ETag'), tagged(coding));
    for (const known of [tagged(coding), `W/${tagged(coding)}`, `"other", ${plain}, ${tagged(coding)}`, '*']) {
      const again = await ask('/', coding, {'if-none-match': known});
      t.is(again.status, 304, known);
      t.is(again.header('ETag'), tagged(coding));
      t.is(again.header('Vary'), 'Accept-Encoding');
    }
    t.is((await ask('/', '', {'if-none-match': tagged(coding)})).status, 200);
  }
  t.is((await ask('/', 'br', {'if-none-match': tagged('gzip')})).status, 200);
  t.is((await ask('/', '', {'if-none-match': plain})).header('ETag'), plain);
});

for (const [what, url, vary] of [
  ['small', '/?length=10', undefined],
  ['of a type that does not become smaller', '/?Content-Type=image/png', undefined],
  ['not smaller in any coding', '/?of=noise&Content-Type=text/plain', 'Accept-Encoding'],
] as const) {
  test(`the 304 for what is ${what} has the tag, and the Vary, that the 200 has`, async t => {
    const {ask} = packed({}, [etag()]);
    const first = await ask(url);
    const tag = first.header('ETag')!;
    t.regex(tag, /^"[\w-]{22}"$/);
    t.is(first.header('Vary'), vary);
    const again = await ask(url, all, {'if-none-match': tag});
    t.is(again.status, 304);
    t.is(again.header('ETag'), tag);
    t.is(again.header('Vary'), vary);
  });
}

test('a weak tag is the same in each coding', async t => {
  const {ask} = packed({}, [etag({weak: true})]);
  const tag = (await ask('/', '')).header('ETag')!;
  t.regex(tag, /^W\//);
  t.is((await ask('/')).header('ETag'), tag);
  const again = await ask('/', all, {'if-none-match': tag});
  t.deepEqual([again.status, again.header('ETag')], [304, tag]);
});

test('who has got a state compressed changes it by the tag that came with it', async t => {
  @Resource()
  class Page {
    @Get()
    show(_request: Request, response: Response) {
      response.setHeader('ETag', '"7"');
      return long;
    }
    @Put()
    change(request: Request) {
      checkPrecondition(request, {etag: '"7"', required: true});
    }
  }
  const {site} = testSite(Page, {use: [compress(), etag()]});
  for (const coding of ['zstd', 'br', 'gzip', 'identity']) {
    const headers = {host: 'localhost', 'accept-encoding': coding};
    const tag = (await site.handle({headers})).header('ETag')!;
    t.is(tag, coding === 'identity' ? '"7"' : `"7-${coding}"`);
    const put = async (known: string) =>
      (await site.handle({method: 'PUT', headers: {...headers, 'if-match': known}})).status;
    t.is(await put(tag), 204);
    t.is(await put(tag.replace('7', '6')), 412);
    t.is(await put(`W/${tag}`), 412);
    t.is((await site.handle({headers: {...headers, 'if-match': tag}})).status, 200);
  }
});

test('where etag stands outside of compress, each coding has a strong tag of its own', async t => {
  const {site} = testSite(Site, {use: [etag(), compress()]});
  const ask = (accept: string, known = '') =>
    site.handle({headers: {host: 'localhost', 'accept-encoding': accept, 'if-none-match': known}});
  const tags = await Promise.all(['', 'gzip', 'br'].map(async accept => (await ask(accept)).header('ETag')!));
  t.is(new Set(tags).size, 3);
  t.is((await ask('gzip', tags[1])).status, 304);
  t.is((await ask('br', tags[1])).status, 200);
});

test('an error page is compressed as well', async t => {
  const {site} = testSite(Site, {use: [compress()], onError: () => html`<p>${long}</p>`});
  const answer = await site.handle({url: '/none', headers: {host: 'localhost', 'accept-encoding': 'gzip'}});
  t.is(answer.status, 404);
  t.is(answer.header('Content-Encoding'), 'gzip');
});

test('fetch over a socket unpacks what it gets, and the access log tells the bytes that went out', async t => {
  const {site, log} = packed();
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => site.close());
  t.is(await (await fetch(url)).text(), long);
  t.is(await (await fetch(`${url}/sized?length=4000`)).text(), long.slice(0, 4000));
  const lines = await until(() => log.length === 2 && log.map(({message}) => JSON.parse(message) as {bytes: number}));
  for (const {bytes} of lines) t.true(bytes > 20 && bytes < 500);
});

/** A stream that is read chunk by chunk, unpacked. */
async function flowing(url: string, coding: 'gzip' | 'zstd') {
  const request = get(`${url}/stream`, {headers: {'accept-encoding': coding}}).on('error', () => undefined);
  const [message] = (await once(request, 'response')) as [IncomingMessage];
  const unpacked = message
    .on('error', () => undefined)
    .pipe(coding === 'gzip' ? createGunzip() : createZstdDecompress());
  unpacked.on('error', () => undefined);
  return {request, message, unpacked};
}

for (const coding of ['gzip', 'zstd'] as const) {
  test.serial(`a chunk of a stream is not kept back until there are more, in ${coding}`, async t => {
    const {site} = packed();
    const url = await site.listen({port: 0, host: '127.0.0.1'});
    t.teardown(() => site.close());
    const {message, unpacked} = await flowing(url, coding);
    t.is(message.headers['content-encoding'], coding);
    t.is(String((await once(unpacked, 'data'))[0]), 'first');
    for (const chunk of ['second', 'third']) {
      (await until(() => tap.chunks.at(-1))).resolve(chunk);
      t.is(String((await once(unpacked, 'data'))[0]), chunk);
      await until(() => tap.chunks.length === (chunk === 'second' ? 2 : 3));
    }
    const ended = once(unpacked, 'end');
    tap.chunks.at(-1)!.resolve('');
    await ended;
    t.true(message.complete);
  });
}

test.serial('a client that goes ends the stream, which gives back what it holds at once', async t => {
  const {site, log} = packed();
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => site.close());
  const {request, unpacked} = await flowing(url, 'gzip');
  await once(unpacked, 'data');
  await until(() => tap.chunks.length === 1);
  request.destroy();
  await until(() => tap.returned === 1);
  const line = await until(() => log.find(({level}) => level === 'info'));
  t.like(JSON.parse(line.message), {whole: false});
  t.is(log.length, 1);
});

test.serial('the same over HTTP/2', async t => {
  const {site} = packed();
  const client = connectHttp2(await site.listen({port: 0, host: '127.0.0.1', tls: await selfSigned()}), {
    rejectUnauthorized: false,
  });
  t.teardown(() => site.close());
  t.teardown(() => client.destroy());
  const stream = client.request({':path': '/stream', 'accept-encoding': 'br'});
  await once(stream, 'data');
  await until(() => tap.chunks.length === 1);
  stream.close(constants.NGHTTP2_CANCEL);
  await until(() => tap.returned === 1);
  const whole = client.request({':path': '/', 'accept-encoding': 'br'});
  t.is(String(brotliDecompressSync(await buffer(whole))), long);
});

test('a stream that fails in the middle is cut off, not ended', async t => {
  const {site} = packed();
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => site.close());
  await t.throwsAsync(fetch(`${url}/failing`).then(response => response.text()));
});

test('a large chunk comes out whole, and large bodies are packed off the event loop', async t => {
  @Resource()
  class Large {
    @Get()
    show(request: Request, response: Response) {
      const bytes = Buffer.alloc(4_000_000, 'abcdefg');
      bytes.set(noise, 100);
      response.setHeader('Content-Type', 'text/plain');
      return request.query.has('stream') ? Readable.from([bytes, bytes]) : bytes;
    }
  }
  const {site} = testSite(Large, {use: [compress()]});
  const ask = (url: string) =>
    site.fetch(new globalThis.Request(`http://localhost${url}`, {headers: {'accept-encoding': 'gzip'}}));
  const stream = Buffer.from(await (await ask('/?stream')).arrayBuffer());
  t.is(gunzipSync(stream).length, 8_000_000);
  let turns = 0;
  const answered = ask('/').then(async response => Buffer.from(await response.arrayBuffer()));
  let isOver = false;
  const turn = () => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const whole = await answered;
  isOver = true;
  t.is(gunzipSync(whole).length, 4_000_000);
  t.true(turns > 1);
});

test('options that there are not are refused when it is called', t => {
  for (const options of [{threshold: -1}, {codings: []}, {codings: ['deflate']}, {codings: 'gzip'}, {level: 9}]) {
    t.throws(() => compress(options as never), {code: 'OPTION_INVALID'});
  }
});
