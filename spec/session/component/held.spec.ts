import test from 'ava';
import {SessionComponent} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {around, counting} from '../stores.ts';
import {times, twoSites, visitedSite} from '../world.ts';

@SessionComponent('notes')
class Notes {
  list: string[] = [];
}

test('get() gives a new component where there is none, and stores nothing by that', async t => {
  const {store, writes} = counting(new MemoryStore({clock: new TestClock()}));
  const {visit} = visitedSite({store});
  await visit(session => t.deepEqual(session.get(Notes).list, []));
  t.is(writes(), 0);
  t.false(await visit(session => session.remove(Notes)));
});

test('get() gives the same object until an update, and another after it', async t => {
  const {visit} = visitedSite();
  await visit(async session => {
    const before = session.get(Notes);
    t.is(session.get(Notes), before);
    const after = await session.update(Notes, notes => notes.list.push('a'));
    t.not(after, before);
    t.deepEqual([before.list, after.list], [[], ['a']]);
    t.is(session.get(Notes), after);
    await session.remove(Notes);
    t.deepEqual(session.get(Notes).list, []);
  });
});

test('what a request has read it can change, and what it failed to change it reads as it was', async t => {
  const {visit} = visitedSite();
  await visit(session => session.update(Notes, notes => notes.list.push('a')));
  await visit(async session => {
    t.deepEqual(session.get(Notes).list, ['a']);
    await session.update(Notes, notes => notes.list.push('b'));
    t.deepEqual(session.get(Notes).list, ['a', 'b']);
  });
  await visit(async session => {
    const failing = session.update(Notes, notes => {
      notes.list.pop();
      throw new Error('no');
    });
    await t.throwsAsync(failing, {message: 'no'});
    t.deepEqual(session.get(Notes).list, ['a', 'b']);
  });
});

test('get() gives what was there when the session was found, until touch() looks again', async t => {
  const {first, second} = await twoSites();
  const seen = await first.visit(async session => {
    await second.visit(other => other.update(Notes, notes => notes.list.push('elsewhere')));
    const before = session.get(Notes).list;
    await session.touch();
    return [before, session.get(Notes).list];
  });
  t.deepEqual(seen, [[], ['elsewhere']]);
});

test('an update sees what others have stored since the session was found, and so does get() after it', async t => {
  const {first, second} = await twoSites();
  const seen = await first.visit(async session => {
    await second.visit(other => other.update(Notes, notes => notes.list.push('theirs')));
    await session.update(Notes, notes => notes.list.push('ours'));
    return session.get(Notes).list;
  });
  t.deepEqual(seen, ['theirs', 'ours']);
});

test('what a request has written it does not see undone by an answer of the store that comes late', async t => {
  const held = Promise.withResolvers<void>();
  const store = around(new MemoryStore({clock: new TestClock()}), async (act, name) => {
    const answer = await act();
    if (name === 'touch') await held.promise;
    return answer;
  });
  const {visit} = visitedSite({store});
  await visit(async session => {
    const touching = session.touch();
    await session.update(Notes, notes => notes.list.push('a'));
    held.resolve();
    t.true(await touching);
    t.deepEqual(session.get(Notes).list, ['a']);
  });
});

test('remove() takes one component out, whatever is in it, and says whether it was there', async t => {
  @SessionComponent('other')
  class Other {
    text = '';
  }
  const {visit} = visitedSite();
  await visit(async session => {
    await session.update(Notes, notes => notes.list.push('a'));
    await session.update(Other, other => (other.text = 'stays'));
  });
  t.true(await visit(session => session.remove(Notes)));
  t.false(await visit(session => session.remove(Notes)));
  t.deepEqual(await visit(session => [session.get(Notes).list, session.get(Other).text]), [[], 'stays']);
});

test('take() gives a component once, free to be changed, and costs no write where there is none', async t => {
  const {store, writes} = counting(new MemoryStore({clock: new TestClock()}));
  const {visit} = visitedSite({store});
  await visit(session => session.update(Notes, notes => notes.list.push('saved')));
  const taken = await visit(session => session.take(Notes));
  t.true(taken instanceof Notes);
  t.is(taken!.list.push('mine'), 2);
  const before = writes();
  t.is(await visit(session => session.take(Notes)), undefined);
  t.is(writes(), before);
});

test('S56: of 10 requests that take a component at once, at two sites, exactly one gets it', async t => {
  for (const round of times(10, index => index)) {
    const {at, first, together} = await twoSites();
    await first.visit(session => session.update(Notes, notes => notes.list.push('saved')));
    const taken = await together(times(10, index => at(index + round).visit(session => session.take(Notes))));
    t.deepEqual(
      taken.filter(notes => notes !== undefined).map(({list}) => list),
      [['saved']],
    );
  }
});
