import {createServer} from 'node:http';
import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import test from 'ava';
import express from 'express';
import {Child, Resource} from 'espalier';
import {redirectTo, type RedirectToOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {redirectToDefaults} from '../../src/builtin/redirect-to.ts';

/** Where a visitor of a path is sent, and by which status. */
function sending(url: string, options: RedirectToOptions = {}) {
  @Resource()
  @Child('old', redirectTo(url, options))
  class Home {}
  const {site} = testSite(Home);
  return async (path: string, method = 'GET') => {
    const {status, ...answer} = await site.handle({url: path, method, headers: {host: 'x'}}).then(each => ({
      status: each.status,
      location: each.header('Location'),
      cookie: each.header('Set-Cookie'),
    }));
    return answer.location === undefined ? String(status) : `${status} ${answer.location}`;
  };
}

test('everybody is sent to the URL, for now and by the same method, with the query', async t => {
  const send = sending('https://new.example/shop');
  t.is(await send('/old'), '307 https://new.example/shop');
  t.is(await send('/old/?a=%20b#c'), '307 https://new.example/shop?a=%20b%23c');
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PROPFIND']) {
    t.is(await send('/old', method), '307 https://new.example/shop', method);
  }
  t.deepEqual(redirectToDefaults, {status: 307, below: false, query: true});
});

test('what is below is nothing, or is sent to the same place below the URL', async t => {
  t.is(await sending('https://new.example/shop')('/old/a'), '404');
  const send = sending('https://new.example/shop/', {below: true, status: 308});
  t.is(await send('/old'), '308 https://new.example/shop/');
  t.is(await send('/old/'), '308 https://new.example/shop/');
  t.is(await send('/old/a%2Fb/%C3%BC/?c=d'), '308 https://new.example/shop/a%2Fb/%C3%BC/?c=d');
});

test('the visitor’s query is left out where it is not wanted, and where the URL has one', async t => {
  t.is(await sending('/new', {query: false})('/old?a=b'), '307 /new');
  t.is(await sending('https://in.example/?client=1')('/old?client=2&back=evil'), '307 https://in.example/?client=1');
  t.is(await sending('/new#part')('/old?a=b'), '307 /new?a=b#part');
});

test('nothing that a visitor sends leads to another host', async t => {
  for (const url of ['/', '/new', 'https://new.example', 'https://new.example/shop']) {
    const send = sending(url, {below: true});
    for (const rest of [
      '//evil.example',
      '///evil.example/',
      String.raw`/\evil.example`,
      '/%2F%2Fevil.example',
      '/%5Cevil.example',
      '/@evil.example',
      '/.evil.example',
      '/%09/evil.example',
      '//',
      '/http:/evil.example',
    ]) {
      const answer = await send(`/old${rest}`);
      const location = answer.replace(/^\d+ ?/, '');
      if (location === '') continue;
      t.is(
        new URL(location, 'https://here.example').origin,
        new URL(url, 'https://here.example').origin,
        `${url} ${rest} ${answer}`,
      );
    }
  }
});

test('a path of this site is below the path that the site is mounted at', async t => {
  @Resource()
  @Child('old', redirectTo('/new', {below: true}))
  class Home {}
  const app = express().use('/app', testSite(Home).site.handler);
  const server = createServer(app).listen(0, 'localhost');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const {headers} = await fetch(`${url}/app/old/a?b`, {redirect: 'manual'});
  t.is(headers.get('location'), '/app/new/a?b');
});

test('it is a class that may be the root, and it begins no session', async t => {
  const {site} = testSite(redirectTo('https://new.example', {below: true}));
  const answer = await site.handle({url: '/a/b?c', headers: {host: 'x', cookie: 'sid=x'}});
  t.is(answer.header('Location'), 'https://new.example/a/b?c');
  t.is(answer.header('Set-Cookie'), undefined);
});

test('a URL that is neither absolute nor a path of this site is refused', t => {
  for (const url of [
    '',
    'new',
    './new',
    '//new.example',
    String.raw`/\new.example`,
    '/..//new.example',
    'javascript:alert(1)',
    'ftp://a',
    'http:',
    'https://',
    undefined,
    new URL('http://a'),
  ]) {
    t.throws(
      () => redirectTo(url as string),
      {code: 'OPTION_INVALID', message: /^redirectTo\(\) was given/},
      String(url),
    );
  }
  t.throws(() => redirectTo('/', {status: 200 as 301}), {code: 'OPTION_INVALID', message: /301, 302, 303, 307, 308/});
});
