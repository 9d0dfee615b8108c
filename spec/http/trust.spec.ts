import test from 'ava';
import {createSite, Get, Resource} from 'espalier';
import {compileTrust, visitorAddress} from '../../src/http/trust.ts';

test('false and an empty list believe no proxy', t => {
  t.false(compileTrust(false)('127.0.0.1', 0));
  t.false(compileTrust([])('127.0.0.1', 0));
});

test('an address is believed alone, a subnet as a whole', t => {
  const trust = compileTrust(['192.0.2.1', '10.0.0.0/8']);
  t.true(trust('192.0.2.1', 0));
  t.false(trust('192.0.2.2', 0));
  t.true(trust('10.255.0.1', 3));
  t.false(trust('11.0.0.1', 0));
});

test('loopback is the machine itself, in each of the ways it can be written', t => {
  const trust = compileTrust('loopback');
  t.true(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(address => trust(address, 0)));
  t.false(trust('10.0.0.1', 0));
});

test('uniquelocal and linklocal are the private networks', t => {
  const trust = compileTrust(['uniquelocal', 'linklocal']);
  t.true(['10.0.0.1', '172.16.0.1', '192.168.0.1', 'fd00::1', '169.254.0.1'].every(address => trust(address, 0)));
  t.false(trust('172.32.0.1', 0));
});

test('IPv6 addresses and subnets are believed', t => {
  const trust = compileTrust('2001:db8::/32');
  t.true(trust('2001:db8:1::2', 0));
  t.false(trust('2001:db9::1', 0));
});

test('what is no address is never believed', t => {
  const trust = compileTrust(['loopback', '10.0.0.0/8']);
  t.deepEqual(
    ['', 'localhost', 'unknown', '10.0.0', '127.0.0.1, 10.0.0.1'].filter(address => trust(address, 0)),
    [],
  );
});

test('a function is asked about each address and its distance', t => {
  const trust = compileTrust((address, distance) => address === 'a' && distance === 1);
  t.true(trust('a', 1));
  t.false(trust('a', 0));
});

for (const option of ['', 'localhost', '10.0.0.0/33', '300.0.0.1', '127.0.0.1, 10.0.0.1', ['loopback', 'proxy']]) {
  test(`a trustProxy that is no list of addresses is refused: ${JSON.stringify(option)}`, t => {
    const error = t.throws(() => compileTrust(option), {code: 'OPTION_INVALID'});
    t.true(error.message.startsWith(`trustProxy: ${JSON.stringify(option)} is no list of addresses.`));
  });
}

test('a trustProxy that means something elsewhere is refused with all ways there are', t => {
  for (const option of [true, 1, 'all', null]) {
    const {message} = t.throws(() => compileTrust(option as never), {code: 'OPTION_INVALID'});
    for (const way of ['"10.0.0.0/8"', '"loopback"', '"uniquelocal"', '"unix"', '() => true', 'distance < 1']) {
      t.true(message.includes(way), message);
    }
  }
});

test('a site with a wrong trustProxy is not made', t => {
  @Resource()
  class Root {
    @Get()
    show() {}
  }
  t.throws(() => createSite(Root, {trustProxy: 'everyone'}), {code: 'OPTION_INVALID'});
});

test('the visitor has the nearest address that no trusted proxy has', t => {
  const trust = compileTrust(['10.0.0.0/8']);
  t.is(visitorAddress('10.0.0.1', '192.0.2.7, 198.51.100.1, 10.0.0.2', trust), '198.51.100.1');
  t.is(visitorAddress('10.0.0.1', '10.0.0.3,10.0.0.2', trust), '10.0.0.3', 'the last, where all are trusted');
  t.is(visitorAddress('10.0.0.1', undefined, trust), '10.0.0.1');
  t.is(visitorAddress('192.0.2.1', '198.51.100.1', trust), '192.0.2.1');
});

test('a port that a proxy tells with an address is not part of it', t => {
  const told = (address: string) => visitorAddress('10.0.0.1', address, at => at === '10.0.0.1');
  t.is(told('192.0.2.1:4711'), '192.0.2.1');
  t.is(told('[2001:db8::1]:4711'), '2001:db8::1');
  t.is(told('[2001:db8::1]'), '2001:db8::1');
  t.is(told('2001:db8::1'), '2001:db8::1');
  t.is(told('unknown'), 'unknown');
});

test('a request is followed back by 100 proxies at most, however many its header names', t => {
  let asked = 0;
  visitorAddress('10.0.0.1', Array(5000).fill('10.0.0.2').join(), () => (asked += 1) > 0);
  t.is(asked, 100);
});
