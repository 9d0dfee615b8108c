/* oxlint-disable typescript/no-misused-promises -- the listeners of a socket may be async here */
import {once} from 'node:events';
import test from 'ava';
import type {WebSocket} from 'ws';
import {Resource, SessionService, createError, inject, type Request} from 'espalier';
import {Socket} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {until} from '../until.ts';
import {frame, handshake, dial, listening, openRaw} from './raw-socket.ts';

type Handler = (socket: WebSocket, request: Request) => unknown;

function siteOf(chat: Handler, options?: Parameters<typeof Socket>[0]) {
  @Resource()
  class Chat {
    @Socket(options)
    chat(socket: WebSocket, request: Request) {
      return chat(socket, request);
    }
  }
  return testSite(Chat);
}

const turn = () => new Promise(resolve => setImmediate(resolve));

test('messages that come right behind the handshake are there when an async handler listens later', async t => {
  let go: (() => void) | undefined;
  const heard: string[] = [];
  const {site} = siteOf(async socket => {
    await new Promise<void>(resolve => (go = resolve));
    socket.on('message', data => heard.push(String(data)));
  });
  const client = dial(t, await listening(t, site));
  client.write(Buffer.concat([Buffer.from(handshake()), frame('one'), frame('two')]));
  await until(() => go);
  client.write(frame('three'));
  await turn();
  await turn();
  go!();
  await until(() => heard.length === 3);
  t.deepEqual(heard, ['one', 'two', 'three']);
});

test('a handler that takes one message after the other misses none in between', async t => {
  const {visitor} = siteOf(async socket => {
    for (let i = 0; i < 3; i += 1) {
      const [data] = (await once(socket, 'message')) as [Buffer];
      await turn();
      socket.send(`${i}: ${String(data)}`);
    }
    socket.close(1000);
  });
  const socket = await visitor().socket('/');
  for (const text of ['a', 'b', 'c']) socket.send(text);
  t.deepEqual([await socket.next(), await socket.next(), await socket.next()], ['0: a', '1: b', '2: c']);
  t.like(await socket.closed, {code: 1000});
});

test('while nobody listens a client that sends much has to wait, and nothing of it is lost', async t => {
  let go: (() => void) | undefined;
  let served: WebSocket | undefined;
  let heard = 0;
  const {visitor} = siteOf(async socket => {
    served = socket;
    await new Promise<void>(resolve => (go = resolve));
    socket.on('message', () => (heard += 1));
  });
  const socket = await visitor().socket('/');
  for (let i = 0; i < 5000; i += 1) socket.send(`message ${i}`.padEnd(1000));
  await until(() => served?.isPaused);
  go!();
  await until(() => heard === 5000);
  t.is(heard, 5000);
});

test('what nobody listens to when the handler is done is not kept', async t => {
  let served: WebSocket | undefined;
  const {visitor} = siteOf(socket => void (served = socket));
  const socket = await visitor().socket('/');
  for (let i = 0; i < 1000; i += 1) socket.send('x');
  t.like(await socket.close(1000), {code: 1000});
  let late = 0;
  served!.on('message', () => (late += 1));
  await turn();
  t.is(late, 0);
});

const failing: Record<string, Handler> = {
  'the handler throws': () => {
    throw new Error('broken');
  },
  'the handler rejects': async () => {
    await turn();
    throw new Error('broken');
  },
  'a listener throws': socket =>
    socket.on('message', () => {
      throw new Error('broken');
    }),
  'a listener rejects': socket =>
    socket.on('message', async () => {
      await turn();
      throw new Error('broken');
    }),
  'onmessage rejects': socket => {
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- that it is not one is the point
    socket.onmessage = async () => {
      await turn();
      throw new Error('broken');
    };
  },
  'an object that listens rejects': socket =>
    socket.addEventListener('message', {
      handleEvent: async () => {
        throw new Error('broken');
      },
    }),
};

for (const [title, handler] of Object.entries(failing)) {
  test(`when ${title} the socket is closed with 1011, one line is logged, and the process goes on`, async t => {
    const {visitor, log} = siteOf(handler);
    const socket = await visitor().socket('/');
    socket.send('hello');
    t.deepEqual(await socket.closed, {code: 1011, reason: 'The handler failed.'});
    await until(() => log.length > 0);
    t.is(log.length, 1);
    t.like(log[0], {level: 'error', error: {message: 'broken'}});
    t.regex(log[0]!.message, /^GET \/ failed: urn:uuid:/);
  });
}

test('an error that the client may be shown closes the socket with 4000 and its status, and is not logged', async t => {
  const {visitor, log} = siteOf(socket =>
    socket.on('message', data => {
      throw createError(403, `Not that: ${'ä'.repeat(200)} ${String(data)}`);
    }),
  );
  const socket = await visitor().socket('/');
  socket.send('hello');
  const {code, reason} = await socket.closed;
  t.is(code, 4403);
  t.regex(reason, /^Not that: ä+$/);
  t.deepEqual(log, []);
});

test('a listener that was added as an EventTarget has it can be taken away again', async t => {
  const heard: string[] = [];
  const {visitor} = siteOf(socket => {
    const listener = () => heard.push('removed');
    socket.addEventListener('message', listener);
    socket.removeEventListener('message', listener);
    socket.addEventListener('message', ({data}) => {
      heard.push(String(data));
      socket.close();
    });
  });
  const socket = await visitor().socket('/');
  socket.send('kept');
  await socket.closed;
  t.deepEqual(heard, ['kept']);
});

test('a client that reads nothing while more and more is sent is cut off, and the memory stays free', async t => {
  let sent = 0;
  let most = 0;
  let end: number | undefined;
  const {site, log} = siteOf(async socket => {
    socket.on('close', code => (end = code));
    while (socket.readyState === socket.OPEN && sent < 10_000) {
      socket.send(Buffer.alloc(64 * 1024));
      sent += 1;
      most = Math.max(most, socket.bufferedAmount);
      if (sent % 8 === 0) await turn();
    }
  });
  const client = await openRaw(t, await listening(t, site));
  client.pause();
  await until(() => end);
  t.is(end, 1006);
  t.true(sent < 10_000);
  t.true(most < 2 * 1024 * 1024);
  t.deepEqual(log, []);
});

test('a sender knows by the callback of send() when its message has gone to the network', async t => {
  const {visitor} = siteOf(async socket => {
    for (let i = 0; i < 100; i += 1) await new Promise(resolve => socket.send(Buffer.alloc(256 * 1024, i), resolve));
    socket.close(1000);
  });
  const socket = await visitor().socket('/');
  for (let i = 0; i < 100; i += 1) t.is(((await socket.next()) as Uint8Array)[0], i);
  t.like(await socket.closed, {code: 1000});
});

test('a listener runs in the context of its request, whoever has sent what', async t => {
  @Resource()
  class Chat {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Socket()
    chat(socket: WebSocket) {
      const tell = async (event: string) => socket.send(`${event}: ${typeof (await this.sessions.findSession())}`);
      socket.on('ping', () => void tell('ping'));
      socket.addEventListener('message', () => tell('message'));
    }
  }
  const {site} = testSite(Chat);
  const client = await openRaw(t, await listening(t, site));
  client.write(frame('', {opcode: 9}));
  client.write(frame('hello'));
  let text = '';
  client.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  await until(() => /ping: undefined[^]*message: undefined/.test(text));
  t.pass();
});
