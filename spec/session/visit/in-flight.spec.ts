import {setImmediate} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {Request, SessionService, type Response, type Session} from 'espalier';
import {TestClock} from 'espalier/testing';
import {InFlight} from '../../../src/session/visit/in-flight.ts';
import {cluster, cookieIn, pageOf, type Act} from '../cluster.ts';
import {around, distant} from '../stores.ts';
import {until} from '../../until.ts';

const minute = 60_000;

/** Pages of which `/slow` is answered when `leave` is called. */
function slowly() {
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  let entered = 0;
  const acts: Record<string, Act> = {
    begin: async sessions => (await sessions.getSession()).uid,
    find: async sessions => (await sessions.findSession())?.uid ?? 'none',
    peek: async sessions => (await sessions.peekSession())?.uid ?? 'none',
    slow: async sessions => {
      const session = await sessions.getSession();
      entered += 1;
      await left;
      return session.uid;
    },
    slowPeek: async sessions => {
      await sessions.peekSession();
      entered += 1;
      await left;
    },
    events: stream('text/event-stream'),
    download: stream('application/octet-stream'),
    leaving: async function* (sessions: SessionService, response: Response) {
      await sessions.getSession();
      response.setHeader('Content-Type', 'application/octet-stream');
      yield 'first ';
      await sessions.expire();
      yield 'last';
    },
  };
  return {acts, leave, entered: () => entered};
}

function stream(type: string): Act {
  return async function* (sessions, response) {
    await sessions.getSession();
    response.setHeader('Content-Type', type);
    yield 'data: first\n\n';
    await new Promise(() => undefined);
  };
}

/** Turn the clock on in steps of a second, and let happen what happens. */
async function pass(clock: TestClock, milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 1000) {
    clock.advance(Math.min(left, 1000));
    for (let i = 0; i < 9; i += 1) await setImmediate();
  }
}

/** The first chunk of a streamed answer that came over a socket, and what reads on. */
async function reading(
  t: ExecutionContext,
  site: {listen(o: object): Promise<string>; close(): Promise<void>},
  path: string,
  cookie: string,
) {
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => site.close());
  const answer = await fetch(url + path, {headers: {cookie}});
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  t.is((await reader.read()).value, 'data: first\n\n');
  return reader;
}

for (const [kind, through] of [
  ['answers at once', undefined],
  ['takes its time', distant],
] as const) {
  const options = {sessions: {idleTimeout: minute}, ...(through && {through})};

  test(`S33: while a request is answered its session does not become idle; the idle timeout begins anew at its end: the store ${kind}`, async t => {
    const {acts, leave, entered} = slowly();
    const {clock, visitor} = cluster(acts, options);
    const someone = visitor();
    const begun = await someone.get('/begin');
    const [uid, cookie] = [await begun.text(), cookieIn(begun)!];
    const slow = pageOf(someone, '/slow');
    await until(() => entered() === 1);
    await pass(clock, 5 * minute);
    leave();
    t.is(await slow, uid);
    for (let i = 0; i < 9; i += 1) await setImmediate();
    clock.advance(minute - 1);
    t.is(await pageOf(visitor(1), '/peek', cookie), uid);
    clock.advance(1);
    t.is(await pageOf(visitor(1), '/peek', cookie), 'none');
  });
}

test('S33: an open stream of events holds its session, until the absolute timeout ends both, cleanly', async t => {
  const {acts} = slowly();
  const {clock, visitor, sites} = cluster(acts, {sessions: {idleTimeout: minute, absoluteTimeout: 10 * minute}});
  const begun = await visitor().get('/begin');
  const [uid, cookie] = [await begun.text(), cookieIn(begun)!];
  const reader = await reading(t, sites[0]!, '/events', cookie);
  await pass(clock, 9 * minute);
  t.is(await pageOf(visitor(1), '/peek', cookie), uid);
  await pass(clock, minute);
  t.is(await pageOf(visitor(1), '/peek', cookie), 'none');
  t.deepEqual(await reader.read(), {done: true, value: undefined});
});

