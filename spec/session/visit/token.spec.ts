import {createHash} from 'node:crypto';
import test from 'ava';
import {isToken, randomToken, uidOf} from '../../../src/session/visit/token.ts';

test('a token is 256 bits in base64url', t => {
  const token = randomToken();
  t.regex(token, /^[A-Za-z0-9_-]{43}$/);
  t.is(Buffer.from(token, 'base64url').length, 32);
});

test('S03: ten thousand tokens differ, and begin in no common way', t => {
  const tokens = Array.from({length: 10_000}, randomToken);
  t.is(new Set(tokens).size, 10_000);
  t.is(new Set(tokens.map(token => token[0])).size, 64);
});

test('what has not the shape of a token is none', t => {
  const token = randomToken();
  t.true(isToken(token));
  for (const text of ['', token.slice(1), `${token}a`, `${token}\n`, ` ${token}`, `"${token}"`, `${token.slice(1)}=`]) {
    t.false(isToken(text), JSON.stringify(text));
  }
});

test('a uid is the SHA-256 of the token, in base64url', t => {
  const token = randomToken();
  t.is(uidOf(token), createHash('sha256').update(token).digest('base64url'));
});
