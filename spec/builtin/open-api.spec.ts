import {once} from 'node:events';
import type {AddressInfo} from 'node:net';
import test from 'ava';
import express from 'express';
import {Child, ContainerModule, createSite, Get, Logger, Post, Resource} from 'espalier';
import {openApi, type OpenApiOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {z} from 'zod';

const info = {title: 'Shop', version: '1'};

function shop(options: Partial<OpenApiOptions> = {}) {
  @Resource()
  @Child('docs', openApi({info, ...options}))
  class Home {
    @Get({result: z.object({welcome: z.string()})})
    show() {
      return {welcome: 'all'};
    }
  }
  return Home;
}

const accept = (type: string) => ({headers: {host: 'localhost', accept: type}});

test('the document is served at openapi.json, and at the resource itself to programs; browsers get a page', async t => {
  const {site} = testSite(shop());
  const {status, body} = await site.handle({url: '/docs/openapi.json', ...accept('text/html')});
  t.is(status, 200);
  t.like(JSON.parse(String(body)), {openapi: '3.1.1', info, paths: {'/': {get: {operationId: 'Home_show'}}}});
  for (const type of ['application/json', '*/*']) {
    const same = await site.handle({url: '/docs', ...accept(type)});
    t.is(same.body, body);
    t.is(same.header('Vary'), 'Accept');
  }
  const page = await site.handle({url: '/docs', ...accept('text/html,*/*;q=0.8')});
  t.is(page.header('Content-Type'), 'text/html; charset=utf-8');
  t.regex(String(page.header('Content-Security-Policy')), /^default-src 'none'/);
  t.regex(String(page.body), /<a href="\/docs\/openapi\.json">/);
});

test('the document is made once, when the site is built', async t => {
  let asked = 0;
  const describe: OpenApiOptions['describe'] = operation => {
    asked += 1;
    return operation;
  };
  const {site} = testSite(shop({describe}));
  t.is(asked, 1);
  await site.handle({url: '/docs'});
  await site.handle({url: '/docs/openapi.json'});
  t.is(asked, 1);
});

test('below a mount path that path is the server; the servers that are given go before it', async t => {
  const get = async (options: Partial<OpenApiOptions>) => {
    const site = createSite(shop(options));
    const server = express().use('/mounted', site.handler).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const {port} = server.address() as AddressInfo;
    const ask = (headers = {}) => fetch(`http://127.0.0.1:${port}/mounted/docs`, {headers});
    const page = await (await ask({accept: 'text/html'})).text();
    t.true(page.includes('href="/mounted/docs/openapi.json"'));
    return ((await (await ask()).json()) as {servers: unknown}).servers;
  };
  t.deepEqual(await get({}), [{url: '/mounted'}]);
  t.deepEqual(await get({servers: [{url: 'https://shop.example'}]}), [{url: 'https://shop.example'}]);
  const {site} = testSite(shop());
  t.false('servers' in JSON.parse(String((await site.handle({url: '/docs'})).body)));
});

test('two documents of two branches keep apart', async t => {
  @Resource()
  @Child('docs', openApi({info: {title: 'First', version: '1'}}))
  class First {
    @Get()
    show() {
      return 'shown';
    }
  }
  @Resource()
  @Child('docs', openApi({info: {title: 'Second', version: '2'}}))
  class Second extends First {}
  @Resource()
  @Child('v1', First)
  @Child('v2', Second)
  class Home {}
  const {site} = testSite(Home);
  for (const [at, title] of [
    ['v1', 'First'],
    ['v2', 'Second'],
  ]) {
    const {body} = await site.handle({url: `/${at}/docs`});
    t.deepEqual(Object.keys(JSON.parse(String(body)).paths), [`/${at}`]);
    t.is(JSON.parse(String(body)).info.title, title);
  }
});

test('what can not be told in a document is a warning of its own in the log, when the site is built', t => {
  @Resource()
  class Home extends shop() {
    @Post({body: z.object({one: z.bigint(), two: z.bigint()})})
    add() {}
  }
  const warnings: string[] = [];
  const logger = {error: () => undefined, warn: (line: string) => void warnings.push(line)};
  createSite(Home, {modules: [new ContainerModule(({bind}) => void bind(Logger).toConstantValue(logger))]});
  t.is(warnings.length, 2);
  t.regex(warnings[0]!, /^OpenAPI: the body of Home\.add\(\), POST \/, .*"one"/);
});

test('options that can not be meant so are refused where they are given', t => {
  const refused = (options: unknown, message: RegExp) =>
    t.throws(() => openApi(options as OpenApiOptions), {code: 'OPTION_INVALID', message});
  refused({}, /info is missing/);
  refused({info: {title: 'Shop'}}, /It must be an object with a title and a version/);
  refused({info, servers: ['https://shop.example']}, /servers/);
  refused({info, descripe: () => undefined}, /Did you mean "describe"/);
});
