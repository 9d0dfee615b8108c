import test from 'ava';
import {cookieValues, setCookieText} from '../../src/http/cookie.ts';

test('a cookie is for the whole site, out of reach of scripts, and not sent from other sites’ forms', t => {
  t.is(setCookieText('a', '1'), 'a=1; Path=/; HttpOnly; SameSite=Lax');
});

test('every attribute can be set', t => {
  const expires = new Date(Date.UTC(2030, 0, 1));
  t.is(
    setCookieText('a', '1', {path: '/x', domain: 'example.org', maxAge: 60, expires, secure: true, sameSite: 'strict'}),
    'a=1; Max-Age=60; Domain=example.org; Path=/x; Expires=Tue, 01 Jan 2030 00:00:00 GMT; HttpOnly; Secure; SameSite=Strict',
  );
});

test('the careful defaults can be left', t => {
  t.is(
    setCookieText('a', '1', {httpOnly: false, sameSite: 'none', secure: true}),
    'a=1; Path=/; Secure; SameSite=None',
  );
});

test('the value is encoded, so nothing in it ends the cookie', t => {
  t.is(
    setCookieText('a', 'b; Domain=evil\r\nX: é'),
    'a=b%3B%20Domain%3Devil%0D%0AX%3A%20%C3%A9; Path=/; HttpOnly; SameSite=Lax',
  );
});

const smugglers: Record<string, () => string> = {
  'a semicolon in the name': () => setCookieText('a; Domain', '1'),
  'an equals sign in the name': () => setCookieText('a=b', '1'),
  'a line break in the name': () => setCookieText('a\r\nSet-Cookie: b', '1'),
  'an empty name': () => setCookieText('', '1'),
  'a semicolon in the path': () => setCookieText('a', '1', {path: '/; Domain=evil.example'}),
  'a line break in the path': () => setCookieText('a', '1', {path: '/\r\nX: y'}),
  'a semicolon in the domain': () => setCookieText('a', '1', {domain: 'a.example; Path=/'}),
  'a line break in the domain': () => setCookieText('a', '1', {domain: 'a.example\nX: y'}),
  'a line break in sameSite': () => setCookieText('a', '1', {sameSite: 'lax\r\nX: y' as 'lax'}),
  'a maxAge that is no whole number': () => setCookieText('a', '1', {maxAge: 1.5}),
};
for (const [what, act] of Object.entries(smugglers)) {
  test(`what could smuggle in another header or attribute is a TypeError: ${what}`, t => {
    t.throws(act, {instanceOf: TypeError});
  });
}

test('a cookie is found among others, and its blanks are trimmed', t => {
  t.deepEqual(cookieValues('a=1; sid=x;\tsid2=y ; b=2', 'sid'), ['x']);
  t.deepEqual(cookieValues('a=1;sid \t=  x\t', 'sid'), ['x']);
});

test('a value is given as sent: not decoded, with its quotes and equals signs', t => {
  t.deepEqual(cookieValues('sid="a%20b=="', 'sid'), ['"a%20b=="']);
  t.deepEqual(cookieValues('sid=', 'sid'), ['']);
});

test('every value of a repeated name is given, in order', t => {
  t.deepEqual(cookieValues('sid=1; a=0; sid=2; sid=1', 'sid'), ['1', '2', '1']);
});

test('a header without the cookie, or no header, gives no value', t => {
  t.deepEqual(cookieValues(undefined, 'sid'), []);
  t.deepEqual(cookieValues('', 'sid'), []);
  t.deepEqual(cookieValues('sid', 'sid'), [], 'a name without an equals sign is no cookie');
  t.deepEqual(cookieValues('xsid=1; sidx=2; a=sid; SID=3', 'sid'), []);
});

for (const blank of ['\u00a0', '\u0085', '\ufeff', '\v', '\f', '\r']) {
  test(`a name behind the character ${blank.charCodeAt(0)}, which is no blank in HTTP, is not the name`, t => {
    t.deepEqual(cookieValues(`${blank}__Host-sid=evil`, '__Host-sid'), []);
    t.deepEqual(cookieValues(`a=1; ${blank}__Host-sid=evil; __Host-sid=good`, '__Host-sid'), ['good']);
  });
}

test('names that every object has are ordinary names', t => {
  t.deepEqual(cookieValues('__proto__=1; constructor=2', '__proto__'), ['1']);
  t.deepEqual(cookieValues('a=1', 'toString'), []);
});

test('one cookie is found among 5,000', t => {
  const others = Array.from({length: 4999}, (_, i) => `c${i}=${i}`);
  t.deepEqual(cookieValues([...others, 'sid=x'].join('; '), 'sid'), ['x']);
});

test('an attribute that is undefined is the default one', t => {
  const given = {path: undefined, httpOnly: undefined, sameSite: undefined} as never;
  t.is(setCookieText('a', 'b', given), 'a=b; Path=/; HttpOnly; SameSite=Lax');
});
