/* oxlint-disable typescript/no-misused-promises -- the listeners of a socket may be async here */
import {once} from 'node:events';
import test from 'ava';
import {WebSocket} from 'ws';
import {
  ContainerModule,
  Get,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  Use,
  inject,
  injectable,
  type Middleware,
  type Next,
  type Request,
  type Response,
  type SiteOptions,
} from 'espalier';
import {Socket} from 'espalier/builtin';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock, testSite} from 'espalier/testing';
import {until} from './until.ts';
import {frame, listening, openRaw} from './http/raw-socket.ts';

const minute = 60_000;

@SessionComponent('talk')
class Talk {
  said: string[] = [];
}

@injectable()
class Renew implements Middleware {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  async handle(request: Request, response: Response, next: Next) {
    if (request.query.has('renew')) await this.sessions.renew();
    if (request.query.has('begin')) await this.sessions.getSession();
    response.setCookie('seen', 'yes');
    return next();
  }
}

@Resource()
@Use(Renew)
class Chat {
  readonly heard: string[] = [];
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async enter() {
    return (await this.sessions.getSession()).uid;
  }

  @Post()
  async leave() {
    await this.sessions.expire();
  }

  @Socket()
  chat(socket: WebSocket) {
    socket.on('message', async data => {
      this.heard.push(String(data));
      if (String(data) === 'begin') return reply(socket, () => this.sessions.getSession());
      if (String(data) === 'renew') return reply(socket, () => this.sessions.renew());
      if (String(data) === 'leave') return reply(socket, () => this.sessions.expire());
      const session = await this.sessions.findSession();
      await session?.update(Talk, talk => void talk.said.push(String(data)));
      socket.send(session?.get(Talk).said.join(' ') ?? 'nobody');
    });
  }
}

async function reply(socket: WebSocket, act: () => Promise<unknown>) {
  try {
    await act();
    socket.send('done');
  } catch (error) {
    socket.send(String((error as {code?: string}).code));
  }
}

async function chatting(options?: SiteOptions) {
  const chat = testSite(Chat, options);
  const ada = chat.visitor();
  await ada.get('/');
  return {...chat, ada, sessions: chat.site.container.get(SessionService)};
}

const hasEnded = {code: 4401, reason: 'The session has ended.'};

test('a renewal before the 101 sends its cookie with it, beside those of others', async t => {
  const {ada} = await chatting();
  const before = await ada.jar.getCookieString('http://localhost/');
  const socket = await ada.socket('/?renew');
  const after = await ada.jar.getCookieString('http://localhost/');
  t.regex(after, /seen=yes/);
  t.not(before, after.replace(/; seen=yes/, ''));
  socket.send('hello');
  t.is(await socket.next(), 'hello');
  t.is((await ada.get('/')).headers.getSetCookie().length, 1);
});

test('a session that begins before the 101 is there behind it', async t => {
  const {visitor} = testSite(Chat);
  const socket = await visitor().socket('/?begin');
  socket.send('hello');
  t.is(await socket.next(), 'hello');
});

test('behind the 101 no session begins and none is renewed, for the cookie would come too late', async t => {
  const {ada, visitor} = await chatting();
  const hers = await ada.socket('/');
  hers.send('renew');
  t.is(await hers.next(), 'SESSION_TOO_LATE');
  const other = await visitor().socket('/');
  other.send('begin');
  t.is(await other.next(), 'SESSION_TOO_LATE');
});

test('a socket is closed with 4401 when another request ends its session, whoever has asked for that', async t => {
  const {ada} = await chatting();
  const [one, other] = [await ada.socket('/'), await ada.socket('/')];
  one.send('hello');
  await one.next();
  await ada.post('/');
  t.deepEqual(await one.closed, hasEnded);
  t.deepEqual(await other.closed, hasEnded);
});

test('so it is when its own handler ends the session', async t => {
  const {ada} = await chatting();
  const socket = await ada.socket('/');
  socket.send('leave');
  t.like(await socket.closed, {code: 4401});
});

