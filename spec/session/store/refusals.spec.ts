import test from 'ava';
import {EspalierError} from 'espalier';
import {Notes, cluster} from '../cluster.ts';
import {challenge, sessionEnded, sessionTaken, unlessCorrupt} from '../../../src/session/store/refusals.ts';

test('what comes too late for its session is a 401 with a challenge, and says no more than that it has ended', async t => {
  const {store, visitor} = cluster({
    late: async sessions => {
      const session = await sessions.getSession();
      store.end(session.key, 'revoked');
      await session.update(Notes, notes => notes.lines.push('secret'));
    },
  });
  const answer = await visitor().get('/late');
  t.deepEqual([answer.status, answer.headers.get('WWW-Authenticate')], [401, challenge['WWW-Authenticate']]);
  t.like(await answer.json(), {detail: 'The session has ended.', code: 'SESSION_ENDED'});
});

test('each gets an error of its own, whose stack says where it was', t => {
  t.not(sessionEnded(), sessionEnded());
  t.is(sessionEnded().code, 'SESSION_ENDED');
});

test('what can’t be read is as good as nothing, and every other failure stays one', t => {
  const failing = (error: Error) => () => {
    throw error;
  };
  t.is(
    unlessCorrupt(() => 'read'),
    'read',
  );
  t.is(unlessCorrupt(failing(new EspalierError('SESSION_CORRUPT', 'Broken.'))), undefined);
  for (const error of [new TypeError('a fault'), sessionTaken(), sessionEnded()]) {
    t.is(
      t.throws(() => unlessCorrupt(failing(error))),
      error,
    );
  }
});
