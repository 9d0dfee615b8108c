import test from 'ava';
import {pageOf} from '../../../src/session/store/cabinet.ts';

test('a page that is full ends at the place of its last one, and any other is the last', t => {
  const found = ['a', 'b'].map((key, i) => ({key, place: i + 5}));
  t.deepEqual(pageOf(found, 2), {keys: ['a', 'b'], next: '6'});
  t.deepEqual(pageOf(found, 3), {keys: ['a', 'b'], next: undefined});
  t.deepEqual(pageOf([], 3), {keys: [], next: undefined});
});