test('so it is when all sessions of its user are ended', async t => {
  const {as, site} = testSite(Chat);
  const socket = await as('ada').socket('/');
  await site.container.get(SessionService).of('ada').expireAll();
  t.like(await socket.closed, {code: 4401});
});

test('so it is when its visitor signs in: it belongs to nobody who has signed in', async t => {
  @Resource()
  class Door {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async enter() {
      await this.sessions.getSession();
    }
    @Post()
    async signIn() {
      await this.sessions.signIn('ada');
    }
    @Socket()
    chat() {}
  }
  const {visitor, clock} = testSite(Door);
  const ada = visitor();
  await ada.get('/');
  const socket = await ada.socket('/');
  await ada.post('/');
  for (let i = 0; i < 20; i += 1) clock.advance(1000);
  t.like(await socket.closed, {code: 4401});
  const again = await ada.socket('/');
  clock.advance(5000);
  t.like(await again.close(1000), {code: 1000});
});

test('so it is when another process ends the session', async t => {
  const store = new MemoryStore({clock: new TestClock()});
  const shared = () => new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store));
  const [here, there] = [testSite(Chat, {modules: [shared()]}), testSite(Chat, {modules: [shared()]})];
  const ada = here.visitor();
  await ada.get('/');
  const socket = await ada.socket('/');
  const cookie = await ada.jar.getCookieString('http://localhost/');
  const answered = await there.site.handle({method: 'POST', headers: {host: 'localhost', cookie}});
  t.is(answered.status, 204);
  here.clock.advance(500);
  t.like(await socket.closed, {code: 4401});
});

test('so it is when its time is over: a socket that says nothing does not keep a session', async t => {
  const {ada, clock} = await chatting();
  const socket = await ada.socket('/');
  for (let i = 0; i < 15; i += 1) clock.advance(minute);
  clock.advance(1000);
  t.like(await socket.closed, {code: 4401});
});

test('what comes in counts as the visitor being seen, up to the absolute timeout', async t => {
  const {ada, clock} = await chatting({sessions: {absoluteTimeout: 60 * minute}});
  const socket = await ada.socket('/');
  for (let i = 0; i < 5; i += 1) {
    clock.advance(10 * minute);
    socket.send('x');
    t.is(await socket.next(), 'x '.repeat(i + 1).trim());
  }
  clock.advance(10 * minute + 1000);
  t.like(await socket.closed, {code: 4401});
});

test('a session that is renewed elsewhere goes on at its sockets', async t => {
  const {ada, clock} = await chatting();
  const socket = await ada.socket('/');
  await ada.get('/?renew');
  for (let i = 0; i < 12; i += 1) {
    clock.advance(minute / 2);
    await ada.get('/');
  }
  socket.send('still here');
  t.is(await socket.next(), 'still here');
});

test('nothing is heard any more from a client whose session has ended, whether it says goodbye or not', async t => {
  const {site} = testSite(Chat);
  const url = await listening(t, site);
  const entered = await fetch(url);
  const cookie = entered.headers
    .getSetCookie()
    .find(each => each.startsWith('sid='))!
    .split(';')[0]!;
  const client = await openRaw(t, url, {Cookie: cookie});
  client.write(frame('one'));
  const chat = site.container.get(Chat);
  await until(() => chat.heard.length === 1);
  t.is((await fetch(url, {method: 'POST', headers: {cookie}})).status, 204);
  client.write(frame('two'));
  client.write(Buffer.concat([frame('three'), Buffer.from([0x89, 0x80, 0, 0, 0, 0])]));
  client.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0]));
  await once(client, 'close');
  t.deepEqual(chat.heard, ['one']);
});

