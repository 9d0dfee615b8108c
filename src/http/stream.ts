import {AsyncLocalStorage} from 'node:async_hooks';
import {Readable} from 'node:stream';
import {describe} from '../errors.ts';

/** A chunk of a streamed body. */
type Chunk = string | Uint8Array;

/**
 * The stream with its first chunk already there, so that what fails before it can still be answered properly, and headers
 * can be set until then. Later chunks are asked for in the context that this call was made in.
 */
export async function primed(
  source: AsyncIterable<unknown>,
): Promise<{first: unknown; chunks: AsyncIterableIterator<Chunk>}> {
  const inContext = AsyncLocalStorage.snapshot();
  const iterator = source[Symbol.asyncIterator]();
  const first = await iterator.next();
  await refuseWrongChunk(first, iterator);
  let ready: IteratorResult<unknown> | undefined = first;
  const chunks: AsyncIterableIterator<Chunk> = {
    async next() {
      const step = ready ?? (await inContext(() => iterator.next()));
      ready = undefined;
      return step.done ? {done: true, value: undefined} : {done: false, value: chunk(step.value)};
    },
    async return() {
      await inContext(() => iterator.return?.());
      return {done: true, value: undefined};
    },
    [Symbol.asyncIterator]: () => chunks,
  };
  return {first: first.value, chunks};
}

/** Have a stream that nobody will read give back what it holds. */
export async function dismiss(source: AsyncIterable<unknown>): Promise<void> {
  if (source instanceof Readable) source.destroy();
  else if (source instanceof ReadableStream) await source.cancel();
  else await source[Symbol.asyncIterator]().return?.();
}

async function refuseWrongChunk(first: IteratorResult<unknown>, iterator: AsyncIterator<unknown>): Promise<void> {
  try {
    if (!first.done) chunk(first.value);
  } catch (error) {
    await iterator.return?.();
    throw error;
  }
}

function chunk(value: unknown): Chunk {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw new TypeError(`A stream's chunks must be strings or bytes; one was ${describe(value)}.`);
}
