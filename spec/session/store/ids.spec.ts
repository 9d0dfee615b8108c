import test from 'ava';
import {
  finds,
  idsAfterRenewal,
  idsAfterSight,
  idsAfterSignIn,
  leavesFormerIds,
  type SessionId,
} from '../../../src/session/store/ids.ts';

const grace = 100;

/** Ids that were given one after the other, a millisecond apart, of which none has been seen. */
function given(...uids: string[]): SessionId[] {
  return uids.map((uid, at) => ({uid, issuedAt: at, grace, until: undefined, seenAt: undefined}));
}

const uidsOf = (ids: readonly {readonly uid: string}[] | undefined) => ids?.map(({uid}) => uid).join(' ');

test('an id finds its session until the moment that is set for it, and without one for as long as there is a session', t => {
  const [id] = given('a');
  t.true(finds(id!, 1e15));
  t.deepEqual([finds({...id!, until: 5}, 4), finds({...id!, until: 5}, 5)], [true, false]);
});

test('when an id is seen, those before it have their grace from then on, and those after it wait', t => {
  const seen = idsAfterSight(given('a', 'b', 'c'), 'b', 1000);
  t.deepEqual(
    seen?.map(({until}) => until),
    [1100, undefined, undefined],
  );
  t.is(idsAfterSight(seen!, 'b', 2000), undefined, 'and seeing it again changes nothing');
  t.is(idsAfterSight(given('a'), 'a', 1000), undefined);
  t.is(idsAfterSight(given('a', 'b'), 'another', 1000), undefined);
});

test('an id that is seen in its grace lasts, unless another was given for it', t => {
  const [a, b, c] = given('a', 'b', 'c');
  const ids = [{...a!, until: 1100, seenAt: 0}, {...b!, until: 1100}, c!];
  t.deepEqual(idsAfterSight(ids, 'b', 1050), [ids[0], {...b!, seenAt: 1050}, c]);
  t.is(idsAfterSight(ids, 'a', 1050), undefined);
});

test('an id that was seen is held for as long as its grace, and then a later one that is seen lets it go', t => {
  const [b, c] = given('b', 'c');
  const ids = [
    {...b!, seenAt: 1000},
    {...c!, seenAt: 900},
  ];
  t.is(idsAfterSight(ids, 'c', 1000 + grace - 1), undefined);
  t.is(idsAfterSight(ids, 'c', 1000 + grace)?.[0]?.until, 1000 + 2 * grace);
});

test('an id for which another is given is on its way out from then on', t => {
  const changed = idsAfterRenewal(given('a', 'b'), {from: 'a', to: 'c', grace}, 10);
  t.deepEqual(
    changed?.ids.map(({seenAt}) => seenAt),
    [0, undefined, undefined],
  );
});

test('of four ids one goes for whom signs in again: the oldest that was never seen, or else the oldest', t => {
  const [b, c, d, e] = given('b', 'c', 'd', 'e');
  const again = {from: 'a', to: 'f', grace, signIn: {user: 'ada', limit: 1}};
  const seenAt = 5;
  const changed = idsAfterRenewal([{...b!, seenAt}, c!, d!, e!], again, 10);
  t.deepEqual([uidsOf(changed?.ids), changed?.former], ['b d e f', [{uid: 'c', until: 10 + grace}]]);
  const seen = [b!, c!, d!].map(id => ({...id, seenAt}));
  t.is(uidsOf(idsAfterRenewal([...seen, e!], again, 10)?.ids), 'c d e f', 'the newest is on its way');
});

test('of four ids the oldest goes for a new one, when the newest asks for it', t => {
  const changed = idsAfterRenewal(given('a', 'b', 'c', 'd'), {from: 'd', to: 'e', grace}, 10);
  t.is(uidsOf(changed?.ids), 'b c d e');
  t.deepEqual(changed?.former, [{uid: 'a', until: 10}]);
});

test('of four ids that may all be on their way none goes, and there is no fifth', t => {
  const four = given('a', 'b', 'c', 'd');
  t.is(idsAfterRenewal(four, {from: 'a', to: 'e', grace}, 1 + grace - 1), undefined);
  const late = idsAfterRenewal(four, {from: 'a', to: 'e', grace}, 1 + grace);
  t.is(uidsOf(late?.ids), 'a c d e', 'never the one that the visitor has come with');
});

test('an id whose grace is over makes room, and is a former one since then', t => {
  const [a, ...rest] = given('a', 'b', 'c', 'd');
  const changed = idsAfterRenewal([{...a!, until: 3}, ...rest], {from: 'b', to: 'e', grace}, 10);
  t.is(uidsOf(changed?.ids), 'b c d e');
  t.deepEqual(changed?.former, [{uid: 'a', until: 3}]);
});

test('an id that was never sent goes without a trace', t => {
  const renewed = idsAfterRenewal(given('a', 'b'), {from: 'b', to: 'c', grace, isUnsent: true}, 10);
  t.deepEqual([uidsOf(renewed?.ids), renewed?.former], ['a c', []]);
  const signedIn = idsAfterSignIn(given('a', 'b'), {from: 'b', to: 'c', grace, isUnsent: true}, 10);
  t.deepEqual([uidsOf(signedIn.ids), signedIn.former], ['c', [{uid: 'a', until: 110}]]);
});

test('after a sign-in all ids of before are former ones; those that were so before stay what they were', t => {
  const [a, b] = given('a', 'b');
  const changed = idsAfterSignIn([{...a!, until: 3}, b!], {from: 'b', to: 'c', grace}, 10);
  t.is(uidsOf(changed.ids), 'c');
  t.deepEqual(changed.former, [
    {uid: 'a', until: 3},
    {uid: 'b', until: 110},
  ]);
});

test('the ids of a session that somebody ended are remembered, those of one that timed out or was evicted are not', t => {
  t.deepEqual((['logout', 'revoked', 'replaced', 'idle', 'absolute', 'evicted'] as const).map(leavesFormerIds), [
    true,
    true,
    true,
    false,
    false,
    false,
  ]);
});
