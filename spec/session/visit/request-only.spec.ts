import test from 'ava';
import {SessionComponent, SessionService} from 'espalier';
import {cluster, cookieIn, type Act} from '../cluster.ts';

@SessionComponent('cart')
class Cart {
  items: string[] = [];
}

const acts: Record<string, Act> = {
  begin: async sessions => {
    await (await sessions.getSession()).update(Cart, cart => cart.items.push('tea'));
  },
  ann: async sessions => {
    await sessions.signIn('ann');
  },
  stream: async (sessions, response) => {
    await sessions.getSession();
    response.setHeader('Content-Type', 'text/event-stream');
    return (async function* () {
      yield 'data: first\n\n';
      await new Promise(() => undefined);
    })();
  },
};

test('a session for one request is empty and nobody’s, whatever it is asked, and keeps nothing', async t => {
  const {visitor, store} = cluster({
    ...acts,
    all: async sessions => {
      const session = await sessions.getSession();
      t.is(await sessions.getSession(), session);
      t.deepEqual([session.user, session.authenticatedAt, session.get(Cart).items], [undefined, undefined, []]);
      t.false(session.signedInWithin(1e9));
      const superseded = {code: 'SESSION_SUPERSEDED'};
      await t.throwsAsync(
        session.update(Cart, cart => cart.items.push('milk')),
        superseded,
      );
      await t.throwsAsync(session.remove(Cart), superseded);
      t.deepEqual(
        [await session.take(Cart), await session.touch(), await session.setIdleTimeout(1000)],
        [undefined, false, false],
      );
      session.notifyOnExpire(() => t.fail())();
      await session.renew();
      await session.expire();
    },
  });
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/ann');
  const answer = await visitor(1).get('/all', {headers: {cookie: old}});
  t.deepEqual([answer.status, answer.headers.getSetCookie()], [204, []]);
  t.is(store.size, 1);
});

test('a stream that was opened by an id of before a sign-in ends with the grace of that id', async t => {
  const {clock, visitor, sites} = cluster(acts);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/ann');
  const url = await sites[1]!.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => sites[1]!.close());
  const reader = (await fetch(`${url}/stream`, {headers: {cookie: old}})).body!.getReader();
  await reader.read();
  const next = reader.read();
  clock.advance(29_999);
  t.is(await Promise.race([next.then(() => 'over'), new Promise(resolve => setTimeout(resolve, 50, 'open'))]), 'open');
  clock.advance(1);
  t.true((await next).done);
});

test('a stream that was opened before a sign-in ends soon after it, since it was opened by an id that is nobody’s', async t => {
  const {clock, visitor, sites} = cluster(acts);
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  const url = await sites[1]!.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => sites[1]!.close());
  const reader = (await fetch(`${url}/stream`, {headers: {cookie: old}})).body!.getReader();
  await reader.read();
  await someone.get('/ann');
  const next = reader.read();
  for (let i = 0; i < 15; i += 1) clock.advance(1000);
  t.true((await next).done);
});

test('outside of a site’s own requests an id of before a sign-in finds no session either', async t => {
  const {visitor, sites} = cluster({
    ...acts,
    look: async (_sessions, _response, request) =>
      String(await sites[1]!.container.get(SessionService).findSession(request)),
  });
  const someone = visitor();
  const old = cookieIn(await someone.get('/begin'))!;
  await someone.get('/ann');
  t.is(await (await visitor().get('/look', {headers: {cookie: old}})).text(), 'undefined');
});
