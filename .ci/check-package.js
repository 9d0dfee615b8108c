// What users would install, looked at as they get it: the packed tarball, by publint and attw, and as a newcomer uses it.
import {execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

const folder = mkdtempSync(join(tmpdir(), 'espalier-package-'));
const run = (command, args, options) =>
  execFileSync(command, args, {stdio: ['ignore', 'inherit', 'inherit'], ...options});
const output = (command, args) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit']});

const page = readFileSync('docs/getting-started.md', 'utf8');
/** The blocks of one kind on the page that newcomers begin with. */
const blocks = kind =>
  [...page.matchAll(new RegExp(`^\`\`\`${kind}\\b.*\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, body]) => body);

/** What a newcomer does, with the tarball in place of the name: the page's commands, settings and program, and a visit. */
async function getStarted(tarball) {
  const commands = blocks('sh').join('').trim().split('\n');
  const start = commands.pop();
  const typescript = JSON.parse(readFileSync('package.json', 'utf8')).devDependencies.typescript;
  const install = line =>
    line.replace(' espalier ', ` ${tarball} `).replace(' typescript', ` typescript@${typescript} --no-audit --no-fund`);
  run('sh', ['-ec', commands.map(install).join('\n')], {cwd: folder});
  const cwd = join(folder, 'hello');
  writeFileSync(join(cwd, 'tsconfig.json'), blocks('json')[0]);
  writeFileSync(join(cwd, 'main.ts'), blocks('ts')[0]);
  run('npx', ['tsc', '--noEmit'], {cwd});
  await visit(start, cwd);
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
  const packed = output('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]);
  const tarball = join(folder, JSON.parse(packed)[0].filename);
  run('publint', ['--strict', tarball]);
  run('attw', ['--profile', 'esm-only', tarball]);
  await getStarted(tarball);
} finally {
  rmSync(folder, {recursive: true});
}
