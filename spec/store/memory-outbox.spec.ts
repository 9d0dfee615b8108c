import test from 'ava';
import type {SessionRecord} from 'espalier';
import {MemoryOutbox} from '../../src/store/memory-outbox.ts';

/** An outbox in which each end takes ten bytes, and the keys of what is due. */
function world() {
  const outbox = new MemoryOutbox(() => 10);
  const put = (key: string, dueAt: number | undefined = 0, user = 'ada') => {
    const session = {key, user} as SessionRecord;
    outbox.put({key, reason: 'logout', endedAt: 0, attempts: 0, dueAt, session});
  };
  const setAside = (key: string) => outbox.put({...outbox.get(key)!, dueAt: undefined});
  const due = (now: number, most = 9) => outbox.due(now, most).map(({key}) => key);
  return {outbox, put, setAside, due};
}

test('of ends that are due at the same time the first that was put comes first, so many as are wanted; and they stay', t => {
  const {put, due} = world();
  for (const key of ['b', 'a', 'c']) put(key);
  put('later', 5);
  t.deepEqual([due(0, 2), due(0, 0), due(4), due(5)], [['b', 'a'], [], ['b', 'a', 'c'], ['b', 'a', 'c', 'later']]);
});

test('an end that is put anew comes at its new time, sooner or later, and once', t => {
  const {outbox, put, due} = world();
  put('a', 10);
  put('b', 10);
  outbox.put({...outbox.get('a')!, dueAt: 2});
  outbox.put({...outbox.get('b')!, dueAt: 30});
  t.deepEqual([due(1), due(2), due(29), due(30)], [[], ['a'], ['a'], ['a', 'b']]);
});

test('what was dropped is there no more, be it due or set aside', t => {
  const {outbox, put, setAside, due} = world();
  for (const key of ['a', 'b']) put(key);
  setAside('b');
  for (const key of ['a', 'b', 'nobody']) outbox.drop(key);
  t.deepEqual([due(9), outbox.parked(9), outbox.get('a'), outbox.parkedBytes], [[], [], undefined, 0]);
});

test('what was set aside is never due, until it is put back; the first of them is given first, and their bytes are counted', t => {
  const {outbox, put, setAside, due} = world();
  for (const key of ['a', 'b', 'c']) put(key);
  for (const key of ['b', 'a']) setAside(key);
  t.deepEqual([due(99), outbox.parked(1), outbox.parked(9), outbox.parkedBytes], [['c'], ['b'], ['b', 'a'], 20]);
  outbox.put({...outbox.get('b')!, dueAt: 0});
  t.deepEqual([due(99), outbox.parked(9), outbox.parkedBytes], [['c', 'b'], ['a'], 10]);
  setAside('a');
  t.is(outbox.parkedBytes, 10, 'once, however often it was set aside');
});

test('it counts those that wait and those that were set aside, and finds those of a user among both', t => {
  const {outbox, put, setAside} = world();
  put('a');
  put('b');
  put('eve', 0, 'eve');
  setAside('b');
  t.deepEqual(outbox.counts(), {waiting: 2, parked: 1});
  t.deepEqual(
    [outbox.of('ada', 9).toSorted(), outbox.of('ada', 1).length, outbox.of('nobody', 9)],
    [['a', 'b'], 1, []],
  );
});

test('whatever is put off until when, what is handed out is due, and all that is due is handed out', t => {
  const {outbox, put} = world();
  const dueAt = new Map<string, number>();
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let now = 0; now < 2000; now += 1) {
    put(`${now}`, now);
    dueAt.set(`${now}`, now);
    const wanted = random(4);
    const taken = outbox.due(now, wanted);
    const ready = [...dueAt.values()].filter(at => at <= now).length;
    t.is(taken.length, Math.min(wanted, ready));
    for (const end of taken) {
      t.true(dueAt.get(end.key)! <= now);
      const later = now + random(100);
      if (random(3) === 0) {
        outbox.drop(end.key);
        dueAt.delete(end.key);
      } else {
        outbox.put({...end, dueAt: later});
        dueAt.set(end.key, later);
      }
    }
  }
  t.is(outbox.due(9999, 9999).length, dueAt.size);
});

test('a hundred thousand ends are handed out, one at a time, in a moment', t => {
  const {outbox, put} = world();
  for (let i = 0; i < 100_000; i += 1) put(`${i}`);
  for (let i = 0; i < 100_000; i += 1) {
    const [taken] = outbox.due(i, 1);
    if (i % 2 === 0) outbox.drop(taken!.key);
    else outbox.put({...taken!, dueAt: 3_600_000 + i});
  }
  t.is(outbox.due(9_999_999, 100_000).length, 50_000);
});
