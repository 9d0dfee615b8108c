import test from 'ava';
import {MemoryEnds} from '../../src/store/memory-ends.ts';

test('ends that were told of long ago are not in the log any more', t => {
  const ends = new MemoryEnds();
  for (let i = 0; i < 200_000; i += 1) ends.add(`${i}`, 'idle', i);
  const {mark} = ends.since(undefined);
  ends.trim(1_000_000);
  ends.add('last', 'logout', 1_000_000);
  t.deepEqual(ends.since(mark).ends, [{key: 'last', reason: 'logout'}]);
  t.is(ends.since('another 7').ends.length, 1);
});
