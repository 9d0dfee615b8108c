import {Readable} from 'node:stream';
import test from 'ava';
import {Arrival} from '../../src/http/arrival.ts';

const broken = () => new Error('broken off');

/** A message whose bytes come when they are pushed. */
const message = () => new Readable({read: () => undefined});

test('all that has come is given at a time', async t => {
  const stream = message();
  const arrival = new Arrival(stream, broken);
  for (const byte of 'Hello') stream.push(Buffer.from(byte));
  t.is(String((await arrival.next()).value), 'Hello');
  const more = arrival.next();
  stream.push(Buffer.from('!'));
  stream.push(null);
  t.is(String((await more).value), '!');
  t.deepEqual(await arrival.next(), {done: true, value: undefined});
  t.deepEqual(await arrival.next(), {done: true, value: undefined});
});

test('who waits for more is let go when nobody reads any further, and others can read on', async t => {
  const stream = message();
  const arrival = new Arrival(stream, broken);
  const waiting = arrival.next();
  await new Promise(resolve => setImmediate(resolve));
  arrival.stop();
  t.deepEqual(await waiting, {done: true, value: undefined});
  t.is(stream.listenerCount('readable'), 0);
  stream.resume();
  stream.push(Buffer.from('rest'));
  stream.push(null);
  await new Promise(resolve => stream.once('end', resolve));
  t.deepEqual(await arrival.next(), {done: true, value: undefined});
});

test('a message that is broken off fails, whoever waits, and fails again', async t => {
  const stream = message();
  const arrival = new Arrival(stream, broken);
  const waiting = t.throwsAsync(arrival.next(), {message: 'broken off'});
  stream.destroy();
  await waiting;
  await t.throwsAsync(arrival.next(), {message: 'broken off'});
  await t.throwsAsync(new Arrival(stream, broken).next(), {message: 'broken off'});
});

test('a message of HTTP/2 that was broken off ends, and fails all the same', async t => {
  const stream = Object.assign(message(), {aborted: true});
  stream.push(null);
  await t.throwsAsync(new Arrival(stream, broken).next(), {message: 'broken off'});
});
