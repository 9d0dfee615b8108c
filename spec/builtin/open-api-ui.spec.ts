import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {Child, Resource} from 'espalier';
import {openApi} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {findSwaggerUi} from '../../src/builtin/open-api-ui.ts';

@Resource()
@Child('docs', openApi({info: {title: 'The <shop>', version: '1'}}))
class Home {}

const ask = (url: string) => testSite(Home).site.handle({url});

test('Swagger UI is served from the files of its package', async t => {
  const page = await ask('/docs/ui');
  t.regex(String(page.body), /<title>The &lt;shop&gt;<\/title>/);
  t.regex(String(page.body), /data-url="\/docs\/openapi\.json"/);
  for (const [name, type] of [
    ['swagger-ui.css', 'text/css; charset=utf-8'],
    ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ] as const) {
    const response = await ask(`/docs/ui/${name}`);
    t.is(response.status, 200);
    t.is(response.header('Content-Type'), type);
    t.deepEqual(Buffer.from(response.body as Uint8Array), readFileSync(join(findSwaggerUi()!, name)));
  }
  t.regex(String((await ask('/docs/ui/start.js')).body), /validatorUrl: null/);
});

test('no other file is served, of its package neither', async t => {
  for (const name of [
    'package.json',
    'index.html',
    '..%2fpackage.json',
    'constructor',
    'swagger-ui.css.map',
    '__proto__',
  ]) {
    t.is((await ask(`/docs/ui/${name}`)).status, 404, name);
  }
});

test('its page may load from this site alone, and can not stand in a frame', async t => {
  const policy = (await ask('/docs/ui')).header('Content-Security-Policy') as string;
  const directives = new Map(policy.split('; ').map(each => [each.split(' ')[0]!, each.split(' ').slice(1)] as const));
  t.deepEqual(directives.get('default-src'), ["'none'"]);
  t.deepEqual(directives.get('script-src'), ["'self'"]);
  t.deepEqual(directives.get('connect-src'), ["'self'"]);
  t.deepEqual(directives.get('frame-ancestors'), ["'none'"]);
});
