import {symlinkSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';
import test from 'ava';
import {allowanceKind, Folder, pathOf, placeKind} from '../../src/builtin/folder.ts';
import {temporaryFolder} from './temp-folder.ts';

async function found(folder: Folder, ...segments: string[]): Promise<string> {
  const file = await folder.open(segments);
  if (typeof file === 'string') return file;
  file.close();
  return 'found';
}

test('what lies in it is found, and what is no name in it is refused before it is looked for', async t => {
  const folder = new Folder(temporaryFolder(t, {'a/b.txt': 'b'}));
  t.is(await found(folder), 'found');
  t.is(await found(folder, 'a'), 'found');
  t.is(await found(folder, 'a', 'b.txt'), 'found');
  t.is(await found(folder, 'c'), 'nothing');
  for (const name of [
    '',
    '.',
    '..',
    'a/b.txt',
    'b\0',
    '.a',
    'a:b',
    'a\\b',
    'a.',
    'a ',
    'CON',
    'con.js',
    'com1 .txt',
    'A~1',
  ]) {
    t.is(await found(folder, 'a', name), 'refused', name);
  }
  for (const name of ['console', 'com', 'com10', 'nulls', 'a.con', 'a~b', 'a b', 'é']) {
    t.is(await found(folder, 'a', name), 'nothing', name);
  }
});

test('a folder whose name begins with that of another is not in that one', async t => {
  const base = temporaryFolder(t, {'in/a.txt': 'a', 'in-secret/b.txt': 'b'});
  symlinkSync('../in-secret', join(base, 'in/way'));
  t.is(await found(new Folder(join(base, 'in')), 'way', 'b.txt'), 'refused');
  t.is(await found(new Folder(join(base, 'in'), ['links']), 'way', 'b.txt'), 'found');
});

test('so many entries are listed, and it is told whether there are more', async t => {
  const folder = new Folder(temporaryFolder(t, {a: '1', b: '22', 'c/d': ''}));
  const file = await folder.open([]);
  if (typeof file === 'string') return t.fail(file);
  t.teardown(() => file.close());
  const {entries, isWhole} = await folder.list(file, 10);
  t.true(isWhole);
  t.deepEqual(
    entries.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
    [
      {name: 'a', size: 1},
      {name: 'b', size: 2},
      {name: 'c', size: undefined},
    ],
  );
  const some = await folder.list(file, 2);
  t.is(some.entries.length, 2);
  t.false(some.isWhole);
});

test('a place is a path or the URL of a file', t => {
  t.is(pathOf('docs'), resolve('docs'));
  t.is(pathOf(pathToFileURL('/a b')), '/a b');
  t.true(placeKind.fits('docs'));
  t.false(placeKind.fits(new URL('http://localhost')));
  t.true(allowanceKind.fits(['links']));
  t.false(allowanceKind.fits('links'));
});
