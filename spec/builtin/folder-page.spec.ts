import test from 'ava';
import {folderPage} from '../../src/builtin/folder-page.ts';

const whole = {isWhole: true, hasParent: false};

test('folders come first, each by its name, and sizes are told in units', t => {
  const page = folderPage(
    '/a',
    [
      {name: 'b', size: 1_572_864},
      {name: 'a', size: 1023},
      {name: 'z', size: undefined},
    ],
    whole,
  ).toString();
  const rows = [...page.matchAll(/<a href="(.*?)">.*?<\/a><td>(.*)/g)].map(([, href, size]) => `${href} ${size}`);
  t.deepEqual(rows, ['./z/ ', './a 1023 B', './b 1.5 MiB']);
});

test('the path is escaped, the way up is shown where there is one, and what is left out is told', t => {
  const page = folderPage('/<b>', [], {isWhole: false, hasParent: true}).toString();
  t.true(page.includes('<h1>/&lt;b&gt;</h1>'));
  t.true(page.includes('<a href="../">'));
  t.true(page.includes('more than this page has room for'));
  t.false(folderPage('/', [], whole).toString().includes('../'));
});
