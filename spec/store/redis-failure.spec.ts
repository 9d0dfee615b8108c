import test from 'ava';
import {NoAnswer, reasonOf, replyKindOf} from '../../src/store/redis-failure.ts';

const coded = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:6379'), {code: 'ECONNREFUSED'});

const reasons: [error: unknown, reason: string][] = [
  [coded, 'connection refused (ECONNREFUSED)'],
  [new Error('There is no connection.', {cause: coded}), 'connection refused (ECONNREFUSED)'],
  [new NoAnswer(1500), 'no answer (NoAnswer)'],
  [new Error('WRONGPASS invalid username-password pair'), 'wrong password, or no such user (WRONGPASS)'],
  [new Error("READONLY You can't write against a read only replica."), 'a replica, which takes no writes (READONLY)'],
  [new TypeError('hush'), 'TypeError'],
  ['hush', 'unknown'],
];

for (const [error, reason] of reasons) {
  test(`the reason of a failure is told in words, and nothing else of it: ${reason} of ${String(error).slice(0, 20)}`, t => {
    t.is(reasonOf(error), reason);
  });
}

test('the kind of a reply is what Redis begins it with', t => {
  t.is(replyKindOf(new Error('OOM command not allowed')), 'OOM');
  t.is(replyKindOf(new Error("ERR The user executing the script can't run this command or subcommand")), 'NOPERM');
  t.is(replyKindOf(new Error('Oh no')), undefined);
  t.is(replyKindOf('OOM command not allowed'), undefined);
});
