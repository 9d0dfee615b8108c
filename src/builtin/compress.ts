import {once} from 'node:events';
import {promisify} from 'node:util';
import {
  brotliCompress,
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  gzip,
  zstdCompress,
  type BrotliCompress,
  type Gzip,
  type ZstdCompress,
} from 'node:zlib';
import Negotiator from 'negotiator';
import {tagIn} from '../http/conditions.ts';
import type {Request} from '../http/request.ts';
import {requestKey} from '../http/request-key.ts';
import type {Response} from '../http/response.ts';
import type {Chunk} from '../http/stream.ts';
import {checkOptions, kind, type Kinds} from '../options.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import {refusable} from './refusable.ts';

/** What `compress` compresses, and how. */
export interface CompressOptions {
  /** How many bytes a body has at least that is compressed. Default: 1024. A stream of unknown length is compressed. */
  readonly threshold?: number;
  /** The codings that are used; of those that a client takes as gladly the first. Default: `zstd`, `br`, `gzip`. */
  readonly codings?: readonly Coding[];
}

/** A coding of content, by the name it has in HTTP. */
export type Coding = 'zstd' | 'br' | 'gzip';

const compressKinds: Kinds<CompressOptions> = {
  threshold: kind('a number of bytes, 0 or more', value => typeof value === 'number' && value >= 0),
  codings: kind(
    'a list of "zstd", "br" and "gzip"',
    value => Array.isArray(value) && value.length > 0 && value.every(name => Object.hasOwn(coders, name as string)),
  ),
};

/** What holds where `CompressOptions` are silent. */
export const compressDefaults = {threshold: 1024, codings: ['zstd', 'br', 'gzip'] as readonly Coding[]};

type Coder = BrotliCompress | Gzip | ZstdCompress;

interface Codec {
  readonly whole: (body: string | Uint8Array) => Promise<Buffer>;
  readonly stream: () => Coder;
  /** Has what was written go out, and the coding go on. */
  readonly flush: number;
}

// Brotli's own default is made for files that are compressed once: it takes a hundred times as long.
const brotli = {params: {[constants.BROTLI_PARAM_QUALITY]: 4}};

const coders: Readonly<Record<Coding, Codec>> = {
  zstd: {whole: promisify(zstdCompress), stream: () => createZstdCompress(), flush: constants.ZSTD_e_flush},
  br: {
    whole: async body => promisify(brotliCompress)(body, brotli),
    stream: () => createBrotliCompress(brotli),
    flush: constants.BROTLI_OPERATION_FLUSH,
  },
  gzip: {whole: promisify(gzip), stream: () => createGzip(), flush: constants.Z_SYNC_FLUSH},
};

/** What becomes smaller. Events are not: whoever waits for them would be told late by some that unpack them on the way. */
const types =
  /^(?:text\/(?!event-stream)|[^;]+\+(?:json|xml|text|yaml)\b|application\/(?:json|javascript|ecmascript|xml|yaml|wasm|x-ndjson|jsonl|sql|graphql|rtf|x-www-form-urlencoded|vnd\.ms-fontobject)\b|font\/(?:ttf|otf|collection)\b|image\/(?:bmp|x-icon|vnd\.microsoft\.icon)\b)/i;

/** They are of the bytes as the handler has made them. */
const digests = ['Content-Digest', 'Repr-Digest', 'Digest', 'Content-MD5'];

/**
 * Compresses answers by the coding that the client takes most gladly (`Accept-Encoding`; RFC 9110, section 12.5.3), off the event
 * loop. Each chunk of a stream goes out as it comes. Left as they are: what is small, has a type that does not become smaller,
 * is a stream of events, a part (206), encoded already, or has a digest; and each answer with `Cache-Control: no-transform`. Set that
 * where an answer holds a secret and also what the request said (BREACH): how well the two are packed together would tell the
 * secret, letter by letter. A strong `ETag` is that of the coding then: `"7"` becomes `"7-gzip"`.
 */
export const compress = refusable(makeCompress);

function makeCompress(options: CompressOptions = {}): MiddlewareClass {
  checkOptions('compress()', options, compressKinds);
  const settings = {...compressDefaults, ...options};
  return class Compress implements Middleware {
    static readonly passesPreflights = true;

    async handle(request: Request, _response: Response, next: Next): Promise<unknown> {
      request.set(codingKey, response => settledCoding(request, response, settings));
      try {
        return await next();
      } finally {
        request.beforeHeaders(response => {
          const coding = settledCoding(request, response, settings);
          return coding && encode(response, coding);
        });
      }
    }
  };
}

const codingKey = requestKey<(response: Response) => Coding | undefined>('coding');

/**
 * @internal The tags that an answer may go out under, once `compress` has had it: what no coding makes smaller goes out under the
 * tag without one. A cache must not be sent to a body in another coding.
 */
