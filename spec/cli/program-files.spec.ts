import {mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {createSite} from 'espalier';
import {filesBeside, hideImportsOf} from '../../src/cli/program-files.ts';

test('what a program imports is not sent, although the program could not be loaded, and what nobody imports is', async t => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'espalier-files-')));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const files = {
    'a.resource.js': `import {b} from './b.js'; export * from "./c.json"; const d = await import('./d'); require('./a.resource.js') oops`,
    'b.js': `import './none.js'; import 'zod';`,
    'c.json': '{}',
    'd.js': '',
    'e.js': 'sent',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  hideImportsOf(join(folder, 'a.resource.js'));
  const site = createSite(filesBeside(folder));
  const status = async (name: string) => (await site.fetch(new Request(`http://localhost/${name}`))).status;
  t.deepEqual(await Promise.all(Object.keys(files).map(status)), [404, 404, 404, 404, 200]);
  await site.close();
});
