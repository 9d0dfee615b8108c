import test from 'ava';
import {textOf, Topics} from '../../src/broadcast/topics.ts';
import {take} from './world.ts';

test('a value goes to all who have subscribed to its topic, and to nobody else', async t => {
  const topics = new Topics();
  const [one, other, elsewhere] = [topics.subscribe('a'), topics.subscribe('a'), topics.subscribe('b')];
  topics.tell('a', '1');
  topics.tell('b', '2');
  topics.tell('__proto__', '3');
  t.deepEqual(await take(one, 1), [1]);
  t.deepEqual(await take(other, 1), [1]);
  t.deepEqual(await take(elsewhere, 1), [2]);
});

test('a subscription begins when it is asked for, not when the first value is', async t => {
  const topics = new Topics();
  const values = topics.subscribe('a');
  topics.tell('a', '1');
  t.deepEqual(await take(values, 1), [1]);
});

test('it ends with its signal, also with one that is aborted before', async t => {
  const topics = new Topics();
  const leaving = new AbortController();
  const values = topics.subscribe('a', leaving.signal);
  const next = values.next();
  leaving.abort();
  t.true((await next).done);
  t.true((await topics.subscribe('a', leaving.signal).next()).done);
});

test('one subscription that is left leaves the others', async t => {
  const topics = new Topics();
  const [one, other] = [topics.subscribe('a'), topics.subscribe('a')];
  await one.return!();
  topics.tell('a', '1');
  t.deepEqual(await take(other, 1), [1]);
  topics.close();
  t.true((await other.next()).done);
});

test('what JSON can not express is refused, and what is no topic', t => {
  for (const value of [undefined, () => 1, Symbol('x')]) t.throws(() => textOf('a', value), {instanceOf: TypeError});
  for (const topic of ['', 1, undefined]) t.throws(() => textOf(topic as string, 1), {code: 'OPTION_INVALID'});
  t.throws(() => new Topics().subscribe(''), {code: 'OPTION_INVALID'});
});
