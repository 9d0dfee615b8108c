import test from 'ava';
import {absoluteDeadline, gainsEnough, idleDeadline, timeoutReason} from '../../../src/session/store/lifetime.ts';

const lived = {
  createdAt: 1000,
  lastSeenAt: 5000,
  idleTimeout: 2000,
  absoluteTimeout: 10_000,
  authenticatedAt: undefined,
};

test('the idle deadline counts from when the session was last seen', t => {
  t.is(idleDeadline(lived), 7000);
  t.is(timeoutReason(lived), 'idle');
});

test('the absolute deadline counts from the beginning, or from the last sign-in', t => {
  t.is(absoluteDeadline(lived), 11_000);
  t.is(absoluteDeadline({...lived, authenticatedAt: 4000}), 14_000);
});

test('the idle deadline never passes the absolute one', t => {
  const late = {...lived, lastSeenAt: 10_500};
  t.is(idleDeadline(late), 11_000);
  t.is(timeoutReason(late), 'absolute');
});

test('being seen is worth a write when it gains more than a twentieth of the idle timeout', t => {
  t.false(gainsEnough(lived, 5100));
  t.true(gainsEnough(lived, 5101));
});

test('being seen is worth a write when it gains more than an hour, however long the idle timeout is', t => {
  const hour = 60 * 60 * 1000;
  const long = {...lived, idleTimeout: 400 * 24 * hour};
  t.false(gainsEnough(long, 5000 + hour));
  t.true(gainsEnough(long, 5001 + hour));
});
