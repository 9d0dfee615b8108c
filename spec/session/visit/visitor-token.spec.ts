import test from 'ava';
import {Request, Response} from 'espalier';
import {SessionCookies} from '../../../src/session/visit/cookie.ts';
import {uidOf} from '../../../src/session/visit/token.ts';
import {VisitorToken} from '../../../src/session/visit/visitor-token.ts';

const [carried, other] = ['A'.repeat(43), 'B'.repeat(43)];
const plain = new SessionCookies({}, 'thisMachine').fitting(Request.from({headers: {host: 'localhost'}}));
const carrying = (cookie: string) => new VisitorToken(Request.from({headers: {cookie}}), plain);

/** What the browser is told. */
function told(token: VisitorToken, isAlive: boolean): (string | undefined)[] {
  const response = new Response();
  token.send(response, isAlive);
  const headers = response.headerList();
  return headers.filter((_, i) => headers[i - 1] === 'Set-Cookie').map(cookie => cookie.split(';')[0]);
}

test('a token stands for its uid, and is not sent to who has it', t => {
  const token = carrying(`sid=${carried}`);
  t.is(token.uid, uidOf(carried));
  t.false(token.isNew);
  t.deepEqual(told(token, true), []);
});

test('a new token is sent while its session is alive, and only then', t => {
  const token = carrying(`sid=${carried}`);
  token.replace(other);
  t.true(token.isNew);
  t.is(token.uid, uidOf(other));
  t.deepEqual(told(token, true), [`sid=${other}`]);
  t.deepEqual(told(token, false), []);
});

test('a token that stands for nothing is left where it is', t => {
  const token = carrying(`sid=${carried}`);
  token.ignore();
  t.is(token.uid, undefined);
  t.deepEqual(told(token, false), []);
});

test('the browser is to forget what it carries, be it malformed or there twice, and nothing else', t => {
  for (const cookie of [`sid=${carried}`, 'sid=x', `sid=${carried}; sid=${other}`]) {
    const token = carrying(cookie);
    token.forget();
    t.is(token.uid, undefined);
    t.deepEqual(told(token, false), ['sid='], cookie);
  }
  const none = carrying('');
  none.forget();
  t.deepEqual(told(none, false), []);
});

test('of a token that was forgotten and one that came after it, the browser gets the second', t => {
  const token = carrying(`sid=${carried}`);
  token.forget();
  token.replace(other);
  t.deepEqual(told(token, true), [`sid=${other}`]);
});
