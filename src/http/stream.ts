import {AsyncLocalStorage} from 'node:async_hooks';
import {EventEmitter} from 'node:events';
import {Readable} from 'node:stream';
import {ignore, promised} from '../awaitable.ts';
import {describe} from '../errors.ts';

/** A chunk of a streamed body. */
export type Chunk = string | Uint8Array;

/**
 * The stream with its first chunk already there, so that what fails before it can still be answered properly, and headers
 * can be set until then. Later chunks are asked for in the context that this call was made in. `onEnd` is called when no more
 * will be: the stream has ended, has failed, or is read no further. Rejects with the reason of `signal` where that is aborted before
 * the first chunk has come; then the source gives back what it holds.
 */
export async function primed(
  source: AsyncIterable<unknown>,
  onEnd: () => void = () => undefined,
  signal?: AbortSignal,
): Promise<{first: unknown; chunks: AsyncIterableIterator<Chunk>}> {
  const inContext = AsyncLocalStorage.snapshot();
  const iterator = iteratorOf(source);
  const first = await (signal ? firstOf(iterator, signal) : iterator.next());
  refuseWrongChunk(first, iterator);
  let ready: IteratorResult<unknown> | undefined = first;
  const chunks: AsyncIterableIterator<Chunk> = {
    async next() {
      try {
        const step = ready ?? (await inContext(() => iterator.next()));
        ready = undefined;
        if (!step.done) return {done: false, value: chunk(step.value)};
      } catch (error) {
        onEnd();
        throw error;
      }
      onEnd();
      return done;
    },
    async return() {
      // Before it has given back what it holds: one that waits for something might never have.
      onEnd();
      await inContext(() => iterator.return?.());
      return done;
    },
    [Symbol.asyncIterator]: () => chunks,
  };
  return {first: first.value, chunks};
}

async function firstOf(iterator: AsyncIterator<unknown>, signal: AbortSignal): Promise<IteratorResult<unknown>> {
  const {promise: aborted, reject} = Promise.withResolvers<never>();
  const leave = () => reject(signal.reason);
  signal.addEventListener('abort', leave);
  try {
    if (signal.aborted) leave();
    // It is asked all the same: what a generator holds it gives back only when it has begun.
    return await Promise.race([aborted, iterator.next()]);
  } catch (error) {
    if (signal.aborted) ignore(promised(() => iterator.return?.()));
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}

/** What reads a source, and gives back at once what that holds: streams have iterators that first wait for what was asked for. */
export function iteratorOf(source: AsyncIterable<unknown>): AsyncIterator<unknown> {
  hush(source);
  if (source instanceof ReadableStream) {
    const reader = source.getReader();
    return {
      next: () => reader.read() as Promise<IteratorResult<unknown>>,
      return: async () => {
        await reader.cancel();
        return done;
      },
    };
  }
  const iterator = source[Symbol.asyncIterator]();
  if (!(source instanceof Readable)) return iterator;
  return {
    next: () => iterator.next(),
    return: async () => {
      source.destroy();
      return done;
    },
  };
}

/** Whether what has come of a stream of this type is whole wherever it ends: of anything but events it is not. */
export function isWholeAnywhere(type: string | undefined): boolean {
  return /^text\/event-stream\b/i.test(type ?? '');
}

/** What a stream that was cut off fails with. */
export class StreamCut extends Error {}

/** A stream that can be stopped while somebody waits for its next chunk. */
export class StoppableStream implements AsyncIterableIterator<Chunk> {
  readonly #source: AsyncIterator<Chunk>;
  readonly #onDone: () => void;
  #pending: PromiseWithResolvers<IteratorResult<Chunk>> | undefined;
  #isDone = false;
  /** What it fails with from now on. */
  #cut: StreamCut | undefined;

  /** `onDone` is called once, when there will be no more chunks. */
  constructor(source: AsyncIterable<Chunk>, onDone: () => void) {
    this.#source = source[Symbol.asyncIterator]();
    this.#onDone = onDone;
  }

  async next(): Promise<IteratorResult<Chunk>> {
    // Nobody was waiting when it was cut off, as when a client is slow.
    if (this.#cut) throw this.#cut;
    if (this.#isDone) return done;
    this.#pending = Promise.withResolvers();
    void this.#ask(this.#pending);
    return this.#pending.promise;
  }

  async #ask({resolve, reject}: PromiseWithResolvers<IteratorResult<Chunk>>): Promise<void> {
    try {
      const step = await this.#source.next();
      if (step.done) this.#finish();
      resolve(step);
    } catch (error) {
      this.#finish();
      reject(error);
    }
  }

  async return(): Promise<IteratorResult<Chunk>> {
    // A source that was stopped was told so, and may take its time: its client is not to wait for that.
    if (this.#isDone) return done;
    this.#finish();
    await this.#source.return?.();
    return done;
  }

  /** End it here: as if this were its end where what has come is whole, otherwise by failing. */
  stop(isWhole: boolean): void {
    if (this.#isDone) return;
    this.#finish();
    if (!isWhole) this.#cut = new StreamCut('The stream was cut off.');
    if (this.#cut) this.#pending?.reject(this.#cut);
    else this.#pending?.resolve(done);
    // A generator that waits for something gives back what it holds when that has come.
    ignore(promised(() => this.#source.return?.()));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#onDone();
  }
}

const done: IteratorResult<Chunk> = {done: true, value: undefined};

/** Have a stream that nobody will read give back what it holds. How long that takes, and whether it fails, holds nobody up. */
export function dismiss(source: AsyncIterable<unknown>): void {
  hush(source);
  ignore(promised(() => giveBack(source)));
}

function giveBack(source: AsyncIterable<unknown>): unknown {
  if (source instanceof Readable) return source.destroy();
  if (source instanceof ReadableStream) return source.cancel();
  return source[Symbol.asyncIterator]().return?.();
}

/** What has been sent: Responses, streams and iterators. They give no more than once, unlike what makes an iterator anew each time. */
const sent = new WeakSet<object>();

/** Whether something that is about to be sent has nothing more to give. It has not, from then on. */
export function isSpent(source: object): boolean {
  if (sent.has(source) || (source instanceof Readable && source.readableEnded)) return true;
  const isAnew = Symbol.asyncIterator in source && !('next' in source);
  if (!isAnew || source instanceof Readable || source instanceof ReadableStream) sent.add(source);
  return false;
}

/** A Node stream may fail when nobody reads it yet, or any more, as a file does that can't be opened: that would end the process. */
export function hush(source: unknown): void {
  if (!(source instanceof EventEmitter) || hushed.has(source)) return;
  hushed.add(source);
  source.on('error', () => undefined);
}

const hushed = new WeakSet<EventEmitter>();

function refuseWrongChunk(first: IteratorResult<unknown>, iterator: AsyncIterator<unknown>): void {
  try {
    if (!first.done) chunk(first.value);
  } catch (error) {
    ignore(promised(() => iterator.return?.()));
    throw error;
  }
}

function chunk(value: unknown): Chunk {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new TypeError(`A stream's chunks must be strings or bytes; one was ${describe(value)}.`);
}
