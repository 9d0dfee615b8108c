import test from 'ava';
import {encodeName, toEnds, toEndedPage, toFound, toPage, toRecord} from '../../src/store/postgres-record.ts';
import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {listen, share, test as testWithServer} from './postgres-world.ts';

const {world} = await share();

const row = {
  key: 'a',
  uid: 'b',
  isSecure: false,
  device: 'Firefox',
  idleTimeout: 1000,
  absoluteTimeout: 2000,
  createdAt: 3,
  lastSeenAt: 4,
  user: 'eva',
  authenticatedAt: 5,
  isRemembered: true,
  components: [['cart', 1, '"kept-text"']],
  now: 6,
};

test('a row is read as the session that it was written down as', t => {
  const components = new Map([['cart', {revision: 1, text: '"kept-text"'}]]);
  t.deepEqual(toRecord(JSON.stringify(row)), {...row, components});
  const anonymous = {...row, user: null, authenticatedAt: null, components: []};
  t.like(toRecord(JSON.stringify(anonymous)), {user: undefined, authenticatedAt: undefined, components: new Map()});
});

test('a row of an earlier release, which says nothing of a device or of being remembered, is of one without', t => {
  const before = toRecord(JSON.stringify({...row, device: undefined, isRemembered: undefined}));
  t.like(before, {device: undefined, isRemembered: false});
});

const spoilt: [what: string, value: unknown][] = [
  ...['key', 'uid', 'user'].map((what): [string, unknown] => [what, 7]),
  ...['idleTimeout', 'absoluteTimeout', 'createdAt', 'lastSeenAt', 'now'].map((what): [string, unknown] => [what, '7']),
  ['isSecure', 'f'],
  ['user', null],
  ['user', '"'],
  ['authenticatedAt', null],
  ['components', null],
  ...[['cart', 0, 'kept-text'], ['cart', '1', 'kept-text'], ['cart', 1, null], ['"', 1, 'kept-text'], 'kept-text'].map(
    (component): [string, unknown] => ['components', [component]],
  ),
];

test('a row of which anything is not as it should be is corrupt, and nothing of it is told', t => {
  const rows = [null, [], 'kept-text', ...spoilt.map(([what, value]) => ({...row, [what]: value}))];
  for (const written of rows.map(one => JSON.stringify(one))) {
    const error = t.throws(() => toRecord(written), {code: 'SESSION_CORRUPT'}, written);
    t.notRegex(`${error?.message}${error?.stack}${String(error?.cause)}`, /kept-text|eva/);
  }
});

test('what can not be read is left out of a list, and out of an end', t => {
  const bad = {...row, uid: null};
  t.deepEqual(
    toPage(JSON.stringify({records: [bad, row, 7], next: '7'})).records.map(({uid}) => uid),
    ['b'],
  );
  const end = {key: 'a', reason: 'idle', endedAt: 7, attempts: 1};
  const [whole, spoiled] = toEnds(JSON.stringify([row, bad].map(session => ({...end, session}))));
  t.is(whole?.session?.user, 'eva');
  t.deepEqual(spoiled, {...end, reason: 'idle', session: undefined});
});

test('what a uid stands for is a session, or a former uid of one', t => {
  const former = {isFormer: true, key: 'a', until: 1, now: 2};
  t.deepEqual(toFound(JSON.stringify(former)), former as never);
  t.like(toFound(JSON.stringify(row)), {key: 'a', user: 'eva'});
});

test('a page says where the next one begins, if there may be one', t => {
  t.deepEqual(toPage('{"records": [], "next": "7"}'), {records: [], next: '7'});
  t.deepEqual(toPage('{"records": [], "next": null}'), {records: [], next: undefined});
  t.deepEqual(toEndedPage('{"count": 3, "next": "7 9"}'), {count: 3, next: '7 9'});
  t.deepEqual(toEndedPage('{"count": 0, "next": null}'), {count: 0, next: undefined});
});

test('any name is what it was when it comes back, though PostgreSQL has no room for some characters', t => {
  for (const name of ['a', '"', '\\', '\\u0000', '\0', '\uD800', '\uDC00b', '__proto__', '💧', '\n', 'é']) {
    const column = encodeName(name);
    t.true(column.isWellFormed() && !column.includes('\0'), name);
    const record = toRecord(JSON.stringify({...row, user: column, components: [[column, 1, '1']]}));
    t.deepEqual([record.user, ...record.components.keys()], [name, name]);
  }
});

for (const [what, spoil, listed = ['good']] of [
  ['component', `UPDATE @.component SET name = '"'`, ['bad', 'good']],
  ['revision', `UPDATE @.component SET revision = -1`],
  ['user', `UPDATE @.session SET authenticated_at = NULL WHERE key = 'bad'`],
] as const) {
  testWithServer(
    `a session whose ${what} can't be read is reported as corrupt, and is in nobody else's way`,
    async t => {
      const {store, rows, signIn} = world(t);
      await store.keepEnds();
      await signIn('bad', 'eva');
      await store.write('bad', 'cart', 0, '"kept-text"');
      await rows(spoil);
      await signIn('good', 'eva');
      for (const call of [store.find("bad'", true), store.find("bad'", false), store.touch('bad')]) {
        const error = await t.throwsAsync(call, {code: 'SESSION_CORRUPT'});
        t.notRegex(`${error.message}${error.stack}${String(error.cause)}`, /kept-text/);
      }
      t.deepEqual(
        (await listAll(store, 'eva', ['cart'])).map(({key}) => key),
        listed,
        'what is not asked for is not read',
      );
      t.is((await rows('SELECT FROM @.session')).length, 2, 'it is left in its place');
      t.is(await endAllOf(store, 'eva', 'revoked'), 2);
      const ends = await store.takeEnds(10, 1000);
      t.is(ends.find(({key}) => key === 'bad')!.session, undefined);
      t.is(ends.find(({key}) => key === 'good')!.session?.user, 'eva');
    },
  );
}

testWithServer('a session that can not be read is swept like any other', async t => {
  const {store, rows, begin} = world(t);
  const hear = await listen(store);
  await begin('bad');
  await store.write('bad', 'cart', 0, '1');
  await begin('good');
  await rows(`UPDATE @.component SET name = '"'`);
  await rows(`UPDATE @.session SET last_seen_at = 0, look_at = 0`);
  t.false(await store.sweep());
  t.deepEqual((await hear()).toSorted(), ['bad idle', 'good idle']);
});
