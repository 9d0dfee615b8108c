import test from 'ava';
import {Child, Get, Post, Resource, SessionService, inject, type EndReason, type Session} from 'espalier';
import {testSite} from 'espalier/testing';

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
