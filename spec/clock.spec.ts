import {once} from 'node:events';
import {spawn} from 'node:child_process';
import test from 'ava';
import {systemClock} from 'espalier';
import {SteadyTime} from '../src/clock.ts';

test('the system clock tells the milliseconds since the epoch', t => {
  const before = Date.now();
  const now = systemClock.now();
  t.true(before <= now && now <= Date.now());
});

test('after() calls once the delay has passed, and not when it was taken back', async t => {
  const called: string[] = [];
  const done = new Promise<void>(resolve => {
    systemClock.after(1, () => called.push('taken back'))();
    systemClock.after(2, () => called.push('due'));
    systemClock.after(2 ** 31, () => called.push('in a month'));
    setTimeout(resolve, 20);
  });
  await done;
  t.deepEqual(called, ['due']);
});

test('what is due some day does not keep the process alive', async t => {
  const program = `import {systemClock} from 'espalier'; systemClock.after(1e9, () => {})`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
  t.deepEqual(await once(child, 'exit'), [0, null]);
});

/** A machine whose clock is set by hand, and the time that follows it. */
function machine() {
  const hand = {shown: 10_000, elapsed: 0};
  const time = new SteadyTime({shown: () => hand.shown, elapsed: () => hand.elapsed});
  const pass = (milliseconds: number) => {
    hand.shown += milliseconds;
    hand.elapsed += milliseconds;
    return time.now();
  };
  return {hand, time, pass};
}

test("when the machine's clock is set back time goes on as before, until that has caught up", t => {
  const {hand, time, pass} = machine();
  t.is(pass(500), 10_500);
  hand.shown -= 3_600_000;
  t.is(time.now(), 10_500);
  t.is(pass(500), 11_000);
  hand.shown += 3_600_000;
  t.is(pass(500), 11_500);
});

test("when the machine's clock is set forward, or the machine has slept, time is what it shows", t => {
  const {hand, time, pass} = machine();
  t.is(pass(0), 10_000);
  hand.shown += 3_600_000;
  t.is(time.now(), 3_610_000);
  t.is(pass(1000), 3_611_000);
});

test("time never goes back, however often the machine's clock is set", t => {
  const {hand, time, pass} = machine();
  let last = time.now();
  for (const step of [600_000, -600_000, -1, 0, -3_600_000, 800_000, -86_400_000, 1]) {
    hand.shown += step;
    const now = pass(10);
    t.true(now >= last + 10);
    last = now;
  }
});
