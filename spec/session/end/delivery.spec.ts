import test from 'ava';
import {OnExpire, Resource, SessionStore, type EndOutcome, type ResourceClass, type SessionEnd} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {endAllOf} from '../../../src/testing/store-contract/world.ts';
import {calm, Cart, Home, world} from '../processes.ts';
import {distant, meddled} from '../stores.ts';
import {until} from '../../until.ts';

const second = 1000;
const day = 24 * 60 * 60 * second;

type Told = [key: string, attempts: number];

/** A root that is told of ends, and does with each what `act` says. */
function hearing(act: (end: SessionEnd) => unknown = () => undefined): {Root: ResourceClass; told: Told[]} {
  const told: Told[] = [];
  @Resource()
  class Root extends Home {
    @OnExpire()
    hear(end: SessionEnd) {
      told.push([end.key, end.attempts]);
      return act(end);
    }
  }
  return {Root, told};
}

/** Somebody comes and goes; gives their session's key. */
async function comeAndGo({visitor}: Pick<ReturnType<ReturnType<typeof world>['begin']>, 'visitor'>): Promise<string> {
  const someone = visitor();
  const key = await (await someone.get('/?item=swordfish')).text();
  await someone.post('/');
  return key;
}

const fail = () => {
  throw new Error('no');
};

test('S60: of 10 k sessions due at once, three sites tell each exactly once', async t => {
  const {store, clock, begin, pass, log} = world(at => distant(new MemoryStore({clock: at})));
  const {Root, told} = hearing(() => calm());
  const sites = [begin(Root), begin(Root), begin(Root)];
  await calm();
  const keys = Array.from({length: 10_000}, (_, i) => `session ${i}`);
  const more = {isSecure: false, device: undefined, idleTimeout: 10 * second, absoluteTimeout: day};
  for (const chunk of [keys.slice(0, 5000), keys.slice(5000)])
    await Promise.all(chunk.map(async uid => store.create({uid, ...more})));
  const begunAt = Date.now();
  await pass(12 * second);
  while (told.length < keys.length && Date.now() - begunAt < 40_000) {
    await calm();
    clock.advance(10);
  }
  await calm();
  t.deepEqual(told.map(([key]) => key).toSorted(), keys.toSorted());
  t.deepEqual([...new Set(told.map(([, attempts]) => attempts))], [1]);
  t.log(`${Date.now() - begunAt} ms`);
  for (const {site} of sites) await site.close();
  t.deepEqual(log, []);
});

test('with two sites on one store each end is told by one of them', async t => {
  const {begin} = world();
  const [one, other] = [hearing(), hearing()];
  const site = begin(one.Root);
  begin(other.Root);
  for (let i = 0; i < 50; i += 1) await comeAndGo(site);
  await until(() => one.told.length + other.told.length >= 50);
  await calm();
  t.is(new Set([...one.told, ...other.told].map(([key]) => key)).size, 50);
  t.is(one.told.length + other.told.length, 50);
});

test('S61: what a site took and never told is told by another, when its lease is over, with the same key', async t => {
  const {begin, pass, store} = world();
  // It takes an end, and dies before anybody is told.
  let lost = 0;
  const dying = meddled(store, {
    async takeEnds(count: number, lease: number) {
      if (lost === 0) lost += (await store.takeEnds(count, lease)).length;
      return [];
    },
  });
  const first = begin(hearing().Root, {}, dying);
  await calm();
  const key = await comeAndGo(first);
  await until(() => lost === 1);
  const {Root, told} = hearing();
  begin(Root);
  await pass(29 * second);
  t.deepEqual(told, []);
  await pass(2 * second);
  t.deepEqual(told, [[key, 2]]);
});

test('who is told for long is told once: the end stays with its process', async t => {
  const {begin, pass, store} = world(at => distant(new MemoryStore({clock: at})));
  const {promise, resolve} = Promise.withResolvers<void>();
  const [slow, other] = [hearing(() => promise), hearing()];
  const takeEnds = (count: number, lease: number) => (slow.told.length === 0 ? store.takeEnds(count, lease) : []);
  const site = begin(slow.Root, {}, meddled(store, {takeEnds}));
  await calm();
  const key = await comeAndGo(site);
  await until(() => slow.told.length === 1);
  begin(other.Root);
  await pass(100 * second);
  resolve();
  await pass(100 * second);
  t.deepEqual([slow.told, other.told], [[[key, 1]], []]);
  t.deepEqual(await store.takeEnds(1, 0), []);
});

