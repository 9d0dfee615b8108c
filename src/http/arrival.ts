import type {Readable} from 'node:stream';
import {hush} from './stream.ts';

/** A message on its way in. */
export type Arriving = Readable & {
  readonly aborted?: boolean;
  /** Over HTTP/1.1: whether the whole of it has come. */
  readonly complete?: boolean;
  /** Over HTTP/2, where `complete` says something else. */
  readonly stream?: unknown;
};

/**
 * The bytes of a message as they come, no faster than they are asked for, and all that have come at a time: a client may send each
 * in a chunk of its own. Nothing is read before the first are asked for, and the message is not destroyed when no more are:
 * its answer is still to go out.
 */
export class Arrival implements AsyncIterableIterator<Buffer<ArrayBuffer>> {
  readonly #message: Arriving;
  readonly #broken: () => Error;
  #forget: (() => void) | undefined;
  #wake: (() => void) | undefined;
  #isOver = false;
  #failure: Error | undefined;

  /** `broken` makes the error for a message that is broken off. */
  constructor(message: Arriving, broken: () => Error) {
    this.#message = message;
    this.#broken = broken;
  }

  async next(): Promise<IteratorResult<Buffer<ArrayBuffer>>> {
    this.#listen();
    for (;;) {
      const value = this.#read();
      if (value) return {done: false, value};
      if (this.#hasEnded) return {done: true, value: undefined};
      await this.#more();
    }
  }

  /** Have all of it taken. An iterator would do the same, and cost a small message a tenth of its time. */
  async each(take: (bytes: Buffer<ArrayBuffer>) => void): Promise<void> {
    this.#listen();
    try {
      for (;;) {
        for (let bytes = this.#read(); bytes; bytes = this.#read()) take(bytes);
        if (this.#hasEnded) return;
        await this.#more();
      }
    } finally {
      this.stop();
    }
  }

  #read(): Buffer<ArrayBuffer> | undefined {
    const bytes = this.#isOver ? null : (this.#message.read() as Uint8Array<ArrayBuffer> | null);
    return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) : undefined;
  }

  get #hasEnded(): boolean {
    if (this.#failure) throw this.#failure;
    return this.#isOver || this.#isWhole;
  }

  /** Whether all of it has come and been read, though its end is told a little later. */
  get #isWhole(): boolean {
    const {complete, stream, aborted, readableLength} = this.#message;
    return complete === true && stream === undefined && aborted !== true && readableLength === 0;
  }

  #more(): Promise<void> {
    return new Promise(resolve => (this.#wake = resolve));
  }

  async return(): Promise<IteratorResult<Buffer<ArrayBuffer>>> {
    this.stop();
    return {done: true, value: undefined};
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The reader wants no more. The message can be read by others then. */
  stop(): void {
    // Once: each time Node would stop what flows for others by then.
    this.#forget?.();
    this.#forget = undefined;
    this.#end(undefined);
  }

  /** Throw away what is still to come. A reader that has not had the whole of it fails with what this makes, now or when it asks for more. */
  cut(failure: () => Error): void {
    if (this.#isOver) return;
    if (!this.#message.readableEnded || this.#message.aborted) this.#failure = failure();
    this.stop();
    hush(this.#message);
    this.#message.resume();
  }

  #listen(): void {
    if (this.#forget || this.#isOver) return;
    const message = this.#message;
    const look = () => this.#wake?.();
    // HTTP/2 ends what it has broken off.
    const end = () => this.#end(message.aborted ? this.#broken() : undefined);
    const fail = (error: NodeJS.ErrnoException) => this.#end(error.code === 'ECONNRESET' ? this.#broken() : error);
    const close = () => this.#end(this.#broken());
    // Not by `finished()`, which takes a small message a tenth of its time.
    message.on('readable', look).on('end', end).on('error', fail).on('close', close);
    this.#forget = () => void message.off('readable', look).off('end', end).off('error', fail).off('close', close);
    if (message.readableEnded) end();
    else if (message.errored) fail(message.errored);
    else if (message.destroyed) close();
  }

  /** The first end is the one that counts: a message that has ended is closed, too. */
  #end(failure: Error | undefined): void {
    if (!this.#isOver) this.#failure ??= failure;
    this.#isOver = true;
    this.#wake?.();
  }
}
