// check-apart.js NAME: has .ci/NAME/check.ts hold what examples/NAME does, in a folder of its own, with the packed tarball and what that
// example needs beside it.
import {execFileSync} from 'node:child_process';
import {cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pack} from './pack.js';

const [, , name] = process.argv;
const folder = mkdtempSync(join(tmpdir(), `espalier-${name}-`));
const run = (command, args, options) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit'], ...options});

try {
  const tarball = pack(folder);
  for (const from of [`.ci/${name}`, `examples/${name}`]) cpSync(from, folder, {recursive: true});
  const settings = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  settings.dependencies.espalier = `file:${tarball}`;
  writeFileSync(join(folder, 'package.json'), JSON.stringify(settings));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {cwd: folder});
  run('npx', ['tsc', '-p', '.'], {cwd: folder, stdio: 'inherit'});
  run(process.execPath, ['--import', 'tsx', 'check.ts'], {cwd: folder, stdio: 'inherit'});
} finally {
  rmSync(folder, {recursive: true});
}
