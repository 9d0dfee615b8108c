import {pipeline, type Duplex} from 'node:stream';
import {constants, createBrotliDecompress, createGunzip, createInflate, createZstdDecompress} from 'node:zlib';
import createError from 'http-errors';
import {hush} from './stream.ts';

/** A coding that the body of a request may come in, by the name it has in HTTP. */
export type BodyCoding = 'gzip' | 'br' | 'zstd' | 'deflate';

const decoders: Readonly<Record<BodyCoding, () => Duplex>> = {
  gzip: () => createGunzip(),
  br: () => createBrotliDecompress(),
  // RFC 9659: nobody has to keep more than 8 MiB of what came before.
  zstd: () => createZstdDecompress({params: {[constants.ZSTD_d_windowLogMax]: 23}}),
  deflate: () => createInflate(),
};

/** The codings that a body may come in. */
export const knownCodings = Object.keys(decoders) as readonly BodyCoding[];

/**
 * The coding that a `Content-Encoding` names, or nothing where it names none. Throws a 415 for several, and for one that is not
 * among these, with those that are (RFC 9110, section 12.5.3).
 */
export function codingOf(encoding: string | undefined, accepted: readonly BodyCoding[]): BodyCoding | undefined {
  const named = (encoding ?? 'identity').trim().toLowerCase();
  if (named === 'identity') return undefined;
  // RFC 9110, section 8.4.1.3.
  const coding = accepted.find(each => each === (named === 'x-gzip' ? 'gzip' : named));
  if (coding) return coding;
  const headers = {'Accept-Encoding': accepted.join(', ') || 'identity'};
  const detail =
    accepted.length > 0
      ? `A body may be compressed by ${accepted.join(' or ')} alone.`
      : 'A compressed body is not accepted.';
  throw createError(415, detail, {headers});
}

/** The bytes that are packed in others, unpacked as they are asked for, off the event loop. Throws a 400 for those that are not packed so. */
export async function* unpacked(
  source: AsyncIterable<Buffer<ArrayBuffer>>,
  coding: BodyCoding,
): AsyncGenerator<Buffer<ArrayBuffer>, void> {
  let failure: {readonly error: unknown} | undefined;
  async function* packed() {
    try {
      yield* source;
    } catch (error) {
      failure = {error};
      throw error;
    }
  }
  const decoder = decoders[coding]();
  hush(decoder);
  pipeline(packed, decoder, () => undefined);
  try {
    yield* decoder as AsyncIterable<Buffer<ArrayBuffer>>;
  } catch {
    throw failure?.error ?? createError(400, `The body is not whole, or not ${coding}.`);
  } finally {
    decoder.destroy();
  }
}
