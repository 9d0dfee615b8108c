import {Readable} from 'node:stream';
import {buffer} from 'node:stream/consumers';
import {gzipSync} from 'node:zlib';
import test from 'ava';
import {isHttpError} from 'http-errors';
import {BodyReader} from '../../src/http/body-reader.ts';
import type {BodyCoding} from '../../src/http/unpack.ts';

/** A body that comes in these chunks, with these headers. */
function incoming(chunks: readonly (string | Buffer)[], headers: Record<string, string> = {}) {
  return {stream: Readable.from(chunks.map(chunk => Buffer.from(chunk))), headers};
}

interface Incoming {
  readonly stream: Readable;
  readonly headers: Record<string, string>;
}

function readBytes({stream, headers}: Incoming, limit: number, codings: readonly BodyCoding[] = []) {
  return new BodyReader(stream, headers).bytes({limit, codings});
}

/** The status and text of the error that this ends in. */
async function refusal(act: () => unknown): Promise<[number, string] | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return isHttpError(error) ? [error.status, error.message] : [0, String(error)];
  }
}

test('a body is all of its chunks', async t => {
  t.is(String(await readBytes(incoming(['Hel', '', 'lo']), 5)), 'Hello');
  t.is((await readBytes(incoming([]), 5)).length, 0);
});

test('a body is a Buffer, also where it comes as other bytes', async t => {
  const stream = Readable.from([new TextEncoder().encode('Hello').subarray(1)]);
  const body = await readBytes({stream, headers: {}}, 5);
  t.true(Buffer.isBuffer(body));
  t.is(String(body), 'ello');
});

test('a length past the limit is a 413 before anything is read', async t => {
  const body = incoming(['Hello!'], {'content-length': '6'});
  t.deepEqual(await refusal(() => readBytes(body, 5)), [413, 'The body is larger than 5 bytes.']);
  t.false(body.stream.readableDidRead);
});

test('a body without a length is a 413 as soon as it passes the limit', async t => {
  const body = incoming(['Hel', 'lo!', 'never', 'read'], {'transfer-encoding': 'chunked'});
  t.deepEqual(await refusal(() => readBytes(body, 5)), [413, 'The body is larger than 5 bytes.']);
  t.false(body.stream.readableEnded);
});

test('a length beside chunks means nothing', async t => {
  const headers = {'transfer-encoding': 'chunked', 'content-length': '99'};
  t.is(String(await readBytes(incoming(['Hello'], headers), 5)), 'Hello');
});

test('a body that ends before its length is a 400', async t => {
  const body = incoming(['Hel'], {'content-length': '5'});
  t.is((await refusal(() => readBytes(body, 100)))?.[0], 400);
});

for (const encoding of ['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'identity, gzip']) {
  test(`a compressed body is a 415: ${encoding}`, async t => {
    const body = incoming(['x'], {'content-encoding': encoding});
    t.deepEqual(await refusal(() => readBytes(body, 5)), [415, 'A compressed body is not accepted.']);
  });
}

test('the answer to a compressed body says what is accepted', async t => {
  const body = incoming(['x'], {'content-encoding': 'gzip'});
  t.like(await t.throwsAsync(readBytes(body, 5)), {headers: {'Accept-Encoding': 'identity'}});
});

test('identity is no compression', async t => {
  t.is(String(await readBytes(incoming(['x'], {'content-encoding': 'Identity'}), 5)), 'x');
});

test('a body that somebody else has read is an error, and never an empty one', async t => {
  const body = incoming(['Hello'], {'content-length': '5'});
  for await (const chunk of body.stream) t.truthy(chunk);
  await t.throwsAsync(readBytes(body, 5), {message: /^Somebody else has read the body\./});
});

test('a body that is broken off is a 400, and the error of a stream is its own', async t => {
  const broken = new Readable({
    read() {
      this.push('Hel');
      this.destroy(Object.assign(new Error('aborted'), {code: 'ECONNRESET'}));
    },
  });
  t.deepEqual(await refusal(() => readBytes({stream: broken, headers: {}}, 5)), [
    400,
    'The body ends before it is whole.',
  ]);
  const failing = new Readable({read: () => failing.destroy(new Error('disk'))});
  await t.throwsAsync(readBytes({stream: failing, headers: {}}, 5), {message: 'disk'});
});

const limits = {limit: 100, codings: []};

test('a body has one reader: as a whole, which is kept, or as a stream', async t => {
  const whole = incoming(['Hello']);
  const kept = new BodyReader(whole.stream, {});
  t.is(await kept.bytes(limits), await kept.bytes(limits));
  t.throws(() => kept.stream(limits), {code: 'BODY_TAKEN', message: /^The body has been read as a whole already\./});
  const streamed = new BodyReader(incoming(['Hello']).stream, {});
  const stream = streamed.stream(limits);
  t.throws(() => streamed.stream(limits), {code: 'BODY_TAKEN', message: /^The body is read as a stream already\./});
  await t.throwsAsync(streamed.bytes(limits), {code: 'BODY_TAKEN'});
  t.is(String(await buffer(stream)), 'Hello');
});

test('nothing is read of a stream before it is asked for, and no more than is', async t => {
  let read = 0;
  const message = new Readable({
    highWaterMark: 1,
    read() {
      read += 1;
      this.push(Buffer.alloc(10));
    },
  });
  const stream = new BodyReader(message, {}).stream({limit: Infinity, codings: []});
  t.is(read, 0);
  for (let round = 0; round < 3; round += 1) await stream.next();
  t.true(read <= 5, `${read}`);
  await stream.return?.();
  t.false(message.destroyed);
});

test('the limit of a compressed body is that of what it unpacks to', async t => {
  const headers = {'content-encoding': 'gzip'};
  const packed = gzipSync('x'.repeat(100_000));
  t.is((await readBytes(incoming([packed], headers), 100_000, ['gzip'])).length, 100_000);
  t.deepEqual(await refusal(() => readBytes(incoming([packed], headers), 99_999, ['gzip'])), [
    413,
    'The body is larger than 99999 bytes.',
  ]);
  // What comes is counted too: a body that unpacks to nothing has no end otherwise.
  const empty = gzipSync('');
  t.is((await refusal(() => readBytes(incoming(Array(10).fill(empty), headers), 100, ['gzip'])))?.[0], 413);
});

test('a bomb of a thousand megabytes is unpacked no further than the limit', async t => {
  const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024));
  const message = incoming(Array(10).fill(bomb), {'content-encoding': 'gzip'});
  t.is((await refusal(() => readBytes(message, 1024 * 1024, ['gzip'])))?.[0], 413);
  t.false(message.stream.readableEnded);
});
