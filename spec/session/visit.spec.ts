import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {
  ContainerModule,
  Get,
  Resource,
  SessionService,
  SessionStore,
  inject,
  type NewSession,
  type Response,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';

type Act = (sessions: SessionService, response: Response) => unknown;

/** A site of one page that does what it is told with the service, and a visitor of it. */
function world(...acts: Act[]) {
  @Resource()
  class Home {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async show(_request: unknown, response: Response) {
      return acts.shift()!(this.sessions, response);
    }
  }
  const {site, clock, log, visitor} = testSite(Home);
  const someone = visitor();
  const store = site.container.get<MemoryStore>(SessionStore);
  return {clock, log, store, get: () => someone.get('/'), text: async () => (await someone.get('/')).text()};
}

const begin: Act = async sessions => (await sessions.getSession()).uid;

test('all calls in one request give the same object, those at once too', async t => {
  const {get, store} = world(async sessions => {
    const all = await Promise.all([sessions.getSession(), sessions.findSession(), sessions.getSession()]);
    t.is(new Set([...all, await sessions.getSession()]).size, 1);
  });
  await get();
  t.is(store.size, 1);
});

test('findSession() before getSession() in one request sees none, and begins none', async t => {
  const {get} = world(async sessions => {
    const [none, session] = await Promise.all([sessions.findSession(), sessions.getSession()]);
    t.is(none, undefined);
    t.is(await sessions.findSession(), session);
  });
  t.is((await get()).headers.getSetCookie().length, 1);
});

test('after expire() the same request gets a fresh session', async t => {
  const {text} = world(
    begin,
    async sessions => {
      const old = await sessions.getSession();
      await sessions.expire();
      t.is(await sessions.findSession(), undefined);
      const fresh = await sessions.getSession();
      t.not(fresh, old);
      return `${old.uid} ${fresh.uid}`;
    },
    begin,
  );
  const first = await text();
  const [old, fresh] = (await text()).split(' ');
  t.is(old, first);
  t.not(fresh, old);
  t.is(await text(), fresh!);
});

test('a session begun and ended in one request leaves no cookie and no row', async t => {
  const {get, store} = world(async sessions => {
    await sessions.getSession();
    await sessions.expire();
  });
  t.deepEqual((await get()).headers.getSetCookie(), []);
  t.is(store.size, 0);
});

test('expire() at once with getSession() comes after it', async t => {
  const {get, store} = world(begin, async sessions => {
    await Promise.all([sessions.getSession(), sessions.expire()]);
  });
  await get();
  await get();
  t.is(store.size, 0);
});

test('an older session object does not end the session that came after it', async t => {
  const {text, store} = world(async sessions => {
    const old = await sessions.getSession();
    await sessions.expire();
    const fresh = await sessions.getSession();
    await old.expire();
    return fresh.uid;
  }, begin);
  t.is(await text(), await text());
  t.is(store.size, 1);
});

test('a session that times out during a request is not given again', async t => {
  const {clock, text} = world(async sessions => {
    const first = await sessions.getSession();
    clock.advance(15 * 60_000);
    const second = await sessions.getSession();
    t.not(second.uid, first.uid);
    return second.uid;
  }, begin);
  t.is(await text(), await text());
});

test('the session cookie reaches the browser although the handler fails, for the session has begun', async t => {
  const {get, text, store} = world(async sessions => {
    await sessions.getSession();
    throw new Error('oops');
  }, begin);
  const answer = await get();
  t.is(answer.status, 500);
  t.is(answer.headers.getSetCookie().length, 1);
  await text();
  t.is(store.size, 1);
});

test('a session that begins without being awaited still reaches the browser', async t => {
  const {get} = world(sessions => void sessions.getSession());
  t.is((await get()).headers.getSetCookie().length, 1);
});

test('S16: cookies of the handler stand beside the session cookie, each in a header of its own, in order', async t => {
  const {get} = world(async (sessions, response) => {
    response.setCookie('a', '1');
    await sessions.getSession();
    response.setCookie('b', '2');
  });
  t.deepEqual(
    (await get()).headers.getSetCookie().map(cookie => cookie.split('=')[0]),
    ['a', 'b', 'sid'],
  );
});

test('S70: who asked for the session is kept out of shared caches, whatever the handler said', async t => {
  const asking =
    (control?: string): Act =>
    async (sessions, response) => {
      if (control) response.setHeader('Cache-Control', control);
      await sessions.findSession();
    };
  const {get} = world(asking(), asking('public, max-age=60'), asking('private, max-age=60'), asking('private, public'));
  const said: (string | null)[] = [];
  for (let i = 0; i < 4; i += 1) {
    const {headers} = await get();
    said.push(headers.get('Cache-Control'));
    t.is(headers.get('Vary'), 'Cookie');
  }
  t.deepEqual(said, ['no-store', 'no-store', 'private, max-age=60', 'no-store']);
});

test('a session may begin before the first chunk of a stream', async t => {
  const {get} = world(async function* (sessions) {
    yield (await sessions.getSession()).uid;
  });
  const answer = await get();
  t.regex(answer.headers.get('Set-Cookie')!, /^sid=/);
  t.is((await answer.text()).length, 43);
});

test('a session that would begin after the headers is refused, and leaves no row', async t => {
  const refused: unknown[] = [];
  const {get, store} = world(async function* (sessions) {
    yield 'first';
    await sessions.getSession().catch(error => refused.push(error.code));
    yield 'second';
  });
  t.is(await (await get()).text(), 'firstsecond');
  t.deepEqual(refused, ['SESSION_TOO_LATE']);
  t.is(store.size, 0);
});

test('a session that was asked for before the headers can still be reached, and ended, after them', async t => {
  const {text, store} = world(begin, async function* (sessions) {
    await sessions.findSession();
    yield 'first ';
    yield (await sessions.getSession()).uid;
    await sessions.expire();
  });
  const uid = await text();
  t.is(await text(), `first ${uid}`);
  t.is(store.size, 0);
});

test('a session that is first asked for after the headers is refused, so that no cache keeps what it shows', async t => {
  const refused: unknown[] = [];
  const {get, store} = world(begin, async function* (sessions) {
    yield 'first';
    await sessions.findSession().catch(error => refused.push(error.code));
    await sessions.getSession().catch(error => refused.push(error.code));
    await sessions.expire();
  });
  await get();
  await (await get()).text();
  t.deepEqual(refused, ['SESSION_TOO_LATE', 'SESSION_TOO_LATE']);
  t.is(store.size, 0, 'a logout is never too late');
});

test('with a store that takes its time, too, what was begun without being awaited reaches the browser, or is refused', async t => {
  @Resource()
  class Home {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async show() {
      await this.sessions.getSession();
      void this.#renew();
      return 'done';
    }
    async #renew() {
      await this.sessions.expire();
      await this.sessions.getSession();
    }
  }
  class SlowStore extends MemoryStore {
    override create(session: NewSession) {
      return setImmediate(super.create(session)) as never;
    }
  }
  const store = new SlowStore();
  const slow = new ContainerModule(({bind}) => {
    bind(SessionStore).toConstantValue(store);
  });
  const answer = await testSite(Home, {modules: [slow]})
    .visitor()
    .get('/');
  t.is(answer.headers.getSetCookie().length, store.size);
});
