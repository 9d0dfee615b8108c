import test from 'ava';
import {TestClock} from 'espalier/testing';
import {formerIdsFor} from '../../../src/session/store/contract.ts';
import {hasToWrite, SessionRules} from '../../../src/session/store/rules.ts';
import {MemoryCabinet, type MemorySession} from '../../../src/store/memory-cabinet.ts';
import {times} from '../world.ts';

const lifetime = {isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000};
const looking = /^(now|batch|by|count|all$|ofUser|due|component|former|logged|kept|parked|endsOf)/;

/** The rules over a cabinet that notes what is written to it. */
function world() {
  const clock = new TestClock();
  const cabinet = new MemoryCabinet(clock);
  const written: string[] = [];
  const noting = new Proxy(cabinet, {
    get(target, name: keyof MemoryCabinet) {
      const value: unknown = target[name];
      if (typeof value !== 'function') return value;
      if (!looking.test(name)) written.push(name);
      return (value as (...args: readonly unknown[]) => unknown).bind(target);
    },
  });
  const rules = new SessionRules<MemorySession>(noting);
  const writes = (act: () => unknown) => {
    written.length = 0;
    act();
    return [...written];
  };
  return {clock, rules, writes, begin: (uid: string) => rules.create({uid, ...lifetime})};
}

test('a session that is found or touched is written to only where that gains enough, or its uid has not been seen', t => {
  const {clock, rules, writes, begin} = world();
  begin('a');
  t.deepEqual(
    writes(() => rules.find('a', true)),
    [],
  );
  rules.renew('a', {from: 'a', to: 'b', grace: 5000});
  t.deepEqual(
    writes(() => rules.find('b', false)),
    ['change'],
  );
  t.deepEqual(
    writes(() => rules.find('b', true)),
    [],
  );
  clock.advance(lifetime.idleTimeout / 20);
  t.deepEqual(
    writes(() => rules.touch('a')),
    [],
  );
  clock.advance(1);
  t.deepEqual(
    writes(() => rules.touch('a')),
    ['change'],
  );
});

test('what is to change nothing says that it would have to, and has changed nothing', t => {
  const {clock, rules, writes, begin} = world();
  begin('a');
  const find = () => rules.find('a', true);
  const calls: Record<string, () => unknown> = {
    find,
    touch: () => rules.touch('a'),
    sweep: () => rules.sweep(),
    keepEnds: () => rules.keepEnds(),
    end: () => rules.end('a', 'logout'),
    create: () => rules.create({uid: 'b', ...lifetime}),
  };
  clock.advance(lifetime.idleTimeout / 2);
  for (const [name, call] of Object.entries(calls)) {
    t.deepEqual(
      writes(() => t.is(rules.reading(call), hasToWrite, name)),
      [],
      name,
    );
  }
  clock.advance(lifetime.idleTimeout / 2);
  t.deepEqual(
    writes(() => t.is(rules.reading(find), hasToWrite, 'a session that is due')),
    [],
  );
  t.is(rules.count(), 1);
});

test('what has nothing to change gives its answer, and what fails fails', t => {
  const {rules, begin} = world();
  begin('a');
  t.like(
    rules.reading(() => rules.find('a', true)),
    {key: 'a'},
  );
  t.throws(() => rules.reading(() => begin('a')), {code: 'SESSION_TAKEN'});
  t.like(begin('b'), {key: 'b'}, 'and the next may write');
});

test('where nothing is due, a sweep writes once in half a minute', t => {
  const {clock, rules, writes, begin} = world();
  begin('a');
  rules.sweep();
  const written = times(59, () => {
    clock.advance(500);
    return writes(() => rules.sweep()).length;
  });
  t.is(Math.max(...written), 0);
  clock.advance(500);
  t.deepEqual(
    writes(() => rules.sweep()),
    ['forgetLogged', 'forget'],
  );
});

test('an end is kept, the uids are remembered, and the session is taken out before the room for that is needed', t => {
  const {rules, writes, begin} = world();
  rules.keepEnds();
  begin('a');
  t.deepEqual(
    writes(() => rules.end('a', 'logout')),
    ['remember', 'remove', 'putEnd', 'log'],
  );
  begin('b');
  t.deepEqual(
    writes(() => rules.end('b', 'idle')),
    ['remove', 'putEnd', 'log'],
  );
});

test('a uid that is over is a former id while its session lives, for five minutes, and then nobody’s', t => {
  const {clock, rules} = world();
  rules.create({uid: 'a', ...lifetime, idleTimeout: 2 * formerIdsFor, absoluteTimeout: 9 * formerIdsFor});
  rules.renew('a', {from: 'a', to: 'b', grace: 1000});
  rules.find('b', true);
  const until = clock.now() + 1000;
  clock.advance(999 + formerIdsFor);
  t.deepEqual(rules.find('a', false), {isFormer: true, key: 'a', until, now: clock.now()});
  clock.advance(1);
  t.is(rules.find('a', false), undefined);
});

test('a uid is taken as long as it is one of a live session’s, over or not', t => {
  const {clock, rules, begin} = world();
  begin('a');
  rules.renew('a', {from: 'a', to: 'b', grace: 1000});
  rules.renew('a', {from: 'b', to: 'c', grace: 1000});
  rules.find('c', true);
  clock.advance(2000);
  for (const uid of ['a', 'b', 'c']) t.throws(() => begin(uid), {code: 'SESSION_TAKEN'}, uid);
  clock.advance(lifetime.idleTimeout);
  t.is(begin('b').key, 'b');
});
