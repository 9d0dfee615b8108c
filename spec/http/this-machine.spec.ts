import {connect} from 'node:net';
import {once} from 'node:events';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {Get, Resource} from 'espalier';
import {testSite} from 'espalier/testing';
import {Request, type RequestInit} from '../../src/http/request.ts';
import {whyNotThisMachine} from '../../src/http/this-machine.ts';

/** Why this is no request from this machine to itself; by default it is one. */
function why(headers: Record<string, string> = {}, init: RequestInit = {}): string | undefined {
  return whyNotThisMachine(Request.from({headers: {host: 'localhost:8080', ...headers}, ...init}));
}

test('from this machine is what comes from one of its loopback addresses to one of its loopback hosts', t => {
  for (const ip of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1']) t.is(why({}, {ip}), undefined, ip);
  const hosts = ['localhost', 'LOCALHOST', 'app.localhost', '127.0.0.1:80', '127.1.2.3', '[::1]:8080'];
  for (const host of hosts) t.is(why({host}), undefined, host);
});

test('what comes from another address is not, a container’s bridge and a Unix socket among them', t => {
  for (const ip of ['172.17.0.1', '10.0.0.1', '::ffff:10.0.0.1', '128.0.0.1', '::2', '', 'unix']) {
    t.is(why({}, {ip}), 'the connection comes from elsewhere', ip);
  }
});

test('of what has no connection, as site.fetch and site.handle are asked without an address, the host and the headers decide', t => {
  t.is(whyNotThisMachine(Request.from({headers: {host: 'localhost'}})), undefined);
  t.is(why({Via: '1.1 a'}), 'a proxy has sent it on, as its header Via says');
});

test('nor is what asks for another host, or for none', t => {
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
  for (const host of hosts) t.is(why({host}), 'the host that it asks for is another', host);
  t.is(whyNotThisMachine(Request.from({})), 'the host that it asks for is another');
});

test('nor is what a proxy has sent on, whichever of its headers says so', t => {
  const headers = [
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'Forwarded',
    'Via',
    'X-Real-IP',
    'X-Client-IP',
  ];
  headers.push('X-Cluster-Client-IP', 'True-Client-IP', 'CF-Connecting-IP', 'Fly-Client-IP', 'X-Amzn-Trace-Id');
  headers.push('X-Azure-ClientIP', 'CDN-Loop');
  for (const name of headers) t.regex(why({[name]: ''})!, new RegExp(`its header ${name} says`, 'i'));
});

test('nor is what comes in HTTP/1.0, as nginx sends it on', async t => {
  @Resource()
  class Page {
    @Get()
    show(request: Request) {
      return whyNotThisMachine(request) ?? 'this machine';
    }
  }
  const {site} = testSite(Page);
  t.teardown(() => site.close());
  const {port} = new URL(await site.listen({port: 0, host: '127.0.0.1'}));
  const answer = async (version: string) => {
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`GET / HTTP/${version}\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    return (await text(socket)).split('\r\n\r\n')[1];
  };
  t.is(await answer('1.1'), 'this machine');
  t.is(await answer('1.0'), 'it comes in HTTP/1.0, as from a proxy');
});

test('nor is what was sent from a page of another host, unless that was openly from one site to another', t => {
  const page = 'https://shop.example.com/cart';
  const other = 'it was sent from a page of another host';
  for (const [headers, reason] of [
    [{Origin: 'https://shop.example.com'}, other],
    [{Referer: page}, other],
    [{Origin: 'http://localhost:5173', Referer: page}, other],
    [{Referer: page, 'Sec-Fetch-Site': 'same-origin'}, other],
    [{Referer: page, 'Sec-Fetch-Site': 'same-site'}, other],
    [{Referer: page, 'Sec-Fetch-Site': 'cross-site'}, undefined],
    [{Origin: 'http://localhost:5173'}, undefined],
    [{Origin: 'null'}, undefined],
    [{Referer: 'http://127.0.0.1:8080/a'}, undefined],
    [{Referer: 'about:blank'}, undefined],
    [{Origin: 'not a URL'}, undefined],
  ] as [Record<string, string>, string | undefined][]) {
    t.is(why(headers), reason, JSON.stringify(headers));
  }
});
