import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {
  ContainerModule,
  EspalierError,
  Get,
  Resource,
  SessionService,
  SessionStore,
  inject,
  type NewSession,
  type Request,
  type Session,
  type Response,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';
import {Notes, cluster, cookieIn, pageOf, type Act} from '../cluster.ts';
import {around, distant} from '../stores.ts';
import {until} from '../../until.ts';

/** A site of one page that does what it is told with the service, and a visitor of it. */
function world(...acts: Act[]) {
  @Resource()
  class Home {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async show(request: Request, response: Response) {
      return acts.shift()!(this.sessions, response, request);
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

test('a session that ended while it was only looked at, and the one that took its place, leave no timer behind', async t => {
  const {clock, store, visitor} = cluster(
    {
      begin: async sessions => (await sessions.getSession()).uid,
      again: async sessions => {
        const {key} = (await sessions.peekSession())!;
        store.end(key, 'revoked');
        const next = await sessions.getSession();
        t.not(next.key, key);
        store.end(next.key, 'revoked');
      },
    },
    {count: 1},
  );
  const someone = visitor();
  await someone.get('/begin');
  t.is((await someone.get('/again')).status, 204);
  clock.advance(2000);
  t.is(clock.pending, 1, 'the one by which the site looks after its store');
});

test('a session that ends during a request, by its absolute timeout, is not given again', async t => {
  const {clock, text} = world(async sessions => {
    const first = await sessions.getSession();
    clock.advance(12 * 60 * 60_000);
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

test('S71: an answer that sets the cookie of a session is never one that others may share', async t => {
  const shared =
    (act: (sessions: SessionService) => Promise<unknown>): Act =>
    async (sessions, response) => {
      response.setHeader('Cache-Control', 'public, s-maxage=60');
      await act(sessions);
    };
  const acts = [
    shared(sessions => sessions.getSession()),
    shared(sessions => sessions.signIn('ann')),
    shared(sessions => sessions.renew()),
    shared(sessions => sessions.expire()),
  ];
  const {get} = world(...acts);
  for (const _act of acts) {
    const {headers} = await get();
    t.is(headers.getSetCookie().length, 1);
    t.is(headers.get('Cache-Control'), 'no-store');
  }
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

const sites: Record<string, Act> = {
  begin,
  find: async sessions => (await sessions.findSession())?.uid ?? 'none',
  key: async sessions => (await sessions.findSession())?.key ?? 'none',
  peek: async sessions => (await sessions.peekSession())?.uid ?? 'none',
  user: async sessions => (await sessions.findSession())?.user ?? 'none',
  notes: async sessions => (await sessions.findSession())?.get(Notes).lines.join(' ') ?? 'none',
  note: async sessions => {
    await (await sessions.getSession()).update(Notes, notes => notes.lines.push('x'));
  },
  renew: async sessions => {
    await sessions.renew();
    return (await sessions.findSession())?.uid ?? 'none';
  },
  ann: async sessions => (await sessions.signIn('ann')).uid,
  bob: async sessions => (await sessions.signIn('bob')).uid,
  expire: sessions => sessions.expire(),
};

const hours = 60 * 60_000;

test('S21: renewal gives the session a new id and the browser a new cookie; key and content stay', async t => {
  const {visitor} = cluster(sites);
  const someone = visitor();
  const key = await pageOf(someone, '/begin');
  await someone.get('/note');
  const answer = await someone.get('/renew');
  const uid = await answer.text();
  t.not(uid, key);
  t.regex(cookieIn(answer)!, /^sid=[\w-]{43}$/);
  t.deepEqual(
    [await pageOf(someone, '/find'), await pageOf(someone, '/key'), await pageOf(someone, '/notes')],
    [uid, key, 'x'],
  );
});

test('S23: the old cookie finds the session until the renewal grace after the new one was seen, on every site, and then nothing', async t => {
  const {clock, visitor} = cluster(sites);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  const uid = await pageOf(someone, '/renew');
  clock.advance(10 * 60_000);
  t.is(await pageOf(visitor(1), '/find', old), uid);
  t.is(await pageOf(someone, '/find'), uid);
  clock.advance(29_999);
  t.is(await pageOf(visitor(1), '/find', old), uid);
  clock.advance(1);
  t.is(await pageOf(visitor(1), '/find', old), 'none');
  t.is(await pageOf(someone, '/find'), uid);
});

test('S23: with a renewal grace of 0 the old cookie finds nothing once the new one was seen', async t => {
  const {visitor} = cluster(sites, {sessions: {renewalGrace: 0}});
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  const uid = await pageOf(someone, '/renew');
  t.is(await pageOf(someone, '/find'), uid);
  t.is(await pageOf(visitor(1), '/find', old), 'none');
});

test('when the answer to a renewal is lost, the old cookie goes on, and the visitor can renew the session again', async t => {
  const {clock, visitor} = cluster(sites);
  const someone = visitor();
  const begun = await someone.get('/begin');
  const [key, old] = [await begun.text(), cookieIn(begun)!];
  await someone.get('/note');
  await visitor(1).get('/renew', {headers: {cookie: old}});
  clock.advance(10 * 60_000);
  const again = cookieIn(await visitor(1).get('/renew', {headers: {cookie: old}}))!;
  clock.advance(10 * 60_000);
  t.deepEqual([await pageOf(visitor(), '/key', again), await pageOf(visitor(), '/notes', again)], [key, 'x']);
  clock.advance(30_000);
  t.is(await pageOf(visitor(1), '/find', old), 'none');
});

test('when the answer to a sign-in is lost, who signs in again within the grace has the same session, and a cookie that lasts', async t => {
  const {clock, visitor, store} = cluster(sites);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/note');
  await visitor(1).get('/ann', {headers: {cookie: old}});
  clock.advance(29_999);
  const again = cookieIn(await visitor().get('/ann', {headers: {cookie: old}}))!;
  clock.advance(10 * 60_000);
  t.deepEqual([await pageOf(visitor(1), '/user', again), await pageOf(visitor(1), '/notes', again)], ['ann', 'x']);
  t.is(store.size, 1);
});

/** Two renewals by one cookie, of which the answer to the second comes first; then the browser keeps that to the first. */
async function inWrongOrder(act: string) {
  const opened = cluster(sites, {sessions: {userLimit: 1}});
  const old = cookieIn(await opened.visitor().get('/begin'))!;
  await opened.visitor().get('/note', {headers: {cookie: old}});
  const [kept, other] = await Promise.all(
    [0, 1].map(async at => cookieIn(await opened.visitor(at).get(act, {headers: {cookie: old}}))!),
  );
  const notesBy = async (cookie: string) => pageOf(opened.visitor(), '/notes', cookie);
  return {...opened, kept: kept!, other: other!, notesBy};
}

for (const act of ['/renew', '/ann']) {
  test(`of two answers to ${act} that arrive in the wrong order the browser keeps the first id, and that one lasts`, async t => {
    const {clock, kept, other, notesBy} = await inWrongOrder(act);
    t.is(await notesBy(other), 'x', 'it was used for a moment');
    clock.advance(29_999);
    t.is(await notesBy(kept), 'x');
    for (let i = 0; i < 29; i += 1) {
      clock.advance(1000);
      t.is(await notesBy(other), 'x', 'what was on its way with it arrives yet');
    }
    clock.advance(10 * 60_000);
    t.is(await notesBy(kept), 'x');
  });

  test(`of two answers to ${act} the browser keeps the first id, also where a request with the other is overtaken by one with it`, async t => {
    const {clock, kept, other, notesBy} = await inWrongOrder(act);
    for (const cookie of [kept, other, kept]) t.is(await notesBy(cookie), 'x');
    clock.advance(10 * 60_000);
    t.is(await notesBy(kept), 'x');
  });
}

test('five sign-ins by one cookie, as impatient clicks make, are one session with the cart, also where a user may have one', async t => {
  const {clock, visitor, store} = cluster(sites, {sessions: {userLimit: 1}});
  const old = cookieIn(await visitor().get('/begin'))!;
  await visitor().get('/note', {headers: {cookie: old}});
  const answers = [];
  for (let i = 0; i < 5; i += 1) answers.push(cookieIn(await visitor(i % 2).get('/ann', {headers: {cookie: old}}))!);
  t.is(store.size, 1);
  const last = answers.at(-1)!;
  t.deepEqual([await pageOf(visitor(), '/user', last), await pageOf(visitor(), '/notes', last)], ['ann', 'x']);
  const again = cookieIn(await visitor().get('/ann', {headers: {cookie: answers[0]!}}))!;
  t.is(await pageOf(visitor(), '/notes', again), 'x', 'the one that made way signs in again too');
  clock.advance(10 * 60_000);
  t.deepEqual([await pageOf(visitor(), '/notes', again), store.size], ['x', 1]);
});

test('the cookie of before a sign-in is never the user’s: it finds nobody, signs nobody out, and no cookie takes the place of the new one', async t => {
  const {visitor, store} = cluster({
    ...sites,
    recent: async sessions => (await sessions.requireSignIn({within: 60_000})).uid,
    others: async sessions => String(await sessions.of('ann').expireOthers()),
  });
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/note');
  await someone.get('/ann');
  const late = (path: string) => visitor(1).get(path, {headers: {cookie: old}});
  t.is(await (await late('/user')).text(), 'none');
  t.deepEqual([(await late('/recent')).status, (await late('/others')).status], [401, 409]);
  for (const path of ['/begin', '/renew', '/expire', '/find']) {
    const answer = await late(path);
    t.deepEqual([answer.ok, answer.headers.getSetCookie()], [true, []], path);
  }
  t.is((await late('/note')).status, 409);
  t.deepEqual([await pageOf(someone, '/user'), await pageOf(someone, '/notes'), store.size], ['ann', 'x', 1]);
});

test('by the cookie of before a sign-in another user begins a session of their own, and neither takes nor ends the first', async t => {
  const {visitor, store} = cluster(sites);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/note');
  await someone.get('/ann');
  const bobs = cookieIn(await visitor(1).get('/bob', {headers: {cookie: old}}))!;
  t.deepEqual([await pageOf(visitor(), '/user', bobs), await pageOf(visitor(), '/notes', bobs)], ['bob', '']);
  t.deepEqual([await pageOf(someone, '/user'), await pageOf(someone, '/notes'), store.size], ['ann', 'x', 2]);
});

test('once the grace is over the cookie of before a sign-in is as good as none: who comes with it begins a fresh session', async t => {
  const {clock, visitor} = cluster(sites);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/ann');
  clock.advance(30_000);
  const fresh = cookieIn(await visitor(1).get('/begin', {headers: {cookie: old}}))!;
  t.is(await pageOf(visitor(), '/user', fresh), 'none');
  t.is(await pageOf(someone, '/user'), 'ann');
});

/** A page that asks for the session long after its request has arrived. */
function slowly() {
  const [held, here] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const slow: Act = async sessions => {
    here.resolve();
    await held.promise;
    return (await sessions.getSession()).user ?? 'nobody';
  };
  return {slow, arrived: here.promise, goOn: held.resolve};
}

for (const renewalGrace of [0, 1000]) {
  test(`a request that was on its way when its visitor signed in begins no session, with a grace of ${renewalGrace} ms`, async t => {
    const {slow, arrived, goOn} = slowly();
    const {clock, visitor, store} = cluster({...sites, slow}, {sessions: {renewalGrace}});
    const someone = visitor();
    const old = cookieIn(await someone.get('/begin'))!;
    clock.advance(1);
    const answering = visitor(1).get('/slow', {headers: {cookie: old}});
    await arrived;
    clock.advance(1);
    await someone.get('/ann');
    clock.advance(2000);
    goOn();
    const answer = await answering;
    t.deepEqual([await answer.text(), answer.headers.getSetCookie()], ['nobody', []]);
    t.deepEqual([await pageOf(someone, '/user'), store.size], ['ann', 1]);
  });
}

test('a request that was on its way when its visitor signed out begins no session over the one that came after it', async t => {
  const {slow, arrived, goOn} = slowly();
  const {clock, visitor, store} = cluster({...sites, slow});
  const someone = visitor();
  const old = cookieIn(await someone.get('/ann'))!;
  clock.advance(1);
  const answering = visitor(1).get('/slow', {headers: {cookie: old}});
  await arrived;
  clock.advance(1);
  await someone.get('/expire');
  await someone.get('/bob');
  goOn();
  const answer = await answering;
  t.deepEqual([await answer.text(), answer.headers.getSetCookie()], ['nobody', []]);
  t.deepEqual([await pageOf(someone, '/user'), store.size], ['bob', 1]);
});

test('a request that found its session before the visitor signed in writes nothing to it, and ends nothing, afterwards', async t => {
  const {promise: held, resolve} = Promise.withResolvers<void>();
  const {promise: arrived, resolve: arrive} = Promise.withResolvers<void>();
  const {visitor} = cluster({
    ...sites,
    slow: async sessions => {
      const session = await sessions.getSession();
      arrive();
      await held;
      await t.throwsAsync(
        session.update(Notes, notes => notes.lines.push('theirs')),
        {code: 'SESSION_SUPERSEDED'},
      );
      t.deepEqual(
        [session.user, await session.touch(), await session.setIdleTimeout(60_000)],
        [undefined, false, false],
      );
      await session.expire();
      await sessions.expire();
      t.is((await sessions.getSession()).user, undefined);
    },
  });
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  const slow = visitor(1).get('/slow', {headers: {cookie: old}});
  await arrived;
  await someone.get('/ann');
  resolve();
  const answer = await slow;
  t.deepEqual([answer.status, answer.headers.getSetCookie()], [204, []]);
  t.deepEqual([await pageOf(someone, '/user'), await pageOf(someone, '/notes')], ['ann', '']);
});

for (const [kind, through] of [
  ['answers at once', undefined],
  ['takes its time', distant],
] as const) {
  const options = through && {through};

  test(`S22: of 50 requests with the old cookie that all renew, on two sites, all succeed and three at most renew: the store ${kind}`, async t => {
    const {clock, visitor, store} = cluster(
      {
        ...sites,
        both: async sessions => {
          const session = await sessions.getSession();
          await session.renew();
          await session.update(Notes, notes => notes.lines.push('x'));
          return session.key;
        },
      },
      options,
    );
    const someone = visitor();
    const begun = await someone.get('/begin');
    const [key, old] = [await begun.text(), cookieIn(begun)!];
    const answered: globalThis.Response[] = [];
    for (let i = 0; i < 50; i += 1) {
      void visitor(i % 2)
        .get('/both', {headers: {cookie: old}})
        .then(answer => answered.push(answer));
    }
    // Who meets with another's write waits a moment, by the clock, before the next attempt.
    await until(() => (clock.advance(1), answered.length === 50));
    t.true(answered.every(({status}) => status === 200));
    t.deepEqual(new Set(await Promise.all(answered.map(async answer => answer.text()))), new Set([key]));
    const cookies = answered.map(cookieIn).filter(cookie => cookie !== undefined);
    t.is(cookies.length, 3);
    t.is(store.size, 1);
    clock.advance(30_000);
    for (const cookie of cookies) {
      t.is((await pageOf(visitor(), '/notes', cookie)).split(' ').length, 50, 'nothing is lost');
    }
  });

  test(`a double click on "sign in" ends with one session, with which both answers can go on: the store ${kind}`, async t => {
    for (let round = 0; round < 20; round += 1) {
      const {clock, visitor, store} = cluster(sites, options);
      const cookie = cookieIn(await visitor().get('/begin'))!;
      const answers = await Promise.all([0, 1].map(at => visitor(at).get('/ann', {headers: {cookie}})));
      t.is(store.size, 1);
      clock.advance(60_000);
      for (const answer of answers) t.is(await pageOf(visitor(), '/user', cookieIn(answer)), 'ann');
    }
  });

  test(`S24: renewal and logout at the same time leave nothing alive: the store ${kind}`, async t => {
    for (let round = 0; round < 20; round += 1) {
      const {visitor, store} = cluster(sites, options);
      const cookie = cookieIn(await visitor().get('/begin'))!;
      await Promise.all([
        visitor(0).get('/renew', {headers: {cookie}}),
        visitor(1).get('/expire', {headers: {cookie}}),
        visitor(0)
          .get('/note', {headers: {cookie}})
          .catch(() => undefined),
      ]);
      // A note may have begun a session of its own after the logout; the old one is dead either way.
      t.is(await pageOf(visitor(), '/find', cookie), 'none');
      t.true(store.size <= 1);
    }
  });

  test(`sign-in and logout at the same time: who is signed in afterwards has the cookie for it: the store ${kind}`, async t => {
    for (let round = 0; round < 20; round += 1) {
      const {visitor, store} = cluster(sites, options);
      const cookie = cookieIn(await visitor().get('/begin'))!;
      const [signedIn, left] = await Promise.all([
        visitor(0).get('/ann', {headers: {cookie}}),
        visitor(1).get('/expire', {headers: {cookie}}),
      ]);
      t.deepEqual([signedIn.status, left.status], [200, 204]);
      t.is(await pageOf(visitor(), '/find', cookie), 'none');
      const own = cookieIn(signedIn);
      t.is(own === undefined ? 'none' : await pageOf(visitor(), '/user', own), store.size === 1 ? 'ann' : 'none');
    }
  });
}

test('S24: a logout with the new cookie, within the grace, ends what the old one opens', async t => {
  const {visitor, store} = cluster(sites);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/renew');
  t.not(await pageOf(visitor(1), '/find', old), 'none');
  await someone.get('/expire');
  t.is(await pageOf(visitor(1), '/find', old), 'none');
  t.is(store.size, 0);
});

test('S24: a logout with the old cookie, within the grace, ends what the new one opens', async t => {
  const {visitor} = cluster(sites);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/renew');
  await visitor(1).get('/expire', {headers: {cookie: old}});
  t.is(await pageOf(someone, '/find'), 'none');
});

test('S25: a store that fails during a renewal leaves an id that works: the old one, whether it took place or not', async t => {
  for (const tookPlace of [false, true]) {
    let isFailing = true;
    const {visitor} = cluster(sites, {
      through: store =>
        around(store, (call, name) => {
          if (name !== 'renew' || !isFailing) return call();
          if (tookPlace) call();
          throw new Error('the connection broke');
        }),
    });
    const someone = visitor();
    await someone.get('/begin');
    t.is((await someone.get('/renew')).status, 503);
    isFailing = false;
    t.not(await pageOf(someone, '/find'), 'none');
  }
});

test('renewal without a session does nothing, and begins none', async t => {
  const {visitor, store} = cluster(sites);
  const answer = await visitor().get('/renew');
  t.deepEqual([await answer.text(), answer.headers.getSetCookie(), store.size], ['none', [], 0]);
});

test('a session that was begun in this request can be renewed, any number of times; one cookie goes out', async t => {
  const {visitor, store} = cluster({
    ...sites,
    often: async sessions => {
      const session = await sessions.getSession();
      const uids = [session.uid];
      for (let i = 0; i < 3; i += 1) {
        await session.renew();
        uids.push(session.uid);
      }
      t.is(new Set(uids).size, 4);
      return session.uid;
    },
  });
  const someone = visitor();
  const answer = await someone.get('/often');
  t.is(answer.headers.getSetCookie().length, 1);
  t.is(await pageOf(someone, '/find'), await answer.text());
  t.is(store.size, 1);
});

test('several renewals in one request: the old cookie has its grace, those in between were never anybody’s', async t => {
  const {visitor} = cluster({
    ...sites,
    twice: async sessions => {
      await sessions.renew();
      await sessions.renew();
      return (await sessions.getSession()).uid;
    },
  });
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  const answer = await someone.get('/twice');
  const uid = await answer.text();
  t.is(answer.headers.getSetCookie().length, 1);
  t.is(await pageOf(someone, '/find'), uid);
  t.is(await pageOf(visitor(), '/find', old), uid);
});

test('who waits for the end hears of it after a renewal too, once', async t => {
  const heard: string[] = [];
  const {visitor} = cluster({
    ...sites,
    wait: async sessions => {
      (await sessions.getSession()).notifyOnExpire(reason => heard.push(reason));
    },
  });
  const someone = visitor();
  await someone.get('/wait');
  await someone.get('/renew');
  await someone.get('/expire');
  t.deepEqual(heard, ['logout']);
});

test('who waits for the end is called outside of any request, whoever’s request it ends in', async t => {
  const codes: unknown[] = [];
  const {visitor} = cluster({
    ...sites,
    wait: async sessions => {
      (await sessions.getSession()).notifyOnExpire(() => sessions.findSession().catch(error => codes.push(error.code)));
    },
  });
  const someone = visitor();
  await someone.get('/wait');
  await someone.get('/expire');
  t.deepEqual(codes, ['OUTSIDE_REQUEST']);
});

test('renewal and sign-in after the headers are refused, and change nothing', async t => {
  const refused: unknown[] = [];
  const {visitor} = cluster({
    ...sites,
    late: async function* (sessions: SessionService) {
      const session = await sessions.getSession();
      yield 'first';
      for (const act of [() => sessions.renew(), () => session.renew(), () => sessions.signIn('ann')]) {
        await act().catch((error: {code: string}) => refused.push(error.code));
      }
      yield session.uid;
    },
  });
  const someone = visitor();
  const uid = await pageOf(someone, '/begin');
  t.is(await pageOf(someone, '/late'), `first${uid}`);
  t.deepEqual(refused, ['SESSION_TOO_LATE', 'SESSION_TOO_LATE', 'SESSION_TOO_LATE']);
  t.deepEqual([await pageOf(someone, '/find'), await pageOf(someone, '/user')], [uid, 'none']);
});

test('a session that was ended can’t be renewed', async t => {
  const {get} = world(async sessions => {
    const session = await sessions.getSession();
    await session.expire();
    await t.throwsAsync(session.renew(), {code: 'SESSION_ENDED', message: /ended/});
    await sessions.getSession();
    await t.throwsAsync(session.renew(), {code: 'SESSION_ENDED'}, 'nor when another has come after it');
  });
  t.is((await get()).status, 204);
});

test('S41: a renewal whose session is logged out meanwhile sends no cookie of it', async t => {
  const {promise: renewed, resolve: renew} = Promise.withResolvers<void>();
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  const {visitor} = cluster({
    ...sites,
    slow: async sessions => {
      await sessions.renew();
      renew();
      await left;
    },
  });
  const someone = visitor();
  const cookie = cookieIn(await someone.get('/begin'))!;
  const slow = someone.get('/slow');
  await renewed;
  await visitor(1).get('/expire', {headers: {cookie}});
  leave();
  t.deepEqual((await slow).headers.getSetCookie(), []);
});

test('S41: a renewal that comes after the logout does not take away the cookie of the session that was begun since', async t => {
  const {promise: found, resolve: find} = Promise.withResolvers<void>();
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  const {visitor} = cluster({
    ...sites,
    slow: async sessions => {
      await sessions.findSession();
      find();
      await left;
      await sessions.renew();
    },
  });
  const someone = visitor();
  await someone.get('/begin');
  const slow = someone.get('/slow');
  await found;
  await someone.get('/expire');
  const cookie = cookieIn(await someone.get('/begin'))!;
  leave();
  t.deepEqual((await slow).headers.getSetCookie(), []);
  t.is(await someone.jar.getCookieString('http://localhost/'), cookie);
});

test('S41: what is written to a session that is logged out meanwhile is refused, and revives nothing', async t => {
  const {promise: found, resolve: find} = Promise.withResolvers<void>();
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  const {visitor, store} = cluster({
    ...sites,
    slow: async sessions => {
      const session = await sessions.getSession();
      find();
      await left;
      await session.update(Notes, notes => notes.lines.push('late'));
    },
  });
  const someone = visitor();
  const cookie = cookieIn(await someone.get('/begin'))!;
  const slow = someone.get('/slow');
  await found;
  await visitor(1).get('/expire', {headers: {cookie}});
  leave();
  const answer = await slow;
  t.is(answer.status, 401);
  t.deepEqual(answer.headers.getSetCookie(), []);
  t.is(store.size, 0);
});

test('S42: a request that outlasts the logout and is counted as seen at its end does not bring the session back', async t => {
  const {promise: found, resolve: find} = Promise.withResolvers<void>();
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  const {visitor, store, clock} = cluster({
    ...sites,
    slow: async sessions => {
      await sessions.getSession();
      find();
      await left;
    },
  });
  const someone = visitor();
  const cookie = cookieIn(await someone.get('/begin'))!;
  const slow = someone.get('/slow');
  await found;
  clock.advance(5 * 60_000);
  await visitor(1).get('/expire', {headers: {cookie}});
  leave();
  t.is((await slow).status, 204);
  t.is(store.size, 0);
  t.is(await pageOf(someone, '/find'), 'none');
});

test('S47: logging out twice, here and elsewhere at once, is one end and no error', async t => {
  const heard: string[] = [];
  const {visitor, clock} = cluster(
    {
      ...sites,
      wait: async sessions => {
        (await sessions.getSession()).notifyOnExpire(reason => heard.push(reason));
      },
    },
    {through: distant},
  );
  const cookie = cookieIn(await visitor().get('/wait'))!;
  const answers = await Promise.all([0, 1, 0, 1].map(at => visitor(at).get('/expire', {headers: {cookie}})));
  t.deepEqual(
    answers.map(({status}) => status),
    [204, 204, 204, 204],
  );
  // It may be the other site that has ended it.
  clock.advance(500);
  await until(() => heard.length > 0);
  t.deepEqual(heard, ['logout']);
});

test('S20: who signs in gets a new id, keeps what was in the session, and the absolute timeout begins anew', async t => {
  const {clock, visitor} = cluster(sites);
  const someone = visitor();
  const begun = await someone.get('/begin');
  const [key, old] = [await begun.text(), cookieIn(begun)!];
  await someone.get('/note');
  for (let i = 0; i < 60; i += 1) {
    clock.advance(10 * 60_000);
    await someone.get('/find');
  }
  const uid = await pageOf(someone, '/ann');
  t.not(uid, key);
  t.deepEqual([await pageOf(someone, '/user'), await pageOf(someone, '/notes')], ['ann', 'x']);
  clock.advance(30_000);
  t.is(await pageOf(visitor(), '/find', old), 'none', 'the anonymous cookie has had its grace');
  for (let i = 0; i < 71; i += 1) {
    clock.advance(10 * 60_000);
    t.is(await pageOf(someone, '/find'), uid);
  }
  clock.advance(10 * 60_000);
  t.is(await pageOf(someone, '/find'), 'none', '12 hours after the sign-in');
});

test('who signs in without a session has one from then on', async t => {
  const {visitor, store} = cluster(sites);
  const someone = visitor();
  const answer = await someone.get('/ann');
  t.is(answer.headers.getSetCookie().length, 1);
  t.deepEqual([answer.headers.get('Cache-Control'), answer.headers.get('Vary')], ['no-store', 'Cookie']);
  t.is(await pageOf(someone, '/find'), await answer.text());
  t.is(store.size, 1);
});

test('S21: each sign-in of the same user gives a new id, and the session goes on', async t => {
  const {visitor, store} = cluster(sites);
  const someone = visitor();
  const uids = [await pageOf(someone, '/ann'), await pageOf(someone, '/ann'), await pageOf(someone, '/ann')];
  t.is(new Set(uids).size, 3);
  t.is(await pageOf(someone, '/find'), uids[2]!);
  t.is(store.size, 1);
});

test('S20: who signs in as another user finds nothing of the first, whose session ends as replaced', async t => {
  const heard: string[] = [];
  const {visitor, store} = cluster({
    ...sites,
    bob: async sessions => {
      const old = await sessions.getSession();
      old.notifyOnExpire(reason => heard.push(reason));
      const session = await sessions.signIn('bob');
      t.not(session.key, old.key);
      t.deepEqual(session.get(Notes).lines, []);
      t.is(await sessions.getSession(), session);
    },
  });
  const someone = visitor();
  await someone.get('/note');
  const old = cookieIn(await someone.get('/ann'))!;
  const answer = await someone.get('/bob');
  t.is(answer.status, 204);
  t.is(answer.headers.getSetCookie().length, 1);
  t.deepEqual(heard, ['replaced']);
  t.deepEqual([await pageOf(someone, '/user'), await pageOf(someone, '/notes')], ['bob', '']);
  t.is(await pageOf(visitor(), '/find', old), 'none');
  t.is(store.size, 1);
});

test('a session that ended a moment ago is no obstacle to a sign-in', async t => {
  const {visitor, store} = cluster({
    ...sites,
    race: async sessions => {
      const session = await sessions.getSession();
      store.end(session.key, 'revoked');
      return (await sessions.signIn('ann')).uid;
    },
  });
  const someone = visitor();
  await someone.get('/begin');
  t.is(await pageOf(someone, '/race'), await pageOf(someone, '/find'));
  t.is(store.size, 1);
});

test('where sessions end as soon as they begin, a sign-in is refused instead of trying for ever', async t => {
  const {visitor} = cluster(sites, {
    through: store => around(store, (call, name) => (name === 'renew' ? undefined : call())),
  });
  t.is((await visitor().get('/ann')).status, 401);
});

test('S17: a handler that throws after a sign-in has signed in: the cookie goes out, and what was written stays', async t => {
  const {visitor} = cluster({
    ...sites,
    fail: async sessions => {
      const session = await sessions.signIn('ann');
      await session.update(Notes, notes => notes.lines.push('kept'));
      throw new Error('oops');
    },
  });
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  const answer = await someone.get('/fail');
  t.is(answer.status, 500);
  t.not(cookieIn(answer), old);
  t.deepEqual([answer.headers.get('Cache-Control'), answer.headers.get('Vary')], ['no-store', 'Accept, Cookie']);
  t.deepEqual([await pageOf(someone, '/user'), await pageOf(someone, '/notes')], ['ann', 'kept']);
});

test('S34: peeking, and what a browser fetches in advance, put off no deadline', async t => {
  const {clock, visitor} = cluster({
    ...sites,
    left: async sessions => String((await sessions.peekSession())?.timeLeft),
  });
  const someone = visitor();
  await someone.get('/begin');
  for (let i = 1; i < 15; i += 1) {
    clock.advance(60_000);
    t.is(await pageOf(someone, '/left'), String((15 - i) * 60_000));
    await someone.get('/begin', {headers: {'Sec-Purpose': 'prefetch;prerender'}});
    for (const name of ['Sec-Purpose', 'X-Sec-Purpose', 'Purpose', 'X-Moz']) {
      await someone.get('/find', {headers: {[name]: 'prefetch'}});
    }
    await someone.get('/find', {headers: {'X-Purpose': 'preview'}});
  }
  clock.advance(60_000);
  t.is(await pageOf(someone, '/left'), 'undefined');
});

test('S34: peeking first and getting then, in one request, counts as being seen', async t => {
  const {clock, visitor} = cluster({
    ...sites,
    both: async sessions => {
      const peeked = await sessions.peekSession();
      t.is(peeked, await sessions.getSession());
      t.is(peeked!.timeLeft, 15 * 60_000);
    },
  });
  const someone = visitor();
  const uid = await pageOf(someone, '/begin');
  clock.advance(14 * 60_000);
  t.is((await someone.get('/both')).status, 204);
  clock.advance(14 * 60_000);
  t.is(await pageOf(someone, '/find'), uid);
});

test('S34: a request that peeks again and again sees how long is left, and does not keep the session alive by that', async t => {
  const left: (number | undefined)[] = [];
  const {clock, visitor} = cluster({
    ...sites,
    poll: async sessions => {
      const peek = async () => left.push((await sessions.peekSession())?.timeLeft);
      await peek();
      clock.advance(10 * 60_000);
      await visitor(1).get('/find', {headers: {cookie}});
      clock.advance(5 * 60_000);
      await peek();
      clock.advance(10 * 60_000);
      await peek();
    },
  });
  const someone = visitor();
  const cookie = cookieIn(await someone.get('/begin'))!;
  t.is((await someone.get('/poll')).status, 204);
  t.deepEqual(left, [15 * 60_000, 10 * 60_000, undefined]);
});

test('S74: a record that can’t be read is told to the operator once; the visitor gets a fresh session, and can log out', async t => {
  const corrupt = new Set<string>();
  const {log, visitor} = cluster(
    {
      ...sites,
      both: async sessions => {
        t.is(await sessions.findSession(), undefined);
        return (await sessions.getSession()).uid;
      },
    },
    {
      through: store =>
        around(store, (call, name, [uid]) =>
          name === 'find' && corrupt.has(uid as string)
            ? Promise.reject(new EspalierError('SESSION_CORRUPT', 'This can’t be read.'))
            : call(),
        ),
    },
  );
  const someone = visitor();
  const begun = await someone.get('/begin');
  const [old, cookie] = [await begun.text(), cookieIn(begun)!];
  corrupt.add(old);
  const fresh = await pageOf(someone, '/both');
  t.not(fresh, old);
  const told = () => log.filter(({message}) => message.includes(old)).length;
  t.is(told(), 1);
  t.is(await pageOf(someone, '/find'), fresh);
  const left = await visitor().get('/expire', {headers: {cookie}});
  t.is(left.status, 204);
  t.regex(left.headers.get('Set-Cookie')!, /^sid=; Max-Age=0/);
  t.is(told(), 1);
});

test('an id of a session over TLS does not end it over plain HTTP', async t => {
  const {
    sites: [site],
    store,
  } = cluster(sites);
  const begun = await site!.fetch(new globalThis.Request('https://localhost/begin'));
  const token = /sid=([^;]+)/.exec(begun.headers.get('Set-Cookie')!)![1]!;
  await site!.fetch(new globalThis.Request('http://localhost/expire', {headers: {cookie: `sid=${token}`}}));
  t.is(store.size, 1);
});

test('S32: the busiest session that was never signed in ends at its absolute timeout on every site', async t => {
  const {clock, visitor} = cluster(sites, {sessions: {absoluteTimeout: hours}});
  const begun = await visitor().get('/begin');
  const [uid, cookie] = [await begun.text(), cookieIn(begun)!];
  for (let i = 1; i < 60; i += 1) {
    clock.advance(60_000);
    t.is(await pageOf(visitor(i % 2), '/find', cookie), uid);
  }
  clock.advance(60_000);
  for (const at of [0, 1]) t.is(await pageOf(visitor(at), '/find', cookie), 'none');
});

/** A request with an old cookie that has found its session, and goes on when somebody has signed in to it elsewhere. */
async function overtaken(signIn: Act, then: Act) {
  const [here, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const scene = cluster({
    ...sites,
    slow: async (sessions, response, request) => {
      await sessions.getSession();
      here.resolve();
      await held.promise;
      return then(sessions, response, request);
    },
    signIn,
  });
  const someone = scene.visitor();
  const cookie = cookieIn(await someone.get('/begin'))!;
  const slow = scene.visitor().get('/slow', {headers: {cookie}});
  await here.promise;
  await someone.get('/signIn');
  held.resolve();
  return {...scene, someone, answer: await slow};
}

test('an idle timeout that is given after a sign-in tells a request of before nothing of the user', async t => {
  const {someone, answer} = await overtaken(
    async sessions => {
      const session = await sessions.signIn('ann');
      await session.update(Notes, notes => notes.lines.push('secret'));
      await session.setIdleTimeout(hours);
    },
    async sessions => {
      const session = await sessions.getSession();
      t.deepEqual([session.user, await session.touch(), session.get(Notes).lines], [undefined, false, []]);
      await t.throwsAsync(sessions.requireSignIn(), {code: 'SIGN_IN_REQUIRED'});
      await session.expire();
    },
  );
  t.is(answer.status, 204);
  t.deepEqual([await pageOf(someone, '/user'), await pageOf(someone, '/notes')], ['ann', 'secret']);
});

test('a session object of before a sign-in ends nothing, whatever its request has done since', async t => {
  for (const leave of [
    (session: Session) => session.renew(),
    (_: Session, sessions: SessionService) => sessions.signIn('bob'),
  ]) {
    const {someone} = await overtaken(
      sessions => sessions.signIn('ann').then(() => undefined),
      async sessions => {
        const session = await sessions.getSession();
        await leave(session, sessions);
        await session.expire();
      },
    );
    t.is(await pageOf(someone, '/user'), 'ann');
  }
});

test('expireOthers() by a request of before a sign-in is refused, and ends nobody’s session', async t => {
  const {answer} = await overtaken(
    sessions => sessions.signIn('ann').then(() => undefined),
    sessions => sessions.of('ann').expireOthers().then(String),
  );
  t.is(answer.status, 409);
});

test('the answer of a renewal that a sign-in has overtaken sends no cookie over the new one', async t => {
  const [here, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const {visitor} = cluster({
    ...sites,
    slow: async sessions => {
      await sessions.renew();
      here.resolve();
      await held.promise;
    },
  });
  const someone = visitor();
  const cookie = cookieIn(await someone.get('/begin'))!;
  const slow = visitor(1).get('/slow', {headers: {cookie}});
  await here.promise;
  await someone.get('/ann');
  held.resolve();
  t.deepEqual((await slow).headers.getSetCookie(), []);
  t.is(await pageOf(someone, '/user'), 'ann');
});

test('a stream that only peeked ends soon after a sign-in too', async t => {
  const {
    clock,
    visitor,
    sites: running,
  } = cluster({
    ...sites,
    stream: async (sessions, response) => {
      await sessions.peekSession();
      response.setHeader('Content-Type', 'text/event-stream');
      return (async function* () {
        yield 'data: first\n\n';
        await new Promise(() => undefined);
      })();
    },
  });
  const someone = visitor();
  const cookie = cookieIn(await someone.get('/begin'))!;
  const url = await running[1]!.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => running[1]!.close());
  const reader = (await fetch(`${url}/stream`, {headers: {cookie}})).body!.getReader();
  await reader.read();
  await someone.get('/ann');
  const next = reader.read();
  for (let i = 0; i < 15; i += 1) clock.advance(1000);
  t.true((await next).done);
});
