import {createHook} from 'node:async_hooks';
import {EventEmitter, once} from 'node:events';
import {connect} from 'node:net';
import anyTest, {type ExecutionContext} from 'ava';
import {
  Child,
  Clock,
  ContainerModule,
  createSite,
  Get,
  inject,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  systemClock,
  type Request,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {around, meddled, type WholeStore} from './session/stores.ts';
import type {RedisServer} from './store/redis-server.ts';
import {adminOf, openStore, startServer, testAlone as testWithRedis} from './store/redis-world.ts';

// What a request costs is held here by counts, which are the same on every machine; `npm run bench` measures the time. One after
// another: the counts are of the whole process.
const test = anyTest.serial;

@SessionComponent('count')
class Count {
  n = 0;
}

@Resource()
class Ping {
  @Get() show() {
    return 'pong';
  }
}

@Resource()
class Counting {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get() async show() {
    const session = await this.sessions.getSession();
    return String((await session.update(Count, count => count.n++)).n);
  }
}

@Resource()
@Child('ping', Ping)
@Child('count', Counting)
class Root {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get() async show() {
    return (await this.sessions.getSession()).uid;
  }
}

let promises = 0;
const hook = createHook({
  init(_id, type) {
    if (type === 'PROMISE') promises += 1;
  },
});

/** A listening site, what its store is asked, and a way to ask it for something many times over one connection. */
async function open(t: ExecutionContext, storeWith = (clock: Clock): WholeStore => new MemoryStore({clock})) {
  const asked: string[] = [];
  let timers = 0;
  const clock: Clock = {
    now: () => systemClock.now(),
    after(delay, act) {
      timers += 1;
      return systemClock.after(delay, act);
    },
  };
  const store = around(storeWith(clock), (act, name) => {
    // What a site asks by itself, twice a second, belongs to no request.
    if (name !== 'endsSince' && name !== 'sweep') asked.push(name);
    return act();
  });
  const modules = [
    new ContainerModule(({bind}) => {
      bind(SessionStore).toConstantValue(store);
      bind(Clock).toConstantValue(clock);
    }),
  ];
  const site = createSite(Root, {modules});
  const {port} = new URL(await site.listen({port: 0, host: '127.0.0.1'}));
  t.teardown(() => site.close());
  const cookie = await cookieFrom(`http://127.0.0.1:${port}/`);

  /** Ask so many times, each time when the answer has come, and give what each cost. By callbacks: promises are what is counted. */
  const cost = async (path: string, times: number, withCookie: boolean) => {
    const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${withCookie ? `Cookie: ${cookie}\r\n` : ''}\r\n`;
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    let left = times;
    asked.length = 0;
    promises = 0;
    timers = 0;
    socket.on('data', () => {
      left -= 1;
      if (left > 0) return void socket.write(request);
      hook.disable();
      socket.end();
    });
    hook.enable();
    socket.write(request);
    await once(socket, 'close');
    return {
      promises: Math.floor(promises / times),
      timers,
      asked: asked.length / times,
      names: new Set(asked),
    };
  };
  return {cost};
}

async function cookieFrom(url: string): Promise<string> {
  const {headers} = await fetch(url);
  return headers.getSetCookie()[0]!.split(';')[0]!;
}

test('a request that touches no session makes no promise, and asks the store for nothing, whatever its cookie', async t => {
  const {cost} = await open(t);
  for (const withCookie of [false, true]) {
    t.like(await cost('/ping', 100, withCookie), {promises: 0, asked: 0});
  }
});

test('a request that reads its session asks the store once, and makes 5 promises', async t => {
  const {cost} = await open(t);
  const read = await cost('/', 100, true);
  t.like(read, {promises: 5, asked: 1, names: new Set(['find'])});
});

test('a request that begins a session asks the store once', async t => {
  const {cost} = await open(t);
  t.like(await cost('/', 100, false), {promises: 5, asked: 1, names: new Set(['create'])});
});

test('a request that updates a component asks the store twice, and makes 7 promises', async t => {
  const {cost} = await open(t);
  t.like(await cost('/count', 100, true), {promises: 7, asked: 2, names: new Set(['find', 'write'])});
});

test('sessions set no timer each: 1000 that are begun in a moment set as few as 10, and some for each second that it takes', async t => {
  const {cost} = await open(t);
  const begun = performance.now();
  const {timers} = await cost('/', 1000, false);
  const seconds = (performance.now() - begun) / 1000;
  t.true(timers <= 10 + 5 * seconds, `${timers} timers in ${seconds} s`);
});

/** Says how many commands Redis has been sent since it was asked last. What a script does inside Redis is none of them. */
async function commandsOf(t: ExecutionContext, server: RedisServer): Promise<() => Promise<number>> {
  const [watcher, admin] = [await adminOf(t, server), await adminOf(t, server)];
  const lines: string[] = [];
  const heard = new EventEmitter();
  await watcher.monitor(line => {
    lines.push(line);
    if (line.includes('"ECHO"')) heard.emit('echo');
  });
  return async () => {
    // What comes before it has been heard by then.
    const echo = once(heard, 'echo');
    await admin.echo('all');
    await echo;
    return lines.splice(0).filter(line => !/ lua\] |"ECHO"/.test(line)).length;
  };
}

testWithRedis(
  'Redis gets no command for a request that touches no session, one for a read, two for an update',
  async t => {
    const server = await startServer(t);
    const {store} = openStore(t, {url: server.url, clock: new TestClock()});
    // What a site asks by itself, twice a second, does not count.
    const looks = {sweep: () => false, endsSince: () => ({ends: [], mark: '', hasMore: false})};
    const {cost} = await open(t, () => meddled(store, looks));
    const commands = await commandsOf(t, server);
    await cost('/count', 1, true);
    await commands();
    for (const [path, each] of Object.entries({'/ping': 0, '/': 1, '/count': 2})) {
      await cost(path, 50, true);
      t.is(await commands(), 50 * each, path);
    }
  },
);

test('the answer to a body that was read whole makes no error for whoever might still read it', async t => {
  @Resource()
  class Orders {
    @Post() async take(request: Request) {
      return request.json();
    }
  }
  const site = createSite(Orders);
  t.teardown(() => site.close());
  const url = await site.listen({port: 0});
  const {DOMException: Made} = globalThis;
  let errors = 0;
  t.teardown(() => (globalThis.DOMException = Made));
  globalThis.DOMException = new Proxy(Made, {
    construct(target, given) {
      errors += 1;
      return Reflect.construct(target, given) as object;
    },
  });
  const headers = {'content-type': 'application/json'};
  for (const body of ['{"n":1}', JSON.stringify({text: 'x'.repeat(200_000)})]) {
    const answer = await fetch(url, {method: 'POST', headers, body});
    t.is(await answer.text(), body);
  }
  t.is(errors, 0);
});
