import test from 'ava';
import {Request, Response} from 'espalier';
import {clearToken, cookieFor, sendToken, tokenIn} from '../../src/session/session-cookie.ts';

const token = 'A'.repeat(43);
const at = (host: string, init = {}) => Request.from({headers: {host}, ...init});
const carrying = (cookie: string) => Request.from({headers: {cookie}});
const plain = cookieFor(at('localhost'), false);
const tls = cookieFor(at('localhost', {secure: true}), false);

test('S10: over TLS the cookie is __Host-Http-sid, whatever the host', t => {
  t.like(cookieFor(at('example.com', {secure: true}), false), {name: '__Host-Http-sid', secure: true});
  t.is(cookieFor(at('localhost', {secure: true}), false), tls, 'and so the same for all');
});

test('over plain HTTP to this machine it is sid, without Secure', t => {
  const hosts = [
    'localhost',
    'localhost:8080',
    'LOCALHOST',
    'app.localhost',
    '127.0.0.1:80',
    '127.1.2.3',
    '[::1]:8080',
  ];
  for (const host of hosts) t.like(cookieFor(at(host), false), {name: 'sid', secure: false}, host);
});

test('over plain HTTP to any other host a session is refused, with both ways out', t => {
  const hosts = [
    'example.com',
    'localhost.example.com',
    '127.0.0.1.example.com',
    'notlocalhost',
    '10.0.0.1',
    '',
    '::1',
    'localhost:80:80',
  ];
  for (const host of hosts) {
    const error = t.throws(() => cookieFor(at(host), false), {code: 'SESSION_INSECURE'}, host);
    t.regex(error.message, /trustProxy: "loopback".*sessions: \{insecure: true\}/);
  }
  t.throws(() => cookieFor(Request.from({}), false), {code: 'SESSION_INSECURE'});
});

test('insecure sessions are kept where that was said', t => {
  t.deepEqual(cookieFor(at('example.com'), true), plain);
});

test('the token is what the one cookie of the exact name holds', t => {
  t.is(tokenIn(carrying(`a=b; sid=${token}; c=d`), plain), token);
  for (const name of ['SID', 'xsid', 'sid2', '\u00A0sid', '__Host-sid']) {
    t.is(tokenIn(carrying(`${name}=${token}`), plain), undefined, name);
  }
});

test('a repeated cookie counts as none, the same value twice too', t => {
  t.is(tokenIn(carrying(`sid=${token}; sid=${token}`), plain), undefined);
  t.is(tokenIn(carrying(`sid=${token}; sid=`), plain), undefined);
});

test('a malformed or oversized cookie counts as none', t => {
  for (const value of ['', 'x', `"${token}"`, `${token}A`, '%00'.repeat(15), 'A'.repeat(10_000)]) {
    t.is(tokenIn(carrying(`sid=${value}`), plain), undefined, value.slice(0, 50));
  }
});

test('S10: the cookie is sent with every attribute that protects it, and no lifetime of its own', t => {
  const response = new Response();
  sendToken(token, tls, response);
  t.is(response.header('Set-Cookie'), `__Host-Http-sid=${token}; Path=/; HttpOnly; Secure; SameSite=Lax`);
});

test('S13: name and value of the cookie are far from the 4096 bytes that browsers take', t => {
  for (const cookie of [tls, plain]) {
    const response = new Response();
    sendToken(token, cookie, response);
    t.true(response.header('Set-Cookie')!.split(';')[0]!.length < 100);
  }
});

test('it is cleared with the attributes it was set with', t => {
  const response = new Response();
  clearToken(tls, response);
  t.is(response.header('Set-Cookie'), '__Host-Http-sid=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax');
});
