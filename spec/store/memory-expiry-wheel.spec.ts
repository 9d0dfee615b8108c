import test from 'ava';
import type {Clock} from 'espalier';
import {TestClock} from 'espalier/testing';
import {ExpiryWheel} from '../../src/store/memory-expiry-wheel.ts';

/** A wheel of entries that carry their own deadline, how often it was asked for, and those that have expired. */
function wheel() {
  const clock = new TestClock(0);
  let skipped = 0;
  const skipping: Clock = {now: () => clock.now() + skipped, after: (delay, act) => clock.after(delay, act)};
  const look = () => {
    for (clock.after(500, look); turning.sweep(skipping.now()););
  };
  clock.after(500, look);
  const expired: string[] = [];
  const looks = {count: 0};
  const turning = new ExpiryWheel<{name: string; due: number; slot: number; place: number}>(
    skipping,
    entry => {
      looks.count += 1;
      return entry.due;
    },
    entry => expired.push(entry.name),
  );
  const add = (name: string, due: number) => {
    const entry = {name, due, slot: 0, place: 0};
    turning.add(entry);
    return entry;
  };
  const skip = (milliseconds: number) => (skipped += milliseconds);
  return {clock, expired, looks, turning, add, skip};
}

test('an entry expires in the second after its deadline, and not before it', t => {
  const {clock, expired, add} = wheel();
  add('a', 5300);
  clock.advance(5299);
  t.deepEqual(expired, []);
  clock.advance(1000);
  t.deepEqual(expired, ['a']);
});

test('an entry whose deadline has moved on expires at the new one', t => {
  const {clock, expired, add} = wheel();
  const entry = add('a', 5000);
  entry.due = 20_000;
  clock.advance(20_000);
  t.deepEqual(expired, []);
  clock.advance(1000);
  t.deepEqual(expired, ['a']);
});

test('a deadline that moves a thousand times costs one look in each timeout', t => {
  const {clock, looks, add} = wheel();
  const entry = add('a', 10_000);
  for (let i = 0; i < 1000; i += 1) {
    clock.advance(100);
    entry.due = clock.now() + 10_000;
  }
  t.true(looks.count <= 25, `${looks.count} looks in 100 seconds: two for each slot it was found in, and the first`);
});

test('a removed entry never expires, and those beside it do', t => {
  const {clock, expired, turning, add} = wheel();
  const [a, , c] = [add('a', 1000), add('b', 1000), add('c', 1000)];
  turning.remove(a);
  turning.remove(c);
  clock.advance(3000);
  t.deepEqual(expired, ['b']);
});

test('an entry that is due already expires with the next turn', t => {
  const {clock, expired, add} = wheel();
  clock.advance(50_000);
  add('a', 10);
  clock.advance(2000);
  t.deepEqual(expired, ['a']);
});

test('after years of standstill everything that is due expires, a portion of the way at a time', t => {
  const {clock, expired, looks, add, skip} = wheel();
  for (let i = 0; i < 500; i += 1) add(String(i), 1000 + i);
  looks.count = 0;
  skip(365 * 24 * 60 * 60 * 1000);
  clock.advance(1000);
  t.is(expired.length, 500);
  add('late', clock.now() + 5000);
  clock.advance(10_000);
  t.is(expired.length, 501);
});

test('what is added after the clock has stepped back expires in its time, and what was there before in its own', t => {
  const {clock, expired, add, skip} = wheel();
  clock.advance(100_000);
  add('before', 101_000);
  skip(-50_000);
  add('after', 55_000);
  clock.advance(6000);
  t.deepEqual(expired, ['after']);
  clock.advance(47_000);
  t.deepEqual(expired, ['after', 'before']);
});

test('more than a portion due in one second takes several looks', t => {
  const {clock, expired, turning, add} = wheel();
  for (let i = 0; i < 5000; i += 1) add(String(i), 1000);
  t.false(turning.sweep(1999));
  t.is(expired.length, 0);
  t.true(turning.sweep(2000));
  t.true(expired.length > 0 && expired.length < 5000);
  while (turning.sweep(2000));
  t.is(expired.length, 5000);
  t.is(clock.pending, 1);
});
