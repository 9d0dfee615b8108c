import {hash} from 'node:crypto';
import test from 'ava';
import {SpreadMap} from '../../src/store/memory-spread-map.ts';
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

test('its first is the one that came first, whatever has gone since, and so on to the last', t => {
  for (const count of [1, 100, 20_000]) {
    const map = new SpreadMap();
    const keys = times(count, keyOf);
    const entries = keys.map(key => {
      const value = entry();
      map.set(key, value);
      return value;
    });
    const gone = Math.floor(count / 3);
    for (const key of keys.slice(0, gone)) map.delete(key);
    for (let i = gone; i < count; i += 1) {
      if (map.first() !== entries[i]) return t.fail(`${i} of ${count}`);
      map.delete(keys[i]!);
    }
    t.is(map.first(), undefined);
  }
  return undefined;
});

test('what is put there again keeps its place, and what is moved to the end comes last', t => {
  const map = new SpreadMap();
  const [first, second] = [entry(), entry()];
  map.set('a', first);
  map.set('b', second);
  map.set('a', first);
  t.is(map.first(), first);
  map.moveToEnd('a', first);
  t.deepEqual([map.first(), map.size], [second, 2]);
});

test('part after part gives the keys of all that are wanted, so many at a time, in the order of texts', t => {
  const map = new SpreadMap();
  const keys = times(3000, keyOf);
  for (const key of keys) map.set(key, entry());
  const unwanted = entry();
  map.set('unwanted', unwanted);
  const found: string[] = [];
  for (let part = 0; part < map.parts; part += 1) {
    for (let last = ''; ;) {
      const some = map.keysInPart(part, last, 3, value => value !== unwanted);
      t.true(some.length <= 3);
      found.push(...some);
      if (some.length < 3) break;
      t.true(some[0]! > last && some[2]! > some[0]!);
      last = some[2]!;
      // Moved to the end it is not given again.
      map.moveToEnd(last, map.get(last)!);
    }
  }
  t.deepEqual(found.toSorted(), keys.toSorted());
});

test('keys that are hashes are spread evenly, so that no part is large', t => {
  const map = new SpreadMap();
  for (const key of times(100_000, keyOf)) map.set(key, entry());
  const sizes = times(map.parts, part => map.keysInPart(part, '', Infinity, () => true).length);
  t.true(Math.max(...sizes) < 1200 && Math.min(...sizes) > 400, `${Math.min(...sizes)} to ${Math.max(...sizes)}`);
});

test('what is moved to the end, and was not there, is there then', t => {
  const map = new SpreadMap();
  const [one, other] = [entry(), entry()];
  map.moveToEnd('a', one);
  map.moveToEnd('b', other);
  map.moveToEnd('a', one);
  t.deepEqual([map.size, map.first()], [2, other]);
});
