import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'ava';
import {createSite, type Site} from 'espalier';
import {serveFolder} from '../../src/cli/folder.ts';

test('a folder is a tree: its files, and a script comes before a file of its name', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-folder-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  writeFileSync(join(folder, 'a'), 'file');
  writeFileSync(join(folder, 'b'), 'file');
  writeFileSync(join(folder, 'a.resource.js'), 'export default class A {}');
  let site: Site | undefined;
  const error = console.error;
  console.error = () => undefined;
  await serveFolder(folder, {createSite, serve: async Root => (site = createSite(Root))});
  console.error = error;
  t.deepEqual(
    site!.tree.children.map(({pattern}) => pattern),
    ['/a', '/:file'],
  );
  t.is((await site!.fetch(new Request('http://localhost/b'))).status, 200);
  t.is((await site!.fetch(new Request('http://localhost/a'))).status, 500);
  await site!.close();
});
