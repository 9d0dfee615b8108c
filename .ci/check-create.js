// Makes a site of each template from the packed packages, installs it, and runs its own commands.
import {strict as assert} from 'node:assert';
import {execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {createInterface} from 'node:readline';

const folder = mkdtempSync(join(tmpdir(), 'espalier-create-'));
const quiet = ['--no-audit', '--no-fund', '--loglevel=error'];
const run = (command, args, options) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit'], ...options});

function pack(place) {
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder, place]);
  return join(folder, JSON.parse(packed)[0].filename);
}

/** What a site answers at a path, once it listens, by one of its commands. */
async function answer(site, command, path) {
  const child = spawn(command, {
    cwd: site,
    shell: true,
    detached: true,
    env: {...process.env, PORT: '0'},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    for await (const line of createInterface(child.stdout)) {
      const url = /Listening on (\S+)/.exec(line)?.[1];
      if (url) return await (await fetch(url + path)).text();
    }
    throw new Error(`${command} ended.`);
  } finally {
    process.kill(-Number(child.pid), 'SIGTERM');
    await once(child, 'close');
  }
}

function check(template, {espalier, create}) {
  const site = join(folder, template);
  run('node', [create, template, '--template', template, '--espalier', `file:${espalier}`], {cwd: folder});
  run('npm', ['install', ...quiet], {cwd: site});
  const begun = performance.now();
  for (const command of ['test', 'run check', 'run build']) run('npm', command.split(' '), {cwd: site});
  console.log(
    `${template}: its specs, its check and its build pass, after ${Math.round((performance.now() - begun) / 1000)} s`,
  );
  const written = [join(site, 'src'), join(site, 'spec')];
  const settings = ['--config', resolve('.prettierrc.json'), '--log-level', 'warn'];
  run(resolve('node_modules/.bin/prettier'), ['--check', ...settings, ...written]);
  return site;
}

const expected = {minimal: /Visit 1/, site: /guestbook/, api: /"docs":"\/docs"/, auth: /Sign in/};

try {
  const espalier = pack('.');
  run('npm', ['install', '--prefix', folder, ...quiet, pack('./create')]);
  const create = join(folder, 'node_modules/create-espalier/index.js');
  for (const [template, text] of Object.entries(expected)) {
    const site = check(template, {espalier, create});
    assert.match(await answer(site, 'exec node dist/src/main.js', '/'), text);
  }
} finally {
  rmSync(folder, {recursive: true, force: true});
}
