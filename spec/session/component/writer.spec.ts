import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {SessionComponent, type EspalierError} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {sessionSite, times, turning, twoSites, visitedSite} from '../world.ts';
import {around, counting, distant} from '../stores.ts';

@SessionComponent('count')
class Count {
  n = 0;
  by: number[] = [];
}

@SessionComponent('other')
class Other {
  text = '';
}

const memory = () => new MemoryStore({clock: new TestClock()});

/** So many components, each with a class of its own. */
const classes = times(20, index => {
  @SessionComponent(`component ${index}`)
  class Own {
    index = -1;
  }
  return Own;
});

test('S50: of 20 components that are written at once, at two sites, all are there', async t => {
  const {at, first, together} = await twoSites();
  await together(
    classes.map((Own, index) => at(index).visit(session => session.update(Own, own => (own.index = index)))),
  );
  const stored = await first.visit(session => classes.map(Own => session.get(Own).index));
  t.deepEqual(
    stored,
    times(20, index => index),
  );
});

test('S51: 20 increments at once, at two sites, count 20', async t => {
  const {at, first, together} = await twoSites();
  await together(times(20, index => at(index).visit(session => session.update(Count, count => count.n++))));
  t.is(await first.visit(session => session.get(Count).n), 20);
});

test('S51: 20 increments at once in one request count 20, and so do 20 in each of 10', async t => {
  const {at, first, second, together} = await twoSites();
  const increase = () =>
    first.visit(async session => {
      await Promise.all(times(20, () => session.update(Count, count => count.n++)));
      return session.get(Count).n;
    });
  t.is(await increase(), 20);
  await together(
    times(10, index =>
      at(index).visit(async session => {
        await Promise.all(times(20, () => session.update(Count, count => count.n++)));
      }),
    ),
  );
  t.is(await second.visit(session => session.get(Count).n), 220);
});

test('S52: of 20 updates at once, at two sites, each sees what the one before has left', async t => {
  const {at, first, together} = await twoSites();
  await together(
    times(20, index =>
      at(index).visit(session =>
        session.update(Count, ({n, by}) => Object.assign(new Count(), {n: n + 1, by: [...by, index]})),
      ),
    ),
  );
  const {n, by} = await first.visit(session => session.get(Count));
  t.is(n, 20);
  t.deepEqual(
    by.toSorted((a, b) => a - b),
    times(20, index => index),
  );
});

test('S53: a slow request that only reads changes nothing of what others write meanwhile', async t => {
  const {first, second} = await twoSites();
  await first.visit(session => session.update(Count, count => (count.n = 1)));
  const seen = await first.visit(async session => {
    const before = session.get(Count).n;
    await second.visit(other => other.update(Count, count => (count.n = 2)));
    await session.touch();
    return [before, session.get(Count).n];
  });
  t.deepEqual(seen, [1, 2]);
  t.is(await second.visit(session => session.get(Count).n), 2);
});

test('S55: an update and a removal at once end as if one came after the other, and touch nothing else', async t => {
  for (const round of times(20, index => index)) {
    const {at, first, together} = await twoSites();
    await first.visit(async session => {
      await session.update(Count, count => (count.n = 5));
      await session.update(Other, other => (other.text = 'stays'));
    });
    const [, removed] = await together<unknown>([
      at(round).visit(session => session.update(Count, count => count.n++)),
      at(round + 1).visit(session => session.remove(Count)),
    ]);
    t.true(removed);
    const [n, text] = await first.visit(session => [session.get(Count).n, session.get(Other).text]);
    // The update came last, and found a new one; or the removal did.
    t.true(n === 1 || n === 0, `${n}`);
    t.is(text, 'stays');
  }
});

test('updates of one component at once in one process wait for each other: 20 make 20 writes', async t => {
  const {store, writes} = counting(distant(memory()));
  const {visitor, visit} = sessionSite({store});
  const someone = visitor();
  await visit(someone, () => undefined);
  let calls = 0;
  let arrived = 0;
  const {promise: allAreThere, resolve} = Promise.withResolvers<void>();
  const increase = () =>
    visit(someone, async session => {
      if ((arrived += 1) === 20) resolve();
      await allAreThere;
      await session.update(Count, count => {
        calls += 1;
        count.n += 1;
      });
    });
  await Promise.all(times(20, increase));
  t.deepEqual([writes(), calls], [20, 20]);
  t.is(await visit(someone, session => session.get(Count).n), 20);
});

test('one update that fails does not hold up those that wait behind it', async t => {
  const {store, writes} = counting(distant(memory()));
  const {visit} = visitedSite({store});
  const outcomes = await visit(session =>
    Promise.allSettled(
      times(9, index =>
        session.update(Count, count => {
          if (index % 3 === 1) throw new Error('no');
          count.by.push(index);
        }),
      ),
    ),
  );
  t.deepEqual(
    outcomes.map(({status}) => status === 'fulfilled'),
    times(9, index => index % 3 !== 1),
  );
  t.deepEqual(await visit(session => session.get(Count).by), [0, 2, 3, 5, 6, 8]);
  t.is(writes(), 6);
});

