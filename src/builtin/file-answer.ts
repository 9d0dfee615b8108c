import {isUtf8MimeType, mime} from '@fastify/send';
import createError from 'http-errors';
import {answerConditions, isRangeCurrent, tagIn} from '../http/conditions.ts';
import {rangeOf, type ByteRange} from '../http/range.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {kind} from '../options.ts';
import {tagsAhead, type Coding} from './compress.ts';
import {OpenAnswer} from '../resource/answer.ts';
import {nothingHere} from '../resource/traverse.ts';
import {FileStream, pieceSize, type Lack, type OpenedFile} from './opened-file.ts';

/** What goes with a file. */
export interface FileHead {
  readonly type: string;
  readonly cacheControl: string;
  /** Whether it is saved, and under what name. */
  readonly disposition?: string;
  /** The coding that the file itself is in. */
  readonly coding?: Coding;
  /** The headers of the request that it depends on which file this is. */
  readonly vary?: readonly string[];
}

/** How long a file may be kept. */
export interface Caching {
  readonly maxAge?: number | string;
  readonly immutable?: boolean;
}

/** A file of so many bytes is read at once: a stream takes longer than that. */
const smallSize = 64 * 1024;

/** Over TLS a write is over when its last byte has gone: of a large one nobody could tell that a slow client still takes it. */
const pieceOverTls = 64 * 1024;

/** So many milliseconds are too few to tell one change of a file from the next by its time. */
const coarseness = 2000;

/**
 * The answer with an open file. Whatever it is, and however it ends, the file is closed. What else has been said of its type, its tag,
 * its time, for caches or for who saves it holds.
 */
export class FileAnswer extends OpenAnswer {
  readonly #file: OpenedFile;
  readonly #head: FileHead;

  constructor(file: OpenedFile, head: FileHead) {
    super();
    this.#file = file;
    this.#head = head;
  }

  /** @internal */
  override async write(request: Request, response: Response): Promise<Uint8Array | FileStream | undefined> {
    const file = this.#file;
    try {
      const {size} = file.stats;
      describe(file, response, this.#head);
      const piece = request.secure ? pieceOverTls : pieceSize;
      // The conditions ask for the body that would go out.
      const whole = new FileStream(file, 0, size - 1, piece);
      response.body = whole;
      answerConditions(request, response, tag => tagsAhead(tag, request, response));
      if (response.status === 304) {
        file.close();
        return undefined;
      }
      const range = rangeFor(file, request, response, this.#head);
      if (request.method === 'HEAD' || (!range && size > smallSize)) return whole;
      const {start, end} = range ?? {start: 0, end: size - 1};
      const length = end - start + 1;
      if (length > smallSize) return new FileStream(file, start, end, piece);
      const bytes = await file.bytes(start, length);
      file.close();
      return bytes;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** @internal */
  override dismiss(): void {
    this.#file.close();
  }
}

function describe(file: OpenedFile, response: Response, head: FileHead): void {
  const {type, cacheControl, disposition, coding, vary = []} = head;
  const {size, mtimeMs} = file.stats;
  const tag = tagOf(file);
  response.defaultType(type);
  for (const name of vary) response.vary(name);
  defaultHeader(response, 'ETag', coding ? tagIn(coding, tag) : tag);
  // RFC 9110, section 8.8.2.1: not later than the answer.
  defaultHeader(response, 'Last-Modified', new Date(Math.min(mtimeMs, Date.now())).toUTCString());
  defaultHeader(response, 'Cache-Control', cacheControl);
  if (disposition !== undefined) defaultHeader(response, 'Content-Disposition', disposition);
  if (coding) response.setHeader('Content-Encoding', coding);
  else response.setHeader('Accept-Ranges', 'bytes');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Length', size);
}

function defaultHeader(response: Response, name: string, value: string): void {
  if (response.header(name) === undefined) response.setHeader(name, value);
}

/** Of a file that was changed a moment ago a weak one: it may be changed once more, and have the same time (RFC 9110, section 8.8.1). */
function tagOf({stats: {size, mtimeMs}}: OpenedFile): string {
  const tag = `"${size.toString(16)}-${Math.round(mtimeMs * 1000).toString(16)}"`;
  return Date.now() - mtimeMs < coarseness ? `W/${tag}` : tag;
}

/** What part of the file is asked for, if one is, with what the answer says of it. Throws a 416 for a part that is not there. */
function rangeFor(file: OpenedFile, request: Request, response: Response, {coding}: FileHead): ByteRange | undefined {
  if (request.method !== 'GET' || response.status !== 200 || coding) return undefined;
  const {size, mtimeMs} = file.stats;
  const range = rangeOf(request.headers.range, size);
  const tag = response.header('ETag');
  const changedAt = tag?.startsWith('W/') ? undefined : mtimeMs;
  if (range === undefined || !isRangeCurrent(request, {tag, changedAt, isThere: true})) return undefined;
  if (range === 'unsatisfiable') {
    const headers = {'Content-Range': `bytes */${size}`};
    throw createError(416, `There are ${size} bytes, and none where this range begins.`, {headers});
  }
  response.status = 206;
  response.setHeader('Content-Range', `bytes ${range.start}-${range.end}/${size}`);
  response.setHeader('Content-Length', range.end - range.start + 1);
  return range;
}

/** The error where nothing can be sent: only what may not be read is told from what is not there. */
export function errorOf(lack: Lack): Error {
  return lack === 'forbidden' ? createError(403, 'This may not be read.') : nothingHere();
}

/** The type of a file by its name, with its charset. */
export function typeOf(path: string, types: Readonly<Record<string, string>> = {}): string {
  const [ending] = /\.[^./\\]*$/.exec(path) ?? [''];
  const own = Object.hasOwn(types, ending.toLowerCase()) ? types[ending.toLowerCase()] : undefined;
  if (own !== undefined) return own;
  const type = mime.getType(path)?.replace(/^application\/(?:javascript|ecmascript)$/, 'text/javascript');
  if (!type) return 'application/octet-stream';
  return isUtf8MimeType(type) ? `${type}; charset=utf-8` : type;
}

const units: ReadonlyMap<string, number> = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3600],
  ['d', 86_400],
  ['w', 604_800],
  ['y', 31_536_000],
]);

/** How long caches may keep something: in milliseconds, or as a text. */
export const maxAgeKind = kind(
  'a number of milliseconds, 0 or more, or a text like "90s", "5m", "12h", "30d", "4w" or "1y"',
  value => (typeof value === 'string' ? /^\d+[smhdwy]$/.test(value) : Number.isFinite(value) && (value as number) >= 0),
);

/** The value of `Cache-Control`: without an age, a cache asks each time whether what it has is still current. */
export function cacheControlOf({maxAge, immutable = false}: Caching): string {
  if (maxAge === undefined) return 'no-cache';
  return `max-age=${secondsOf(maxAge)}${immutable ? ', immutable' : ''}`;
}

function secondsOf(maxAge: number | string): number {
  if (typeof maxAge === 'number') return Math.floor(maxAge / 1000);
  return Number(maxAge.slice(0, -1)) * units.get(maxAge.at(-1)!)!;
}
