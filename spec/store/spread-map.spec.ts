import {hash} from 'node:crypto';
import test from 'ava';
import {SpreadMap} from '../../src/store/spread-map.ts';
import {times} from '../session/world.ts';

const keyOf = (i: number) => hash('sha256', String(i), 'base64url');
const entry = () => ({number: 0});

test('it gives what was put there, and counts it once', t => {
  const map = new SpreadMap();
  const [one, other] = [entry(), entry()];
  map.set('a', one);
  map.set('', other);
  map.set('a', one);
  t.is(map.get('a'), one);
  t.is(map.get(''), other);
  t.is(map.get('b'), undefined);
  t.is(map.size, 2);
  map.delete('a');
  map.delete('b');
  t.is(map.get('a'), undefined);
  t.is(map.size, 1);
});

test('its first keys are those that came first, in their order, however many there are and whatever has gone', t => {
  for (const count of [1, 100, 20_000]) {
    const map = new SpreadMap();
    const keys = times(count, keyOf);
    for (const key of keys) map.set(key, entry());
    for (const key of keys.splice(0, count / 3)) map.delete(key);
    const first = map.firstKeys();
    t.true(first.length > 0);
    t.deepEqual(first, keys.slice(0, first.length));
  }
});

test('what is put there again keeps its place', t => {
  const map = new SpreadMap();
  const first = entry();
  map.set('a', first);
  map.set('b', entry());
  map.set('a', first);
  t.deepEqual(map.firstKeys(), ['a', 'b']);
});

test('an empty one has no first keys', t => {
  t.deepEqual(new SpreadMap().firstKeys(), []);
});

test('keys that are hashes are spread evenly, so that no part is large', t => {
  const map = new SpreadMap();
  for (const key of times(100_000, keyOf)) map.set(key, entry());
  // With 8 of each part looked at, parts of much different sizes would let few be known for the first.
  t.true(map.firstKeys().length > 200, `${map.firstKeys().length}`);
});
