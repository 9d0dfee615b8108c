// What users would install, looked at as they get it: the packed tarball, by publint and attw, and as a newcomer uses it.
import {execFileSync, spawn} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {createInterface} from 'node:readline';
import {pack} from './pack.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-package-'));
const run = (command, args, options) =>
  execFileSync(command, args, {stdio: ['ignore', 'inherit', 'inherit'], ...options});
const output = (command, args) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit']});

const page = readFileSync('docs/getting-started.md', 'utf8');
/** The blocks of one kind on the page that newcomers begin with. */
const blocks = kind =>
  [...page.matchAll(new RegExp(`^\`\`\`${kind}\\b.*\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, body]) => body);

/** What a newcomer does, with the tarball in place of the name: the page's commands, and a visit. */
async function getStarted(tarball) {
  const commands = blocks('sh').join('').trim().split('\n');
  const start = commands.pop();
  const create = `node ${resolve('create/index.js')}`;
  const make = line => line.replace('npm create espalier', create).replace(' -- ', ` --espalier file:${tarball} `);
  run('sh', ['-ec', commands.map(make).join('\n')], {cwd: folder});
  await visit(start, join(folder, 'hello'));
  countPackages(join(folder, 'hello'));
  await goOn(join(folder, 'hello/mine'));
}

/** In a project that somebody has: the page's settings and program pass the compiler, and run. */
async function goOn(cwd) {
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'package.json'), '{"type": "module"}');
  writeFileSync(join(cwd, 'tsconfig.json'), blocks('json')[0]);
  writeFileSync(join(cwd, 'main.ts'), blocks('ts')[0]);
  run('../node_modules/.bin/tsc', ['--noEmit'], {cwd});
  await visit('../node_modules/.bin/espalier dev main.ts', cwd);
}

/** What a site brings to a server is no more than the project holds itself to. */
function countPackages(cwd) {
  const lines = String(output('npm', ['ls', '--prefix', cwd, '--all', '--parseable', '--omit=dev']))
    .trim()
    .split('\n');
  const packages = lines.length - 1;
  if (packages > 60) throw new Error(`A site with a session brings ${packages} packages.`);
}

/** Start the site, as in a terminal, and hold the first answer. */
async function visit(start, cwd) {
  const child = spawn('sh', ['-c', `exec ${start}`], {cwd, env: {...process.env, PORT: '0'}, detached: true});
  child.stderr.pipe(process.stderr);
  try {
    for await (const line of createInterface(child.stdout)) {
      const url = /^Listening on (http\S+)/.exec(line)?.[1];
      if (url === undefined) continue;
      const answer = await (await fetch(url)).text();
      if (!page.includes(answer)) throw new Error(`docs/getting-started.md does not have ${answer}`);
      return;
    }
    throw new Error(`\`${start}\` did not listen.`);
  } finally {
    process.kill(-Number(child.pid));
  }
}

try {
  const tarball = pack(folder);
  run('publint', ['--strict', tarball]);
  run('attw', ['--profile', 'esm-only', tarball]);
  await getStarted(tarball);
} finally {
  rmSync(folder, {recursive: true});
}
