import test from 'ava';
import {TestClock} from 'espalier/testing';
import {sessionTaken} from '../../../src/session/store/refusals.ts';
import {StoreOutages} from '../../../src/session/store/outages.ts';

test('what a store has failed with is a 503, with the cause for the operator alone; what it refuses by the rules is thrown as it is', t => {
  const lines: string[] = [];
  const outages = new StoreOutages({error: () => {}, warn: line => lines.push(line)}, new TestClock());
  const taken = sessionTaken();
  t.is(
    t.throws(() => outages.fail(taken)),
    taken,
  );
  t.deepEqual(lines, []);
  for (const cause of [new Error('the disk is gone\nfor good'), 'no error']) {
    t.like(
      t.throws(() => outages.fail(cause)),
      {code: 'SESSION_STORE_DOWN', status: 503, cause},
    );
  }
  t.is(outages.recover(1), 1);
  t.deepEqual(lines, ['The session store does not work (the disk is gone).', 'The session store works again.']);
});
