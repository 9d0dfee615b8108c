import {promisify} from 'node:util';
import {brotliCompress, constants, deflate, deflateRaw, gzip, zstdCompress} from 'node:zlib';
import test from 'ava';
import {isHttpError} from 'http-errors';
import {knownCodings, codingOf, unpacked, type BodyCoding} from '../../src/http/unpack.ts';

const text = 'Hello, hello! '.repeat(1000);
const packers: Readonly<Record<BodyCoding, (text: string) => Promise<Buffer>>> = {
  gzip: async given => promisify(gzip)(given),
  br: async given => promisify(brotliCompress)(given),
  zstd: async given => promisify(zstdCompress)(given),
  deflate: async given => promisify(deflate)(given),
};

async function* inPieces(bytes: Buffer, size = 100) {
  for (let at = 0; at < bytes.length; at += size) yield Buffer.from(bytes.subarray(at, at + size));
}

/** The text, or the status of the error that it ends in. */
async function read(source: AsyncIterable<Buffer<ArrayBuffer>>, coding: BodyCoding): Promise<string | number> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of unpacked(source, coding)) chunks.push(chunk);
    return String(Buffer.concat(chunks));
  } catch (error) {
    if (isHttpError(error)) return error.status;
    throw error;
  }
}

for (const coding of knownCodings) {
  test(`${coding} is unpacked; what is cut short, or is not packed so, is a 400`, async t => {
    const packed = await packers[coding](text);
    t.is(await read(inPieces(packed), coding), text);
    t.is(await read(inPieces(packed, 1), coding), text);
    for (const missing of [1, 5, packed.length - 3]) {
      t.is(await read(inPieces(packed.subarray(0, packed.length - missing)), coding), 400, `${missing}`);
    }
    t.is(await read(inPieces(Buffer.from('This is no such thing, whatever its header says.')), coding), 400);
  });

  test(`what the source of ${coding} fails with is what the reader gets`, async t => {
    async function* failing() {
      yield Buffer.from((await packers[coding](text)).subarray(0, 10));
      throw new Error('disk');
    }
    await t.throwsAsync(read(failing(), coding), {message: 'disk'});
  });

  test(`who reads no further of ${coding} lets its source go`, async t => {
    const {promise: ended, resolve} = Promise.withResolvers<string>();
    async function* endless() {
      const packed = await packers[coding]('x'.repeat(10_000));
      try {
        for (;;) yield Buffer.from(packed);
      } finally {
        resolve('ended');
      }
    }
    for await (const chunk of unpacked(endless(), coding)) {
      t.true(chunk.length > 0);
      break;
    }
    t.is(await ended, 'ended');
  });
}

test('two members of gzip are one text, as its RFC has it', async t => {
  const packed = await packers.gzip('a');
  t.is(await read(inPieces(Buffer.concat([packed, packed])), 'gzip'), 'aa');
});

test('deflate is the one with a head, as HTTP has it', async t => {
  t.is(await read(inPieces(await promisify(deflateRaw)(text)), 'deflate'), 400);
});

test('zstd that wants more than 8 MiB of memory is a 400', async t => {
  const params = {[constants.ZSTD_c_windowLog]: 25, [constants.ZSTD_c_contentSizeFlag]: 0};
  const packed = await promisify(zstdCompress)(Buffer.alloc(40 * 1024 * 1024), {params});
  t.is(await read(inPieces(packed), 'zstd'), 400);
});

test('a coding is named in any case, and gzip by its old name too', t => {
  for (const name of [undefined, 'identity', 'Identity', ' identity ']) t.is(codingOf(name, []), undefined);
  for (const name of ['gzip', 'GZIP', ' x-gzip']) t.is(codingOf(name, ['br', 'gzip']), 'gzip');
});

test('a coding that is not taken is a 415 that says in Accept-Encoding which are', t => {
  const refusal = (name: string, accepted: readonly BodyCoding[]) => {
    const error = t.throws(() => codingOf(name, accepted)) as unknown as {
      status: number;
      headers: object;
      message: string;
    };
    return [error.status, error.message, error.headers];
  };
  for (const name of ['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'identity, gzip', 'x', '']) {
    t.deepEqual(refusal(name, []), [415, 'A compressed body is not accepted.', {'Accept-Encoding': 'identity'}]);
  }
  const some = [415, 'A body may be compressed by gzip or br alone.', {'Accept-Encoding': 'gzip, br'}];
  for (const name of ['deflate', 'gzip, br', 'gzip, gzip', 'compress', '__proto__'])
    t.deepEqual(refusal(name, ['gzip', 'br']), some);
});
