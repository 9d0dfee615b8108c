import test from 'ava';
import {FormerIds} from '../../src/store/memory-former-ids.ts';
import {times} from '../session/world.ts';

const former = (forgetAt: number) => ({key: 'key', until: 0, forgetAt});

test('a former uid is known until it is forgotten, those first whose time has come, so many at a time', t => {
  const ids = new FormerIds();
  for (const [i, uid] of ['a', 'b', 'c', 'd'].entries()) ids.set(uid, former(i));
  t.deepEqual(ids.get('a'), former(0));
  t.deepEqual([ids.forget(2, 2), ids.forget(2, 2), ids.forget(2, 2)], [2, 1, 0]);
  t.deepEqual(
    ['a', 'b', 'c', 'd'].map(uid => ids.get(uid) !== undefined),
    [false, false, false, true],
  );
});

test('a uid that is remembered again is forgotten when that is due', t => {
  const ids = new FormerIds();
  ids.set('a', former(1));
  ids.set('b', former(2));
  ids.set('a', former(3));
  t.is(ids.forget(2, 9), 1);
  t.deepEqual(ids.get('a'), former(3));
});

test('a hundred thousand former uids are remembered at most, the last ones', t => {
  const ids = new FormerIds();
  for (const i of times(100_010, at => at)) ids.set(String(i), former(0));
  t.deepEqual([ids.get('9'), ids.get('10')?.key, ids.get('100009')?.key], [undefined, 'key', 'key']);
});
