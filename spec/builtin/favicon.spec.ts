import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {Child, Resource} from 'espalier';
import {favicon} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import {temporaryFolder} from './temp-folder.ts';

test('browsers get the icon by its own type, each time anew, and may keep it for a day', async t => {
  const path = join(temporaryFolder(t), 'site.svg');
  writeFileSync(path, '<svg xmlns="http://www.w3.org/2000/svg"/>');
  @Resource()
  @Child('favicon.ico', favicon(path))
  @Child('short.ico', favicon(path, {maxAge: 1000, type: 'image/x-icon'}))
  class Shop {}
  const visitor = testSite(Shop).visitor();
  for (const time of ['first', 'second']) {
    const answer = await visitor.get('/favicon.ico');
    t.deepEqual(
      ['content-type', 'cache-control', 'set-cookie'].map(name => answer.headers.get(name)),
      ['image/svg+xml', 'max-age=86400', null],
      time,
    );
    t.regex(await answer.text(), /^<svg/);
  }
  const other = await visitor.get('/short.ico');
  t.deepEqual([other.headers.get('content-type'), other.headers.get('cache-control')], ['image/x-icon', 'max-age=1']);
});

test('an icon that is not there is a 404, and a place that is none is refused', async t => {
  @Resource()
  @Child('favicon.ico', favicon(join(temporaryFolder(t), 'none.ico')))
  class Shop {}
  t.is((await testSite(Shop).visitor().get('/favicon.ico')).status, 404);
  t.throws(() => favicon(1 as unknown as string), {code: 'OPTION_INVALID'});
});
