import {brotliDecompressSync, constants, gunzipSync, inflateSync, zstdDecompressSync} from 'node:zlib';
import createError from 'http-errors';
import {bodyStream, endToEndHeaders, hasBody} from './hand-on.ts';
import type {Request, RequestInit} from './request.ts';
import {isOfConnection, type Response} from './response.ts';
import {StoppableStream} from './stream.ts';

/** What a WHATWG `Request` says, in our terms. */
export function fromWebRequest(web: globalThis.Request): RequestInit {
  const {pathname, search, host, protocol} = new URL(web.url);
  return {
    method: web.method,
    url: pathname + search,
    headers: {host, ...Object.fromEntries(web.headers)},
    secure: protocol === 'https:',
    signal: web.signal,
    ...(web.body && {body: web.body as AsyncIterable<Uint8Array>}),
  };
}

/** Methods that no WHATWG `Request` can have. */
const unaskable: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK']);

/**
 * The request as a WHATWG `Request` for this path and query, with its body as it comes and its `signal`. Throws a 501 for a method, and
 * a 400 for a host, that it can't have. A body that comes with GET or HEAD, which means nothing, is left out.
 */
export function toWebRequest(request: Request, path: string): globalThis.Request {
  const {method, secure, host = 'localhost', signal} = request;
  if (unaskable.has(method)) throw createError(501, `${method} can't be asked here.`);
  const url = `${secure ? 'https' : 'http'}://${host}${path}`;
  if (!URL.canParse(url)) throw createError(400, 'The Host of the request is no host.');
  const body = method !== 'GET' && method !== 'HEAD' && hasBody(request) ? bodyStream(request) : undefined;
  const init = {method, headers: endToEndHeaders(request), signal, ...(body && {body, duplex: 'half' as const})};
  const web = new globalThis.Request(url, init);
  // Node forgets the signal of a request that nobody else holds: a handler that waits for nothing else would wait for ever.
  signal.addEventListener('abort', () => void web.signal, {once: true});
  return web;
}

/** The answer as a WHATWG `Response`. Its stream ends with the `signal` of the request, and whoever cancels it has gone. */
export function toWebResponse(response: Response): globalThis.Response {
  const headers = new Headers();
  const list = response.headerList();
  for (let at = 0; at < list.length; at += 2) headers.append(list[at]!, list[at + 1]!);
  return new globalThis.Response(webBody(response), {status: response.status, headers});
}

function webBody({sentBody: body, request, signal}: Response): BodyInit | null {
  if (body === undefined) return null;
  if (typeof body === 'string' || body instanceof Uint8Array) return body as BodyInit;
  const leave = () => stream.stop(false);
  const stream = new StoppableStream(body, () => signal?.removeEventListener('abort', leave));
  signal?.addEventListener('abort', leave);
  if (signal?.aborted) leave();
  return new ReadableStream<Uint8Array>(new Outlet(stream, () => request?.leave(), signal), {highWaterMark: 0});
}

/** Gives the chunks of a stream as they are asked for. */
class Outlet implements UnderlyingDefaultSource<Uint8Array> {
  readonly #stream: StoppableStream;
  readonly #onCancel: () => void;
  readonly #signal: AbortSignal | undefined;

  constructor(stream: StoppableStream, onCancel: () => void, signal: AbortSignal | undefined) {
    this.#stream = stream;
    this.#onCancel = onCancel;
    this.#signal = signal;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    try {
      const {done, value} = await this.#stream.next();
      if (done) controller.close();
      else controller.enqueue(typeof value === 'string' ? Buffer.from(value) : value);
    } catch (error) {
      throw this.#signal?.aborted ? this.#signal.reason : error;
    }
  }

  cancel(): void {
    this.#stream.stop(true);
    this.#onCancel();
  }
}

/**
 * Take over the headers of a WHATWG `Response`, whose body begins with `first`: they win over those set before, and its cookies
 * are added. Left out are those of the connection it came by, its length, and the encoding of a body that is not encoded (any more):
 * `fetch()` has decoded its body, and still says both of the bytes that came over the wire.
 */
export function adoptWebHeaders(web: globalThis.Response, response: Response, first: unknown): void {
  for (const [name, value] of web.headers) {
    if (isOfConnection(name) || (name === 'content-length' && !isLengthOfHead(web, response))) continue;
    if (name === 'set-cookie') response.appendHeader('Set-Cookie', value);
    else if (name !== 'content-encoding' || isEncoded(first, value)) response.setHeader(name, value);
  }
}

/** To HEAD there is no body that could be of another length. */
function isLengthOfHead({headers}: globalThis.Response, {isHead}: Response): boolean {
  return isHead && !headers.has('content-encoding');
}

/** The encodings that `fetch()` decodes, by how to look at the beginning of what has them. */
const decoders: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  gzip: bytes => gunzipSync(bytes, {finishFlush: constants.Z_SYNC_FLUSH}),
  'x-gzip': bytes => gunzipSync(bytes, {finishFlush: constants.Z_SYNC_FLUSH}),
  deflate: bytes => inflateSync(bytes, {finishFlush: constants.Z_SYNC_FLUSH}),
  zstd: bytes => zstdDecompressSync(bytes, {finishFlush: constants.ZSTD_e_flush}),
  // Brotli has no mark to know it by: a short text could be taken for the beginning of it, but hardly for the whole.
  br: bytes => brotliDecompressSync(bytes, bytes.length < 64 ? {} : {finishFlush: constants.BROTLI_OPERATION_FLUSH}),
};

/** So much of a body shows whether it is encoded. */
const sampleSize = 1024;

/** Whether a body that begins with this chunk is encoded, as its `Content-Encoding` says. What is no encoding of `fetch()` is believed. */
function isEncoded(first: unknown, encodings: string): boolean {
  const last = encodings.toLowerCase().split(',').at(-1)!.trim();
  const decode = decoders[last];
  if (!decode) return true;
  if (!(first instanceof Uint8Array) || first.length < 2) return false;
  try {
    decode(first.subarray(0, sampleSize));
    return true;
  } catch {
    return false;
  }
}
