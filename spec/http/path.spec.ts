import test from 'ava';
import {isHttpError} from 'http-errors';
import {decodePath, encodePath, patternSegment, segmentOf, splitTarget} from '../../src/http/path.ts';

/** The status and the text of the error that decoding a path ends in. */
function refusal(path: string): [number, string] | undefined {
  try {
    decodePath(path);
    return undefined;
  } catch (error) {
    return isHttpError(error) ? [error.status, error.message] : undefined;
  }
}

test('a path is split at its slashes, then each segment is decoded once', t => {
  t.deepEqual(decodePath('/a/b%20c/%2561'), ['a', 'b c', '%61']);
});

test('the root has no segments, and a trailing slash is a last, empty one', t => {
  t.deepEqual(decodePath('/'), []);
  t.deepEqual(decodePath('/a/'), ['a', '']);
  t.deepEqual(decodePath('//'), ['', '']);
  t.deepEqual(decodePath('//evil.example/a'), ['', 'evil.example', 'a']);
});

test('a path of more than 1,000 segments is a 414', t => {
  t.is(decodePath('/a'.repeat(1000)).length, 1000);
  t.deepEqual(refusal('/a'.repeat(1001)), [414, 'The path has more than 1000 segments.']);
  t.deepEqual(refusal(`${'/a'.repeat(1000)}/`), [414, 'The path has more than 1000 segments.']);
});

test('an encoded slash stays inside its segment', t => {
  t.deepEqual(decodePath('/a%2Fb/c%2f..%2fd'), ['a/b', 'c/../d']);
});

test('a plus, a backslash and __proto__ are ordinary text', t => {
  t.deepEqual(decodePath('/a+b/c\\d/%5C/__proto__'), ['a+b', 'c\\d', '\\', '__proto__']);
});

test('UTF-8 beyond ASCII is decoded', t => {
  t.deepEqual(decodePath('/%C3%A9/%E2%82%AC/%F0%9F%8C%B3'), ['é', '€', '🌳']);
});

for (const path of ['/.', '/..', '/a/../b', '/a/%2e%2E/b', '/a/.%2e', '/%2e', '/a/..']) {
  test(`a dot segment is a 400: ${path}`, t => {
    t.deepEqual(refusal(path), [400, 'The path holds a dot segment.']);
  });
}

test('dots in a longer segment are no dot segment', t => {
  t.deepEqual(decodePath('/.well-known/.../a..'), ['.well-known', '...', 'a..']);
});

test('a dot segment encoded twice is text, for it is decoded once', t => {
  t.deepEqual(decodePath('/%252e%252e'), ['%2e%2e']);
});

test('a NUL is a 400', t => {
  t.deepEqual(refusal('/a%00b'), [400, 'The path holds a NUL.']);
});

const noUtf8 = {
  'a lone byte': '/%FF',
  'a cut sequence': '/%E2%82',
  'an overlong slash': '/%C0%AF',
  'an overlong dot': '/%E0%80%AE',
  'a surrogate': '/%ED%A0%80',
  'a code point past the last': '/%F4%90%80%80',
  'a lone percent sign': '/100%',
  'no hexadecimal digits': '/%zz',
};
for (const [what, path] of Object.entries(noUtf8)) {
  test(`a path that is not percent-encoded UTF-8 is a 400: ${what}`, t => {
    t.deepEqual(refusal(path), [400, 'The path is not percent-encoded UTF-8.']);
  });
}

for (const path of ['/é', '/\u00c3\u00a9', '/a b', '/a\tb', '/a\u007f', '/a\0']) {
  test(`a raw character that must be percent-encoded is a 400: ${JSON.stringify(path)}`, t => {
    t.deepEqual(refusal(path), [400, 'The path holds a character that must be percent-encoded.']);
  });
}

for (const path of ['', '*', 'a/b', 'example.org:443', 'ftp://example.org/']) {
  test(`a target that is neither a path nor an absolute URL is a 400: ${JSON.stringify(path)}`, t => {
    t.deepEqual(refusal(path), [400, 'The request target is neither a path nor an absolute URL.']);
  });
}

test('a target is split at its first question mark', t => {
  t.like(splitTarget('/a'), {path: '/a', query: ''});
  t.like(splitTarget('/a?b=1?c'), {path: '/a', query: 'b=1?c'});
  t.like(splitTarget('/?'), {path: '/', query: ''});
});

test('the absolute form of a target is its host, path and query', t => {
  t.deepEqual(splitTarget('http://example.org/a/b?c'), {host: 'example.org', path: '/a/b', query: 'c'});
  t.deepEqual(splitTarget('HTTPS://example.org:8443/'), {host: 'example.org:8443', path: '/', query: ''});
  t.deepEqual(splitTarget('http://example.org'), {host: 'example.org', path: '/', query: ''});
  t.deepEqual(splitTarget('http://example.org?c'), {host: 'example.org', path: '/', query: 'c'});
});

test('a target with a user or a password is no path, and so a 400', t => {
  for (const target of ['http://user@example.org/', 'http://user:secret@example.org/a?b', 'http://@example.org/']) {
    const {host, path} = splitTarget(target);
    t.is(host, undefined);
    t.is(refusal(path)?.[0], 400);
  }
});

test('a target of which an outer server has left nothing, or the query, is the root', t => {
  t.deepEqual(splitTarget(''), {host: undefined, path: '/', query: ''});
  t.deepEqual(splitTarget('?a=/b'), {host: undefined, path: '/', query: 'a=/b'});
});

test('a path that only holds a URL is left as it is', t => {
  for (const path of ['/http://example.org/a', '//example.org/a', '*']) {
    t.deepEqual(splitTarget(path), {host: undefined, path, query: ''});
  }
});

test('an encoded path has no separator in a segment: slash, backslash, question mark or hash', t => {
  t.is(encodePath(['a/b', 'c\\d', 'e?f', 'g#h', '%2F']), '/a%2Fb/c%5Cd/e%3Ff/g%23h/%252F');
  t.is(encodePath([]), '/');
});

test('what was encoded decodes to the same segments', t => {
  const segments = ['a b', 'é/€', '\\', '🌳', '__proto__', 'x=y&z', '\u00a0'];
  t.deepEqual(decodePath(encodePath(segments)), segments);
});

test('a segment in a pattern is no capture and no end of one, and is the segment again', t => {
  for (const [segment, pattern] of [
    ['people', 'people'],
    [':name', '%3Aname'],
    ['a:b', 'a:b'],
    ['a/b', 'a%2Fb'],
    ['%3Aname', '%253Aname'],
    ['100%', '100%25'],
    ['é b', 'é b'],
  ] as const) {
    t.is(patternSegment(segment), pattern);
    t.is(segmentOf(pattern), segment);
  }
});
