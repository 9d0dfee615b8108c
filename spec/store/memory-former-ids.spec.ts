import test from 'ava';
import {formerIdsFor} from '../../src/session/store/contract.ts';
import {FormerIds} from '../../src/store/memory-former-ids.ts';
import {times} from '../session/world.ts';

test('a former uid is known for five minutes after it found its session last', t => {
  const ids = new FormerIds();
  ids.add('a', 'key', 100, 50);
  t.deepEqual(ids.find('a', 60), {isFormer: true, key: 'key', until: 100, now: 60});
  t.truthy(ids.find('a', 100 + formerIdsFor - 1));
  t.is(ids.find('a', 100 + formerIdsFor), undefined);
  t.is(ids.find('b', 60), undefined);
});

test('a hundred thousand former uids are remembered at most, the last ones', t => {
  const ids = new FormerIds();
  for (const i of times(100_010, at => at)) ids.add(String(i), 'key', 0, 0);
  t.deepEqual([ids.find('9', 0), ids.find('10', 0)?.key, ids.find('100009', 0)?.key], [undefined, 'key', 'key']);
});
