import test from 'ava';
import {TestClock} from 'espalier/testing';

test('it stands still until it is turned', t => {
  const clock = new TestClock();
  const start = clock.now();
  t.is(clock.now(), start);
  clock.advance(1500);
  t.is(clock.now(), start + 1500);
});

test('what falls due on the way happens at its own moment, in order', t => {
  const clock = new TestClock(0);
  const rung: string[] = [];
  clock.after(200, () => rung.push(`b ${clock.now()}`));
  clock.after(100, () => {
    rung.push(`a ${clock.now()}`);
    clock.after(50, () => rung.push(`c ${clock.now()}`));
  });
  clock.advance(200);
  t.deepEqual(rung, ['a 100', 'c 150', 'b 200']);
});

test('what is not due yet, or was taken back, does not happen', t => {
  const clock = new TestClock(0);
  clock.after(100, () => t.fail());
  clock.after(50, () => t.fail())();
  clock.advance(99);
  t.is(clock.pending, 1);
});
