import {execFileSync} from 'node:child_process';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import {wantedBy} from '../../src/cli/loaded.ts';
import {project} from './project.ts';

test('what is imported or required is told of, with what is looked for in vain, and nothing of packages', t => {
  const folder = project(
    t,
    {
      'shop.js': `import 'espalier';\nimport {createRequire} from 'node:module';\nimport './a.js?x';\ncreateRequire(import.meta.url)('./b.cjs');\nawait import('./none.js').catch(() => undefined);`,
      'a.js': '',
      'b.cjs': '',
    },
    [],
  );
  const module = fileURLToPath(new URL('../../src/cli/loaded.js', import.meta.url));
  const program = `
    import {LoadedFiles} from ${JSON.stringify(module)};
    const all = [];
    new LoadedFiles(files => all.push(...files.map(([path]) => path)));
    await import(${JSON.stringify(join(folder, 'shop.js'))});
    setTimeout(() => console.log(JSON.stringify(all)), 10);`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {encoding: 'utf8'});
  const all = new Set(JSON.parse(printed) as string[]);
  for (const name of ['shop.js', 'a.js', 'b.cjs', 'none.js', 'none.ts']) t.true(all.has(join(folder, name)), name);
});

test('of a package nobody looks for a file', t => {
  t.deepEqual(wantedBy('zod', 'file:///a/b.ts'), []);
  t.deepEqual(wantedBy('./x.js', undefined), []);
});
