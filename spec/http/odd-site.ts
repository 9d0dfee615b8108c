import {createReadStream, mkdtempSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Duplex, PassThrough, Readable} from 'node:stream';
import {brotliCompressSync, gzipSync} from 'node:zlib';
import {
  Child,
  ContainerModule,
  createError,
  createSite,
  Get,
  html,
  Logger,
  Post,
  Resource,
  SessionService,
  inject,
  type Request,
  type Response,
} from 'espalier';
import {selfSigned} from '../certificate.ts';
import {chance, type Chance} from './chance.ts';

/* oxlint-disable unicorn/no-thenable -- oddness is the point */

// A program of its own: a site that answers each request with something odd, the same for the same number in its path.

const folder = mkdtempSync(join(tmpdir(), 'odd-'));
const file = (name: string, size: number) => {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(size, 'f'));
  return path;
};
let files = 0;

const turn = () => new Promise(resolve => setImmediate(resolve));
const boom = () => {
  throw new Error('boom');
};

/** Something that throws, whatever is done with it. */
const hostile = (): object =>
  new Proxy({}, {get: boom, has: boom, getPrototypeOf: boom, ownKeys: boom, getOwnPropertyDescriptor: boom, set: boom});

const texts = ['', 'x', 'é☃', 'x'.repeat(20_000), 'x'.repeat(300_000), '\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'];
const chunks = ({one}: Chance): unknown[] => {
  const odd = [1, null, undefined, {}, [], hostile(), Symbol('s'), () => 'x', new Uint16Array(4), new ArrayBuffer(4)];
  const good = [
    ...texts,
    new Uint8Array(0),
    new Uint8Array(70_000),
    Buffer.from('b'),
    new Uint8Array(new SharedArrayBuffer(8)),
  ];
  return Array.from({length: one([0, 1, 2, 5])}, () => (one([true, true, true, false]) ? one(good) : one(odd)));
};

async function* generator(given: Chance, {one} = given): AsyncGenerator {
  const end = one(['throw', 'return', 'finally', 'hang']);
  try {
    for (const chunk of chunks(given)) {
      if (one([true, false])) await turn();
      yield chunk;
    }
    if (end === 'throw') boom();
    if (end === 'hang') yield* slow();
  } finally {
    // oxlint-disable-next-line no-unsafe-finally -- It is odd on purpose.
    if (end === 'finally') boom();
  }
}

/** Not for ever: whoever counts the answers waits for it. */
async function* slow() {
  for (let i = 0; i < 20; i += 1) await turn();
  yield 'at last';
}

/** Iterators that do not keep their contract. */
const iterators = ({one}: Chance) => {
  const next = one<unknown>([
    boom,
    () => undefined,
    () => 1,
    () => ({}),
    () => ({done: true}),
    () => hostile(),
    () => Promise.reject(new Error('boom')),
    async () => ({done: false, value: hostile()}),
    'no function',
  ]);
  const back = one<unknown>([
    undefined,
    boom,
    () => Promise.reject(new Error('boom')),
    () => new Promise(() => undefined),
    1,
  ]);
  return {[Symbol.asyncIterator]: one<unknown>([boom, () => undefined, () => ({next, return: back}), () => hostile()])};
};

const readables = (given: Chance): unknown => {
  const {one} = given;
  return one<() => unknown>([
    () => createReadStream(join(folder, 'is not there')),
    () => createReadStream(folder),
    () => {
      const path = file(`shrinks-${(files += 1)}`, 200_000);
      return createReadStream(path, {highWaterMark: 1000}).once('open', () => truncateSync(path, 10));
    },
    () => {
      const late = new PassThrough();
      setImmediate(() => {
        late.write('x');
        setImmediate(() => late.destroy(one([undefined, new Error('boom')]) as Error));
      });
      return late;
    },
    () => Readable.from(['x']).destroy(),
    () => {
      const failed = new Readable({read() {}});
      setImmediate(() => failed.emit('error', new Error('boom')));
      return failed;
    },
    () => Readable.from(chunks(given).filter(chunk => chunk !== null)),
    () => new Duplex(),
    () => new ReadableStream({pull: boom}),
    () => new ReadableStream({start: controller => (controller.enqueue(one(texts)), controller.close()), cancel: boom}),
    () => new ReadableStream({pull: controller => (controller.enqueue('x'), controller.close())}),
  ])();
};

const headers = ({one}: Chance): [string, string][] =>
  Array.from({length: one([0, 1, 2, 4])}, () =>
    one<[string, string]>([
      ['Content-Length', one(['0', '3', '1', '99999999', 'abc', '-1', '1e3', '', ' 5'])],
      ['Content-Type', one(['text/html', 'x', '', 'a/b\u00e9'])],
      ['Content-Encoding', one(['gzip', 'br', 'identity', 'deflate, gzip', 'x', ''])],
      ['Transfer-Encoding', 'chunked'],
      ['Connection', one(['close', 'Upgrade', 'x'])],
      ['Upgrade', 'h2,h2c'],
      ['HTTP2-Settings', 'AAA'],
      ['Keep-Alive', 'timeout=5'],
      ['TE', 'gzip'],
      ['Trailer', 'X'],
      ['X-Content-Type-Options', one(['nosniff', 'other'])],
      ['ETag', one(['"1"', '"2"'])],
      ['Location', one(['/', '/caf\u00e9', '/\u2603'])],
      ['Date', one(['x', 'Thu, 01 Jan 1970 00:00:00 GMT'])],
      ['Vary', one(['*', 'Accept', ''])],
      ['Set-Cookie', one(['a=1', '', ';'])],
      [
        'X-Odd',
        one(['', ' x ', '\t', 'x\ty', 'x'.repeat(70_000), '\u00ff', '\u2603', 'x\r\ny: z', '\u0000', '\u007f']),
      ],
      [one(['', ':status', 'a b', 'x\u00e9', '__proto__', 'constructor', 'Host']), 'x'],
    ]),
  );

