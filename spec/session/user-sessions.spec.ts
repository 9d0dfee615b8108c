import test from 'ava';
import {Request, SessionService, type Session} from 'espalier';
import type {MemoryStore} from 'espalier/store/memory';
import {Notes, cluster, cookieIn, pageOf, type Act} from './cluster.ts';
import {around, distant} from './stores.ts';

const minute = 60_000;

const acts: Record<string, Act> = {
  begin: async sessions => (await sessions.getSession()).uid,
  find: async sessions => (await sessions.findSession())?.uid ?? 'none',
  user: async sessions => (await sessions.findSession())?.user ?? 'none',
  ann: async sessions => (await sessions.signIn('ann')).key,
  bob: async sessions => (await sessions.signIn('bob')).key,
  expire: sessions => sessions.expire(),
  list: async sessions => (await sessions.of('ann').list()).map(({key}) => key),
  all: async sessions => String(await sessions.of('ann').expireAll()),
  others: async sessions => String(await sessions.of('ann').expireOthers()),
};

test('list() gives the user’s live sessions of all sites, those signed in first coming first', async t => {
  const {clock, visitor} = cluster(acts);
  const keys: string[] = [];
  const visitors = [visitor(0), visitor(1), visitor(0)];
  for (const someone of visitors) {
    keys.push(await pageOf(someone, '/ann'));
    clock.advance(1000);
  }
  await pageOf(visitor(), '/bob');
  await pageOf(visitor(), '/begin');
  const list = async () => (await visitor(1).get('/list')).json() as Promise<string[]>;
  t.deepEqual(await list(), keys);
  await visitors[0]!.get('/ann');
  t.deepEqual(await list(), [keys[1], keys[2], keys[0]], 'who signs in again is the last to have done so');
  await visitors[1]!.get('/expire');
  t.deepEqual(await list(), [keys[2], keys[0]]);
  clock.advance(15 * minute);
  t.deepEqual(await list(), []);
});

test('a listed session shows what is in it, and looking at it does not count as its visitor being seen', async t => {
  const {clock, visitor} = cluster({
    ...acts,
    note: async sessions => {
      await (await sessions.getSession()).update(Notes, notes => notes.lines.push('x'));
    },
    look: async sessions => {
      const [listed] = await sessions.of('ann').list({components: [Notes]});
      return listed ? {lines: listed.get(Notes).lines, user: listed.user, left: listed.timeLeft} : 'none';
    },
  });
  const ann = visitor();
  await ann.get('/ann');
  await ann.get('/note');
  for (let i = 1; i < 15; i += 1) {
    clock.advance(minute);
    t.deepEqual(await (await visitor(1).get('/look')).json(), {lines: ['x'], user: 'ann', left: (15 - i) * minute});
  }
  clock.advance(minute);
  t.is(await pageOf(ann, '/find'), 'none');
});

test('S43: expireAll() ends all at once, on every site, also this visitor’s own, who goes on without', async t => {
  const heard: string[] = [];
  const {visitor} = cluster({
    ...acts,
    all: async sessions => {
      const own = await sessions.getSession();
      own.notifyOnExpire(reason => heard.push(reason));
      t.is(await sessions.of('ann').expireAll(), 3);
      t.is(await sessions.findSession(), undefined);
    },
  });
  const all = [visitor(0), visitor(1), visitor(0)];
  for (const someone of all) await someone.get('/ann');
  const answer = await all[0]!.get('/all');
  t.is(answer.status, 204);
  t.regex(answer.headers.get('Set-Cookie')!, /^sid=; Max-Age=0/);
  t.deepEqual(heard, ['revoked']);
  for (const someone of all) t.is(await pageOf(someone, '/find'), 'none');
});

test('after expireAll() the same request can begin a fresh session', async t => {
  const {visitor, store} = cluster({
    ...acts,
    all: async sessions => {
      await sessions.getSession();
      await sessions.of('ann').expireAll();
      return (await sessions.getSession()).uid;
    },
  });
  const ann = visitor();
  await ann.get('/ann');
  t.is(await pageOf(ann, '/all'), await pageOf(ann, '/find'));
  t.is(store.size, 1);
});

test('S43: who is not the user goes on when all of the user’s sessions end', async t => {
  const {visitor} = cluster({
    ...acts,
    all: async sessions => {
      await sessions.getSession();
      return String(await sessions.of('ann').expireAll());
    },
  });
  const [ann, bob] = [visitor(), visitor()];
  await ann.get('/ann');
  await bob.get('/bob');
  const answer = await bob.get('/all');
  t.deepEqual([await answer.text(), answer.headers.getSetCookie()], ['1', []]);
  t.deepEqual([await pageOf(ann, '/user'), await pageOf(bob, '/user')], ['none', 'bob']);
});

