import {EventEmitter, once} from 'node:events';
import {request as ask, type IncomingMessage} from 'node:http';
import {connect as connectHttp2} from 'node:http2';
import {Readable} from 'node:stream';
import {buffer} from 'node:stream/consumers';
import {setImmediate as turn} from 'node:timers/promises';
import {gzipSync} from 'node:zlib';
import test, {type ExecutionContext} from 'ava';
import {Post, Resource, type Request} from 'espalier';
import {testSite} from 'espalier/testing';
import {isHttpError} from 'http-errors';
import {BodyReader} from '../../src/http/body-reader.ts';
import type {BodyCoding} from '../../src/http/unpack.ts';
import {toWebRequest} from '../../src/http/web.ts';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';
import {answerOf, dial, listening} from './raw-socket.ts';

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

/** Every way to read the body of a request. */
const readers: Readonly<Record<string, (request: Request) => Promise<unknown>>> = {
  stream: request => buffer(request.stream()),
  files: async request => {
    for await (const part of request.files()) await part.text();
  },
  pieces: async request => {
    for await (const part of request.files()) await buffer(part);
  },
  bytes: request => request.bytes(),
  text: request => request.text(),
  json: request => request.json(),
  form: request => request.form(),
  mounted: request => toWebRequest(request, '/').text(),
};

/** A site that reads bodies, and how that ended. `/READER/slow` waits for the body, `/READER/early` does not, `/READER/late` begins when its time is over. */
function reading() {
  const events = new EventEmitter();
  const ends: unknown[] = [];
  @Resource({leaf: true})
  class Home {
    @Post()
    async read(request: Request) {
      const [name, when] = request.segments as [string, string];
      const {signal} = request;
      const beginning = when === 'late' ? once(signal, 'abort').then(() => turn()) : Promise.resolve();
      const end = beginning.then(() => readers[name]!(request));
      const told = end.then(
        () => ends.push('whole'),
        (error: Error) => ends.push(error.name),
      );
      setImmediate(() => events.emit('begun'));
      if (when === 'early') return 'early';
      await told;
      return end;
    }
  }
  const {site, clock, log} = testSite(Home, {handlerTimeout: 1000, bodyCodings: ['gzip']});
  return {site, clock, log, ends, begun: () => once(events, 'begun')};
}

const form = {
  type: 'multipart/form-data; boundary=B',
  first: '--B\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nbegin',
  rest: '\r\n--B--',
};
const list = {type: 'application/json', first: '[1', rest: ']'};

/** A body for a reader, in two pieces. */
function sentTo(name: string) {
  return /files|pieces|form/.test(name) ? form : list;
}

for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
  for (const name of Object.keys(readers)) {
    for (const when of ['slow', 'early', 'late']) {
      test(`nobody takes a body for whole that its answer has cut: ${name}, ${when}, ${protocol}`, async t => {
        const {site, clock, log, ends, begun} = reading();
        const url = await listening(t, site, protocol === 'HTTP/2' ? {tls: await selfSigned()} : {});
        const {type, first, rest} = sentTo(name);
        const heard = begun();
        const {answer, end} = posting(t, url, `/${name}/${when}`, type, first);
        await heard;
        if (when !== 'early') clock.advance(1000);
        t.is(await answer, when === 'early' ? 200 : 503);
        await until(() => ends.length > 0);
        end(rest);
        t.deepEqual(ends, ['AbortError']);
        t.deepEqual(
          log.filter(({level}) => level === 'error'),
          [],
        );
      });
    }
  }
}

/** A client that sends the begin of a body, and the rest when it is told. */
function posting(t: ExecutionContext, url: string, path: string, type: string, first: string) {
  const headers = {'content-type': type};
  if (url.startsWith('https')) {
    const client = connectHttp2(url, {rejectUnauthorized: false});
    t.teardown(() => client.destroy());
    const stream = client.request({':method': 'POST', ':path': path, ...headers});
    stream.on('error', () => undefined).write(first);
    const answer = once(stream, 'response').then(([head]) => (head as Record<string, number>)[':status']);
    return {answer, end: (rest: string) => void stream.end(rest)};
  }
  const request = ask(url + path, {method: 'POST', headers});
  t.teardown(() => request.destroy());
  request.on('error', () => undefined).write(first);
  const answer = once(request, 'response').then(([message]) => (message as IncomingMessage).statusCode);
  return {answer, end: (rest: string) => void request.end(rest)};
}

for (const name of Object.keys(readers)) {
  test(`nobody takes a body for whole whose client has gone, with or without an answer: ${name}`, async t => {
    const {site, ends, begun} = reading();
    const url = await listening(t, site);
    for (const length of ['Content-Length: 1000', 'Transfer-Encoding: chunked']) {
      const {type, first} = sentTo(name);
      const chunk = length.startsWith('T') ? `${first.length.toString(16)}\r\n${first}\r\n` : first;
      const heard = begun();
      const client = dial(t, url);
      client.write(`POST /${name}/slow HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n${length}\r\n\r\n${chunk}`);
      await heard;
      client.destroy();
      await until(() => ends.length > 0);
      t.deepEqual(ends.splice(0), ['BadRequestError']);
    }
  });

  test(`nobody takes a body for whole that a closing site has cut: ${name}`, async t => {
    const {site, ends, begun} = reading();
    const url = await listening(t, site);
    const {type, first} = sentTo(name);
    const heard = begun();
    const {answer} = posting(t, url, `/${name}/slow`, type, first);
    const hungUp = t.throwsAsync(answer, {message: 'socket hang up'});
    await heard;
    await site.close();
    await hungUp;
    await until(() => ends.length > 0);
    t.deepEqual(ends, ['BadRequestError']);
  });
}

test('a client that sends on after a 503 is heard to its end, and asks the next on the same connection', async t => {
  const {site, clock, begun} = reading();
  const client = dial(t, await listening(t, site));
  const heard = begun();
  client.write('POST /bytes/slow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
  await heard;
  clock.advance(1000);
  // More than the reader would take.
  client.write(
    `400000\r\n${'x'.repeat(0x40_00_00)}\r\n0\r\n\r\nPOST /text/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
  );
  t.regex(await answerOf(client, / 503 .* 200 /s), / 503 .* 200 /s);
});
