import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {compilerOptionsOf, tsconfigOf} from '../../src/cli/tsconfig.ts';

function folderWith(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-tsconfig-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  mkdirSync(join(folder, 'node_modules/base'), {recursive: true});
  mkdirSync(join(folder, 'src'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

test('the nearest tsconfig.json above a file counts', t => {
  const folder = folderWith(t, {'tsconfig.json': '{}'});
  t.is(tsconfigOf(join(folder, 'src/shop.ts')), join(folder, 'tsconfig.json'));
  writeFileSync(join(folder, 'src/tsconfig.json'), '{}');
  t.is(tsconfigOf(join(folder, 'src/shop.ts')), join(folder, 'src/tsconfig.json'));
  t.is(tsconfigOf('/shop.ts'), undefined);
});

test('its options stand over those of what it extends, a file or a package, the last one first', t => {
  const folder = folderWith(t, {
    'tsconfig.json': '{"extends": ["base/tsconfig.json", "./own"], "compilerOptions": {"target": "es2022"}}',
    'own.json': '{"compilerOptions": {"experimentalDecorators": true, "target": "es5"}}',
    'node_modules/base/tsconfig.json': '{"compilerOptions": {"experimentalDecorators": false, "strict": true}}',
  });
  t.deepEqual(compilerOptionsOf(join(folder, 'tsconfig.json')), {
    strict: true,
    experimentalDecorators: true,
    target: 'es2022',
  });
});

test('it may have comments, and commas at the ends of lists', t => {
  const folder = folderWith(t, {
    'tsconfig.json': `{
      // "a" comment
      "compilerOptions": {
        "paths": {"//a": ["/*b*/", "c,}",],}, /* another,
        */ "experimentalDecorators": true, // the last
      },
    }`,
  });
  t.deepEqual(compilerOptionsOf(join(folder, 'tsconfig.json')), {
    paths: {'//a': ['/*b*/', 'c,}']},
    experimentalDecorators: true,
  });
});