test('S43: sessions that sign in while expireAll() is on its way are either ended by it or begun after it', async t => {
  for (let round = 0; round < 20; round += 1) {
    const {visitor, store} = cluster(acts, {through: distant});
    const early = await Promise.all([0, 1].map(at => visitor(at).get('/ann')));
    const [ended, ...late] = await Promise.all([
      visitor().get('/all'),
      ...[0, 1, 0, 1].map(at => visitor(at).get('/ann')),
    ]);
    for (const answer of early) t.is(await pageOf(visitor(), '/find', cookieIn(answer)), 'none');
    const users = await Promise.all(late.map(answer => pageOf(visitor(), '/user', cookieIn(answer) ?? '')));
    const left = 6 - Number(await ended.text());
    t.deepEqual([store.size, users.filter(user => user === 'ann').length], [left, left]);
  }
});

test('S43: expireOthers() ends all but this visitor’s own', async t => {
  const {visitor} = cluster(acts);
  const all = [visitor(0), visitor(1), visitor(0)];
  for (const someone of all) await someone.get('/ann');
  t.is(await pageOf(all[1]!, '/others'), '2');
  t.deepEqual(await Promise.all(all.map(someone => pageOf(someone, '/user'))), ['none', 'ann', 'none']);
});

test('outside a request list() and expireAll() work, and expireOthers() has nobody to spare', async t => {
  const {visitor, sites} = cluster(acts);
  await visitor().get('/ann');
  const ofAnn = sites[0]!.container.get(SessionService).of('ann');
  t.is((await ofAnn.list()).length, 1);
  await t.throwsAsync(ofAnn.expireOthers(), {code: 'OUTSIDE_REQUEST'});
  t.is(await ofAnn.expireAll(), 1);
  t.deepEqual(await ofAnn.list(), []);
});

test('S44: twenty sign-ins of one user at once, on two sites, are all listed, and each can be revoked', async t => {
  const {visitor, store} = cluster(
    {
      ...acts,
      revoke: async (sessions, _response, request) => {
        for (const listed of await sessions.of('ann').list()) {
          if (listed.key === request.query.get('key')) await listed.expire();
        }
      },
    },
    {through: distant},
  );
  const keys = await Promise.all(Array.from({length: 20}, (_, i) => pageOf(visitor(i % 2), '/ann')));
  const listed = (await (await visitor().get('/list')).json()) as string[];
  t.deepEqual(listed.toSorted(), keys.toSorted());
  for (const [i, key] of keys.entries()) {
    await visitor(i % 2).get(`/revoke?key=${key}`);
    t.is(store.size, 19 - i);
  }
});

test('S45: a user never has more sessions than userLimit; who signed in first goes, as replaced', async t => {
  const heard: string[] = [];
  const {visitor, clock} = cluster(
    {
      ...acts,
      wait: async sessions => {
        const {key} = await sessions.getSession();
        (await sessions.getSession()).notifyOnExpire(reason => heard.push(`${key} ${reason}`));
      },
    },
    {sessions: {userLimit: 3}},
  );
  const all = [visitor(0), visitor(1), visitor(0), visitor(1)];
  const keys: string[] = [];
  for (const someone of all) {
    keys.push(await pageOf(someone, '/ann'));
    await someone.get('/wait');
  }
  t.deepEqual(await Promise.all(all.map(someone => pageOf(someone, '/user'))), ['none', 'ann', 'ann', 'ann']);
  clock.advance(500);
  t.deepEqual(heard, [`${keys[0]} replaced`]);
  await all[1]!.get('/ann');
  t.is(heard.length, 1, 'who signs in again takes no more room');
});

test('S45: of many who sign in at once, on two sites, never more than userLimit are alive', async t => {
  let most = 0;
  const through = (store: MemoryStore) =>
    distant(
      around(store, act => {
        const answer = act();
        most = Math.max(most, store.list('ann', {most: 100, components: []}).records.length);
        return answer;
      }),
    );
  const {visitor, sites} = cluster(acts, {sessions: {userLimit: 3}, through});
  const ofAnn = sites[1]!.container.get(SessionService).of('ann');
  const answers = await Promise.all(
    Array.from({length: 40}, async (_, i) => {
      const answer = await visitor(i % 2).get('/ann');
      most = Math.max(most, (await ofAnn.list()).length);
      return answer;
    }),
  );
  t.is(most, 3);
  const users = await Promise.all(answers.map(answer => pageOf(visitor(), '/user', cookieIn(answer) ?? '')));
  t.is(users.filter(user => user === 'ann').length, 3);
});

