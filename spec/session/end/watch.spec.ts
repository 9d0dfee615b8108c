import {AsyncLocalStorage} from 'node:async_hooks';
import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {createSite, Resource, SessionStore, Container, Clock, SessionService, type LoggedEnd} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {EndWatch} from '../../../src/session/end/watch.ts';
import {duringRequest, requestHere} from '../../../src/http/current.ts';
import {Request} from '../../../src/http/request.ts';
import {cluster} from '../cluster.ts';
import {calm, Home, world} from '../processes.ts';
import {around, distant, meddled, type WholeStore} from '../stores.ts';

const lifetime = {isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000};

/** A store that is watched, what was told, what was asked, and what an operator was told. */
function watching(through: (store: MemoryStore) => WholeStore = store => store) {
  const clock = new TestClock();
  const memory = new MemoryStore({clock});
  const asked: string[] = [];
  const store = around(through(memory), (act, name) => {
    asked.push(name);
    return act();
  });
  const told: string[] = [];
  const errors: string[] = [];
  const logger = {error: (message: string) => errors.push(message), warn: () => undefined};
  const hear = (ends: readonly LoggedEnd[]) => told.push(...ends.map(({key, reason}) => `${key} ${reason}`));
  const watch = new EndWatch({store, clock, logger}, hear);
  return {clock, memory, asked, told, errors, logger, watch};
}

test('nothing is asked before it begins, and nothing after it was closed', t => {
  const {clock, asked, watch} = watching();
  clock.advance(5000);
  t.deepEqual([asked, clock.pending], [[], 0]);
  void watch.begin();
  void watch.begin();
  t.deepEqual(asked, ['endsSince']);
  clock.advance(1000);
  t.deepEqual(asked, ['endsSince', 'sweep', 'endsSince', 'sweep', 'endsSince']);
  watch.close();
  t.is(clock.pending, 0);
  clock.advance(5000);
  void watch.hear();
  t.is(asked.length, 5);
});

test('what is due is swept, and what has ended is told of, within half a second, each once and in order', t => {
  const {clock, memory, told, watch} = watching();
  void watch.begin();
  memory.create({uid: 'a', ...lifetime});
  memory.create({uid: 'b', ...lifetime});
  memory.end('b', 'logout');
  t.deepEqual(told, []);
  clock.advance(500);
  t.deepEqual(told, ['b logout']);
  clock.advance(62_000);
  t.deepEqual(told, ['b logout', 'a idle']);
});

test('what its own process has ended is told of at once, where somebody says so', t => {
  const {memory, told, watch} = watching();
  void watch.begin();
  memory.create({uid: 'a', ...lifetime});
  memory.end('a', 'revoked');
  void watch.hear();
  t.deepEqual(told, ['a revoked']);
});

test('who is told may end others meanwhile: those are told of as well', t => {
  const clock = new TestClock();
  const memory = new MemoryStore({clock});
  const told: string[] = [];
  const watch = new EndWatch({store: memory, clock, logger: console}, ends => {
    for (const {key} of ends) {
      told.push(key);
      if (memory.end(`${key}'`, 'revoked')) void watch.hear();
    }
  });
  void watch.begin();
  for (const uid of ['a', "a'", "a''"]) memory.create({uid, ...lifetime});
  memory.end('a', 'logout');
  void watch.hear();
  t.deepEqual(told, ['a', "a'", "a''"]);
  watch.close();
});

test('of very many that are due at once, others have their turn in between', async t => {
  const {clock, memory, told, watch} = watching();
  void watch.begin();
  for (let i = 0; i < 3000; i += 1) memory.create({uid: `${i}`, ...lifetime});
  clock.advance(61_000);
  t.true(told.length < 3000);
  for (let turns = 0; told.length < 3000 && turns < 100; turns += 1) await setImmediate();
  t.is(new Set(told).size, 3000);
});

test('a store that fails is told of once, and what ended meanwhile is told when it is back', async t => {
  let isDown = false;
  const {clock, memory, told, errors, watch} = watching(store =>
    around(store, act => {
      if (isDown) throw new Error('gone');
      return act();
    }),
  );
  void watch.begin();
  memory.create({uid: 'a', ...lifetime});
  isDown = true;
  memory.end('a', 'logout');
  clock.advance(5000);
  t.deepEqual([told, errors.length], [[], 1]);
  isDown = false;
  clock.advance(500);
  t.deepEqual(told, ['a logout']);
  clock.advance(60_000);
  isDown = true;
  clock.advance(500);
  t.is(errors.length, 2);
  await calm();
});

test('what ends after a store is back that was down when it was first asked is told', async t => {
  let isDown = true;
  for (const through of [(store: WholeStore) => store, distant]) {
    const {clock, memory, told, watch} = watching(store =>
      around(through(store), act => {
        if (isDown) throw new Error('gone');
        return act();
      }),
    );
    isDown = true;
    await watch.begin();
    isDown = false;
    await watch.begin();
    memory.create({uid: 'a', ...lifetime});
    memory.end('a', 'logout');
    await watch.hear();
    t.deepEqual(told, ['a logout']);
    watch.close();
    t.is(clock.pending, 0);
  }
});

