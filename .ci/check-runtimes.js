// Runs .ci/runtimes/check.ts in each runtime, with the packed tarball, in a folder of its own, and holds what docs/runtimes.md says:
// the compiled program in versions of Node, and the program itself in Bun and Deno. `node .ci/check-runtimes.js bun` runs one of them.
import {strict as assert} from 'node:assert';
import {execFileSync, spawnSync} from 'node:child_process';
import {cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pack} from './pack.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-runtimes-'));
const run = (command, args, options) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit'], ...options});
const inFolder = {cwd: folder, stdio: 'inherit'};

/** The path of a Node of this version, which npm brings. */
const node = version => {
  const args = ['exec', '--yes', '--package', `node@${version}`, '--', 'node', '-p', 'process.execPath'];
  return run('npm', args, {cwd: tmpdir(), encoding: 'utf8'}).trim();
};

const runtimes = {
  'Node 22.15': () => [node('22.15'), 'check.js'],
  'Node 24': () => [node('24'), 'check.js'],
  'Node 26': () => [node('26'), 'check.js'],
  Bun: () => ['node_modules/.bin/bun', 'check.ts'],
  Deno: () => ['node_modules/.bin/deno', 'run', '--allow-all', 'check.ts'],
};

function install() {
  const tarball = pack(folder);
  cpSync('.ci/runtimes', folder, {recursive: true});
  const settings = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  settings.dependencies.espalier = `file:${tarball}`;
  writeFileSync(join(folder, 'package.json'), JSON.stringify(settings));
  run('npm', ['install', '--no-audit', '--no-fund'], inFolder);
  run('npx', ['tsc', '-p', '.'], inFolder);
}

/** What docs/runtimes.md says of a runtime: what works there, and what does not. */
function promisesOf(name) {
  const [head, , ...rows] = readFileSync('docs/runtimes.md', 'utf8')
    .split('\n')
    .filter(line => line.startsWith('|'))
    .map(line => line.split('|').slice(1, -1));
  const at = head.findIndex(cell => cell.trim() === name);
  return rows.map(row => `${row[at].trim() === 'yes' ? 'works' : 'fails'}: ${row[0].trim()}`);
}

function hold(name, [command, ...args]) {
  const file = command.startsWith('node_modules/') ? join(folder, command) : command;
  const rest = args.slice(0, -1);
  const stdio = ['ignore', 'pipe', 'inherit'];
  const {stdout} = spawnSync(file, [...args, file, ...rest], {cwd: folder, encoding: 'utf8', stdio});
  console.log(`${name}\n${stdout}`);
  const told = stdout.split('\n').filter(line => /^(?:works|fails): /.test(line));
  assert.deepEqual(told, promisesOf(name), `docs/runtimes.md says something else of ${name}.`);
}

try {
  install();
  const wanted = process.argv.slice(2);
  const chosen = Object.entries(runtimes).filter(
    ([name]) => wanted.length === 0 || wanted.some(each => name.toLowerCase().includes(each)),
  );
  for (const [name, command] of chosen) hold(name, command());
} finally {
  rmSync(folder, {recursive: true});
}
