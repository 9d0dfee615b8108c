import {once} from 'node:events';
import {connect, type AddressInfo} from 'node:net';
import {text} from 'node:stream/consumers';
import test from 'ava';
import express from 'express';
import {Child, createError, Get, Post, Resource, Use, type Middleware, type Request} from 'espalier';
import {testSite} from 'espalier/testing';

// A guard of a branch with children of all kinds, and every other way to write a path that might get round it.

const asked: string[] = [];

class Guard implements Middleware {
  handle(): never {
    throw createError(403, 'No.');
  }
}

/** Answers everything, and tells that it was asked. */
@Resource()
class Secret {
  @Get()
  show({path}: Request) {
    asked.push(path);
    return 'secret';
  }
  @Post()
  change({path}: Request) {
    asked.push(path);
    return 'changed';
  }
}

@Resource({leaf: true})
class Files extends Secret {}

@Resource()
class Slash extends Secret {}

@Use(Guard)
@Resource()
@Child('static', Secret)
@Child('files', Files)
@Child('', Slash)
@Child(':name', Secret)
class Admin extends Secret {
  @Child('made', Secret)
  make(segment: string) {
    asked.push(segment);
    return new Secret();
  }
  @Child('later', Secret)
  async makeLater(segment: string) {
    asked.push(segment);
    return new Secret();
  }
}

/** The same, made by a method. */
@Resource()
class Section {
  @Child(':key', Admin)
  find(segment: string) {
    asked.push(segment);
    return new Admin();
  }
}

@Resource()
@Child('admin', Admin)
@Child('section', Section)
class Root {
  @Get()
  welcome() {
    return 'welcome';
  }
}

/** Ways to write a path below the guard. Each is a 403, or leads to nothing: 400, 404, 405, 414. */
const written = [
  '/admin',
  '/admin/',
  '/admin//',
  '/admin/?',
  '/admin?',
  '/admin?a=/static',
  '/admin#static',
  '/admin/static',
  '/admin/static/',
  '/admin/static//',
  '/admin/static/none',
  '/admin/made',
  '/admin/made/',
  '/admin/made/none',
  '/admin/later',
  '/admin/later/',
  '/admin/files',
  '/admin/files/a/b/c',
  '/admin/files/..%2f..%2fstatic',
  '/admin/any',
  '/admin/any/none',
  '/%61dmin/static',
  '/%61%64%6d%69%6e/static',
  '/admi%6e/made',
  '/%2561dmin/static',
  '/admin%2Fstatic',
  '/admin%2fmade',
  '/admin%5Cstatic',
  '/admin\\static',
  '/admin%00/static',
  '/admin/%00',
  '/admin;a=b/static',
  '/admin/static;a=b',
  '/admin./static',
  '/admin%20/static',
  '/admin/%20static',
  '/Admin/static',
  '/ADMIN/STATIC',
  '/admin/STATIC',
  '//admin/static',
  '///admin/static',
  '/./admin/static',
  '/../admin/static',
  '/x/../admin/static',
  '/%2e/admin/static',
  '/%2e%2e/admin/static',
  '/.%2e/admin/static',
  '/x/%2e%2e/admin/static',
  '/admin/./static',
  '/admin/../admin/static',
  '/admin/%2e/static',
  '/admin/..;/admin/static',
  '/admin//static',
  '/%2Fadmin/static',
  '/%5Cadmin/static',
  '\\admin\\static',
  'admin/static',
  '/admin/st%61tic',
  '/admin/%73tatic',
  '/admin/%ff',
  '/%c0%af/admin',
  '/admin/%c0%ae%c0%ae/static',
  '/ａｄｍｉｎ/static',
  '/admin/\u0001',
  '/admin\t/static',
  '/admin/static%0d%0a',
  '/admin/static\u2028',
  '/admin/static.json',
  '/admin/static%23',
  '/admin/static%3Fa',
  'http://localhost/admin/static',
  'http://evil.example/admin/made',
  'https://localhost:80/admin/static',
  'http://localhost//admin/static',
  'HTTP://LOCALHOST/admin/static',
  'http://user@localhost/admin/static',
  'ftp://localhost/admin/static',
  '*',
  '',
  `/admin${'/a'.repeat(1200)}`,
  `/admin/${'a'.repeat(20_000)}`,
];

const methods = ['GET', 'HEAD', 'POST', 'OPTIONS', 'QUERY', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'get', 'PROPFIND'];

test(`a guard can't be got round by the way that a path is written: ${written.length} of them, by ${methods.length} methods`, async t => {
  const {site, log} = testSite(Root);
  asked.length = 0;
  for (const url of written) {
    for (const method of methods) {
      const {status, body} = await site.handle({url, method});
      // What is above the guard is free: the root itself, and the server as a whole.
      const isFree = url === '' || url === '*';
      t.true(isFree || [400, 403, 404, 405, 414].includes(status), `${method} ${url.slice(0, 80)}: ${status}`);
      t.notRegex(String(body ?? ''), /secret|changed/);
    }
  }
  t.true(written.length >= 60);
  t.deepEqual(asked, [], 'nothing behind the guard was asked, looked up or made');
  t.deepEqual(log, []);
});

test('what is behind a guard is a 403 by every method, whether it is there or not', async t => {
  const {site} = testSite(Root);
  for (const url of [
    '/admin',
    '/admin/static',
    '/admin/made/',
    '/admin/none/none',
    '/admin/files/x',
    '/section/1',
    '/section/1/made',
  ]) {
    for (const method of methods) {
      t.is((await site.handle({url, method})).status, 403, `${method} ${url}`);
    }
  }
  t.deepEqual(asked, [], 'nor was the method called that makes what stands behind the guard');
});

/** Has a target sent as it is, and gives the status of the answer. */
async function ask(port: number, target: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.end(`GET ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await text(socket))?.[1]);
}

// What can stand in the first line of a request.
const sendable = written.filter(url => /^[\x21-\x7e]+$/.test(url) && url !== '*' && url.length < 10_000);

test('the same holds over a socket', async t => {
  const {site} = testSite(Root);
  const {port} = new URL(await site.listen({port: 0, host: '127.0.0.1'}));
  t.teardown(() => site.close());
  for (const target of sendable) t.true([400, 403, 404, 405, 414].includes(await ask(Number(port), target)), target);
  t.deepEqual(asked, []);
});

test('the same holds below a mount path of Express', async t => {
  const {site} = testSite(Root);
  const server = express().use('/shop', site.handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const {port} = server.address() as AddressInfo;
  for (const target of sendable.filter(url => url.startsWith('/'))) {
    for (const mounted of [`/shop${target}`, `/SHOP${target}`, `/shop/${target}`]) {
      t.true([400, 403, 404, 405, 414].includes(await ask(port, mounted)), mounted);
    }
  }
  t.deepEqual(asked, []);
});

test('no header moves a request to another path or method', async t => {
  const headers = {
    host: 'localhost',
    'x-original-url': '/admin',
    'x-rewrite-url': '/admin',
    'x-http-method-override': 'POST',
  };
  t.is((await testSite(Root).site.handle({url: '/', headers})).body, 'welcome');
  t.is((await testSite(Root).site.handle({url: '/admin', headers: {...headers, 'x-original-url': '/'}})).status, 403);
});
