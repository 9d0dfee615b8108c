import {once} from 'node:events';
import {createServer, request as ask} from 'node:http';
import type {AddressInfo} from 'node:net';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {Request} from 'espalier';
import {bodyStream, endToEndHeaders, hasBody, rest, whole} from '../../src/http/hand-on.ts';
import type {Message} from '../../src/http/request.ts';

test('what is left of a path is as it was sent, with the query, and begins with a slash', t => {
  const request = Request.from({url: '/a/b%2Fc//d/?e=%20f?g'});
  t.is(rest(request), '/a/b%2Fc//d/?e=%20f?g');
  request.walk();
  t.is(rest(request), '/b%2Fc//d/?e=%20f?g');
  t.is(whole(request), '/a/b%2Fc//d/?e=%20f?g');
  request.walk(4);
  t.is(rest(request), '/?e=%20f?g');
});

test('a backslash and a number sign are no separators of a URL', t => {
  const request = Request.from({url: String.raw`/a\b#c?d\e#f`});
  t.is(rest(request), '/a%5Cb%23c?d%5Ce%23f');
  t.is(whole(request), '/a%5Cb%23c?d%5Ce%23f');
});

test('headers that Connection lists, in any case, are not handed on', t => {
  const headers = {Connection: 'Close , X-A', 'X-A': '1', 'X-B': '2', TE: 'trailers', Expect: '100-continue'};
  t.deepEqual(endToEndHeaders(Request.from({headers})), [['x-b', '2']]);
});

test('a request has a body where its head says so', async t => {
  t.false(hasBody(Request.from({method: 'POST'})));
  t.true(hasBody(Request.from({method: 'POST', body: ''})));
  const seen: boolean[] = [];
  const server = createServer((message, answer) => {
    seen.push(hasBody(new Request(message as Message)));
    answer.end();
  }).listen(0, 'localhost');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  for (const headers of [{}, {'content-length': '0'}, {'content-length': '1'}, {'transfer-encoding': 'chunked'}]) {
    const request = ask({port, host: 'localhost', method: 'POST', headers});
    const [answer] = await once(
      request.end('content-length' in headers && headers['content-length'] === '1' ? 'x' : ''),
      'response',
    );
    answer.resume();
  }
  t.deepEqual(seen, [false, false, true, true]);
});

test('a body is handed on as it comes, and what was read of it before as it was', async t => {
  async function* chunks() {
    yield Buffer.from('one ');
    yield Buffer.from('two');
  }
  t.is(await text(bodyStream(Request.from({method: 'POST', body: chunks()}))), 'one two');
  const read = Request.from({method: 'POST', body: 'whole'});
  t.is(await read.text(), 'whole');
  t.is(await text(bodyStream(read)), 'whole');
});

test('a body that somebody else has read is refused, and not taken for an empty one', async t => {
  const request = Request.from({method: 'POST', body: 'a'});
  request.message.resume();
  await once(request.message, 'end');
  t.throws(() => bodyStream(request), {message: /read already, by somebody else/});
});
