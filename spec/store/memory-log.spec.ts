import test from 'ava';
import {MemoryLog} from '../../src/store/memory-log.ts';
import {times} from '../session/world.ts';

/** A log, and the keys of the ends since a mark. */
function world() {
  const log = new MemoryLog();
  const end = (key: string, at: number) => log.add({key, reason: 'logout'}, at);
  const since = (mark: string, most = 9) => log.since(mark, most).ends.map(({key}) => key);
  return {log, end, since};
}

test('who has a mark hears of each end behind it once, in their order, so many at a time', t => {
  const {log, end, since} = world();
  end('before', 0);
  const {ends, mark} = log.since(undefined, 9);
  t.deepEqual(ends, []);
  for (const key of ['a', 'b', 'c']) end(key, 0);
  t.deepEqual(since(mark, 2), ['a', 'b']);
  const next = log.since(mark, 2).mark;
  t.deepEqual(since(next), ['c']);
  t.deepEqual(since(log.since(next, 2).mark), []);
});

test('the first ends are forgotten when their time is over, a portion at a time, and marks stay as they were', t => {
  const {log, end, since} = world();
  const {mark} = log.since(undefined, 9);
  for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) end(key, at);
  const behindC = log.since(mark, 3).mark;
  t.deepEqual([log.forget(2, 2), log.forget(2, 2), log.forget(2, 2)], [2, 1, 0]);
  t.deepEqual(since(mark), ['d']);
  t.deepEqual(since(behindC), ['d']);
  t.is(log.forget(9, 9), 1);
  end('e', 9);
  t.deepEqual(since(behindC), ['e']);
});

test('the mark of another log, or of none, is one of before all ends', t => {
  const {end, since} = world();
  end('a', 0);
  for (const mark of [new MemoryLog().since(undefined, 1).mark, '', '7', 'x y z'])
    t.deepEqual(since(mark), ['a'], mark);
});

test('a hundred thousand ends are read and forgotten in a moment', t => {
  const {log, end} = world();
  let {mark} = log.since(undefined, 1);
  for (const i of times(100_000, at => at)) end(String(i), i);
  let heard = 0;
  for (let found = log.since(mark, 500); found.ends.length > 0; found = log.since(mark, 500)) {
    heard += found.ends.length;
    ({mark} = found);
    log.forget(100_000, 500);
  }
  t.is(heard, 100_000);
});
