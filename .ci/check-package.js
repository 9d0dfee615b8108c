// What users would install, looked at as they get it: the packed tarball, by publint and attw.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const folder = mkdtempSync(join(tmpdir(), 'espalier-package-'));
const run = (command, ...args) => execFileSync(command, args, {stdio: ['ignore', 'inherit', 'inherit']});

try {
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const tarball = join(folder, JSON.parse(packed)[0].filename);
  run('publint', '--strict', tarball);
  run('attw', '--profile', 'esm-only', tarball);
} finally {
  rmSync(folder, {recursive: true});
}