export function tagsAhead(tag: string, request: Request, response: Response): readonly string[] {
  const coding = request.get(codingKey)?.(response);
  return coding === undefined ? [tag] : [tagIn(coding, tag), tag];
}

/** The coding for an answer, which says that it depends on the client. */
function settledCoding(
  request: Request,
  response: Response,
  {threshold, codings}: Required<CompressOptions>,
): Coding | undefined {
  if (!isFit(response, threshold)) return undefined;
  response.vary('Accept-Encoding');
  return codingFor(request, codings);
}

function isFit(response: Response, threshold: number): boolean {
  const {status, body} = response;
  if (body === undefined || status === 204 || status === 205 || status === 206) return false;
  if (!types.test(response.header('Content-Type') ?? '')) return false;
  if (response.lists('Cache-Control', 'no-transform')) return false;
  if (['Content-Encoding', 'Content-Range', ...digests].some(name => response.header(name) !== undefined)) return false;
  const isWhole = typeof body === 'string' || body instanceof Uint8Array;
  return (isWhole ? Buffer.byteLength(body) : Number(response.header('Content-Length') ?? Infinity)) >= threshold;
}

/** What the types of `negotiator` leave out. */
interface Preferring {
  encodings(available: readonly string[], options: {readonly preferred: readonly string[]}): string[];
}

/** Nothing where the client takes none, or would rather have the answer as it is. */
function codingFor(request: Request, codings: readonly Coding[]): Coding | undefined {
  return codingsFor(request, codings)[0];
}

/**
 * @internal Of some codings those that the client would rather have than the answer as it is, what it takes most gladly first. One
 * that says nothing may be too simple for any.
 */
export function codingsFor(request: Request, codings: readonly Coding[]): readonly Coding[] {
  if (request.headers['accept-encoding'] === undefined) return [];
  const available = [...codings, 'identity'];
  const accepted = (new Negotiator(request) as Preferring).encodings(available, {preferred: available});
  const plain = accepted.indexOf('identity');
  return (plain < 0 ? accepted : accepted.slice(0, plain)) as Coding[];
}

async function encode(response: Response, coding: Coding): Promise<void> {
  const {body} = response;
  const codec = coders[coding];
  if (typeof body === 'string' || body instanceof Uint8Array) {
    const packed = await codec.whole(body);
    if (packed.length >= Buffer.byteLength(body)) return;
    response.body = packed;
  } else if (response.stream) {
    response.body = new PackedStream(response.stream, codec);
  }
  response.setHeader('Content-Encoding', coding);
  for (const name of ['Content-Length', 'Accept-Ranges']) response.removeHeader(name);
  const tag = response.header('ETag');
  if (tag !== undefined) response.setHeader('ETag', tagIn(coding, tag));
}

/** The chunks of a stream, packed: of each what it comes to, at once. */
class PackedStream implements AsyncIterableIterator<Chunk> {
  readonly #source: AsyncIterator<Chunk>;
  readonly #coder: Coder;
  readonly #flush: number;
  #packed: Buffer[] = [];
  #isOver = false;

  constructor(source: AsyncIterable<Chunk>, {stream, flush}: Codec) {
    this.#source = source[Symbol.asyncIterator]();
    this.#coder = stream();
    this.#flush = flush;
    // It packs on only while there is room for what comes out.
    this.#coder.on('readable', () => this.#take());
  }

  async next(): Promise<IteratorResult<Chunk>> {
    try {
      while (!this.#isOver) {
        const step = await this.#source.next();
        await (step.done ? this.#end() : this.#pack(step.value));
        const packed = Buffer.concat(this.#packed.splice(0));
        if (packed.length > 0) return {done: false, value: packed};
      }
      return {done: true, value: undefined};
    } catch (error) {
      this.#discard();
      throw error;
    }
  }

  // Not by a generator, which would first wait for the chunk that somebody has asked for.
  async return(): Promise<IteratorResult<Chunk>> {
    this.#discard();
    await this.#source.return?.();
    return {done: true, value: undefined};
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #pack(chunk: Chunk): Promise<void> {
    this.#coder.write(chunk);
    await new Promise<void>(resolve => this.#coder.flush(this.#flush, resolve));
    this.#take();
  }

  async #end(): Promise<void> {
    this.#isOver = true;
    const ended = once(this.#coder, 'end');
    this.#coder.end();
    await ended;
  }

  #take(): void {
    for (let bytes = this.#coder.read() as Buffer | null; bytes; bytes = this.#coder.read() as Buffer | null) {
      this.#packed.push(bytes);
    }
  }

  #discard(): void {
    this.#isOver = true;
    this.#coder.destroy();
  }
}