test('a session that ends while a message is handled closes the socket with 4401, and no line is logged', async t => {
  let go: (() => void) | undefined;
  @Resource()
  class Slow {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async enter() {
      return (await this.sessions.getSession()).uid;
    }
    @Post()
    async leave() {
      await this.sessions.expire();
    }
    @Socket()
    chat(socket: WebSocket) {
      socket.on('message', async () => {
        const session = await this.sessions.findSession();
        await new Promise<void>(resolve => (go = resolve));
        await session!.update(Talk, talk => void talk.said.push('too late'));
      });
    }
  }
  const {visitor, log} = testSite(Slow);
  const ada = visitor();
  await ada.get('/');
  const socket = await ada.socket('/');
  socket.send('hello');
  await until(() => go);
  await ada.post('/');
  go!();
  t.deepEqual(await socket.closed, hasEnded);
  await new Promise(resolve => setImmediate(resolve));
  t.deepEqual(log, []);
});

test('over plain HTTP from elsewhere, where there are no sessions, a socket is opened all the same', async t => {
  const {visitor} = testSite(Chat);
  const socket = await visitor('http://shop.example').socket('/');
  socket.send('begin');
  t.is(await socket.next(), 'SESSION_INSECURE');
});

test('a proxy that is trusted says that a visitor comes over TLS, here too', async t => {
  const {site} = testSite(Chat, {trustProxy: 'loopback'});
  const url = await listening(t, site);
  const headers = {'X-Forwarded-Proto': 'https', Host: 'shop.example'};
  const client = new WebSocket(`${url.replace('http', 'ws')}/?begin`, {headers});
  const [answered] = (await once(client, 'upgrade')) as [{headers: {'set-cookie': string[]}}];
  t.true(answered.headers['set-cookie'].some(cookie => /^__Host-Http-sid=.*Secure/.test(cookie)));
  client.terminate();
});

const changes: Record<string, (sessions: SessionService) => Promise<unknown>> = {
  'begins a session and renews it': async sessions => {
    await sessions.getSession();
    await sessions.renew();
  },
  'signs in without a session': sessions => sessions.signIn('ada'),
  'renews twice': async sessions => {
    await sessions.renew();
    await sessions.renew();
  },
};

for (const [what, change] of Object.entries(changes)) {
  test(`a socket goes on whose own handshake ${what}, and the visitor is known by it`, async t => {
    @injectable()
    class Change implements Middleware {
      constructor(@inject(SessionService) private readonly sessions: SessionService) {}
      async handle(_request: Request, _response: Response, next: Next) {
        await change(this.sessions);
        return next();
      }
    }
    @Resource()
    @Use(Change)
    class Room {
      constructor(@inject(SessionService) private readonly sessions: SessionService) {}
      @Socket()
      talk(socket: WebSocket) {
        socket.on('message', async () => socket.send((await this.sessions.findSession())?.user ?? 'somebody'));
      }
    }
    const {visitor, clock} = testSite(Room);
    const socket = await visitor().socket('/');
    for (let i = 0; i < 3; i += 1) {
      socket.send('?');
      t.is(await socket.next(), what.startsWith('signs') ? 'ada' : 'somebody');
      clock.advance(minute);
    }
  });
}

test('a stream of a visitor who was only looked for goes on too when the session is renewed elsewhere', async t => {
  let go: (() => void) | undefined;
  @Resource()
  class Ticker {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async enter(request: Request) {
      await this.sessions.getSession();
      if (request.query.has('renew')) await this.sessions.renew();
      return 'in';
    }
    @Post()
    async *tick() {
      await this.sessions.peekSession();
      yield 'begun ';
      await new Promise<void>(resolve => (go = resolve));
      yield 'ended';
    }
  }
  const {visitor, clock} = testSite(Ticker);
  const ada = visitor();
  await ada.get('/');
  const stream = await ada.post('/');
  await ada.get('/?renew');
  const read = stream.text();
  for (let i = 0; i < 30; i += 1) {
    clock.advance(5000);
    await ada.get('/');
  }
  await until(() => go);
  go!();
  t.is(await read, 'begun ended');
});
