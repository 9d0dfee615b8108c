import test from 'ava';
import {Subscription} from '../../src/broadcast/subscription.ts';

const make = () => {
  const ends: number[] = [];
  return {ends, subscription: new Subscription<unknown>(() => ends.push(1))};
};

test('values come in the order in which they were told, whether they are waited for or not', async t => {
  const {subscription} = make();
  const waiting = [subscription.next(), subscription.next()];
  for (const text of ['1', '2', '3', '4']) subscription.tell(text);
  const all = [...(await Promise.all(waiting)), await subscription.next(), await subscription.next()];
  t.deepEqual(
    all.map(({value}) => value),
    [1, 2, 3, 4],
  );
});

test('each who has subscribed gets a value of their own', async t => {
  const [one, other] = [make().subscription, make().subscription];
  for (const each of [one, other]) each.tell('{"a":1}');
  const [{value: first}, {value: second}] = [await one.next(), await other.next()];
  t.deepEqual(first, second);
  t.not(first, second);
});

test('it ends for all who wait when it is left, once', async t => {
  const {subscription, ends} = make();
  const waiting = [subscription.next(), subscription.next()];
  await subscription.return();
  subscription.end();
  subscription.tell('1');
  t.deepEqual(await Promise.all(waiting), [
    {done: true, value: undefined},
    {done: true, value: undefined},
  ]);
  t.true((await subscription.next()).done);
  t.is(ends.length, 1);
});

test('who takes less than comes is ended when 1,000 values wait, and what waits is kept no longer', async t => {
  const {subscription, ends} = make();
  for (let i = 0; i < 1000; i += 1) subscription.tell(`${i}`);
  t.is((await subscription.next()).value, 0);
  subscription.tell('1000');
  t.is(ends.length, 0);
  subscription.tell('1001');
  subscription.tell('1002');
  t.is(ends.length, 1);
  await t.throwsAsync(subscription.next(), {code: 'SUBSCRIBER_TOO_SLOW'});
  t.true((await subscription.next()).done);
});
