// What users would install, looked at as they get it: the packed tarball, by publint and attw, and by a compiler with the
// README's settings.
import {execFileSync} from 'node:child_process';
import {copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'espalier-package-'));
const run = (command, args, options) =>
  execFileSync(command, args, {stdio: ['ignore', 'inherit', 'inherit'], ...options});
const output = (command, args) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit']});

/** A program that has nothing but the tarball and TypeScript: the seed, in an application of its own. */
function compileAsUser(tarball) {
  const [, settings] = /```json\n(.*compilerOptions.*)\n```/.exec(readFileSync('README.md', 'utf8'));
  const typescript = JSON.parse(readFileSync('package.json', 'utf8')).devDependencies.typescript;
  writeFileSync(join(folder, 'tsconfig.json'), settings);
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  copyFileSync('examples/session-basics.ts', join(folder, 'site.ts'));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarball, `typescript@${typescript}`], {
    cwd: folder,
  });
  run('npx', ['tsc', '--noEmit'], {cwd: folder});
}

try {
  const packed = output('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]);
  const tarball = join(folder, JSON.parse(packed)[0].filename);
  run('publint', ['--strict', tarball]);
  run('attw', ['--profile', 'esm-only', tarball]);
  compileAsUser(tarball);
} finally {
  rmSync(folder, {recursive: true});
}
