import test from 'ava';
import type {WebSocket} from 'ws';
import {Get, Resource, SessionService, createError, inject, type Request, type Response} from 'espalier';
import {Socket} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {until} from '../until.ts';

@Resource()
class Chat {
  readonly ends: number[] = [];
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async enter(_request: Request, response: Response) {
    response.setCookie('sweet', 'yes');
    return (await this.sessions.getSession()).uid;
  }
  @Socket()
  chat(socket: WebSocket, request: Request) {
    socket.send(
      `${request.headers.host} ${request.secure} ${request.cookies['sweet']} ${String(request.headers['x-own'])}`,
    );
    socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary}));
    socket.on('close', code => this.ends.push(code));
  }
}

test('a visitor opens a socket where they believe the site to be, with their cookies and headers', async t => {
  const {visitor} = testSite(Chat);
  const ada = visitor('https://shop.example');
  await ada.get('/');
  const socket = await ada.socket('/', {headers: {'X-Own': 'own'}});
  t.is(await socket.next(), 'shop.example true yes own');
});

test('a visitor who has signed in is so at a socket too', async t => {
  @Resource()
  class Who {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Socket()
    async chat(socket: WebSocket) {
      socket.send((await this.sessions.requireSignIn()).user!);
    }
  }
  t.is(await (await testSite(Who).as('ada').socket('/')).next(), 'ada');
});

test('messages are kept until they are asked for, texts as texts and bytes as bytes', async t => {
  const socket = await testSite(Chat).visitor().socket('/');
  socket.send('text');
  socket.send(new Uint8Array([1, 2]));
  const [, first, second] = [await socket.next(), await socket.next(), await socket.next()];
  t.is(first, 'text');
  t.deepEqual([...(second as Uint8Array)], [1, 2]);
  const waiting = socket.next();
  await socket.close(1000, 'bye');
  await t.throwsAsync(waiting, {message: 'The socket is closed: 1000, bye'});
  await t.throwsAsync(socket.next(), {message: 'The socket is closed: 1000, bye'});
});

test('one that vanishes says no goodbye', async t => {
  const {site, visitor} = testSite(Chat);
  const socket = await visitor().socket('/');
  await socket.next();
  socket.vanish();
  t.like(await socket.closed, {code: 1006});
  await until(() => site.container.get(Chat).ends.length === 1);
  t.deepEqual(site.container.get(Chat).ends, [1006]);
});

test('a socket that is not opened rejects with the status and the headers of the answer', async t => {
  class Closed {
    handle(_request: Request, response: Response): never {
      response.setCookie('try', 'again');
      throw createError(401, {headers: {'WWW-Authenticate': 'Bearer'}});
    }
  }
  const {visitor} = testSite(Chat, {use: [Closed]});
  const ada = visitor();
  const refused = {message: 'The WebSocket was not opened: 401', status: 401};
  const error = await t.throwsAsync<Error & {headers: Record<string, string>}>(ada.socket('/'));
  t.like(error, refused);
  t.is(error.headers['www-authenticate'], 'Bearer');
  t.is(await ada.jar.getCookieString('http://localhost/'), 'try=again');
});
