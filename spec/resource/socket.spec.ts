/* oxlint-disable typescript/no-misused-promises -- the listeners of a socket may be async here */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {WebSocket} from 'ws';
import {
  Child,
  Get,
  Post,
  Resource,
  SessionService,
  Use,
  createError,
  inject,
  injectable,
  type Middleware,
  type Next,
  type Request,
  type ResourceClass,
  type Response,
} from 'espalier';
import {Socket} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

@Resource()
class Echo {
  @Socket()
  chat(socket: WebSocket, request: Request) {
    socket.on('message', data => socket.send(`${request.params['room'] ?? 'nowhere'}: ${String(data)}`));
  }
}

@Resource()
class Both {
  @Get()
  show() {
    return 'a page';
  }
  @Socket()
  chat(socket: WebSocket) {
    socket.send('a socket');
  }
}

@Resource()
class Form {
  @Post()
  post() {
    return 'posted';
  }
}

@Resource()
@Child('both', Both)
@Child('form', Form)
@Child(':room', Echo)
class Root {
  @Get()
  show() {
    return 'the root';
  }
}

const upgrading = {Connection: 'Upgrade', Upgrade: 'websocket'};

/** The status with which a WebSocket is refused. */
const refusal = async (opening: Promise<unknown>) =>
  opening.then(
    () => 101,
    (error: {status?: number}) => error.status,
  );

test('a method with @Socket takes the WebSockets of its resource, with what the path has captured', async t => {
  const socket = await testSite(Root).visitor().socket('/kitchen');
  socket.send('hello');
  t.is(await socket.next(), 'kitchen: hello');
  t.like(await socket.close(1000, 'bye'), {code: 1000, reason: 'bye'});
});

test('without Upgrade there is a 426 that says which protocol is spoken, unless another method answers GET', async t => {
  const visitor = testSite(Root).visitor();
  const refused = await visitor.get('/kitchen');
  t.is(refused.status, 426);
  t.is(refused.headers.get('Upgrade'), 'websocket');
  t.is((await visitor.head('/kitchen')).status, 426);
  t.is(await (await visitor.get('/both')).text(), 'a page');
  t.is(await (await visitor.socket('/both')).next(), 'a socket');
  const posted = await visitor.post('/kitchen');
  t.is(posted.status, 405);
  t.is(posted.headers.get('Allow'), 'GET, HEAD, OPTIONS');
  t.is((await visitor.options('/kitchen')).headers.get('Allow'), 'GET, HEAD, OPTIONS');
});

test('what only says that it would like a WebSocket, as a request without a connection, gets no 101', async t => {
  const {site} = testSite(Root);
  const answer = await site.handle({url: '/kitchen', headers: {...upgrading, host: 'localhost'}});
  t.is(answer.status, 426);
});

test('an upgrade where no socket is gets the answer that the path has without it', async t => {
  const visitor = testSite(Root).visitor();
  t.is(await refusal(visitor.socket('/nowhere/at/all')), 404);
  t.is(await refusal(visitor.socket('/%E0%A4%A')), 400);
  t.is(await refusal(visitor.socket('/form')), 405);
  t.is(await refusal(visitor.socket('/')), 200);
});

const foreign: Record<string, string>[] = [
  {Origin: 'https://evil.example'},
  {Origin: 'https://localhost.evil.example'},
  {Origin: 'http://localhost:81'},
  {Origin: 'null'},
  {Origin: ''},
  {Origin: 'http://localhost, http://localhost'},
  {'Sec-Fetch-Site': 'cross-site'},
  {'Sec-Fetch-Site': 'same-site', Origin: 'http://sub.localhost'},
];

for (const headers of foreign) {
  test(`a page of another origin opens no socket, with or without a cookie: ${JSON.stringify(headers)}`, async t => {
    for (const csrf of [undefined, false, {except: ['/*']}] as const) {
      const {visitor} = testSite(Root, csrf === undefined ? {} : {csrf});
      t.is(await refusal(visitor().socket('/kitchen', {headers})), 403);
    }
  });
}

test('a program, which says no origin, opens one, and so does a page of the own origin', async t => {
  const {visitor, site} = testSite(Root);
  t.is(await refusal(visitor().socket('/kitchen')), 101);
  t.is(await refusal(visitor().socket('/kitchen', {headers: {'Sec-Fetch-Site': 'same-origin'}})), 101);
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  const socket = new WebSocket(`${url}/kitchen`);
  await once(socket, 'open');
  await site.close();
});