test('components of different names do not wait for each other', async t => {
  const held = Promise.withResolvers<void>();
  const store = around(memory(), async (act, name, [, component]) => {
    if (name === 'write' && component === 'count') await held.promise;
    return act();
  });
  const {visit} = visitedSite({store});
  await visit(async session => {
    const waiting = session.update(Count, count => count.n++);
    await session.update(Other, other => (other.text = 'first'));
    t.is(session.get(Count).n, 0);
    held.resolve();
    t.is((await waiting).n, 1);
  });
});

test('who meets others 200 times over is told so by a 409, and nothing of theirs is written', async t => {
  let met = 0;
  const store = around(memory(), (act, name) => {
    if (name !== 'write') return act();
    met += 1;
    return {state: 'conflict', current: {revision: met, text: '[[1,2],0,{"n":1}]'}};
  });
  const {clock, look} = visitedSite({store});
  const begun = clock.now();
  const looking = look(session => session.update(Count, count => count.n++));
  const {error, response} = await turning([clock], looking);
  t.like(error, {code: 'SESSION_CONFLICT', status: 409, name: 'EspalierError'});
  t.is(response.status, 409);
  t.is(response.headers.get('Content-Type'), 'application/problem+json');
  t.is(met, 200);
  t.true(clock.now() - begun < 10_000, 'it does not try for long');
});

test('who meets others fewer times than that gets through', async t => {
  let met = 0;
  const rest = memory();
  const store = around(rest, (act, name, [key, component]) => {
    if (name !== 'write' || met >= 199) return act();
    met += 1;
    const now = rest.touch(key as string)!.components.get(component as string);
    return {state: 'conflict', current: now};
  });
  const {clock, visit} = visitedSite({store});
  const {n} = await turning(
    [clock],
    visit(session => session.update(Count, count => count.n++)),
  );
  t.is(n, 1);
});

test('who is beaten during each pause gets through all the same, with what was there after it', async t => {
  let met = 0;
  let seenAt: number | undefined;
  const rest = memory();
  const store = around(rest, (act, name, [key, component]) => {
    if (name !== 'write') return act();
    met += 1;
    // Another has written before each of the first ten, and whenever time has gone by.
    if (met <= 10 || clock.now() !== seenAt) {
      const there = rest.touch(key as string)!.components.get('count');
      rest.write(key as string, component as string, there?.revision ?? 0, `[[1,2],0,{"n":3},${met}]`);
    }
    seenAt = clock.now();
    return act();
  });
  const {clock, visit} = visitedSite({store});
  const {n} = await turning(
    [clock],
    visit(session => session.update(Count, count => count.n++)),
  );
  t.deepEqual([met, n], [12, 12]);
});

for (const act of ['update', 'remove', 'take'] as const) {
  test(`S41: a slow ${act} after the visitor has logged out elsewhere is a 401, revives nothing, and sends no session cookie`, async t => {
    const {first, second} = await twoSites();
    await first.visit(session => session.update(Count, count => count.n++));
    const {error, response} = await first.look(async session => {
      await second.visit((_session, sessions) => sessions.expire());
      return session[act](Count, count => count.n++);
    });
    t.like(error, {code: 'SESSION_ENDED', status: 401});
    t.is(response.status, 401);
    t.is(response.headers.get('WWW-Authenticate'), 'Session');
    t.deepEqual(response.headers.getSetCookie(), []);
    t.deepEqual(await first.visit(session => session.get(Count).n), 0);
  });
}

test('S41: nor does the request that has begun the session send its cookie', async t => {
  const store = distant(memory());
  const {look, visitor} = sessionSite({store});
  const {error, response} = await look(visitor(), async session => {
    await store.end(session.key, 'revoked');
    await session.update(Count, count => count.n++);
  });
  t.like(error, {code: 'SESSION_ENDED', status: 401});
  t.deepEqual(response.headers.getSetCookie(), []);
});

test('S41: all who wait to write when the visitor logs out are told', async t => {
  const {first} = await twoSites();
  const outcomes = await first.visit(async session => {
    const updates = times(10, () => session.update(Count, count => count.n++));
    await session.expire();
    return Promise.allSettled(updates);
  });
  const codes = outcomes.map(outcome =>
    outcome.status === 'rejected' ? (outcome.reason as EspalierError).code : 'ok',
  );
  t.is(codes.at(-1), 'SESSION_ENDED');
  t.deepEqual(
    codes,
    codes.toSorted((a, b) => Number(a !== 'ok') - Number(b !== 'ok')),
    'those before went through',
  );
});

