import {once} from 'node:events';
import {createServer} from 'node:http';
import type {AddressInfo} from 'node:net';
import test from 'ava';
import {failureOf} from '../../src/cli/failure.ts';
import {FailurePage} from '../../src/cli/failure-page.ts';

test('the page shows what is wrong as text, runs no script but its own, and tells who waits that something has changed', async t => {
  const page = new FailurePage();
  const server = createServer(page.answer).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/any`;
  page.show(failureOf(new Error('<script>alert(1)</script>')));
  const answer = await fetch(url, {method: 'POST', body: 'x'});
  const text = await answer.text();
  t.is(answer.status, 500);
  t.regex(text, /&lt;script&gt;alert/);
  t.regex(text, /data-method="POST"/);
  t.regex(answer.headers.get('content-security-policy')!, /^default-src 'none'; .* script-src 'sha256-[^']+'$/);
  t.is(await (await fetch(url, {method: 'HEAD'})).text(), '');
  const waiting = fetch(url, {headers: {'Espalier-Dev': 'wait'}});
  await once(server, 'request');
  page.show(undefined);
  t.is((await waiting).status, 204);
  t.regex(await (await fetch(url)).text(), /The program does not run\./);
});