@Resource()
class Open {
  @Socket({origins: ['https://app.example']})
  chat() {}
}

@Resource()
@Child('open', Open)
class Public {
  @Socket({origins: 'any'})
  chat() {}
}

test('origins that the site trusts, or the method, open sockets', async t => {
  const visitor = testSite(Public, {csrf: {origins: ['https://shop.example']}}).visitor();
  const from = (Origin: string) => ({headers: {Origin}});
  t.is(await refusal(visitor.socket('/', from('https://evil.example'))), 101);
  t.is(await refusal(visitor.socket('/open', from('https://app.example'))), 101);
  t.is(await refusal(visitor.socket('/open', from('https://shop.example'))), 101);
  t.is(await refusal(visitor.socket('/open', from('https://evil.example'))), 403);
});

const calls: string[] = [];

function guard(name: string, answer?: (response: Response) => unknown) {
  @injectable()
  class Guard implements Middleware {
    handle(_request: Request, response: Response, next: Next): unknown {
      calls.push(name);
      response.setHeader(`X-${name}`, 'seen');
      return answer ? answer(response) : next();
    }
  }
  return Guard;
}

function guarded(...answers: ((response: Response) => unknown)[]) {
  @Resource()
  class Room {
    @Socket()
    @Use(guard('method', answers[2]))
    chat(socket: WebSocket) {
      calls.push('chat');
      socket.send('in');
    }
  }
  @Resource()
  @Use(guard('class', answers[1]))
  @Child('room', Room)
  class House {}
  return testSite(House, {use: [guard('site', answers[0])]}).visitor();
}

test.serial(
  'the guards of its branch, and its own, stand before a socket, and their headers are on the 101',
  async t => {
    calls.length = 0;
    const socket = await guarded().socket('/room');
    t.is(await socket.next(), 'in');
    t.deepEqual(calls, ['site', 'class', 'method', 'chat']);
  },
);

const refuse401 = () => {
  throw createError(401, 'Sign in.', {headers: {'WWW-Authenticate': 'Bearer'}});
};

for (const at of [0, 1, 2]) {
  test.serial(
    `what guard ${at} answers goes out as ordinary HTTP, before any 101, and calls nobody behind it`,
    async t => {
      const with401 = [undefined, undefined, undefined].map((_, i) => (i === at ? refuse401 : undefined));
      calls.length = 0;
      const opening = guarded(...(with401 as never[])).socket('/room');
      const error = (await t.throwsAsync(opening)) as Error & {status: number; headers: Record<string, string>};
      t.is(error.status, 401);
      t.is(error.headers['www-authenticate'], 'Bearer');
      t.is(calls.length, at + 1);
      const redirecting = [...with401];
      redirecting[at] = ((response: Response) => response.redirect('/sign-in', 302)) as never;
      t.is(await refusal(guarded(...(redirecting as never[])).socket('/room')), 302);
      redirecting[at] = ((response: Response) => {
        response.status = 429;
        response.setHeader('Retry-After', 5);
        return 'slow down';
      }) as never;
      t.is(await refusal(guarded(...(redirecting as never[])).socket('/room')), 429);
    },
  );
}

test.serial('a guard may put its own answer in the place of the 101', async t => {
  class Instead implements Middleware {
    async handle(_request: Request, _response: Response, next: Next) {
      await next();
      return 'a page instead';
    }
  }
  const {visitor, log} = testSite(Root, {use: [Instead]});
  t.is(await refusal(visitor().socket('/kitchen')), 200);
  t.deepEqual(log, []);
});

test('a handler that is to be called with something else is refused by the compiler', t => {
  class Wrong {
    // @ts-expect-error The socket comes first.
    @Socket()
    chat(_request: Request, _socket: WebSocket) {}
  }
  t.truthy(Wrong);
});

function declared(declare: () => unknown) {
  return () => declare() as ResourceClass;
}

