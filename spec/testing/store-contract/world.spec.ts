import test from 'ava';
import type {SessionStore} from '../../../src/session/store/contract.ts';
import {MemoryStore} from '../../../src/store/memory.ts';
import type {TestClock} from '../../../src/testing/test-clock.ts';
import {assertSame, SettableClock, World} from '../../../src/testing/store-contract/world.ts';
import {handles} from './stores.ts';

/** A fixture of one store, or of many, that notes what becomes of it. */
function noting(isShared: boolean) {
  const notes: string[] = [];
  let last: SessionStore | undefined;
  const open = (clock: TestClock) => {
    if (isShared && last) return last;
    notes.push('open');
    last = Object.assign(new MemoryStore({clock}), {close: () => notes.push('close')}) as unknown as SessionStore;
    return last;
  };
  return {notes, make: () => ({open, dispose: () => void notes.push('dispose')})};
}

const opening = {title: 'opens', holds: async (world: World) => void (await world.open())};

test('each store that a law has opened is closed once, and then the data is taken away', async t => {
  const apart = noting(false);
  await World.try(apart.make, opening);
  t.deepEqual(apart.notes, ['open', 'open', 'close', 'close', 'dispose']);
  const shared = noting(true);
  await World.try(shared.make, opening);
  t.deepEqual(shared.notes, ['open', 'close', 'dispose']);
});

test('what a law has closed itself is not closed again', async t => {
  const {notes, make} = noting(false);
  await World.try(make, {title: 'closes', holds: async world => world.close(world.store)});
  t.deepEqual(notes, ['open', 'close', 'dispose']);
});

test('a law that fails leaves nothing behind, and its own error is the one that is told', async t => {
  const {notes, make} = noting(false);
  const failing = async (world: World) => {
    await world.open();
    throw new Error('at fault');
  };
  await t.throwsAsync(World.try(make, {title: 'fails', holds: failing}), {message: 'at fault'});
  t.deepEqual(notes, ['open', 'open', 'close', 'close', 'dispose']);
});

test('a store that fails to close, or data that stays, is at fault', async t => {
  const fixture = (close: () => void, dispose: () => void) => () => ({
    open: (clock: TestClock) => Object.assign(new MemoryStore({clock}), {close}),
    dispose,
  });
  const fail = () => {
    throw new Error('stays');
  };
  const nothing = () => undefined;
  await t.throwsAsync(World.try(fixture(fail, nothing), opening), {message: 'stays'});
  await t.throwsAsync(World.try(fixture(nothing, fail), opening), {message: 'stays'});
});

test('what must come is waited for while the clock is turned, and its lack is an error that says what lacks', async t => {
  await World.try(handles(), {
    title: 'waits',
    async holds(world) {
      const began = world.clock.now();
      await world.until(
        () => world.clock.now() >= began + 1500,
        () => 'a second and a half',
      );
      t.is(world.clock.now(), began + 1500);
    },
  });
  const never = {
    title: 'never',
    holds: async (world: World) =>
      world.until(
        () => false,
        () => 'a miracle',
      ),
  };
  await t.throwsAsync(World.try(handles(), never, 20), {message: 'did not come in 20 ms: a miracle'});
});

test('a clock that is set rings no alarm, and one that is turned rings those that are due by its turning', t => {
  const clock = new SettableClock(1000);
  const rung: number[] = [];
  clock.after(500, () => rung.push(clock.now()));
  clock.set(-100);
  t.deepEqual([clock.now(), rung], [900, []]);
  clock.set(10_000);
  t.deepEqual([clock.now(), rung], [10_900, []]);
  clock.advance(500);
  t.deepEqual(rung, [11_400]);
});

test('two lists that differ are told apart by what lacks and what is too much, and how often', t => {
  t.notThrows(() => assertSame(['a', 'b', 'a'], ['a', 'a', 'b']));
  t.throws(() => assertSame(['a', 'b', 'b'], ['a', 'a', 'b']), {message: 'missing 1: a; too many 1: b'});
});
