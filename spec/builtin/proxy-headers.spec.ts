import test from 'ava';
import {Request} from 'espalier';
import {forwardedHeaders, isOfProxies, withoutCookies} from '../../src/builtin/proxy-headers.ts';

test('what proxies say is for proxies to say, by a dash or an underscore', t => {
  for (const name of [
    'x-forwarded-for',
    'x_forwarded_for',
    'x-forwarded_proto',
    'x-forwarded',
    'x-forwarded-client-cert',
    'forwarded',
    'x-real-ip',
    'x_real_ip',
    'proxy',
    'proxy-authorization',
    'proxy-connection',
    'http2-settings',
  ]) {
    t.true(isOfProxies(name), name);
  }
  for (const name of ['x-forwarder', 'forwarded-to', 'x-own', 'authorization', 'via', 'cookie'])
    t.false(isOfProxies(name), name);
});

test('the target is told the address, the scheme and the host, as RFC 7239 has it too, and by whom it came', t => {
  const headers = (init: Parameters<typeof Request.from>[0], prefix = '') =>
    forwardedHeaders(Request.from(init), prefix);
  t.deepEqual(headers({ip: '192.0.2.1', secure: true, headers: {host: 'a.example:8443', via: '1.0 fred'}}, '/old'), {
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'a.example:8443',
    'x-forwarded-prefix': '/old',
    forwarded: 'for=192.0.2.1;host="a.example:8443";proto=https',
    via: '1.0 fred, 1.1 espalier',
  });
  t.is(headers({ip: '2001:db8::1'})['forwarded'], 'for="[2001:db8::1]";proto=http');
  for (const ip of ['unix', 'a, b', '192.0.2.1;proto=https', '']) {
    const told = headers({ip});
    t.is(told['forwarded'], 'for=unknown;proto=http');
    t.is(told['x-forwarded-for'], undefined);
  }
});

test('a cookie is taken out by its whole name, and the others stay as they were', t => {
  t.is(withoutCookies('a=1; sid=x; b="2"', ['sid']), 'a=1; b="2"');
  t.is(withoutCookies('sid=x', ['sid']), '');
  t.is(withoutCookies('mysid=1; sidx=2; a=sid=3; sid = 4 ;sid=5', ['sid']), 'mysid=1; sidx=2; a=sid=3');
});
