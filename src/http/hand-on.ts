import createError from 'http-errors';
import {announcesBody} from './body.ts';
import type {Request} from './request.ts';
import {isOfConnection} from './response.ts';

/**
 * Where the request goes below its place in the tree: path and query, as sent, but for what would be read otherwise as a part of a
 * URL. A backslash would be a slash there, and begin dot segments that were none.
 */
export function rest(request: Request): string {
  const segments = request.path.split('/').slice(1 + request.prepath.length);
  return inUrl(`/${segments.join('/')}`) + inUrl(request.search);
}

/** The whole path and query, with what an outer framework has cut off, by the same rule. */
export function whole(request: Request): string {
  return inUrl(request.mountPath + request.path) + inUrl(request.search);
}

function inUrl(text: string): string {
  return text.replaceAll('\\', '%5C').replaceAll('#', '%23');
}

/**
 * The headers of a request that are for whoever answers it in the end: not those of the connection, by name or as `Connection` lists
 * them (RFC 9110, section 7.6.1), no `Expect`, which Node has answered, and nothing of how a body came that has been unpacked.
 */
export function endToEndHeaders(request: Request): [name: string, value: string][] {
  const {headers} = request;
  const isUnpacked = request.wholeBody?.isUnpacked === true;
  const ofConnection = new Set((headers.connection ?? '').toLowerCase().split(/\s*,\s*/));
  return Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined || name.startsWith(':') || name === 'expect') return [];
    if (isOfConnection(name) || ofConnection.has(name)) return [];
    if (isUnpacked && (name === 'content-encoding' || name === 'content-length')) return [];
    return [value].flat().map((each): [string, string] => [name, each]);
  });
}

/** Whether a request has a body, be it an empty one. */
export function hasBody({message, headers}: Request): boolean {
  if (message.httpVersion?.startsWith('1.')) return announcesBody(headers);
  return message.stream?.endAfterHeaders !== true;
}

/** The length that a body is handed on with; nothing where that has to show when it ends. */
export function lengthOf(request: Request): string | undefined {
  const {message, headers, wholeBody} = request;
  return message.httpVersion === undefined || wholeBody?.isUnpacked ? undefined : headers['content-length'];
}

/**
 * The body of a request as it comes, no faster than it is taken, or what has been read of it already. Fails with a 400 where it ends
 * early, and with an `AbortError` when the request has been answered: the rest is thrown away then, so that a client that sends on does
 * not wait for ever. Throws `BODY_TAKEN` where somebody reads it as a stream already, and a 501 for another transfer coding than
 * `chunked` (RFC 9112, section 6.1): the body would be handed on as what it is not. `heed` hears whether the client is waited for.
 */
export function bodyStream(
  request: Request,
  heed: (isClientAwaited: boolean) => void = () => undefined,
): ReadableStream<Uint8Array> {
  const {message, wholeBody, headers} = request;
  if (!/^chunked$/i.test(headers['transfer-encoding'] ?? 'chunked')) {
    throw createError(501, 'No transfer coding but "chunked" is known here.');
  }
  if (!wholeBody && !message.readable && !message.readableAborted) {
    throw new Error('The body has been read already, by somebody else.');
  }
  return new ReadableStream(new HandedOn(request, heed), {highWaterMark: 0});
}

class HandedOn implements UnderlyingDefaultSource<Uint8Array> {
  readonly #request: Request;
  readonly #heed: (isClientAwaited: boolean) => void;
  /** Begun when the first are asked for: until then others may read the body. */
  #pieces: AsyncIterator<Uint8Array> | undefined;

  constructor(request: Request, heed: (isClientAwaited: boolean) => void) {
    this.#request = request;
    this.#heed = heed;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#heed(true);
    try {
      this.#pieces ??= this.#request.bodyToHandOn();
      const {done, value} = await this.#pieces.next();
      if (done) controller.close();
      else controller.enqueue(value);
    } finally {
      this.#heed(false);
    }
  }

  cancel(): void {
    if (this.#pieces) this.#request.releaseBody();
  }
}