const webs = (given: Chance): unknown => {
  const {one} = given;
  const body = one<unknown>([
    null,
    one(texts),
    gzipSync(one(texts)),
    brotliCompressSync(one(texts)),
    new Blob(['blob']),
    new ReadableStream({pull: boom}),
    new ReadableStream({
      type: 'bytes',
      pull: controller => (controller.enqueue(new Uint8Array(3)), controller.close()),
    }),
  ]);
  const made = new globalThis.Response(body as BodyInit, {
    status: body === null ? one([200, 204, 205, 304, 404]) : one([200, 201, 301, 404, 599]),
    headers: headers(given).filter(([name, value]) => isAllowed(name, value)),
  });
  const how = one(['fresh', 'fresh', 'fresh', 'read', 'locked', 'cancelled', 'error']);
  if (how === 'read') void made.text().catch(() => undefined);
  if (how === 'locked') made.body?.getReader();
  if (how === 'cancelled') void made.body?.cancel().catch(() => undefined);
  return how === 'error' ? globalThis.Response.error() : made;
};

function isAllowed(name: string, value: string): boolean {
  try {
    return new Headers([[name, value]]) instanceof Headers;
  } catch {
    return false;
  }
}

const used = new globalThis.Response('used');
const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;
const detached = new Uint8Array(8);
structuredClone(detached, {transfer: [detached.buffer]});

const errors = ({one}: Chance): unknown =>
  one<unknown>([
    undefined,
    null,
    'text',
    hostile(),
    new Error('boom'),
    Object.assign(new Error('boom'), {status: one([0, 99, 200, 404, 600, NaN, '500']), expose: true}),
    createError(one([400, 404, 426, 503]), 'no', {
      headers: {[one(['Retry-After', 'Upgrade', 'Content-Length', 'a b'])]: one(['1', 'x', '\u2603'])},
    }),
    Object.defineProperty(createError(404), 'headers', {get: boom}),
    Object.defineProperty(createError(404), 'message', {value: hostile()}),
    createError(404, 'no', {headers: hostile()}),
    createError(404, 'no', {headers: {'Set-Cookie': ['a=1', 'b=2']} as never}),
  ]);

const results = (given: Chance): unknown => {
  const {one} = given;
  return one<() => unknown>([
    () => one(texts),
    () => html`<p>${one(texts)}</p>`,
    () =>
      one<unknown>([
        1,
        true,
        1n,
        Symbol('s'),
        null,
        NaN,
        () => 'x',
        new Date(NaN),
        new Map(),
        /x/,
        Object.create(null),
        [],
      ]),
    () =>
      one<unknown>([
        hostile(),
        [hostile()],
        {a: 1n},
        cyclic,
        {toJSON: boom},
        {toJSON: () => undefined},
        new (class A {})(),
      ]),
    () => one<unknown>([detached, new Uint8Array(0), Buffer.alloc(100_000), new Uint8Array(new SharedArrayBuffer(9))]),
    () =>
      one<unknown>([
        {then: boom},
        {
          get then() {
            return boom();
          },
        },
        {then: (done: (x: unknown) => void) => done(hostile())},
        {then: (_: unknown, fail: (x: unknown) => void) => fail(hostile())},
      ]),
    () => generator(given),
    () => generator(given),
    () => iterators(given),
    () => readables(given),
    () => readables(given),
    () => webs(given),
    () => webs(given),
    () => used,
    () => {
      throw errors(given);
    },
    () => Promise.reject(errors(given)),
  ])();
};

@Resource()
class Odd {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show(request: Request, response: Response): Promise<unknown> {
    return this.#answer(request, response);
  }

  @Post()
  take(request: Request, response: Response): unknown {
    return this.#answer(request, response);
  }

  #answer(request: Request, response: Response): unknown {
    const given = chance(Number(request.params['number']));
    const {one} = given;
    for (const [name, value] of headers(given)) {
      try {
        if (one([true, false])) response.setHeader(name, value);
        else response.appendHeader(name, value);
      } catch (error) {
        if (one([true, false])) throw error;
      }
    }
    if (one([true, false, false])) response.status = one([200, 201, 204, 205, 304, 404, 500, 599, 199, 600]);
    if (one([true, false, false])) response.setCookie('odd', one(texts.slice(0, 2)));
    if (one([true, false, false])) void this.sessions.getSession().catch(() => undefined);
    if (one([true, false, false])) void request.bytes().catch(() => undefined);
    if (one([true, false])) request.signal.addEventListener('abort', () => undefined);
    return results(given);
  }
}

@Resource()
class Right {
  @Get() show() {
    return 'right';
  }
}

@Resource()
@Child(':number', Odd)
class Numbers {}

@Resource()
@Child('right', Right)
@Child('odd', Numbers)
class Root {}

/** A logger that fails now and then, as they do. */
let lines = 0;
const logger: Logger = {
  error: () => {
    lines += 1;
    if (lines % 3 === 0) boom();
    return (lines % 3 === 1 ? Promise.reject(new Error('boom')) : undefined) as void;
  },
  warn: () => undefined,
};
const site = createSite(Root, {
  modules: [
    new ContainerModule(({bind}) => {
      bind(Logger).toConstantValue(logger);
    }),
  ],
});
const plain = await site.listen({port: 0, host: '127.0.0.1'});
const secure = await site.listen({port: 0, host: '127.0.0.1', tls: await selfSigned()});
process.send!({plain, secure});
process.once('disconnect', () => process.exit());