test('S46: a session that an admin revokes by the list is dead at once on every site, and its streams end', async t => {
  const {visitor, sites, clock} = cluster({
    ...acts,
    events: async function* (sessions, response) {
      await sessions.getSession();
      response.setHeader('Content-Type', 'text/event-stream');
      yield 'data: first\n\n';
      await new Promise(() => undefined);
    },
    revoke: async sessions => {
      const [listed] = await sessions.of('ann').list();
      await listed!.expire();
    },
  });
  const cookie = cookieIn(await visitor().get('/ann'))!;
  const url = await sites[0]!.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => sites[0]!.close());
  const reader = (await fetch(`${url}/events`, {headers: {cookie}})).body!.getReader();
  await reader.read();
  t.is((await visitor(1).get('/revoke')).status, 204);
  for (const at of [0, 1]) t.is(await pageOf(visitor(at), '/find', cookie), 'none');
  clock.advance(500);
  t.true((await reader.read()).done);
});

test('who revokes their own session by the list goes on without it, and the browser forgets its cookie', async t => {
  const {visitor} = cluster({
    ...acts,
    revoke: async sessions => {
      const own = await sessions.getSession();
      for (const listed of await sessions.of('ann').list()) await listed.expire();
      t.not((await sessions.findSession())?.key, own.key);
    },
  });
  const ann = visitor();
  await ann.get('/ann');
  const answer = await ann.get('/revoke');
  t.is(answer.status, 204);
  t.regex(answer.headers.get('Set-Cookie')!, /^sid=; Max-Age=0/);
});

test('a user is a text of 1 to 1024 characters without NUL and halves of characters, for of() and signIn() alike', async t => {
  const {sites} = cluster(acts);
  const sessions = sites[0]!.container.get(SessionService);
  const request = Request.from({headers: {host: 'localhost'}});
  for (const user of ['', 'a\0b', '\ud800', 'x'.repeat(1025), 7 as never]) {
    t.throws(() => sessions.of(user), {code: 'USER_INVALID'});
    await t.throwsAsync(sessions.signIn(user, request), {code: 'USER_INVALID'});
  }
  t.is(await sessions.findSession(request), undefined, 'and begins no session');
  for (const user of ['__proto__', 'é'.repeat(1024), '👩‍🚀 a:b*{}']) {
    t.is((await sessions.signIn(user, request)).user, user);
    t.is((await sessions.of(user).list()).length, 1);
  }
});

test('a name that a client has typed and that is no user is a 400 that says why, and no failure in the log', async t => {
  const {visitor, log} = cluster({
    signIn: async (sessions, _response, {query}) => (await sessions.signIn(query.get('user')!)).user,
    of: async (sessions, _response, {query}) => (await sessions.of(query.get('user')!).list()).length,
  });
  for (const path of ['/signIn', '/of']) {
    const answer = await visitor().get(`${path}?user=${'x'.repeat(1025)}`);
    t.is(answer.status, 400);
    t.regex(await answer.text(), /"USER_INVALID".*A user is a text of 1 to 1024 characters, /);
    t.is(answer.headers.get('Set-Cookie'), null);
  }
  t.deepEqual(log, []);
});

test('however many sessions a user has, they are listed and ended ten at a time, and each once', async t => {
  const steps: string[] = [];
  const {sites, store} = cluster(acts, {
    through: memory =>
      around(memory, (act, name, parameters) => {
        const page = parameters.at(-1) as {most?: number} | undefined;
        if (page?.most !== undefined) steps.push(`${name} ${page.most}`);
        return act();
      }),
  });
  for (let i = 0; i < 25; i += 1) {
    const uid = `session ${i}`;
    store.create({uid, isSecure: false, device: undefined, idleTimeout: 900_000, absoluteTimeout: 9_000_000});
    store.renew(uid, {from: uid, to: `${uid}'`, grace: 0, signIn: {user: 'ann', limit: Infinity}});
  }
  const ofAnn = sites[0]!.container.get(SessionService).of('ann');
  t.is(new Set((await ofAnn.list()).map(({key}) => key)).size, 25);
  t.deepEqual(steps.splice(0), ['list 10', 'list 10', 'list 10']);
  t.is(await ofAnn.expireAll(), 25);
  t.deepEqual(steps.splice(0), ['endAll 10', 'endAll 10', 'endAll 10']);
});

