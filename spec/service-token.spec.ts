import test from 'ava';
import {Clock, Logger, use} from 'espalier';
import {serviceToken} from '../src/service-token.ts';

test('a token is the same symbol in each copy of the package', t => {
  t.is(serviceToken<Clock>('Clock'), Clock);
  t.is(serviceToken('Names'), Symbol.for('espalier.Names'));
});

test('the compiler knows what is bound to a token', t => {
  const services = () => ({clock: use(Clock) satisfies Clock, logger: use(Logger) satisfies Logger});
  // @ts-expect-error A clock is no logger.
  const wrong = () => use(Clock) satisfies Logger;
  t.throws(services, {code: 'DEPENDENCY_OUTSIDE'});
  t.throws(wrong, {code: 'DEPENDENCY_OUTSIDE'});
});
