import test from 'ava';
import {TestClock} from 'espalier/testing';
import {ExpiryWheel} from '../../src/store/memory-expiry-wheel.ts';

/** A wheel that is looked at twice a second, of entries that carry their own deadline, how often it was asked for, and those that have expired. */
function wheel() {
  const clock = new TestClock(0);
  let skipped = 0;
  const now = () => clock.now() + skipped;
  const expired: string[] = [];
  const looks = {count: 0};
  const turning = new ExpiryWheel<{name: string; due: number; slot: number; place: number}>(entry => {
    looks.count += 1;
    return entry.due;
  });
  /** A portion of what is due expires; whether there may be more. */
  const sweep = (moment = now()) => {
    const {entries, hasMore} = turning.due(moment, 500);
    for (const entry of entries) {
      turning.remove(entry);
      expired.push(entry.name);
    }
    return hasMore;
  };
  const look = () => {
    for (clock.after(500, look); sweep(););
  };
  clock.after(500, look);
  const add = (name: string, due: number) => {
    const entry = {name, due, slot: 0, place: 0};
    turning.add(entry, now());
    return entry;
  };
  const skip = (milliseconds: number) => (skipped += milliseconds);
  return {clock, expired, looks, turning, sweep, add, skip};
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
  const {expired, sweep, add} = wheel();
  for (let i = 0; i < 5000; i += 1) add(String(i), 1000);
  t.false(sweep(1999));
  t.is(expired.length, 0);
  t.true(sweep(2000));
  t.true(expired.length > 0 && expired.length < 5000);
  while (sweep(2000));
  t.is(expired.length, 5000);
});

test('what is due stays until it is removed, and hides nothing that is not', t => {
  const {turning, add} = wheel();
  const [a, b, c] = [add('a', 1000), add('b', 1500), add('c', 1000)];
  b.due = 9000;
  const names = (most: number) => turning.due(3000, most).entries.map(({name}) => name);
  t.deepEqual(names(1), ['c']);
  t.deepEqual(names(5).toSorted(), ['a', 'c']);
  t.deepEqual(names(5).toSorted(), ['a', 'c']);
  turning.remove(c);
  turning.remove(a);
  t.deepEqual(turning.due(3000, 5), {entries: [], hasMore: false});
  t.deepEqual(turning.due(10_000, 5).entries, [b]);
});
