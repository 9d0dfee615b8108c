import test from 'ava';
import {Request, Response} from 'espalier';
import {clearToken, cookieFor, sendToken, tokenIn} from '../../src/session/session-cookie.ts';

const token = 'A'.repeat(43);
const at = (host: string, init = {}) => Request.from({headers: {host}, ...init});
const carrying = (cookie: string) => Request.from({headers: {cookie}});
const plain = cookieFor(at('localhost'), 'thisMachine');
const tls = cookieFor(at('localhost', {secure: true}), 'thisMachine');

test('S10: over TLS the cookie is __Host-Http-sid, whatever the host', t => {
  t.like(cookieFor(at('example.com', {secure: true}), 'nobody'), {name: '__Host-Http-sid', secure: true});
  t.is(cookieFor(at('localhost', {secure: true}), 'thisMachine'), tls, 'and so the same for all');
});

test('over plain HTTP from this machine to itself it is sid, without Secure', t => {
  t.like(plain, {name: 'sid', secure: false});
});

test('over plain HTTP from or to any other a session is refused, with the reason and the ways out, a container’s port among them', t => {
  for (const [request, reason] of [
    [at('example.com'), 'because the host that it asks for is another'],
    [at('localhost', {ip: '172.17.0.1'}), 'because the connection comes from elsewhere'],
  ] as const) {
    const error = t.throws(() => cookieFor(request, 'thisMachine'), {code: 'SESSION_INSECURE'});
    t.regex(error.message, /trustProxy: "loopback".*the published port of a container.*sessions: \{insecure: true\}/);
    t.true(error.message.includes(reason), error.message);
  }
});

test('where nobody is excepted, this machine is not either', t => {
  t.throws(() => cookieFor(at('localhost'), 'nobody'), {
    code: 'SESSION_INSECURE',
    message: /because this is production/,
  });
});

test('insecure sessions are kept where that was said', t => {
  t.deepEqual(cookieFor(at('example.com'), 'all'), plain);
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