test('S33: a download whose session ends is cut off, so that nobody takes it for whole', async t => {
  const {acts} = slowly();
  const {visitor, sites, store, clock} = cluster(acts);
  const begun = await visitor().get('/begin');
  const reader = await reading(t, sites[0]!, '/download', cookieIn(begun)!);
  store.end(await begun.text(), 'revoked');
  clock.advance(500);
  await t.throwsAsync(reader.read(), {any: true});
});

test('a stream whose session ended while its first chunk was made ends at once', async t => {
  const {acts} = slowly();
  const {visitor, store} = cluster({
    ...acts,
    late: async function* (sessions: SessionService, response: Response) {
      const {key} = await sessions.getSession();
      store.end(key, 'revoked');
      response.setHeader('Content-Type', 'text/event-stream');
      yield 'data: first\n\n';
      await new Promise(() => undefined);
    },
  });
  t.is(await pageOf(visitor(), '/late'), '');
});

test('who logs out in their own stream is not cut off', async t => {
  const {acts} = slowly();
  const {visitor, sites} = cluster(acts);
  const cookie = cookieIn(await visitor().get('/begin'))!;
  const url = await sites[0]!.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => sites[0]!.close());
  t.is(await (await fetch(`${url}/leaving`, {headers: {cookie}})).text(), 'first last');
  t.is(await pageOf(visitor(1), '/find', cookie), 'none');
});

test('who logs out in their own stream is not cut off either while the store is asked whether the session lasts', async t => {
  const {promise: left, resolve: leave} = Promise.withResolvers<void>();
  const {acts} = slowly();
  const {visitor} = cluster(
    {
      ...acts,
      leaving: async function* (sessions) {
        await sessions.getSession();
        yield 'first ';
        await sessions.expire();
        leave();
        for (let i = 0; i < 9; i += 1) await setImmediate();
        yield 'last';
      },
    },
    {through: store => around(store, (call, name) => (name === 'touch' ? left.then(call) : call()))},
  );
  t.is(await pageOf(visitor(), '/leaving'), 'first last');
});

test('S34: a long request that only peeks does not hold the session', async t => {
  const {acts, leave, entered} = slowly();
  const {clock, visitor} = cluster(acts, {sessions: {idleTimeout: minute}});
  const someone = visitor();
  await someone.get('/begin');
  const slow = someone.get('/slowPeek');
  await until(() => entered() === 1);
  await pass(clock, minute);
  t.is(await pageOf(someone, '/peek'), 'none');
  leave();
  t.is((await slow).status, 204);
});

test('S72: a store that is down meanwhile does no harm to a request in flight, and is asked again', async t => {
  let isDown = false;
  const {acts, leave, entered} = slowly();
  const {clock, visitor} = cluster(acts, {
    sessions: {idleTimeout: minute},
    through: store =>
      around(store, call => {
        if (isDown) throw new Error('connect ECONNREFUSED');
        return call();
      }),
  });
  const someone = visitor();
  const uid = await pageOf(someone, '/begin');
  const slow = someone.get('/slow');
  await until(() => entered() === 1);
  isDown = true;
  await pass(clock, minute - 5000);
  isDown = false;
  await pass(clock, minute);
  leave();
  t.is(await (await slow).text(), uid);
  t.is(await pageOf(someone, '/find'), uid);
});

test('a request that outlasts its session asks for it no more', async t => {
  let touches = 0;
  const {acts, leave, entered} = slowly();
  const {clock, visitor} = cluster(acts, {
    sessions: {idleTimeout: minute, absoluteTimeout: 10 * minute},
    through: store =>
      around(store, (call, name) => {
        if (name === 'touch') touches += 1;
        return call();
      }),
  });
  const slow = visitor().get('/slow');
  await until(() => entered() === 1);
  await pass(clock, 60 * minute);
  t.true(touches < 25, `${touches} times`);
  leave();
  t.is((await slow).status, 200);
});