test('however many ends were set aside, retryEnds() has them told again ten at a time, and each once', async t => {
  const steps: string[] = [];
  const {sites, store} = cluster(acts, {
    through: memory =>
      around(memory, (act, name, parameters) => {
        if (name === 'releaseEnds') steps.push(`${name} ${String(parameters[0])}`);
        return act();
      }),
  });
  store.keepEnds();
  for (let i = 0; i < 25; i += 1) {
    const uid = `session ${i}`;
    store.create({uid, isSecure: false, device: undefined, idleTimeout: 900_000, absoluteTimeout: 9_000_000});
    store.end(uid, 'logout');
  }
  for (const {key} of store.takeEnds(25, 1000)) store.settleEnd(key, 'parked');
  t.is(await sites[0]!.container.get(SessionService).retryEnds(), 25);
  t.deepEqual(steps, ['releaseEnds 10', 'releaseEnds 10', 'releaseEnds 10']);
  t.is(store.takeEnds(100, 1000).length, 25);
});

test('expireEveryone() ends the sessions of all users and of nobody, tells each end, and leaves nobody signed in', async t => {
  const heard: string[] = [];
  const {visitor, sites, store, clock} = cluster({
    ...acts,
    wait: async sessions => {
      (await sessions.getSession()).notifyOnExpire(reason => heard.push(reason));
    },
  });
  const all = [visitor(0), visitor(1), visitor(0)];
  await all[0]!.get('/ann');
  await all[1]!.get('/bob');
  for (const someone of all) await someone.get('/wait');
  t.is(await sites[1]!.container.get(SessionService).expireEveryone(), 3);
  clock.advance(500);
  t.deepEqual([store.size, heard], [0, ['revoked', 'revoked', 'revoked']]);
  for (const someone of all) t.is(await pageOf(someone, '/find'), 'none');
});

/** A user with a session, and what somebody on another site makes of it in the list. */
function lookedAt(look: (session: Session) => unknown) {
  const pages: Record<string, Act> = {
    ann: async sessions => (await sessions.signIn('ann')).uid,
    user: async sessions => (await sessions.findSession())?.user ?? 'none',
    lines: async sessions => (await sessions.findSession())?.get(Notes).lines.join(' '),
    look: async sessions => {
      const [session] = await sessions.of('ann').list();
      await look(session!);
    },
  };
  const {clock, visitor} = cluster(pages);
  return {clock, ann: visitor(0), admin: visitor(1)};
}

test('a session of a list can be ended: as revoked, and by whoever ends it first', async t => {
  const {ann, admin} = lookedAt(async session => {
    const heard: string[] = [];
    session.notifyOnExpire(reason => heard.push(reason));
    await session.expire();
    await session.expire();
    t.deepEqual(heard, ['revoked']);
  });
  await ann.get('/ann');
  t.is((await admin.get('/look')).status, 204);
  t.is(await pageOf(ann, '/user'), 'none');
});

test('a session of a list can’t be renewed: its visitor would not get the cookie', async t => {
  const {ann, admin} = lookedAt(session => t.throwsAsync(session.renew(), {code: 'SESSION_FOREIGN'}));
  await ann.get('/ann');
  t.is((await admin.get('/look')).status, 204);
  t.is(await pageOf(ann, '/user'), 'ann', 'who goes on as before');
});

test('what is written to a session of a list is there for its visitor', async t => {
  const {ann, admin} = lookedAt(session => session.update(Notes, notes => notes.lines.push('from the admin')));
  await ann.get('/ann');
  t.is((await admin.get('/look')).status, 204);
  t.is(await pageOf(ann, '/lines'), 'from the admin');
});

test('only who asks for it counts the visitor of a listed session as seen, or changes their idle timeout', async t => {
  const {clock, ann, admin} = lookedAt(async session => {
    t.true(await session.touch());
    t.is(session.timeLeft, 15 * minute);
    t.true(await session.setIdleTimeout(minute));
    t.is(session.timeLeft, minute);
  });
  await ann.get('/ann');
  clock.advance(14 * minute);
  t.is((await admin.get('/look')).status, 204);
  clock.advance(minute - 1);
  t.is(await pageOf(ann, '/user'), 'ann');
  clock.advance(minute);
  t.is(await pageOf(ann, '/user'), 'none');
});
