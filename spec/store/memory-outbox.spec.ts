import test from 'ava';
import type {SessionRecord} from 'espalier';
import {MemoryOutbox} from '../../src/store/memory-outbox.ts';

const week = 7 * 24 * 60 * 60 * 1000;

/** An outbox that keeps ends, a way to have sessions end, and one to see which are handed out. */
function world({isKeeping = true} = {}) {
  const outbox = new MemoryOutbox();
  if (isKeeping) outbox.keep(0);
  const end = (key: string, now = 0) => {
    outbox.add({key, reason: 'logout', session: {key, now} as SessionRecord, bytes: 10});
  };
  const take = (count: number, lease: number, now: number) => outbox.take(count, lease, now).map(({key}) => key);
  return {outbox, end, take};
}

test('ends are handed out in the order they came, so many as are wanted, and each once', t => {
  const {end, take} = world();
  for (const key of ['a', 'b', 'c', 'd', 'e']) end(key);
  t.deepEqual([take(2, 10, 0), take(0, 10, 0), take(9, 10, 0), take(9, 10, 9)], [['a', 'b'], [], ['c', 'd', 'e'], []]);
});

test('an end is handed out again when its lease is over, and tells how often it was', t => {
  const {outbox, end, take} = world();
  end('a', 5);
  t.like(outbox.take(1, 10, 5)[0], {key: 'a', attempts: 1, endedAt: 5, reason: 'logout'});
  t.deepEqual(take(1, 10, 14), []);
  t.like(outbox.take(1, 10, 15)[0], {key: 'a', attempts: 2, endedAt: 5});
});

test('a lease may be none, and still each end is handed out once at a time', t => {
  const {end, take} = world();
  end('a');
  t.deepEqual(take(9, 0, 0), ['a']);
  t.deepEqual(take(9, 0, 0), ['a']);
});

test('an end that is put off comes at its new time, sooner or later than its lease', t => {
  const {outbox, end, take} = world();
  end('a');
  end('b');
  take(2, 10, 0);
  outbox.settle('a', {retryIn: 2}, 1);
  outbox.settle('b', {retryIn: 30}, 1);
  t.deepEqual([take(9, 10, 2), take(9, 90, 3), take(9, 10, 30), take(9, 10, 31)], [[], ['a'], [], ['b']]);
});

test('what was told is not handed out again, whatever is said of it later', t => {
  const {outbox, end, take} = world();
  end('a');
  take(1, 10, 0);
  outbox.settle('a', 'told', 0);
  for (const outcome of [{retryIn: 0}, 'parked', 'told'] as const) outbox.settle('a', outcome, 0);
  t.deepEqual(take(9, 10, 99), []);
  t.is(outbox.release(100), 0);
});

test('what was set aside waits to be released, and counts anew', t => {
  const {outbox, end, take} = world();
  end('a');
  take(1, 10, 0);
  outbox.settle('a', 'parked', 0);
  t.deepEqual(take(9, 10, 99), []);
  t.is(outbox.release(100), 1);
  t.is(outbox.release(100), 0);
  t.like(outbox.take(1, 10, 99)[0], {key: 'a', attempts: 1});
});

test('of what was set aside the first is forgotten first, and what is left is counted in bytes', t => {
  const {outbox, end, take} = world();
  for (const key of ['a', 'b', 'c']) {
    end(key);
    take(1, 10, 0);
    outbox.settle(key, 'parked', 0);
  }
  t.is(outbox.parkedBytes, 30);
  t.true(outbox.forgetParked());
  t.is(outbox.release(1), 1);
  t.deepEqual(take(9, 10, 0), ['b']);
  t.is(outbox.parkedBytes, 10);
  t.deepEqual([outbox.forgetParked(), outbox.forgetParked(), outbox.parkedBytes], [true, false, 0]);
});

test('what is set aside again under one key is counted once', t => {
  const {outbox, end, take} = world();
  for (let i = 0; i < 2; i += 1) {
    end('a');
    take(1, 10, 0);
    outbox.settle('a', 'parked', 0);
  }
  t.is(outbox.parkedBytes, 10);
});

test('ends are kept for a week after somebody has asked for it, and none before', t => {
  const {outbox, end, take} = world({isKeeping: false});
  end('before', 1);
  outbox.keep(2);
  end('from now on', 2);
  end('in time', week + 1);
  end('late', week + 2);
  t.deepEqual(take(9, 10, 2 * week), ['from now on', 'in time']);
});

test('an uid that ends a second time, as a session of its own, is handed out a second time', t => {
  const {outbox, end, take} = world();
  end('a');
  take(1, 10, 0);
  outbox.settle('a', 'told', 0);
  end('a', 5);
  t.like(outbox.take(1, 10, 5)[0], {key: 'a', attempts: 1, endedAt: 5});
  t.deepEqual(take(1, 10, 14), []);
});

test('whatever is put off until when, what is handed out is due, and all that is due is handed out', t => {
  const {outbox, end} = world();
  const due = new Map<string, number>();
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let now = 0; now < 2000; now += 1) {
    end(`${now}`, now);
    due.set(`${now}`, now);
    const wanted = random(4);
    const taken = outbox.take(wanted, 50, now);
    const ready = [...due.values()].filter(at => at <= now).length;
    t.is(taken.length, Math.min(wanted, ready));
    for (const {key} of taken) {
      t.true(due.get(key)! <= now);
      const fate = random(3);
      const retryIn = random(100);
      outbox.settle(key, fate === 0 ? 'told' : {retryIn}, now);
      if (fate === 0) due.delete(key);
      else due.set(key, now + retryIn);
    }
  }
  t.is(outbox.take(9999, 1, 9999).length, due.size);
});

test('a hundred thousand ends are handed out, one at a time, in a moment', t => {
  const {outbox, end} = world();
  for (let i = 0; i < 100_000; i += 1) end(`${i}`);
  for (let i = 0; i < 100_000; i += 1) {
    const [taken] = outbox.take(1, 30_000, i);
    outbox.settle(taken!.key, i % 2 === 0 ? 'told' : {retryIn: 3_600_000}, i);
  }
  t.is(outbox.take(100_000, 1, 9_999_999).length, 50_000);
});
