import test from 'ava';
import type {Session} from 'espalier';
import {Notes, cluster, pageOf, type Act} from '../cluster.ts';

const minute = 60_000;

/** A user with a session, and what somebody on another site makes of it in the list. */
function listed(look: (session: Session) => unknown) {
  const acts: Record<string, Act> = {
    ann: async sessions => (await sessions.signIn('ann')).uid,
    user: async sessions => (await sessions.findSession())?.user ?? 'none',
    lines: async sessions => (await sessions.findSession())?.get(Notes).lines.join(' '),
    look: async sessions => {
      const [session] = await sessions.of('ann').list();
      await look(session!);
    },
  };
  const {clock, visitor} = cluster(acts);
  return {clock, ann: visitor(0), admin: visitor(1)};
}

test('a session of a list can be ended: as revoked, and by whoever ends it first', async t => {
  const {ann, admin} = listed(async session => {
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
  const {ann, admin} = listed(session => t.throwsAsync(session.renew(), {code: 'SESSION_FOREIGN'}));
  await ann.get('/ann');
  t.is((await admin.get('/look')).status, 204);
  t.is(await pageOf(ann, '/user'), 'ann', 'who goes on as before');
});

test('what is written to a session of a list is there for its visitor', async t => {
  const {ann, admin} = listed(session => session.update(Notes, notes => notes.lines.push('from the admin')));
  await ann.get('/ann');
  t.is((await admin.get('/look')).status, 204);
  t.is(await pageOf(ann, '/lines'), 'from the admin');
});

test('only who asks for it counts the visitor of a listed session as seen, or changes their idle timeout', async t => {
  const {clock, ann, admin} = listed(async session => {
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