test('however many requests are in flight, one timer holds their sessions, and none when nothing is', async t => {
  const {acts, leave, entered} = slowly();
  const {clock, visitor} = cluster(acts, {count: 1});
  await visitor().get('/begin');
  clock.advance(1000);
  const idle = clock.pending;
  const all = Array.from({length: 200}, () => visitor().get('/slow'));
  await until(() => entered() === 200);
  t.is(clock.pending, idle + 1);
  clock.advance(5 * minute);
  t.is(clock.pending, idle + 1);
  leave();
  await Promise.all(all);
  clock.advance(1000);
  t.is(clock.pending, idle);
});

test('a session that is asked for by a request of no site is not held', async t => {
  const {acts} = slowly();
  const {clock, sites, visitor} = cluster(acts, {count: 1, sessions: {idleTimeout: minute}});
  const cookie = cookieIn(await visitor().get('/begin'))!;
  const request = Request.from({headers: {host: 'localhost', cookie}});
  t.truthy(await sites[0]!.container.get(SessionService).getSession(request));
  await pass(clock, minute);
  t.is(await pageOf(visitor(), '/find', cookie), 'none');
});

test('after close() there is no timer, whatever is still in flight or comes', t => {
  const clock = new TestClock();
  const inFlight = new InFlight(clock);
  const session = {idleTimeout: minute} as Session;
  const flight = {place: -1, session, hold: () => t.fail()};
  inFlight.add(flight);
  t.is(clock.pending, 1);
  inFlight.close();
  t.is(clock.pending, 0);
  inFlight.add(flight);
  t.is(clock.pending, 0);
  const unused = new InFlight(clock);
  unused.close();
  unused.add(flight);
  t.is(clock.pending, 0);
});

/** Turn the clock on in steps of a millisecond. */
async function passFinely(clock: TestClock, milliseconds: number): Promise<void> {
  for (let left = milliseconds; left > 0; left -= 1) await pass(clock, 1);
}

for (const own of [500, 700, 1500, 3000]) {
  test(`a session that gets an idle timeout of ${own} ms lasts as long as a request in flight, and this timeout longer`, async t => {
    const {acts, leave, entered} = slowly();
    const {clock, visitor} = cluster({
      ...acts,
      slow: async (sessions, ...rest) => {
        const uid = await acts['slow']!(sessions, ...rest);
        return (await (await sessions.getSession()).touch()) ? uid : 'ended';
      },
      shorten: async sessions => void (await (await sessions.getSession()).setIdleTimeout(own)),
    });
    const someone = visitor();
    const uid = await pageOf(someone, '/begin');
    const slow = someone.get('/slow');
    await until(() => entered() === 1);
    // Another request of theirs does it, while this one is in flight.
    await someone.get('/shorten');
    await passFinely(clock, own + 1500);
    leave();
    t.is(await (await slow).text(), uid);
    clock.advance(Math.floor(own * 0.9));
    t.is(await pageOf(someone, '/peek'), uid);
    clock.advance(own);
    t.is(await pageOf(someone, '/peek'), 'none');
  });
}

test('a session with a short idle timeout is looked after in time whatever others are in flight, by one timer', t => {
  const clock = new TestClock();
  const inFlight = new InFlight(clock);
  const looks: [string, number][] = [];
  const began = clock.now();
  const enter = (name: string, idleTimeout: number) => {
    const hold = () => void looks.push([name, clock.now() - began]);
    const flight = {place: -1, session: {idleTimeout} as Session, hold};
    inFlight.add(flight);
    return flight;
  };
  enter('long', minute);
  clock.advance(900);
  const short = enter('short', 2000);
  t.is(clock.pending, 1);
  for (let i = 0; i < 600; i += 1) clock.advance(1);
  // Nor does the long one wait any longer for it.
  t.deepEqual(
    looks.map(([, at]) => at),
    [1000, 1000, 1500, 1500],
  );
  inFlight.remove(short);
  for (let i = 0; i < 2000; i += 1) clock.advance(1);
  t.deepEqual(
    looks.slice(4),
    [
      ['long', 2000],
      ['long', 3000],
    ],
    'and each second again, when it has left',
  );
  t.is(clock.pending, 1);
});
