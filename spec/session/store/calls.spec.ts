import test from 'ava';
import {TestClock} from 'espalier/testing';
import {StoreCalls} from '../../../src/session/store/calls.ts';
import {StoreOutages} from '../../../src/session/store/outages.ts';

function calls() {
  const clock = new TestClock();
  const lines: string[] = [];
  const outages = new StoreOutages({error: () => undefined, warn: line => lines.push(line)}, clock);
  return {clock, lines, outages, calls: new StoreCalls({clock, outages}, 1000)};
}

test('an answer is there at once, or within the time, or it is an outage', async t => {
  const {clock, calls: own, lines} = calls();
  t.is(
    own.inTime(() => 7),
    7,
  );
  t.is(await own.ask('find', async () => 8), 8);
  const late = own.inTime(() => new Promise<number>(() => undefined));
  clock.advance(1000);
  await t.throwsAsync(async () => late, {code: 'SESSION_STORE_DOWN'});
  t.is(lines.length, 1);
});

test('once a site is closed, no outage is told of', t => {
  const {calls: own, lines, outages} = calls();
  outages.close();
  const fail = () => {
    throw new Error('closed');
  };
  t.throws(() => own.inTime(fail), {code: 'SESSION_STORE_DOWN'});
  t.deepEqual(lines, []);
});
