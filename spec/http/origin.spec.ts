import test from 'ava';
import {Request} from 'espalier';
import {isOwnOrigin, originIn} from '../../src/http/origin.ts';

const isOwn = (origin: string, host?: string) => isOwnOrigin(originIn(origin), Request.from({headers: {host}}));

test('an origin is the request’s own where host and port are, the usual port written or not', t => {
  for (const [origin, host] of [
    ['https://shop.example', 'shop.example'],
    ['https://shop.example', 'shop.example:443'],
    ['http://shop.example', 'Shop.Example:80'],
    ['http://localhost:8080', 'localhost:8080'],
    ['http://[::1]:8080', '[::1]:8080'],
    ['https://bücher.example', 'xn--bcher-kva.example'],
  ] as const) {
    t.true(isOwn(origin, host), `${origin} ${host}`);
  }
  for (const [origin, host] of [
    ['https://shop.example', 'shop.example:8443'],
    ['https://shop.example:8443', 'shop.example'],
    ['https://evil.example', 'shop.example'],
    ['https://shop.example.evil.example', 'shop.example'],
    ['https://shop.example@evil.example', 'shop.example'],
    ['null', 'shop.example'],
    ['', 'shop.example'],
    ['shop.example', 'shop.example'],
    ['https://shop.example, https://evil.example', 'shop.example'],
    ['https://shop.example', undefined],
    ['https://shop.example', 'a b'],
  ] as const) {
    t.false(isOwn(origin, host), `${origin} ${host}`);
  }
});

test('the host that a proxy says the browser asked for counts too', t => {
  const behind = (origin: string, forwarded: string) =>
    isOwnOrigin(originIn(origin), Request.from({headers: {host: '127.0.0.1:3000', 'x-forwarded-host': forwarded}}));
  t.true(behind('https://shop.example', 'shop.example'));
  t.true(behind('https://shop.example', 'shop.example, inner.example'));
  t.true(behind('http://127.0.0.1:3000', 'shop.example'));
  t.false(behind('https://inner.example', 'shop.example, inner.example'));
  t.false(behind('https://evil.example', ''));
});
