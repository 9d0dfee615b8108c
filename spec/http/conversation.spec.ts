import {once} from 'node:events';
import test from 'ava';
import type {WebSocket} from 'ws';
import {
  Resource,
  Use,
  createSite,
  type Middleware,
  type MiddlewareClass,
  type Next,
  type Request,
  type ResourceClass,
  type Response,
} from 'espalier';
import {Socket} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import type {Conversation} from '../../src/http/conversation.ts';
import {until} from '../until.ts';
import {answerOf, dial, frame, handshake, listening, openRaw} from './raw-socket.ts';

type Handler = (socket: WebSocket, request: Request) => unknown;

function chatOf(chat: Handler, options?: Parameters<typeof Socket>[0]): ResourceClass {
  @Resource()
  class Chat {
    @Socket(options)
    chat(socket: WebSocket, request: Request) {
      return chat(socket, request);
    }
  }
  return Chat;
}

const endOf = async (socket: WebSocket) => ((await once(socket, 'close')) as [number])[0];

test('a client that is not there any more is found by a ping that nobody answers', async t => {
  const ends: Promise<number>[] = [];
  const {site, clock} = testSite(chatOf(socket => void ends.push(endOf(socket))));
  const client = await openRaw(t, await listening(t, site));
  const pings: Buffer[] = [];
  client.on('data', (chunk: Buffer) => pings.push(chunk));
  await until(() => ends.length === 1);
  clock.advance(30_000);
  await until(() => pings.length > 0);
  t.deepEqual(pings[0], Buffer.from([0x89, 0]));
  clock.advance(30_000);
  t.is(await ends[0], 1006);
});

test('a client that says anything is there, and one that answers pings', async t => {
  let served: WebSocket | undefined;
  const {site, clock, visitor} = testSite(chatOf(socket => void (served = socket)));
  const quiet = await visitor().socket('/');
  for (let i = 0; i < 100; i += 1) clock.advance(30_000);
  t.like(await quiet.close(1000), {code: 1000});
  const client = await openRaw(t, await listening(t, site));
  for (let i = 1; i <= 3; i += 1) {
    // The half of a frame counts too.
    client.write(frame('hello').subarray(2 * (i - 1), 2 * i));
    await until(() => (served as unknown as {_socket: {bytesRead: number}})._socket.bytesRead % 1000 > 0);
    await new Promise(resolve => setTimeout(resolve, 20));
    clock.advance(30_000);
    await new Promise(resolve => setImmediate(resolve));
  }
  t.is(served!.readyState, served!.OPEN);
});

test('pingInterval 0 asks nobody, and another one asks as often as it says', async t => {
  const {site, clock} = testSite(chatOf(() => undefined, {pingInterval: 0}));
  const client = await openRaw(t, await listening(t, site));
  t.is(clock.pending, 0);
  clock.advance(1e9);
  client.destroy();
});

test('close() of a site says goodbye with 1000 to every socket, and waits for them', async t => {
  const {site, visitor} = testSite(chatOf(() => undefined));
  const sockets = [await visitor().socket('/'), await visitor().socket('/')];
  await site.close();
  for (const socket of sockets) t.deepEqual(await socket.closed, {code: 1000, reason: 'The site is closing.'});
});

test('a client that says nothing to that does not hold the site for longer than drainTimeout', async t => {
  const site = createSite(
    chatOf(() => undefined),
    {drainTimeout: 100},
  );
  const client = await openRaw(t, await listening(t, site));
  const closed = once(client, 'close');
  await site.close();
  await closed;
  t.pass();
});

test('nor does one whose handler has paused it', async t => {
  const {site, visitor} = testSite(chatOf(socket => socket.pause()));
  const socket = await visitor().socket('/');
  await site.close();
  t.like(await socket.closed, {code: 1000});
});

test('request.signal is aborted when the socket is closed, by whomever, and the log says nothing of who heeds it', async t => {
  const heard: string[] = [];
  const {site, visitor, log} = testSite(
    chatOf(async (socket, {signal}) => {
      socket.send('ready');
      await new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          heard.push('aborted');
          reject(signal.reason as Error);
        });
      });
    }),
  );
  const [one, other, third] = [await visitor().socket('/'), await visitor().socket('/'), await visitor().socket('/')];
  for (const each of [one, other, third]) await each.next();
  await one.close(1000);
  other.vanish();
  await until(() => heard.length === 2);
  await site.close();
  await until(() => heard.length === 3);
  t.deepEqual(log, []);
});

test.serial('2,000 sockets that close at once are all gone, with their timers and their sessions', async t => {
  const {site, visitor, clock} = testSite(chatOf(() => undefined));
  const client = visitor();
  const sockets = [];
  for (let i = 0; i < 2000; i += 1) sockets.push(await client.socket('/'));
  t.true(clock.pending >= 2000);
  await Promise.all(sockets.slice(1000).map(socket => socket.close(1000)));
  await until(() => clock.pending <= 1000);
  await site.close();
  for (const socket of sockets) t.like(await socket.closed, {code: 1000});
  t.is(clock.pending, 0);
});

test('a WebSocket that comes when handlerTimeout is over, or that a middleware answers in place of, is given up at once', async t => {
  const given: string[] = [];
  const gate = Promise.withResolvers<void>();
  const before = (act: (found: Conversation) => unknown): MiddlewareClass =>
    class Before implements Middleware {
      async handle(_request: Request, _response: Response, next: Next) {
        return act((await next()) as Conversation);
      }
    };
  const late = before(async found => {
    found.afterEnd(() => given.push('late'));
    await gate.promise;
    return found;
  });
  const replaced = before(found => {
    found.afterEnd(() => given.push('replaced'));
    return 'another answer';
  });
  for (const [guard, answered] of [
    [late, /^HTTP\/1\.1 503 /],
    [replaced, /^HTTP\/1\.1 200 [^]*another answer$/],
  ] as const) {
    const Chat = chatOf(() => undefined);
    Use(guard)(Chat);
    const {site, clock} = testSite(Chat, {handlerTimeout: 1000});
    const client = dial(t, await listening(t, site));
    client.write(handshake());
    if (guard === late) {
      await until(() => clock.pending > 0);
      for (let i = 0; i < 50; i += 1) await new Promise(resolve => setImmediate(resolve));
      clock.advance(1000);
    }
    t.regex(await answerOf(client), answered);
  }
  gate.resolve();
  await until(() => given.length === 2);
  t.deepEqual(given.toSorted(), ['late', 'replaced']);
});
