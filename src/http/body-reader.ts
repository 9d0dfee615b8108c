import type {IncomingHttpHeaders} from 'node:http';
import createError from 'http-errors';
import {EspalierError} from '../errors.ts';
import {Arrival, type Arriving} from './arrival.ts';
import {codingOf, unpacked, type BodyCoding} from './unpack.ts';

/** How much of a body is read, and in which codings. */
export interface ReadingLimits {
  /** The most bytes, as they are sent and as they are unpacked. */
  readonly limit: number;
  readonly codings: readonly BodyCoding[];
}

/** A body that is read as a whole, or being so. */
export interface WholeBody {
  readonly bytes: Promise<Buffer<ArrayBuffer>>;
  /** Whether it was compressed, and these bytes are not. */
  readonly isUnpacked: boolean;
}

/** The body of one message, which one reader can have: whole, and then it is kept, or as it comes. */
export class BodyReader {
  readonly #message: Arriving;
  readonly #headers: IncomingHttpHeaders;
  #bytes: Promise<Buffer<ArrayBuffer>> | undefined;
  #isTaken = false;
  #isUnpacked = false;
  #isReleased = false;
  #arrival: Arrival | undefined;

  constructor(message: Arriving, headers: IncomingHttpHeaders) {
    this.#message = message;
    this.#headers = headers;
  }

  /**
   * The whole body; limits count at the first reading. Throws a 413 past the limit, a 400 when it ends early or can't be unpacked, a
   * 415 for a coding that is not among these, and `BODY_TAKEN` where it is streamed.
   */
  bytes(limits: ReadingLimits): Promise<Buffer<ArrayBuffer>> {
    if (this.#isTaken) return Promise.reject(streamed());
    return (this.#bytes ??= this.#gather(limits));
  }

  /** The whole body, where somebody has asked for it. Throws `BODY_TAKEN` where it is streamed. */
  get whole(): WholeBody | undefined {
    if (this.#isTaken) throw streamed();
    return this.#bytes && {bytes: this.#bytes, isUnpacked: this.#isUnpacked};
  }

  /** The body as it comes. Throws, now or while it is read, what `bytes` does, and `BODY_TAKEN` for a second reader. */
  stream(limits: ReadingLimits): AsyncIterableIterator<Buffer<ArrayBuffer>> {
    if (this.#bytes) throw taken('The body has been read as a whole already');
    this.#take();
    return piecesOf(this.#open(limits));
  }

  /** The body to hand on: as it comes, packed as it is and however long; what has been read of it as a whole, where somebody has. */
  handOn(): AsyncIterableIterator<Buffer<ArrayBuffer>> {
    if (this.#bytes) return piecesOfWhole(this.#bytes);
    this.#take();
    const opened = this.#begin(Infinity, undefined);
    // Node has checked it, where there is a connection; what is handed on has a framing of its own.
    return piecesOf(opened && {...opened, length: undefined});
  }

  /**
   * The request has been answered, and what is still to come of its body is thrown away. Whoever reads it, or begins to, gets an
   * `AbortError`, so that nobody takes a part for the whole.
   */
  release(): void {
    this.#isReleased = true;
    this.#arrival?.cut(answered);
  }

  #take(): void {
    if (this.#isTaken) throw streamed();
    this.#isTaken = true;
  }

  // An iterator for all of it would cost a small body a tenth of its time.
  async #gather(limits: ReadingLimits): Promise<Buffer<ArrayBuffer>> {
    const opened = this.#open(limits);
    this.#isUnpacked = opened?.coding !== undefined;
    const chunks: Buffer<ArrayBuffer>[] = [];
    if (opened?.coding) for await (const bytes of piecesOf(opened)) chunks.push(bytes);
    else if (opened) await takeAll(opened, chunks);
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }

  /** Begins to read; nothing where there is no body. */
  #open({limit, codings}: ReadingLimits): Opened | undefined {
    return this.#begin(limit, codingOf(this.#headers['content-encoding'], codings));
  }

  #begin(limit: number, coding: BodyCoding | undefined): Opened | undefined {
    const message = this.#message;
    const isChunked = this.#headers['transfer-encoding'] !== undefined;
    const length = isChunked ? undefined : this.#headers['content-length'];
    if (Number(length) > limit) throw tooLarge(limit);
    // Node's server has ended a body that was never to come (`optimizeEmptyRequests`).
    if (message.readableEnded && length === undefined && !isChunked) return undefined;
    if (this.#isReleased) throw answered();
    if (!message.readable && !message.readableAborted) throw taken('Somebody else has read the body');
    const arrival = (this.#arrival = new Arrival(message, endsEarly));
    return {arrival, limit, length: length === undefined ? undefined : Number(length), coding};
  }
}

/** A body that is being read: how much of it may come, and has to, and how it is packed. */
interface Opened {
  readonly arrival: Arrival;
  readonly limit: number;
  readonly length: number | undefined;
  readonly coding: BodyCoding | undefined;
}

function piecesOf(opened: Opened | undefined): AsyncGenerator<Buffer<ArrayBuffer>, void> {
  if (!opened) return none();
  const {arrival, limit, length, coding} = opened;
  const sent = limited(arrival, limit, length);
  return coding ? limited(unpacked(sent, coding), limit, undefined, () => arrival.stop()) : sent;
}

/** As `limited`, all at once. */
async function takeAll({arrival, limit, length}: Opened, chunks: Buffer<ArrayBuffer>[]): Promise<void> {
  let size = 0;
  await arrival.each(bytes => {
    size += bytes.length;
    if (size > limit) throw tooLarge(limit);
    chunks.push(bytes);
  });
  if (length !== undefined && size !== length) throw endsEarly();
}

async function* piecesOfWhole(bytes: Promise<Buffer<ArrayBuffer>>): AsyncGenerator<Buffer<ArrayBuffer>, void> {
  yield await bytes;
}

async function* none(): AsyncGenerator<Buffer<ArrayBuffer>, void> {
  // A body without a byte.
}

/** The same bytes, as long as they are no more than the limit, and not fewer than they were said to be. */
async function* limited(
  source: AsyncIterable<Buffer<ArrayBuffer>>,
  limit: number,
  length: number | undefined,
  onEnd: () => void = () => undefined,
): AsyncGenerator<Buffer<ArrayBuffer>, void> {
  let size = 0;
  try {
    for await (const bytes of source) {
      size += bytes.length;
      if (size > limit) throw tooLarge(limit);
      yield bytes;
    }
  } finally {
    onEnd();
  }
  if (length !== undefined && size !== length) throw endsEarly();
}

function endsEarly(): Error {
  return createError(400, 'The body ends before it is whole.');
}

function answered(): DOMException {
  return new DOMException('The request has been answered: the rest of its body is thrown away.', 'AbortError');
}

function tooLarge(limit: number): Error {
  return createError(413, `The body is larger than ${limit} bytes.`, {limit});
}

function streamed(): EspalierError {
  return taken('The body is read as a stream already');
}

function taken(what: string): EspalierError {
  return new EspalierError(
    'BODY_TAKEN',
    `${what}. It has one reader: bytes(), text(), json() and form(), which share it, or stream(), or files().`,
  );
}
