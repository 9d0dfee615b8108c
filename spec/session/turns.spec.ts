import test from 'ava';
import {Turns} from '../../src/session/turns.ts';

test('what takes no time is done at once', async t => {
  const turns = new Turns();
  let isDone = false;
  const turn = turns.take(() => (isDone = true));
  t.true(isDone);
  t.true(await turn);
});

test('each turn begins when the one before is done, in the order they came', async t => {
  const turns = new Turns();
  const first = Promise.withResolvers<string>();
  const done: string[] = [];
  const all = [
    turns.take(async () => done.push(await first.promise)),
    turns.take(() => done.push('second')),
    turns.take(() => done.push('third')),
  ];
  t.deepEqual(done, []);
  first.resolve('first');
  t.deepEqual(await Promise.all(all), [1, 2, 3]);
  t.deepEqual(done, ['first', 'second', 'third']);
});

test('a turn that fails, now or later, fails for who took it alone', async t => {
  const turns = new Turns();
  const now = turns.take(() => {
    throw new Error('now');
  });
  const later = turns.take(() => Promise.reject(new Error('later')));
  const next = turns.take(() => 'next');
  await t.throwsAsync(now, {message: 'now'});
  await t.throwsAsync(later, {message: 'later'});
  t.is(await next, 'next');
});

test('what comes after all of them waits for those too that came meanwhile, and not at all where there are none', async t => {
  const turns = new Turns();
  t.is(
    turns.after(() => 'at once'),
    'at once',
  );
  const done: string[] = [];
  void turns
    .take(async () => {
      await Promise.resolve();
      done.push('first');
      void turns.take(async () => done.push('second')).then(() => turns.take(async () => done.push('third')));
      throw new Error('in vain');
    })
    .catch(() => undefined);
  await turns.after(() => done.push('after'));
  t.deepEqual(done, ['first', 'second', 'third', 'after']);
});
