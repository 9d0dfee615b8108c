import test from 'ava';
import {HostTable} from '../../src/http/host-table.ts';

function table(...names: string[]): HostTable<string> {
  const made = new HostTable<string>();
  for (const name of names) made.add('these()', name, name);
  return made;
}

test('a host is found by its name, whatever its port, its case and a dot at its end', t => {
  const hosts = table('shop.example.org', 'EXAMPLE.org');
  for (const host of [
    'shop.example.org',
    'Shop.Example.ORG',
    'shop.example.org:8080',
    'shop.example.org.',
    'shop.example.org.:443',
  ]) {
    t.is(hosts.find(host), 'shop.example.org', host);
  }
  t.is(hosts.find('example.org'), 'EXAMPLE.org');
  for (const host of [
    'a.shop.example.org',
    'xshop.example.org',
    'shop.example.org.evil.example',
    'org',
    '',
    undefined,
  ]) {
    t.is(hosts.find(host), undefined, host);
  }
});

test('an IPv6 address is found however it is written, with its port or without', t => {
  const hosts = table('[2001:db8::1]', '::1');
  for (const host of ['[2001:db8::1]', '[2001:0DB8:0:0:0:0:0:1]:8080']) t.is(hosts.find(host), '[2001:db8::1]', host);
  for (const host of ['[::1]', '[0:0:0:0:0:0:0:1]:80']) t.is(hosts.find(host), '::1', host);
  t.is(hosts.find('[::2]'), undefined);
});

test('a name is found by letters beyond ASCII, as browsers send it', t => {
  t.is(table('bücher.example').find('xn--bcher-kva.example'), 'bücher.example');
});

test('an asterisk is for all below, however deep; the longest name wins, and a whole one before', t => {
  const hosts = table('*.example.org', '*.b.example.org', 'c.b.example.org');
  t.is(hosts.find('a.example.org'), '*.example.org');
  t.is(hosts.find('x.a.example.org:81'), '*.example.org');
  t.is(hosts.find('X.b.example.org'), '*.b.example.org');
  t.is(hosts.find('c.b.example.org'), 'c.b.example.org');
  t.is(hosts.find('b.example.org'), '*.example.org');
  t.is(hosts.find('example.org'), undefined);
  t.is(hosts.find('xexample.org'), undefined);
});

test('a host with an empty part is below nothing', t => {
  const hosts = table('*.example.org');
  for (const host of ['.example.org', 'a..example.org', '..example.org:80', 'a.example..org'])
    t.is(hosts.find(host), undefined, host);
});

test('one asterisk alone is for all others, and for no host', t => {
  const hosts = table('example.org', '*');
  t.is(hosts.find('example.org'), 'example.org');
  for (const host of ['other.example', '192.0.2.1:80', '[::1]', 'a%2Fb', undefined]) t.is(hosts.find(host), '*', host);
});

test('a host of 16 KiB of dots is looked up at once', t => {
  const hosts = table('*.example.org');
  const before = performance.now();
  t.is(hosts.find(`${'a.'.repeat(8000)}example.org`), undefined);
  t.true(performance.now() - before < 1000);
});

test('what is no name of a host is refused, and so is a port', t => {
  for (const name of [
    '',
    'a b',
    'http://a',
    'a/b',
    'a:80',
    '[::1]:80',
    'user@a',
    'a.*',
    '*.',
    '*a',
    '[::1',
    'a\\b',
    '999.1.1.1.1',
  ]) {
    t.throws(() => table(name), {code: 'OPTION_INVALID', message: /^these\(\): ".*" is no name of a host/}, name);
  }
});

test('one name in two ways is refused', t => {
  for (const names of [
    ['a.example', 'A.example.'],
    ['[::1]', '::1'],
    ['*.a', '*.A'],
  ]) {
    t.throws(() => table(...names), {code: 'OPTION_INVALID', message: /is there twice/}, names.join());
  }
});
