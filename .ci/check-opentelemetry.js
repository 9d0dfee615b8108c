// Runs examples/opentelemetry in a folder of its own, with the packed tarball and OpenTelemetry itself, and holds what its spans say.
import {execFileSync} from 'node:child_process';
import {cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pack} from './pack.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-opentelemetry-'));
const run = (command, args, options) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit'], ...options});

try {
  const tarball = pack(folder);
  for (const from of ['.ci/opentelemetry', 'examples/opentelemetry']) cpSync(from, folder, {recursive: true});
  const settings = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  settings.dependencies.espalier = `file:${tarball}`;
  writeFileSync(join(folder, 'package.json'), JSON.stringify(settings));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {cwd: folder});
  run('npx', ['tsc', '-p', '.'], {cwd: folder, stdio: 'inherit'});
  run(process.execPath, ['--import', 'tsx', 'check.ts'], {cwd: folder, stdio: 'inherit'});
} finally {
  rmSync(folder, {recursive: true});
}
