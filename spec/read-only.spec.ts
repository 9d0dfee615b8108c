import assert from 'node:assert/strict';
import test from 'ava';
import {SessionComponent, type ReadOnly} from 'espalier';
import {visitedSite} from './session/world.ts';

@SessionComponent('everything')
class Everything {
  #reads = 0;
  text = 'a';
  list = [{n: 1}];
  map = new Map([['k', {n: 1}]]);
  set = new Set([{n: 1}]);
  date = new Date(0);
  url = new URL('http://localhost/?a=1');
  pattern = /a/g;
  bytes = new Uint8Array([1]);
  nothing: {deep: string} | undefined = undefined;

  get reads() {
    this.#reads += 1;
    return this.#reads;
  }
}

// JavaScript does not see the types, and other code does not keep to them.
const changes: Record<string, (value: Everything) => unknown> = {
  field: value => (value.text = 'b'),
  'new field': value => Object.assign(value, {more: 1}),
  'deleted field': value => Reflect.deleteProperty(value, 'text') || refuse(),
  list: value => value.list.push({n: 2}),
  'list item': value => (value.list[0]!.n = 2),
  map: value => value.map.set('l', {n: 2}),
  'map deletion': value => value.map.delete('k'),
  'map clearing': value => value.map.clear(),
  'map value': value => (value.map.get('k')!.n = 2),
  set: value => value.set.add({n: 2}),
  'set clearing': value => value.set.clear(),
  'set member': value => ([...value.set][0]!.n = 2),
  date: value => value.date.setFullYear(1999),
  'date in UTC': value => value.date.setUTCHours(3),
  'URL part': value => (value.url.hash = 'x'),
  'URL parameters': value => value.url.searchParams.append('b', '2'),
  'URL parameter': value => value.url.searchParams.delete('a'),
};

function refuse(): never {
  throw new TypeError('not deleted');
}

for (const [what, change] of Object.entries(changes)) {
  test(`what get() gives can't be changed by whoever reads it: ${what}`, async t => {
    const {visit} = visitedSite();
    const attempt = () => visit(session => t.throws(() => change(session.get(Everything) as Everything)));
    t.true((await attempt()) instanceof TypeError, 'a new one');
    await visit(session => session.update(Everything, () => undefined));
    t.true((await attempt()) instanceof TypeError, 'a stored one');
    t.deepEqual(Object.entries(await visit(session => session.get(Everything))), Object.entries(new Everything()));
  });
}

test('what get() gives can be read as ever: dates, maps, sets, URLs, patterns, methods and #private fields', async t => {
  const {visit} = visitedSite();
  await visit(session => session.update(Everything, () => undefined));
  const value = await visit(session => session.get(Everything));
  t.is(value.date.toISOString(), '1970-01-01T00:00:00.000Z');
  t.deepEqual([...value.map.keys(), value.set.size, value.map.get('k')?.n], ['k', 1, 1]);
  t.is(value.url.searchParams.get('a'), '1');
  t.is('banana'.replaceAll(value.pattern, ''), 'bnn');
  t.true(value.date instanceof Date && value.map instanceof Map && value.set instanceof Set);
  t.deepEqual([value.reads, value.reads], [1, 2]);
  t.deepEqual(structuredClone(value.map), new Map([['k', {n: 1}]]));
});

test('what get() gives can be stored again, and is free to be changed there', async t => {
  const {visit} = visitedSite();
  await visit(session => session.update(Everything, () => session.get(Everything) as Everything));
  await visit(session => session.update(Everything, value => value.map.set('l', {n: 2}).size));
  t.is(await visit(session => session.get(Everything).map.size), 2);
});

test('the types, too, say that what get() gives is to be read', async t => {
  const {visit} = visitedSite();
  await visit(session => {
    const value: ReadOnly<Everything> = session.get(Everything);
    t.throws(() => {
      // @ts-expect-error A field is read-only.
      value.text = 'b';
    });
    // @ts-expect-error So is a list,
    t.throws(() => value.list.push({n: 2}));
    t.throws(() => {
      // @ts-expect-error what is in it,
      value.list[0]!.n = 2;
    });
    // @ts-expect-error a map,
    t.throws(() => value.map.set('l', {n: 2}));
    // @ts-expect-error a set,
    t.throws(() => value.set.clear());
    t.throws(() => {
      // @ts-expect-error and what may be there.
      value.nothing.deep = 'x';
    });
    const read: [string, number | undefined, Date, string | undefined] = [
      value.text,
      value.list[0]?.n,
      value.date,
      value.nothing?.deep,
    ];
    t.is(read.length, 4);
  });
});

test('what can’t be changed is equal to what can', async t => {
  const {visit} = visitedSite();
  await visit(session => {
    const given = session.get(Everything);
    const {map, set, date} = new Everything();
    assert.deepStrictEqual([given.map, given.set, given.date], [map, set, date]);
    t.pass();
  });
});
