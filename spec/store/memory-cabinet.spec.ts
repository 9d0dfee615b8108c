import test from 'ava';
import {TestClock} from 'espalier/testing';
import {MemoryCabinet} from '../../src/store/memory-cabinet.ts';
import {times} from '../session/world.ts';

function world() {
  const clock = new TestClock();
  const cabinet = new MemoryCabinet(clock);
  const add = (uid: string) =>
    cabinet.add({uid, isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000}, clock.now());
  return {clock, cabinet, add};
}

test('what a session takes in bytes grows and shrinks with what is in it, and goes with it', t => {
  const {cabinet, add} = world();
  const session = add('a');
  const empty = cabinet.bytes;
  cabinet.putComponent(session, 'cart', {revision: 1, text: 'x'.repeat(1000)});
  t.true(cabinet.bytes > empty + 1000 && cabinet.bytes < empty + 2000);
  cabinet.putComponent(session, 'cart', {revision: 2, text: undefined});
  t.true(cabinet.bytes < empty + 500, 'what was taken out leaves its revision');
  cabinet.remove(session);
  t.is(cabinet.bytes, 0);
});

test('a component that was taken out keeps its revision, and is in no list of what is there', t => {
  const {cabinet, add} = world();
  const session = add('a');
  cabinet.putComponent(session, 'cart', {revision: 1, text: '1'});
  cabinet.putComponent(session, 'note', {revision: 1, text: '2'});
  cabinet.putComponent(session, 'cart', {revision: 2, text: undefined});
  t.deepEqual(cabinet.component(session, 'cart'), {revision: 2, text: undefined});
  t.deepEqual([...cabinet.components(session, 'all').keys()], ['note']);
  t.deepEqual([...cabinet.components(session, ['cart', 'note']).keys()], ['note']);
  cabinet.putComponent(session, 'cart', {revision: 3, text: '3'});
  t.deepEqual([...cabinet.components(session, 'all').keys()].toSorted(), ['cart', 'note']);
});

test('all sessions are given page after page, each once, however many are signed in or seen meanwhile, and none that began later', t => {
  const {clock, cabinet, add} = world();
  const keys = times(500, i => `${(i * 7919) % 1000} ${i}`);
  for (const key of keys) add(key);
  const order = cabinet.all();
  const upTo = order.last();
  clock.advance(1);
  const found: string[] = [];
  let after: string | undefined;
  do {
    const page = order.page({after, upTo, most: 7});
    found.push(...page.keys);
    after = page.next;
    cabinet.change(cabinet.byKey(found.at(-1)!)!, {user: 'ada', lastSeenAt: clock.now()});
    cabinet.change(cabinet.byKey(keys[found.length % 500]!)!, {lastSeenAt: clock.now()});
    add(`later ${found.length}`);
  } while (after !== undefined);
  t.deepEqual(found.toSorted(), keys.toSorted());
});
