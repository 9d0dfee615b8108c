import test from 'ava';
import {isRetrieval, isSafe} from '../../src/http/method.ts';

test('methods that ask for no change are safe, and no others', t => {
  for (const method of ['GET', 'HEAD', 'OPTIONS', 'QUERY', 'TRACE']) t.true(isSafe(method), method);
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'LOCK', 'get', ''])
    t.false(isSafe(method), method);
});

test('GET and HEAD ask for what is there, and no others', t => {
  for (const method of ['GET', 'HEAD']) t.true(isRetrieval(method), method);
  for (const method of ['OPTIONS', 'QUERY', 'POST', 'get', '']) t.false(isRetrieval(method), method);
});