test('two methods for sockets of one class are refused, and what is no option', t => {
  const twice = declared(() => {
    class Twice {
      @Socket()
      one() {}
      @Socket()
      other() {}
    }
    return Twice;
  });
  t.throws(twice, {code: 'VERB_TAKEN', message: /Twice has two methods for WebSockets: one\(\) and other\(\)/});
  t.throws(() => Socket({maxPayloads: 1} as object), {code: 'OPTION_INVALID', message: /Did you mean "maxPayload"/});
  t.throws(() => Socket({origins: ['https://app.example/']}), {code: 'OPTION_INVALID'});
  t.throws(() => Socket({protocols: ['not a token']}), {code: 'OPTION_INVALID'});
  t.throws(() => Socket({pingInterval: -1}), {code: 'OPTION_INVALID'});
  t.throws(() => Socket({maxFragments: 0}), {code: 'OPTION_INVALID'});
  t.throws(() => Socket('/chat' as never), {code: 'DECORATOR_MISPLACED'});
  t.throws(() => (Socket as unknown as (target: object, name: string) => void)({}, 'chat'), {
    code: 'DECORATOR_MISPLACED',
  });
});

test('a subclass takes the sockets of its base, or in a way of its own', async t => {
  @Resource()
  class Same extends Echo {}
  @Resource()
  class Other extends Echo {
    @Socket()
    override chat(socket: WebSocket) {
      socket.send('otherwise');
    }
  }
  @Resource()
  @Child('same', Same)
  @Child('other', Other)
  class Family {}
  const visitor = testSite(Family).visitor();
  const same = await visitor.socket('/same');
  same.send('hello');
  t.is(await same.next(), 'nowhere: hello');
  t.is(await (await visitor.socket('/other')).next(), 'otherwise');
});

test('a child that a method makes for the request takes sockets too', async t => {
  @Resource()
  class Room {
    readonly name: string;
    constructor(name: string) {
      this.name = name;
    }
    @Socket()
    chat(socket: WebSocket) {
      socket.send(this.name);
    }
  }
  @Resource()
  class House {
    @Child(':room', Room)
    async room(name: string) {
      return name === 'cellar' ? undefined : new Room(name);
    }
  }
  const visitor = testSite(House).visitor();
  t.is(await (await visitor.socket('/hall')).next(), 'hall');
  t.is(await refusal(visitor.socket('/cellar')), 404);
});

test('the tree says which method takes sockets, where it stands, and what stands before it', t => {
  const {tree} = testSite(Root).site;
  const room = tree.children.find(({pattern}) => pattern === '/:room')!;
  t.like(room.socket, {method: 'Echo.chat()', options: {}, middleware: []});
  t.regex(room.socket!.place!, /socket\.spec\.ts:\d+$/);
  t.is(tree.socket, undefined);
  t.deepEqual(room.handlers, []);
});

@Resource()
class Signed {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async enter() {
    return (await this.sessions.getSession()).uid;
  }
  @Socket()
  chat(socket: WebSocket) {
    socket.on('message', async () => socket.send((await this.sessions.findSession())?.uid ?? 'nobody'));
  }
}

test('a listener finds the session of whoever has opened the socket, without being given the request', async t => {
  const {visitor} = testSite(Signed);
  const ada = visitor();
  const uid = await (await ada.get('/')).text();
  const [hers, theirs] = [await ada.socket('/'), await visitor().socket('/')];
  hers.send('who am I?');
  theirs.send('who am I?');
  t.is(await hers.next(), uid);
  t.is(await theirs.next(), 'nobody');
});

test('without the package ws createSite says how to install it, and a site without sockets needs none', async t => {
  const folder = mkdtempSync('dist/without-ws-');
  t.teardown(() => rmSync(folder, {recursive: true}));
  // As if nothing were installed by that name.
  writeFileSync(
    `${folder}/hide.mjs`,
    `import {registerHooks} from 'node:module';
    registerHooks({resolve: (name, context, next) => next(name === 'ws' ? 'no-ws-here' : name, context)});`,
  );
  writeFileSync(
    `${folder}/main.mjs`,
    `import {createSite, Resource} from 'espalier';
    import {Socket} from 'espalier/builtin';
    class Quiet {}
    Resource()(Quiet);
    createSite(Quiet);
    class Chat { chat() {} }
    Socket()(Chat.prototype, 'chat', Object.getOwnPropertyDescriptor(Chat.prototype, 'chat'));
    Resource()(Chat);
    try { createSite(Chat); } catch (error) { process.stdout.write(error.message); }`,
  );
  const child = spawn(process.execPath, ['--import', `./${folder}/hide.mjs`, `${folder}/main.mjs`]);
  const said = await text(child.stdout);
  t.regex(said, /needs the package ws, which is not there\. Install it: npm install ws \[PACKAGE_MISSING\]$/);
});
