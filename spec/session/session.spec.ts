import {setTimeout} from 'node:timers/promises';
import test from 'ava';
import {
  Child,
  ContainerModule,
  Get,
  Post,
  Resource,
  SessionService,
  SessionStore,
  inject,
  type EndReason,
  type Request,
  type Response,
  type Session,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock, testSite} from 'espalier/testing';
import {times} from './world.ts';
import {distant} from './stores.ts';
import {Notes as Lines, cluster, pageOf, type Act} from './cluster.ts';

const minutes = 60_000;

/** A site of one page that hands each session to `act`, and a visitor of it. */
function world(act: (session: Session) => unknown = () => undefined) {
  @Resource()
  class Expire {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Post()
    async expire() {
      await this.sessions.expire();
    }
  }

  @Resource()
  @Child('expire', Expire)
  class Home {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async show() {
      const session = await this.sessions.getSession();
      await act(session);
      return session.uid;
    }
  }

  const {clock, log, visitor} = testSite(Home);
  const someone = visitor();
  return {clock, log, visit: async () => (await someone.get('/')).text(), expire: () => someone.post('/expire')};
}

test('a session tells when it was begun, last seen, and will end', async t => {
  const seen: number[][] = [];
  const {clock, visit} = world(({createdAt, lastSeenAt, idleDeadline, absoluteDeadline}) =>
    seen.push([createdAt, lastSeenAt, idleDeadline, absoluteDeadline]),
  );
  const begun = clock.now();
  await visit();
  clock.advance(10 * minutes);
  await visit();
  const later = begun + 10 * minutes;
  const end = begun + 12 * 60 * minutes;
  t.deepEqual(seen, [
    [begun, begun, begun + 15 * minutes, end],
    [begun, later, later + 15 * minutes, end],
  ]);
});

test('touch() counts the visitor as seen while a request takes long', async t => {
  const {clock, visit} = world(async session => {
    clock.advance(10 * minutes);
    t.true(await session.touch());
    t.is(session.lastSeenAt, clock.now());
  });
  const uid = await visit();
  clock.advance(14 * minutes);
  t.is(await visit(), uid);
});

test('touch() never revives a session that has ended', async t => {
  const {visit} = world(async session => {
    await session.expire();
    t.false(await session.touch());
  });
  const uid = await visit();
  t.not(await visit(), uid);
});

test('expire() ends the session, and doing it twice is once', async t => {
  const reasons: EndReason[] = [];
  const {visit} = world(async session => {
    session.notifyOnExpire(reason => reasons.push(reason));
    await session.expire();
    await session.expire();
  });
  t.not(await visit(), await visit());
  t.deepEqual(reasons, ['logout', 'logout'], 'once for each of the two sessions');
});

test('who waits for the end is told the reason: logout, or the timeout that passed', async t => {
  const reasons: EndReason[] = [];
  const {clock, visit, expire} = world(session => session.notifyOnExpire(reason => reasons.push(reason)));
  await visit();
  await expire();
  t.deepEqual(reasons, ['logout']);
  await visit();
  clock.advance(15 * minutes + 1000);
  t.deepEqual(reasons, ['logout', 'idle']);
});

test('every listener hears of the end, although one throws', async t => {
  const heard: string[] = [];
  const {log, visit, expire} = world(session => {
    session.notifyOnExpire(() => heard.push('first'));
    session.notifyOnExpire(() => {
      throw new Error('second');
    });
    session.notifyOnExpire(() => heard.push('third'));
  });
  await visit();
  t.is((await expire()).status, 204);
  t.deepEqual(heard, ['first', 'third']);
  t.is(String(log[0]?.error), 'Error: second');
});

test('a listener that is taken back hears nothing', async t => {
  const {visit, expire} = world(session => session.notifyOnExpire(() => t.fail())());
  await visit();
  t.is((await expire()).status, 204);
});

test('a session that has ended already calls nobody', async t => {
  const {visit, expire} = world(async session => {
    await session.expire();
    session.notifyOnExpire(() => t.fail());
  });
  await visit();
  t.is((await expire()).status, 204);
});

const acts: Record<string, Act> = {
  begin: async sessions => (await sessions.getSession()).uid,
  find: async sessions => (await sessions.findSession())?.uid ?? 'none',
  left: async sessions => String((await sessions.peekSession())?.timeLeft),
  longer: async sessions => String(await (await sessions.getSession()).setIdleTimeout(60 * minutes)),
  shorter: async sessions => String(await (await sessions.getSession()).setIdleTimeout(1 * minutes)),
  ann: async sessions => (await sessions.signIn('ann')).uid,
};

test('a session may be given a longer idle timeout; it stays from request to request and through a sign-in', async t => {
  const {clock, visitor} = cluster(acts);
  const someone = visitor();
  await someone.get('/begin');
  clock.advance(10 * minutes);
  t.is(await pageOf(someone, '/longer'), 'true');
  t.is(await pageOf(someone, '/left'), String(60 * minutes));
  clock.advance(59 * minutes);
  const uid = await pageOf(someone, '/ann');
  clock.advance(60 * minutes - 1);
  t.is(await pageOf(someone, '/find'), uid);
  clock.advance(60 * minutes);
  t.is(await pageOf(someone, '/find'), 'none');
});

