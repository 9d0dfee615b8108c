import test from 'ava';
import {
  finds,
  idsAfterRenewal,
  idsAfterSight,
  idsAfterSignIn,
  leavesFormerIds,
  type SessionId,
} from '../../src/session/session-ids.ts';

const grace = 100;

/** Ids that were given one after the other, a millisecond apart, of which none has been seen. */
function given(...uids: string[]): SessionId[] {
  return uids.map((uid, at) => ({uid, issuedAt: at, grace, until: undefined}));
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
  t.is(idsAfterSight(given('a', 'b'), 'a', 1000), undefined);
  t.is(idsAfterSight(given('a', 'b'), 'another', 1000), undefined);
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