test('methods that never come to an end keep nobody else’s end waiting for more than five minutes, and are told again', async t => {
  const {begin, pass, store, log} = world();
  const {promise: never, resolve} = Promise.withResolvers<void>();
  let hanging = 20;
  const {Root, told} = hearing(() => (hanging-- > 0 ? never : undefined));
  const site = begin(Root);
  for (let i = 0; i < 21; i += 1) await site.visitor().get('/?user=ada');
  await endAllOf(store, 'ada', 'revoked');
  await pass(299 * second);
  t.is(told.length, 20);
  t.deepEqual(log, []);
  await pass(5 * second);
  t.is(told.length, 41);
  t.is(new Set(told.map(([key]) => key)).size, 21);
  t.is(log.length, 20);
  t.regex(log[0]!.message, /^Root\.hear\(\) failed for the end of the session /);
  resolve();
  await pass(5 * second);
  t.is(told.length, 41);
  t.deepEqual(await store.takeEnds(1, 0), []);
});

test('one that is handed out again while it is being told, as after an outage, is not told twice at once', async t => {
  let isDown = false;
  const {begin, pass} = world(clock => {
    const store = new MemoryStore({clock});
    const settleEnd = (key: string, outcome: EndOutcome) => {
      if (isDown) throw new Error('down');
      store.settleEnd(key, outcome);
    };
    return meddled(store, {settleEnd});
  });
  const {promise, resolve} = Promise.withResolvers<void>();
  const {Root, told} = hearing(() => promise);
  await comeAndGo(begin(Root));
  await until(() => told.length === 1);
  isDown = true;
  await pass(35 * second);
  isDown = false;
  await pass(35 * second);
  resolve();
  await pass(100 * second);
  t.is(told.length, 1);
});

test('a late word that an end is still being told does not outdo what came of it', async t => {
  const {begin, pass, store} = world();
  const settled: EndOutcome[] = [];
  const {promise: late, resolve: arrive} = Promise.withResolvers<void>();
  const slow = meddled(store, {
    async settleEnd(key: string, outcome: EndOutcome) {
      if (typeof outcome === 'object' && outcome.retryIn === 30 * second) await late;
      settled.push(outcome);
      return store.settleEnd(key, outcome);
    },
  });
  const {promise, reject} = Promise.withResolvers<void>();
  const {Root, told} = hearing(({attempts}) => (attempts === 1 ? promise : undefined));
  await comeAndGo(begin(Root, {sessions: {storeTimeout: 60 * second}}, slow));
  await until(() => told.length === 1);
  await pass(11 * second);
  reject(new Error('no'));
  await calm();
  t.deepEqual(settled, []);
  arrive();
  await calm();
  t.deepEqual(settled, [{retryIn: 30 * second}, {retryIn: second}]);
  await pass(2 * second);
  t.is(told.length, 2);
});

test('S63: of those to be told one that throws stops no other, and it alone is told again: after 1, 4, 16, 64 … seconds', async t => {
  const {begin, pass, clock, log} = world();
  const failedAt: number[] = [];
  let others = 0;
  @Resource()
  class Root extends Home {
    @OnExpire()
    fail() {
      failedAt.push(clock.now());
      return Promise.reject(new Error('no'));
    }
    @OnExpire()
    other() {
      others += 1;
    }
  }
  const site = begin(Root);
  const key = await comeAndGo(site);
  await pass(2 * second);
  for (const _ of Array.from({length: 150})) await pass(40 * second);
  const delays = failedAt.slice(1).map((at, i) => Math.floor((at - failedAt[i]!) / 1000));
  t.deepEqual(
    delays.map((delay, i) => Math.abs(delay - [1, 4, 16, 64, 256, 1024, 3600][i]!) <= 1),
    Array.from({length: 7}, () => true),
    String(delays),
  );
  t.is(others, 1);
  t.is(log.length, 9);
  for (const line of log.slice(0, 8)) t.is(line.message, `Root.fail() failed for the end of the session ${key}.`);
  t.is(log[8]!.message, `The end of the session ${key} was told 8 times in vain; it is set aside.`);
  t.false(JSON.stringify(log).includes('swordfish'));
});

test('S63: retryEnds() has what was set aside told again, to those who failed', async t => {
  const {begin, pass, log} = world();
  let isBroken = true;
  let others = 0;
  const {Root, told} = hearing(() => isBroken && fail());
  @Resource()
  class Both extends Root {
    @OnExpire()
    other() {
      others += 1;
    }
  }
  const site = begin(Both);
  await comeAndGo(site);
  for (const _ of Array.from({length: 150})) await pass(40 * second);
  t.is(told.length, 8);
  t.is(log.length, 9);
  isBroken = false;
  t.is(await site.sessions.retryEnds(), 1);
  t.is(await site.sessions.retryEnds(), 0);
  await pass(2 * second);
  t.is(told.length, 9);
  t.is(others, 1);
  await pass(10 * second);
  t.is(told.length, 9);
});

