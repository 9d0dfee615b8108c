import test from 'ava';
import {cacheControlOf, errorOf, maxAgeKind, typeOf} from '../../src/builtin/file-answer.ts';

test('a time is a number of milliseconds or a text, and caches are told seconds', t => {
  for (const [maxAge, seconds] of [
    [1999, 1],
    ['90s', 90],
    ['5m', 300],
    ['12h', 43_200],
    ['30d', 2_592_000],
    ['4w', 2_419_200],
    ['1y', 31_536_000],
  ] as const) {
    t.true(maxAgeKind.fits(maxAge));
    t.is(cacheControlOf({maxAge}), `max-age=${seconds}`);
  }
  for (const wrong of ['', '1', 'y', '1 y', '1.5h', '-1s', NaN, Infinity, -1, null])
    t.false(maxAgeKind.fits(wrong), String(wrong));
});

test('the type is that of the last ending, in any case', t => {
  t.is(typeOf('/a.b/c'), 'application/octet-stream');
  t.is(typeOf('/a.tar.gz'), 'application/gzip');
  t.is(typeOf('/A.HTML'), 'text/html; charset=utf-8');
  t.is(typeOf('/a.js'), 'text/javascript; charset=utf-8');
  t.is(typeOf('/a.ODD', {'.odd': 'text/odd'}), 'text/odd');
  t.is(typeOf('/a.__proto__', {}), 'application/octet-stream');
});

test('what may not be read is a 403, and all else that can not be sent is a 404', t => {
  t.like(errorOf('forbidden'), {status: 403});
  t.like(errorOf('refused'), {status: 404});
  t.like(errorOf('nothing'), {status: 404});
});
