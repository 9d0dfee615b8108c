import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import test from 'ava';
import {Place} from '../src/place.ts';

test('a place is the file and line that it was made on, seen from the working directory', t => {
  // The line of the next one.
  const place = new Place();
  t.regex(String(place), /^spec\/place\.spec\.ts:\d+$/);
});

test('in a file elsewhere it is the whole path', t => {
  const folder = mkdtempSync(join(process.cwd(), 'dist', 'place-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const module = pathToFileURL(join(process.cwd(), 'dist', 'src', 'index.js')).href;
  const source = [
    `import {createSite, Get, Resource} from '${module}';`,
    'class Page { show() { return "shown"; } }',
    'Get()(Page.prototype, "show", Object.getOwnPropertyDescriptor(Page.prototype, "show"));',
    'Resource()(Page);',
    'const {place, handlers} = createSite(Page).tree;',
    'console.log(place, handlers[0].place);',
  ];
  writeFileSync(join(folder, 'my page (1).js'), source.join('\n'));
  const out = execFileSync(process.execPath, [join(folder, 'my page (1).js')], {cwd: '/', encoding: 'utf8'});
  t.is(out.trim(), [4, 3].map(line => `${join(folder, 'my page (1).js')}:${line}`.slice(1)).join(' '));
});