test('S66: what ended while no site was alive is told when one begins', async t => {
  const {begin, pass, store} = world();
  const first = hearing();
  const before = begin(first.Root);
  const keys = [];
  for (let i = 0; i < 30; i += 1) keys.push(await (await before.visitor().get('/')).text());
  await before.site.close();
  await pass(60 * 60 * second);
  t.is(await store.count(), 30);
  const {Root, told} = hearing();
  begin(Root);
  await pass(second);
  await until(() => told.length >= 30);
  await calm();
  t.deepEqual(told.map(([key]) => key).toSorted(), keys.toSorted());
  t.deepEqual(first.told, []);
});

test('a site without @OnExpire keeps no ends, and takes none', async t => {
  const {begin, pass, store} = world(clock =>
    meddled(new MemoryStore({clock}), {keepEnds: () => t.fail(), takeEnds: () => (t.fail(), [])}),
  );
  const {site, visitor} = begin();
  await comeAndGo({visitor});
  await pass(2 * day);
  await site.close();
  t.truthy(store);
});

test('the store is asked each second to keep ends, since it may have been emptied, also when the clock has been put back', async t => {
  let asked = 0;
  const {begin, clock, pass} = world(at => meddled(new MemoryStore({clock: at}), {keepEnds: () => (asked += 1)}));
  begin(hearing().Root);
  await calm();
  t.is(asked, 1);
  await pass(3 * second);
  t.is(asked, 4);
  const putBack = clock.now() - 400 * day;
  clock.now = () => putBack;
  clock.advance(second);
  await calm();
  t.is(asked, 5);
});

test('an outage of the store is one line in the log, its end another, and it goes by', async t => {
  let isDown = false;
  const down = () => Promise.reject(new Error('down'));
  const {begin, pass, store, log} = world();
  const failing = meddled(store, {
    takeEnds: (count: number, lease: number) => (isDown ? down() : store.takeEnds(count, lease)),
  });
  const {Root, told} = hearing();
  const site = begin(Root, {}, failing);
  for (const outage of [1, 2]) {
    isDown = true;
    await comeAndGo(site);
    await pass(59 * second);
    t.is(told.length, outage - 1);
    isDown = false;
    await pass(2 * second);
    t.is(told.length, outage);
    t.deepEqual(
      log.splice(0).map(({message}) => message),
      ['The session store does not work (down).', 'The session store works again.'],
    );
  }
});

test('when it could not be noted that all were told, nobody is told again by this process', async t => {
  let failures = 1;
  const {begin, pass, log} = world(clock => {
    const store = new MemoryStore({clock});
    return meddled(store, {
      settleEnd(key: string, outcome: EndOutcome) {
        failures -= 1;
        if (failures >= 0) throw new Error('down');
        store.settleEnd(key, outcome);
      },
    });
  });
  const {Root, told} = hearing();
  await comeAndGo(begin(Root));
  await pass(100 * second);
  t.is(told.length, 1);
  t.deepEqual(
    log.map(({message}) => message),
    ['The session store does not work (down).', 'The session store works again.'],
  );
  t.is(failures, -1, 'the second time it was noted');
});

