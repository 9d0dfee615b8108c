import test from 'ava';
import {Child, Resource} from 'espalier';
import {robots} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

const rules = 'User-agent: *\nDisallow: /cart\n';

test('crawlers get the rules as they are, without a session', async t => {
  @Resource()
  @Child('robots.txt', robots(rules))
  class Shop {}
  const answer = await testSite(Shop).visitor().get('/robots.txt');
  t.is(await answer.text(), rules);
  t.is(answer.headers.get('content-type'), 'text/plain; charset=utf-8');
  t.is(answer.headers.get('set-cookie'), null);
});

test('rules that are no text are refused', t => {
  t.throws(() => robots(['User-agent: *'] as unknown as string), {
    code: 'OPTION_INVALID',
    message: /robots\(\).* a text/,
  });
});