test('a session may be given a shorter idle timeout, from now on', async t => {
  const {clock, visitor} = cluster(acts);
  const someone = visitor();
  const uid = await pageOf(someone, '/begin');
  t.is(await pageOf(someone, '/shorter'), 'true');
  clock.advance(minutes - 1);
  t.is(await pageOf(someone, '/find'), uid);
  clock.advance(minutes);
  t.is(await pageOf(someone, '/find'), 'none');
});

test('however long the idle timeout, the absolute one holds', async t => {
  const {clock, visitor} = cluster(acts, {sessions: {absoluteTimeout: 30 * minutes}});
  const someone = visitor();
  await someone.get('/longer');
  t.is(await pageOf(someone, '/left'), String(30 * minutes));
  clock.advance(30 * minutes);
  t.is(await pageOf(someone, '/find'), 'none');
});

test('an idle timeout that is no time is refused, and changes nothing; of an ended session it is false', async t => {
  const {visit} = world(async session => {
    for (const timeout of [0, -1, 499, NaN, Infinity, '1000' as never]) {
      await t.throwsAsync(session.setIdleTimeout(timeout), {code: 'OPTION_INVALID'});
    }
    t.is(session.idleTimeout, 15 * minutes);
    await session.expire();
    t.false(await session.setIdleTimeout(1000));
  });
  t.is((await visit()).length, 43);
});

for (const ahead of [5 * minutes, -5 * minutes]) {
  test(`S36: where the store's clock is ${ahead / minutes} minutes ahead, nothing ends early or late, and what a session tells is right`, async t => {
    const {clock, visitor} = cluster(
      {
        ...acts,
        tell: async sessions => {
          const session = await sessions.signIn('ann');
          t.is(session.timeLeft, 15 * minutes);
          t.true(session.signedInWithin(1));
          clock.advance(minutes);
          t.is(session.timeLeft, 14 * minutes);
          t.false(session.signedInWithin(minutes));
          t.true(session.signedInWithin(minutes + 1));
          t.true(session.signedInWithin(Infinity));
          t.is(session.authenticatedAt, clock.now() + ahead - minutes);
        },
        recent: async sessions => (await sessions.requireSignIn({within: 5 * minutes})).uid,
      },
      {ahead},
    );
    const someone = visitor();
    t.is((await someone.get('/tell')).status, 204);
    clock.advance(4 * minutes - 1);
    t.is((await someone.get('/recent')).status, 200);
    clock.advance(1);
    t.is((await someone.get('/recent')).status, 401);
    clock.advance(14 * minutes);
    t.is(await pageOf(someone, '/left'), String(minutes - 1));
    clock.advance(minutes - 1);
    t.is(await pageOf(someone, '/find'), 'none');
  });
}

test('who has not signed in has not done so within any time', async t => {
  const {visit} = world(session => t.false(session.signedInWithin(Infinity)));
  await visit();
  t.pass();
});

test('what a session holds does not change under a handler’s feet, also not when the visitor is counted as seen meanwhile', async t => {
  const {promise: found, resolve: find} = Promise.withResolvers<void>();
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  const note = async (session: Session) => session.update(Lines, notes => notes.lines.push('x'));
  const {clock, visitor} = cluster({
    note: async sessions => {
      await note(await sessions.getSession());
    },
    slow: async sessions => {
      const session = await sessions.getSession();
      find();
      await left;
      t.deepEqual(session.get(Lines).lines, ['x']);
      t.true(await session.touch());
      t.deepEqual(session.get(Lines).lines, ['x', 'x'], 'touch() looks again');
    },
  });
  const someone = visitor();
  await someone.get('/note');
  const late = someone.get('/slow');
  await found;
  clock.advance(10 * minutes);
  await someone.get('/note');
  clock.advance(10 * minutes);
  leave();
  t.is((await late).status, 204);
});

test('S57: who follows a redirect at once sees what the request before has written, in another process too', async t => {
  const later = () => setTimeout(200);
  const store = distant(new MemoryStore({clock: new TestClock()}), later);
  const urls = await Promise.all(
    times(2, async () => {
      const {site} = testSite(Noted, {
        modules: [new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store))],
      });
      t.teardown(() => site.close());
      return site.listen({port: 0});
    }),
  );
  const seen = await Promise.all(
    times(20, async index => {
      const written = await fetch(urls[index % 2]!, {method: 'POST', body: `${index}`, redirect: 'manual'});
      t.is(written.status, 303);
      const [cookie] = written.headers.getSetCookie();
      const path = written.headers.get('Location')!;
      const read = await fetch(new URL(path, urls[(index + 1) % 2]), {headers: {Cookie: cookie!.split(';')[0]!}});
      return read.json();
    }),
  );
  t.deepEqual(
    seen,
    times(20, index => [`${index}`]),
  );
});

@Resource()
class Noted {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Post()
  async write(request: Request, response: Response) {
    const session = await this.sessions.getSession();
    const text = await request.text();
    await session.update(Lines, notes => notes.lines.push(text));
    response.redirect('/', 303);
  }
  @Get()
  async read() {
    return (await this.sessions.getSession()).get(Lines).lines;
  }
}
