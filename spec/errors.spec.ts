import test from 'ava';
import {EspalierError} from 'espalier';
import {describe, errorCodes} from '../src/errors.ts';

test('an error carries its code, also in its message, and what caused it', t => {
  const cause = new Error('below');
  const error = new EspalierError('PORT_TAKEN', 'Port 1 is taken.', {cause});
  t.like(error, {name: 'EspalierError', code: 'PORT_TAKEN', message: 'Port 1 is taken. [PORT_TAKEN]', cause});
});

test('an error is shown to the client only where it was given a status', t => {
  t.like(new EspalierError('PORT_TAKEN', ''), {status: 500, expose: false});
  t.like(new EspalierError('SITE_CLOSED', '', {status: 503}), {status: 503, statusCode: 503, expose: true});
});

test('the codes are in order, each once', t => {
  t.deepEqual([...errorCodes], [...new Set(errorCodes)].toSorted());
});

test('a value is described by its kind, never by its text', t => {
  class Secret {}
  const described = [null, 'secret', 7, new Secret(), Object.create(null)].map(describe);
  t.deepEqual(described, ['null', 'a string', 'a number', 'an object of class Secret', 'an object']);
});
