import {once} from 'node:events';
import type {Socket} from 'node:net';
import {setImmediate as turn} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {WebSocket} from 'ws';
import {Child, Resource, SessionService, Use, type SiteOptions} from 'espalier';
import {requireSignIn} from 'espalier/builtin';
import {proxy} from 'espalier/builtin/proxy';
import {testSite} from 'espalier/testing';
import {until} from '../until.ts';
import {dial, frame, handshake, listening, openRaw} from './raw-socket.ts';
import {siteBefore, SocketTarget} from './socket-target.ts';

/** A WebSocket through a site, at both ends. */
async function through(t: ExecutionContext, siteOptions: SiteOptions = {}) {
  const target = await SocketTarget.begin(t);
  const made = siteBefore(target.url, {siteOptions});
  const url = await listening(t, made.site);
  const socket = new WebSocket(`${url.replace('http', 'ws')}/old`);
  socket.on('error', () => undefined);
  t.teardown(() => socket.terminate());
  await once(socket, 'open');
  await until(() => target.taken.length === 1);
  return {...made, url, target, socket, taken: target.taken[0]!};
}

/** A client of its own making, behind its 101. */
async function rawThrough(t: ExecutionContext, take?: (socket: WebSocket) => void, siteOptions: SiteOptions = {}) {
  const target = await SocketTarget.begin(t, {}, take);
  const made = siteBefore(target.url, {siteOptions});
  const client = await openRaw(t, await listening(t, made.site), {}, '/old');
  await until(() => target.taken.length === 1);
  return {...made, target, client, taken: target.taken[0]!};
}

const socketOf = (socket: WebSocket) => (socket as unknown as {_socket: Socket})._socket;

/** What has come to a client, from now on. */
function hearing(client: Socket): {bytes: Buffer} {
  const heard = {bytes: Buffer.alloc(0)};
  client.on('data', (chunk: Buffer) => (heard.bytes = Buffer.concat([heard.bytes, chunk])));
  return heard;
}

test('a side that takes nothing holds up the other one, and no memory is filled', async t => {
  const total = 64 * 1024 * 1024;
  const piece = Buffer.alloc(1024 * 1024);
  // To the client.
  const {client, taken} = await rawThrough(t);
  client.pause();
  for (let sent = 0; sent < total; sent += piece.length) taken.send(piece);
  const settled = async (left: () => number) => {
    let before = -1;
    for (let same = 0; same < 200; same = left() === before ? same + 1 : 0) {
      before = left();
      await turn();
    }
  };
  await settled(() => taken.bufferedAmount);
  t.true(taken.bufferedAmount > total / 4);
  let heard = 0;
  client.on('data', (chunk: Buffer) => (heard += chunk.length));
  client.resume();
  await until(() => heard >= total);
  // To the target.
  const other = await through(t);
  socketOf(other.taken).pause();
  for (let sent = 0; sent < total; sent += piece.length) other.socket.send(piece);
  await settled(() => other.socket.bufferedAmount);
  t.true(other.socket.bufferedAmount > total / 4);
  socketOf(other.taken).resume();
  await until(() => other.socket.bufferedAmount === 0);
});

for (const leave of ['end', 'destroy', 'resetAndDestroy'] as const) {
  test(`a client that goes by ${leave} ends the connection to the target, and one of the target that of the client`, async t => {
    const {client, target, site, clock, log} = await rawThrough(t);
    client[leave]();
    await until(() => target.connections.size === 0);
    t.deepEqual(target.ends, [1006]);
    const again = dial(t, await site.listen({port: 0, host: '127.0.0.1'}));
    again.write(handshake({}, '/old'));
    await until(() => target.taken.length === 2);
    const closed = once(again.resume(), 'close');
    socketOf(target.taken[1]!)[leave]();
    await closed;
    await until(() => target.connections.size === 0 && clock.pending === 0);
    t.deepEqual(log, []);
  });
}

