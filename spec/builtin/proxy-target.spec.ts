import test from 'ava';
import {ownLocation, targetOf, type Target} from '../../src/builtin/proxy-target.ts';

test('a target is a URL of http or https, or a socket of the file system', t => {
  t.like(targetOf('http://127.0.0.1:4000/app'), {
    address: 'http://127.0.0.1:4000',
    host: '127.0.0.1:4000',
    path: '/app',
    isSecure: false,
  });
  t.like(targetOf(new URL('HTTPS://Example.org')), {
    address: 'https://example.org',
    host: 'example.org',
    path: '/',
    isSecure: true,
  });
  t.like(targetOf('http://[::1]:80/'), {hostname: '::1', host: '[::1]'});
  t.like(targetOf('unix:/run/app.sock'), {address: 'unix:/run/app.sock', host: 'localhost', path: '/'});
});

test('anything else is none', t => {
  for (const given of [
    '',
    'localhost:80',
    'ftp://a',
    'ws://a',
    'http://user:pass@a',
    'http://a/?b',
    'http://a/#b',
    'unix:',
    undefined,
    {},
  ]) {
    t.is(targetOf(given), undefined, String(given));
  }
});

test('a location of the target is one below the proxy’s place, and any other stays', t => {
  const target = targetOf('http://127.0.0.1:4000/app') as Target;
  const own = (location: string, prefix = '/old') => ownLocation(location, target, prefix);
  t.is(own('http://127.0.0.1:4000/app/a?b#c'), '/old/a?b#c');
  t.is(own('http://127.0.0.1:4000/app'), '/old');
  t.is(own('/app/a'), '/old/a');
  t.is(own('/app?x'), '/old/?x');
  t.is(own('/application'), '/old/application');
  t.is(own('/login'), '/old/login');
  t.is(own('/old/login'), '/old/login');
  t.is(own('/app/', ''), '/');
  t.is(own('http://127.0.0.1:4000/app//evil.example', ''), '/evil.example');
  for (const location of [
    'https://other.example/app/a',
    '//other.example/',
    'a/b',
    '../a',
    '?a',
    String.raw`/\evil.example`,
    'http://127.0.0.1:4001/app/',
  ]) {
    t.is(own(location), location);
  }
});
