import {once} from 'node:events';
import test from 'ava';
import type {WebSocket} from 'ws';
import {Get, Resource, type ResourceClass} from 'espalier';
import {Socket, type SocketOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {systemClock} from '../../src/clock.ts';
import {asksForWebSocket, socketDefaults, WebSockets} from '../../src/http/web-sockets.ts';
import {answerOf, dial, frame, handshake, listening, openRaw} from './raw-socket.ts';

function echo(options?: SocketOptions): ResourceClass {
  @Resource()
  class Echo {
    @Socket(options)
    chat(socket: WebSocket) {
      socket.on('message', data => socket.send(data));
    }
  }
  return Echo;
}

/** The close code in a frame of the server's. */
const codeIn = (bytes: Buffer) => bytes.readUInt16BE(bytes.lastIndexOf(0x88) + 2);

async function closeCode(client: Awaited<ReturnType<typeof openRaw>>) {
  const chunks: Buffer[] = [];
  client.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(client, 'end');
  return codeIn(Buffer.concat(chunks));
}

const limits: [string, SocketOptions, Buffer, number][] = [
  ['a message of more bytes than maxPayload', {maxPayload: 10}, frame('more than ten'), 1009],
  [
    'a message that claims to be of 2^62 bytes',
    {},
    Buffer.from([0x82, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    1009,
  ],
  [
    'a flood of tiny fragments',
    {},
    Buffer.concat([
      frame('a', {isLast: false}),
      ...Array.from({length: 2000}, () => frame('', {opcode: 0, isLast: false})),
    ]),
    1008,
  ],
  ['a frame that is not masked', {}, Buffer.from([0x81, 1, 0x61]), 1002],
  ['a reserved bit', {}, Buffer.from([0xc1, 0x80, 0, 0, 0, 0]), 1002],
  ['a reserved opcode', {}, frame('', {opcode: 3}), 1002],
  ['a ping of more than 125 bytes', {}, frame('x'.repeat(126), {opcode: 9}), 1002],
  ['a text that is no UTF-8', {}, Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff]), 1007],
  ['a close frame with a code that there is not', {}, Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xed]), 1002],
];

for (const [title, options, bytes, code] of limits) {
  test(`${title} closes the socket with ${code}, and nothing is logged`, async t => {
    const {site, log} = testSite(echo(options));
    const client = await openRaw(t, await listening(t, site));
    client.write(bytes);
    t.is(await closeCode(client), code);
    t.deepEqual(log, []);
  });
}

const wrong: [string, Record<string, string>, string][] = [
  ['no key', {'Sec-WebSocket-Key': ''}, '400 Bad Request'],
  ['a short key', {'Sec-WebSocket-Key': 'x'}, '400 Bad Request'],
  ['no version', {'Sec-WebSocket-Version': ''}, '426 Upgrade Required'],
  ['an old version', {'Sec-WebSocket-Version': '0'}, '426 Upgrade Required'],
  ['a list of protocols that is none', {'Sec-WebSocket-Protocol': ','}, '400 Bad Request'],
  ['the same protocol twice', {'Sec-WebSocket-Protocol': 'a, a'}, '400 Bad Request'],
];

for (const [title, headers, status] of wrong) {
  test(`a handshake with ${title} is a ${status}, after which the connection ends`, async t => {
    const {site, log} = testSite(echo());
    const client = dial(t, await listening(t, site));
    client.write(handshake(headers));
    const answer = await answerOf(client);
    t.true(answer.startsWith(`HTTP/1.1 ${status}\r\n`), answer);
    if (status.startsWith('426')) t.regex(answer, /\r\nSec-WebSocket-Version: 13, 8\r\n/);
    t.deepEqual(log, []);
  });
}

test('of the subprotocols that a client offers the first of ours is taken, and none that is not spoken', async t => {
  const {visitor} = testSite(echo({protocols: ['v2', 'v1']}));
  t.is((await visitor().socket('/', {protocols: ['v1', 'v2', 'v3']})).protocol, 'v2');
  t.is((await visitor().socket('/')).protocol, '');
  await t.throwsAsync(visitor().socket('/', {protocols: ['v3']}), {message: /no subprotocol/});
  await t.throwsAsync(
    testSite(echo())
      .visitor()
      .socket('/', {protocols: ['v1']}),
    {message: /no subprotocol/},
  );
});

test('messages are packed where the method says so, and only there', async t => {
  const offer = {'Sec-WebSocket-Extensions': 'permessage-deflate'};
  for (const perMessageDeflate of [false, true]) {
    const {site} = testSite(echo({perMessageDeflate}));
    const client = dial(t, await listening(t, site));
    client.write(handshake(offer));
    t.is(
      /\r\nSec-WebSocket-Extensions: permessage-deflate/.test(await answerOf(client, /\r\n\r\n/)),
      perMessageDeflate,
    );
  }
});

test('what is small when it is packed counts as it is unpacked', async t => {
  const {deflateRawSync, constants} = await import('node:zlib');
  const {site} = testSite(echo({perMessageDeflate: true}));
  const client = await openRaw(t, await listening(t, site), {'Sec-WebSocket-Extensions': 'permessage-deflate'});
  const packed = deflateRawSync(Buffer.alloc(8 * 1024 * 1024), {finishFlush: constants.Z_SYNC_FLUSH}).subarray(0, -4);
  const head = Buffer.from([0xc2, 0x80 | 126, packed.length >> 8, packed.length & 0xff, 0, 0, 0, 0]);
  client.write(Buffer.concat([head, packed]));
  t.is(await closeCode(client), 1009);
});

test('a request asks for a WebSocket by GET, without a body', t => {
  const headers = {upgrade: 'WebSocket'};
  t.true(asksForWebSocket({httpVersion: '1.1', method: 'GET', headers}));
  t.false(asksForWebSocket({httpVersion: '1.0', method: 'GET', headers}));
  t.true(asksForWebSocket({httpVersion: '1.1', method: 'GET', headers: {...headers, 'content-length': '0'}}));
  t.false(asksForWebSocket({httpVersion: '1.1', method: 'POST', headers}));
  t.false(asksForWebSocket({httpVersion: '1.1', method: 'GET', headers: {upgrade: 'h2c'}}));
  t.false(asksForWebSocket({httpVersion: '1.1', method: 'GET', headers: {...headers, 'content-length': '5'}}));
  t.false(asksForWebSocket({httpVersion: '1.1', method: 'GET', headers: {...headers, 'transfer-encoding': 'chunked'}}));
});

test('an option that is undefined is as good as not given', t => {
  t.deepEqual(new WebSockets({origins: undefined as never}, systemClock).origins, socketDefaults.origins);
});

test('a socket beside a page costs the page nothing: it is answered as ever', async t => {
  @Resource()
  class Page {
    @Get()
    show() {
      return 'a page';
    }
    @Socket()
    chat() {}
  }
  const url = await listening(t, testSite(Page).site);
  t.is(await (await fetch(url)).text(), 'a page');
});