test('of a store that can hear but not sweep, or fails every other time, an operator is told once a minute at most', t => {
  let asked = 0;
  const failures: Record<string, (name: string) => boolean> = {
    'no sweep': name => name === 'sweep',
    'no ends': name => name === 'endsSince',
    'every other sweep': name => name === 'sweep' && (asked += 1) % 2 === 0,
  };
  const counts = Object.entries(failures).map(([title, fails]) => {
    const {clock, errors, watch} = watching(store =>
      around(store, (act, name) => {
        if (fails(name)) throw new Error('gone');
        return act();
      }),
    );
    void watch.begin();
    clock.advance(59_000);
    watch.close();
    return [title, errors.length];
  });
  t.deepEqual(counts, [
    ['no sweep', 1],
    ['no ends', 1],
    ['every other sweep', 1],
  ]);
});

test('an answer that comes after it was closed is told to nobody', async t => {
  const {clock, memory, told, watch} = watching(store => distant(store));
  await watch.begin();
  memory.create({uid: 'a', ...lifetime});
  memory.end('a', 'logout');
  void watch.hear();
  watch.close();
  await calm();
  clock.advance(1000);
  t.deepEqual(told, []);
});

test('it runs in nobody’s request, and in nothing else that was around', async t => {
  const clock = new TestClock();
  const memory = new MemoryStore({clock});
  const surroundings = new AsyncLocalStorage<string>();
  const found: unknown[] = [];
  const watch = new EndWatch({store: memory, clock, logger: console}, () =>
    found.push(requestHere(), surroundings.getStore()),
  );
  memory.create({uid: 'a', ...lifetime});
  const request = Request.from({headers: {host: 'localhost'}});
  duringRequest(request, () =>
    surroundings.run('somebody', () => {
      void watch.begin();
      memory.end('a', 'logout');
      void watch.hear();
    }),
  );
  t.deepEqual(found, [undefined, undefined]);
  watch.close();
});

test('a site asks its store nothing before somebody asks for a session, and nothing but that for a request that ends none', async t => {
  const asked: string[] = [];
  const {clock, visitor, sites} = cluster(
    {
      ping: () => 'pong',
      find: async sessions => void (await sessions.findSession()),
      begin: async sessions => void (await sessions.getSession()),
      renew: async sessions => sessions.renew(),
      enter: async sessions => void (await sessions.signIn('ada')),
      leave: async sessions => sessions.expire(),
    },
    {
      count: 1,
      through: store =>
        around(store, (act, name) => {
          asked.push(name);
          return act();
        }),
    },
  );
  const someone = visitor();
  await someone.get('/ping');
  clock.advance(5000);
  t.deepEqual(asked, []);
  for (const path of ['/find', '/begin', '/find', '/renew', '/enter']) await someone.get(path);
  const own = () => asked.splice(0).filter(name => name === 'endsSince' || name === 'sweep');
  t.deepEqual(own(), ['endsSince']);
  await someone.get('/leave');
  t.deepEqual(own(), ['endsSince']);
  await sites[0]!.close();
  asked.length = 0;
  clock.advance(5000);
  t.deepEqual(asked, []);
});

test('a first request waits until ends are heard, so that none is missed', async t => {
  const heard: string[] = [];
  const gate = Promise.withResolvers<void>();
  let isOpen = false;
  const {visitor, store, clock} = cluster(
    {
      begin: async sessions => {
        const session = await sessions.getSession();
        session.notifyOnExpire(reason => heard.push(reason));
        return session.key;
      },
    },
    {
      count: 1,
      through: memory =>
        meddled(memory, {
          endsSince: async (mark: string | undefined) => {
            if (!isOpen) await gate.promise;
            isOpen = true;
            return memory.endsSince(mark);
          },
        }),
    },
  );
  const answered = visitor().get('/begin');
  await calm();
  t.is(store.size, 0);
  gate.resolve();
  const key = await (await answered).text();
  store.end(key, 'revoked');
  clock.advance(500);
  await calm();
  t.deepEqual(heard, ['revoked']);
});

test('a store out of reach is told of once to the operator, however often it is looked', async t => {
  const {log, begin, pass, store} = world(clock => new MemoryStore({clock}));
  let isDown = false;
  const failing = around(store, act => {
    if (isDown) throw new Error('connect ECONNREFUSED');
    return act();
  });
  const {visitor, site} = begin(Home, {}, failing);
  await visitor().get('/');
  isDown = true;
  await pass(10_000);
  t.is((await visitor().get('/')).status, 503);
  t.deepEqual(
    log.map(({message}) => message),
    ['The session store does not work (connect ECONNREFUSED).'],
  );
  isDown = false;
  await pass(1000);
  t.is(log.at(-1)?.message, 'The session store works again.');
  isDown = true;
  await site.close();
  t.is(log.length, 2);
});

test('a store that keeps no ends serves a site, but no @OnExpire() method', async t => {
  const {OnExpire} = await import('espalier');
  @Resource()
  class Hearing extends Home {
    @OnExpire()
    hear() {}
  }
  const clock = new TestClock();
  const memory = new MemoryStore({clock});
  const own = new Set<PropertyKey>(['keepEnds', 'takeEnds', 'settleEnd', 'releaseEnds', 'countEnds', 'eraseEnds']);
  const store = new Proxy(memory, {
    has: (target, name) => !own.has(name) && name in target,
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (own.has(name)) t.fail(String(name));
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const container = new Container();
  container.bind(SessionStore).toConstantValue(store);
  container.bind(Clock).toConstantValue(clock);
  t.throws(() => createSite(Hearing, {container}), {code: 'END_STORE_MISSING', message: /@OnExpire\(\).*no EndStore/});
  const site = createSite(Home, {container});
  t.is((await site.handle({headers: {host: 'localhost'}})).status, 200);
  t.is(await container.get(SessionService).retryEnds(), 0);
  await site.close();
});
