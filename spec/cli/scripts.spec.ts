import {mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'ava';
import {contentsOf, FolderWatch, nameOf} from '../../src/cli/scripts.ts';
import {until} from '../until.ts';
import {project} from './project.ts';

test('a script is a file with .resource. before its ending, and answers by what stands before that', t => {
  const names = [
    'a.resource.ts',
    'a.b.resource.js',
    'a.resource.mts',
    'a.resource.cjs',
    'a.ts',
    'a.resource.txt',
    '.resource.ts',
    '.a.resource.ts',
    'a.resource.ts.bak',
  ];
  t.deepEqual(names.map(nameOf), ['a', 'a.b', 'a', 'a', ...Array<undefined>(5).fill(undefined)]);
});

test('links, dot files and packages are passed over', t => {
  const text = 'export default 1;';
  const folder = project(t, {
    'a/b.resource.ts': text,
    '.c/d.resource.ts': text,
    'a/node_modules/e.resource.ts': text,
    'f.resource.ts/g.txt': text,
  });
  symlinkSync('a', join(folder, 'link'));
  symlinkSync('a/b.resource.ts', join(folder, 'link.resource.ts'));
  const {folders, scripts} = contentsOf(folder);
  t.deepEqual([...scripts], [join(folder, 'a/b.resource.ts')]);
  t.deepEqual(folders, [folder, join(folder, 'a'), join(folder, 'f.resource.ts')]);
  t.deepEqual([...contentsOf(join(folder, 'nowhere')).scripts], []);
});

test('scripts that come and go are told of, in folders that come and go too, and other files are not', async t => {
  const folder = join(project(t, {'public/a.txt': ''}), 'public');
  let told = 0;
  const watch = new FolderWatch(folder, () => (told += 1));
  t.teardown(() => watch.close());
  const isTold = async () => {
    await until(() => told > 0);
    told = 0;
  };
  t.is(watch.size, 2, 'the folder, and the one that it lies in');
  writeFileSync(join(folder, 'b.txt'), '');
  mkdirSync(join(folder, 'new'));
  await until(() => watch.size === 3);
  t.is(told, 0);
  writeFileSync(join(folder, 'new/a.resource.ts'), '');
  await isTold();
  renameSync(join(folder, 'new'), join(folder, 'other'));
  await isTold();
  rmSync(join(folder, 'other'), {recursive: true});
  await isTold();
  await until(() => watch.size === 2);
  renameSync(folder, `${folder}-old`);
  mkdirSync(folder);
  writeFileSync(join(folder, 'a.resource.ts'), '');
  await isTold();
  watch.close();
  t.is(watch.size, 0);
});