test('the end of a session that can’t be read is set aside with a line in the log, and stops no other', async t => {
  const {begin, pass, log} = world(clock => {
    const store = new MemoryStore({clock});
    return meddled(store, {
      takeEnds: (count: number, lease: number) =>
        store.takeEnds(count, lease).map((end, i) => (i === 0 ? {...end, session: undefined} : end)),
    });
  });
  const {Root, told} = hearing();
  const first = begin(Root);
  const keys = [first.visitor(), first.visitor()];
  for (const visitor of keys) await visitor.get('/');
  await pass(20 * 60 * second);
  t.is(told.length, 1);
  t.is(log.length, 1);
  t.regex(log[0]!.message, /^The end of the session [\w-]{43} can't be read; it is set aside\.$/);
  t.is(await first.sessions.retryEnds(), 1);
});

const weird = {
  toString: fail,
  get message() {
    return fail();
  },
};

for (const [thrown, act] of [
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors
  ['undefined', () => Promise.reject(undefined)],
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors
  ['an object whose text throws', () => Promise.reject(weird)],
  // oxlint-disable-next-line unicorn/no-thenable
  ['by a promise whose then throws', () => Object.defineProperty({}, 'then', {get: fail})],
] as const) {
  test(`a method that throws weirdly harms nobody: ${thrown}`, async t => {
    const {begin, pass, log} = world();
    let isWeird = true;
    const {Root, told} = hearing(() => isWeird && act());
    const site = begin(Root);
    await comeAndGo(site);
    await until(() => log.length === 1);
    isWeird = false;
    await pass(3 * second);
    t.is(told.length, 2);
    t.is(log.length, 1);
  });
}

test('no line of the log holds what a component did', async t => {
  const {begin, pass, log} = world();
  const {Root} = hearing(end => {
    t.deepEqual(end.get(Cart).items, ['swordfish']);
    (end.get(Cart).items as string[]).push('x');
  });
  await comeAndGo(begin(Root));
  await pass(second);
  t.true(log.length > 0);
  for (const {message, error} of log) t.false(`${message} ${(error as Error).stack}`.includes('swordfish'));
});

test('close() waits for whom it has begun to tell, and takes no more', async t => {
  const {begin, pass, store, clock} = world();
  const {promise, resolve} = Promise.withResolvers<void>();
  const {Root, told} = hearing(() => promise);
  const site = begin(Root);
  const first = await comeAndGo(site);
  await until(() => told.length === 1);
  const last = await (await site.visitor().get('/')).text();
  let isClosed = false;
  const closed = site.site.close().then(() => (isClosed = true));
  await store.end(last, 'revoked');
  await calm();
  t.false(isClosed);
  resolve();
  await closed;
  await pass(60 * 1000);
  t.deepEqual(told, [[first, 1]]);
  t.deepEqual(
    (await store.takeEnds(9, 1)).map(({key}) => key),
    [last],
  );
  await store.close();
  t.is(clock.pending, 0);
});

test('close() waits no longer than the drain timeout, lets the end go to another process, and leaves no timer', async t => {
  const {begin, pass, store, clock, log} = world();
  const {promise, resolve} = Promise.withResolvers<void>();
  const stuck = hearing(() => promise);
  const site = begin(stuck.Root, {drainTimeout: 5});
  const key = await comeAndGo(site);
  await until(() => stuck.told.length === 1);
  await site.site.close();
  await pass(31 * second);
  const {Root, told} = hearing();
  const next = begin(Root);
  await pass(second);
  t.deepEqual(told, [[key, 2]]);
  resolve();
  await pass(second);
  await next.site.close();
  await store.close();
  t.is(clock.pending, 0);
  t.deepEqual(log, []);
});

test('what is on its way to a site that closes is told by another at once', async t => {
  const {begin, pass, store} = world();
  const {promise: way, resolve: arrive} = Promise.withResolvers<void>();
  const slow = meddled(store, {
    async takeEnds(count: number, lease: number) {
      const ends = await store.takeEnds(count, lease);
      if (ends.length > 0) await way;
      return ends;
    },
  });
  const closing = hearing();
  const first = begin(closing.Root, {}, slow);
  await calm();
  const key = await comeAndGo(first);
  await calm();
  const closed = first.site.close();
  arrive();
  await closed;
  const {Root, told} = hearing();
  begin(Root);
  await pass(second);
  t.deepEqual([closing.told, told], [[], [[key, 2]]]);
});

test('a method may end other sessions, whose ends are told as well', async t => {
  const {begin} = world();
  const keys: string[] = [];
  let store: SessionStore | undefined;
  const {Root, told} = hearing(async () => {
    const next = keys.pop();
    if (next !== undefined) await store!.end(next, 'revoked');
  });
  const scene = begin(Root);
  store = scene.site.container.get<SessionStore>(SessionStore);
  for (let i = 0; i < 100; i += 1) keys.push(await (await scene.visitor().get('/')).text());
  await comeAndGo(scene);
  await until(() => told.length === 101);
  t.is(new Set(told.map(([key]) => key)).size, 101);
});

test('what a handler returns is awaited, twenty ends at a time', async t => {
  const {begin, pass, store} = world();
  let [now, most] = [0, 0];
  const {Root, told} = hearing(async () => {
    now += 1;
    most = Math.max(most, now);
    await calm();
    now -= 1;
  });
  const site = begin(Root);
  for (let i = 0; i < 200; i += 1) await site.visitor().get('/?user=ada');
  t.is(await endAllOf(store, 'ada', 'revoked'), 200);
  await pass(10 * second);
  t.is(told.length, 200);
  t.is(most, 20);
});