/** A store whose writes wait until they are let through, and a site on it. */
function heldUp() {
  const rest = memory();
  const waiting: (() => void)[] = [];
  let isHeld = false;
  const store = around(rest, async (act, name) => {
    if (name === 'write' && isHeld) await new Promise<void>(resolve => waiting.push(resolve));
    return act();
  });
  const site = visitedSite({store});
  const hold = (held: boolean) => (isHeld = held);
  /** Let through what was held up. */
  const release = async () => {
    for (const go of waiting.splice(0)) go();
    await settled();
  };
  return {...site, hold, release, waiting};
}

/** Let happen what needs no time. */
async function settled(): Promise<void> {
  for (let turns = 0; turns < 9; turns += 1) await setImmediate();
}

function codeOf(outcome: PromiseSettledResult<unknown> | undefined): unknown {
  return outcome?.status === 'rejected' ? (outcome.reason as EspalierError).code : outcome?.status;
}

test('20 changes of one component that the store does not get done are all a 503 within storeTimeout', async t => {
  const {clock, visit, hold} = heldUp();
  const began = clock.now();
  let answered = 0;
  const outcomes = await visit(async session => {
    hold(true);
    const all = Promise.allSettled(
      times(20, () => session.update(Count, count => count.n++).finally(() => (answered += 1))),
    );
    await settled();
    clock.advance(1999);
    await settled();
    t.is(answered, 0);
    clock.advance(1);
    return all;
  });
  t.is(clock.now() - began, 2000);
  t.deepEqual(new Set(outcomes.map(codeOf)), new Set(['SESSION_STORE_DOWN']));
});

test('a change whose time is up before its turn is never done; those behind it have their own time, and go on', async t => {
  const {clock, visit, hold, release} = heldUp();
  const add = (name: number) => (count: Count) => void count.by.push(name);
  const outcomes = await visit(async session => {
    hold(true);
    const early = [session.update(Count, add(1)), session.update(Count, add(2)), session.update(Count, add(3))];
    await settled();
    clock.advance(1500);
    const late = [session.update(Count, add(4)), session.update(Count, add(5))];
    await settled();
    hold(false);
    const all = Promise.allSettled([...early, ...late]);
    clock.advance(500);
    return all;
  });
  const down = 'SESSION_STORE_DOWN';
  t.deepEqual(outcomes.map(codeOf), [down, down, down, 'fulfilled', 'fulfilled']);
  t.deepEqual(await visit(session => session.get(Count).by), [4, 5]);
  await release();
  t.deepEqual(
    await visit(session => session.get(Count).by),
    [4, 5],
    'nor is the first, now that others came before it',
  );
});

test('a change that the store has done although it was a 503 is seen by the next, and nothing is lost', async t => {
  const {clock, visit, hold, release} = heldUp();
  await visit(async session => {
    hold(true);
    const first = t.throwsAsync(
      session.update(Count, count => count.n++),
      {code: 'SESSION_STORE_DOWN'},
    );
    await settled();
    clock.advance(2000);
    await first;
    hold(false);
    await release();
    t.is((await session.update(Count, count => count.n++)).n, 2);
  });
});

test('the attempts of a change count as one call: who meets others until storeTimeout is over gets a 503, and stops', async t => {
  let met = 0;
  let clock: TestClock | undefined = undefined;
  const store = around(memory(), async (act, name) => {
    if (name !== 'write') return act();
    met += 1;
    await new Promise<void>(resolve => clock!.after(300, resolve));
    return {state: 'conflict', current: {revision: met, text: '{"version":0,"fields":{"n":1}}'}};
  });
  const site = visitedSite({store});
  clock = site.clock;
  const began = clock.now();
  const looking = site.look(session => session.update(Count, count => count.n++));
  const {error, response} = await turning([clock], looking);
  t.like(error, {code: 'SESSION_STORE_DOWN'});
  t.is(response.status, 503);
  // What comes at that very moment is waited for.
  t.true(clock.now() - began <= 2001);
  await turning([clock], settled());
  clock.advance(3000);
  await settled();
  t.is(met, 7);
});

test('a 503 for a change says that it may have been done, and its cause for how long was waited', async t => {
  const {clock, look, hold} = heldUp();
  const looking = look(async session => {
    hold(true);
    const first = session.update(Count, count => count.n++);
    const second = session.update(Count, count => count.n++);
    first.catch(() => undefined);
    await settled();
    clock.advance(2000);
    await second;
  });
  const {error, response} = await looking;
  t.is(response.status, 503);
  t.regex(((await response.json()) as {detail: string}).detail, /may still do what it was asked for/);
  t.regex(String((error as EspalierError).cause), /^Error: Not written in 2000 ms, the wait for other changes/);
});
