import {once} from 'node:events';
import {createServer} from 'node:http';
import {connect as connectHttp2} from 'node:http2';
import {connect, type AddressInfo} from 'node:net';
import {text} from 'node:stream/consumers';
import test, {type ExecutionContext} from 'ava';
import {Get, Resource, type Request} from 'espalier';
import {testSite} from 'espalier/testing';
import {selfSigned} from '../certificate.ts';

@Resource()
class Root {
  @Get()
  show(request: Request) {
    return `for ${request.host}`;
  }
}

/** The status and the body that a site answers these lines with, and what it logs. */
async function ask(t: ExecutionContext, ...lines: string[]) {
  const {site, log} = testSite(Root);
  // Node's own check of HTTP/1.1 is off: who mounts a site may have done so.
  const server = createServer({requireHostHeader: false}, site.handler).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write([...lines, 'Connection: close', '', ''].join('\r\n'));
  const answer = await text(socket);
  t.deepEqual(log, []);
  return `${answer.slice(9, 12)} ${answer.split('\r\n\r\n')[1]}`;
}

for (const host of [
  'shop.example',
  'shop.example:8080',
  'shop.example:',
  '127.0.0.1',
  '[::1]:80',
  'my_host',
  'xn--caf-dma.example',
]) {
  test(`a Host is known as sent: ${host}`, async t => {
    t.is(await ask(t, 'GET / HTTP/1.1', `Host: ${host}`), `200 for ${host}`);
  });
}

for (const host of [
  '',
  'a b',
  'a/b',
  'a?b',
  'a#b',
  'u:p@host',
  'a:b',
  'a:1:2',
  '::1',
  '[a]',
  'caf\u00e9',
  'a"b',
  '<a>',
  'a\\b',
  '%zz',
  'a, b',
]) {
  test(`a Host that is no host is a 400: ${JSON.stringify(host)}`, async t => {
    t.regex(await ask(t, 'GET / HTTP/1.1', `Host: ${host}`), /^400 .*The Host of the request is no host\./);
  });
}

test('two Host headers are a 400, also when they say the same', async t => {
  for (const second of ['a.example', 'b.example']) {
    t.regex(await ask(t, 'GET / HTTP/1.1', 'Host: a.example', `hOST: ${second}`), /^400 .*more than one Host\./);
  }
});

test('HTTP/1.1 without a Host is a 400, HTTP/1.0 without one is answered', async t => {
  t.regex(await ask(t, 'GET / HTTP/1.1'), /^400 .*no Host\./);
  t.is(await ask(t, 'GET / HTTP/1.0'), '200 for undefined');
});

test('the host of an absolute target comes before Host, and must be one too', async t => {
  t.is(await ask(t, 'GET http://a.example/ HTTP/1.1', 'Host: b.example'), '200 for a.example');
  t.regex(await ask(t, 'GET http://a%zz/ HTTP/1.1', 'Host: b.example'), /^400 /);
});

test('over HTTP/2 :authority comes before Host, and Host stands where there is none', async t => {
  const {site} = testSite(Root);
  t.teardown(() => site.close());
  const client = connectHttp2(await site.listen({port: 0, tls: await selfSigned()}), {rejectUnauthorized: false});
  t.teardown(() => client.destroy());
  const over2 = async (headers: Record<string, string>) => text(client.request({':path': '/', ...headers}));
  t.is(await over2({':authority': 'shop.example', host: 'evil.example'}), 'for shop.example');
  t.is(await over2({host: 'shop.example'}), 'for shop.example');
  t.regex(await over2({':authority': 'shop:example'}), /no host/);
});