test('what a target has said before it went gets to the client', async t => {
  const {client} = await rawThrough(t, socket =>
    socket.once('message', () => {
      socket.send('the last word');
      socketOf(socket).end();
    }),
  );
  const heard = hearing(client);
  client.write(frame('what is it?'));
  await once(client, 'close');
  t.regex(heard.bytes.toString('latin1'), /the last word$/);
});

test('a side that never ends its connection has 10 seconds for that', async t => {
  const {client, target, taken, clock} = await rawThrough(t);
  // It neither reads nor ends.
  socketOf(taken).pause();
  socketOf(taken).allowHalfOpen = true;
  client.write(frame('hello'));
  client.end();
  await until(() => clock.pending > 0);
  t.is(target.connections.size, 1);
  clock.advance(9999);
  clock.advance(1);
  await once(client.resume(), 'close');
  socketOf(taken).resume();
  await until(() => target.connections.size === 0);
  t.is(clock.pending, 0);
});

test('a site that closes says so to the client by 1000, whose goodbye goes to the target', async t => {
  const {socket, target, site, clock} = await through(t);
  const closed = once(socket, 'close') as Promise<[number, Buffer]>;
  await site.close();
  const [code, reason] = await closed;
  t.is(code, 1000);
  t.is(String(reason), 'The site is closing.');
  await until(() => target.connections.size === 0);
  t.deepEqual(target.ends, [1000]);
  t.is(clock.pending, 0);
});

test('a frame that is on its way when the site closes gets to its end before the goodbye', async t => {
  const {client, taken, site} = await rawThrough(t);
  const heard = hearing(client);
  // The head of a frame of five bytes, and two of these.
  socketOf(taken).write(Buffer.from('\x81\x05he', 'latin1'));
  await until(() => heard.bytes.length === 4);
  const closed = site.close();
  for (let i = 0; i < 20; i += 1) await turn();
  t.is(heard.bytes.length, 4);
  socketOf(taken).write(Buffer.from('llo\x81\x04late', 'latin1'));
  await until(() => heard.bytes.includes('closing'));
  t.is(heard.bytes.subarray(0, 7).toString('latin1'), '\x81\x05hello');
  t.is(heard.bytes[7], 0x88);
  t.false(heard.bytes.includes('late'));
  client.write(frame('\x03\xe8', {opcode: 8}));
  await once(client, 'close');
  await closed;
});

test('a client that does not say goodbye to a site that closes is ended after drainTimeout, and with it the target’s connection', async t => {
  const {client, target, site} = await rawThrough(t, undefined, {drainTimeout: 200});
  const heard = hearing(client);
  const closed = site.close();
  await until(() => heard.bytes.includes('closing'));
  client.write(frame('still here'));
  const gone = once(client, 'close');
  await closed;
  await gone;
  await until(() => target.connections.size === 0);
});

test('a WebSocket that is handed on ends with the session that a guard has asked for, at both ends, and nothing is heard of its visitor then', async t => {
  const heard: string[] = [];
  const target = await SocketTarget.begin(t, {}, socket => socket.on('message', data => heard.push(String(data))));
  @Resource()
  @Use(requireSignIn())
  class Members extends proxy(target.url) {}
  @Resource()
  @Child('members', Members)
  @Child('all', proxy(target.url))
  class Home {}
  const {as, clock, site} = testSite(Home);
  const ada = as('ada');
  const [socket, free] = [await ada.socket('/members'), await ada.socket('/all')];
  socket.send('before');
  await until(() => heard.length === 1);
  // Each message keeps the session.
  for (let i = 0; i < 3; i += 1) {
    clock.advance(10 * 60_000);
    socket.send(`message ${i}`);
    await until(() => heard.length === 2 + i);
    for (let j = 0; j < 20; j += 1) await turn();
  }
  await site.container.get(SessionService).of('ada').expireAll();
  const end = socket.closed;
  socket.send('after');
  t.is((await end).code, 4401);
  await until(() => target.ends.length === 1);
  t.deepEqual(target.ends, [1001]);
  t.false(heard.includes('after'));
  free.send('free');
  await until(() => heard.includes('free'));
});
