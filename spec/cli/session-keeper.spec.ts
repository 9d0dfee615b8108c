import test from 'ava';
import type {Answer} from '../../src/cli/run.ts';
import {faultOf, SessionKeeper} from '../../src/cli/session-keeper.ts';

/** Somebody who asks, and all that they were told. */
function asker() {
  const answers: Answer[] = [];
  return {answers, tell: (answer: Answer) => void answers.push(answer)};
}

const session = {uid: 'a', isSecure: false, idleTimeout: 1000, absoluteTimeout: 5000, device: undefined};
const make = {espalier: 'make', store: 1, limit: 10, bytes: 2 ** 20} as const;
const call = (method: string, ...args: unknown[]) => ({espalier: 'call', id: 7, store: 1, method, args}) as const;

test('nothing but what a store can do is called, and what fails is told with its code', async t => {
  const keeper = new SessionKeeper();
  const someone = asker();
  keeper.make(make);
  for (const method of ['close', 'constructor', 'toString']) await keeper.answer(someone, call(method));
  t.true(someone.answers.every(answer => answer.espalier === 'done' && /has no method/.test(answer.fault!.message)));
  await keeper.answer(someone, call('create', session));
  await keeper.answer(someone, call('create', session));
  t.like(someone.answers.at(-1), {id: 7, fault: {code: 'SESSION_TAKEN'}});
  t.deepEqual(faultOf('no error'), {message: 'no error', code: undefined});
});
