import test from 'ava';
import {isSafe} from '../../src/http/method.ts';

test('methods that ask for no change are safe, and no others', t => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'QUERY', 'TRACE']) t.true(isSafe(method), method);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'LOCK', 'get', ''])
    t.false(isSafe(method), method);
});
