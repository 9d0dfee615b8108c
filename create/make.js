// Makes the files of a new site, and what may be done with them next.
import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync} from 'node:fs';
import {basename, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';

/** What there is to begin with. */
export const templates = {
  minimal: 'one page with a session',
  site: 'pages, forms, files, and error pages of its own',
  api: 'JSON with checked input, OpenAPI and CORS',
  auth: 'accounts: passwords, passkeys, devices, e-mail links',
};

/** What several templates begin with: pages have a style, and pages for errors. */
const layers = {minimal: [], site: ['pages'], api: [], auth: ['pages']};

/** Why a site could not be made, for the person who asked. */
export class Refusal extends Error {}

// npm leaves out files that are called so when it packs.
const renamed = {_gitignore: '.gitignore', _dockerignore: '.dockerignore'};

/** Why no site can be made in a folder of this name; nothing where one can. */
export function faultOf(name) {
  const folder = resolve(name);
  if (packageName(folder) === '') return `${JSON.stringify(name)} has no letter or digit to name a package by.`;
  const there = lstatSync(folder, {throwIfNoEntry: false});
  if (!there) return undefined;
  if (there.isSymbolicLink()) return `${folder} is a link. Give another name, or the folder that it leads to.`;
  if (!there.isDirectory()) return `${folder} is there already, and is no folder. Give another name.`;
  return readdirSync(folder).some(file => file !== '.git')
    ? `${folder} is there already, and not empty. Give another name.`
    : undefined;
}

/** Makes the files of a site; gives the folder. Nothing that is there is written over. */
export function make(wish) {
  const folder = resolve(wish.name);
  try {
    const fault = faultOf(wish.name);
    if (fault) throw new Refusal(fault);
    write(folder, wish);
    return folder;
  } catch (error) {
    // What the system refuses: a disk that is full, a folder above that is a file or of somebody else.
    if (error.syscall === undefined) throw error;
    throw new Refusal(`${folder} could not be made: ${error.message}.`);
  }
}

function write(folder, {template, espalier}) {
  mkdirSync(folder, {recursive: true});
  for (const layer of ['common', ...layers[template], template]) {
    cpSync(fileURLToPath(new URL(`templates/${layer}`, import.meta.url)), folder, {recursive: true});
  }
  for (const [from, to] of Object.entries(renamed)) renameSync(join(folder, from), join(folder, to));
  nameIn(folder, packageName(folder));
  depend(join(folder, 'package.json'), espalier);
}

/** Puts the name of the site where a template has `{{name}}`. */
function nameIn(folder, name) {
  for (const entry of readdirSync(folder, {withFileTypes: true, recursive: true})) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const text = readFileSync(file, 'utf8');
    const named = text.replaceAll('{{name}}', name);
    if (named !== text) writeFileSync(file, named);
  }
}

/** Says which Espalier the site is for. */
function depend(file, espalier) {
  const manifest = JSON.parse(readFileSync(file, 'utf8'));
  manifest.dependencies.espalier = espalier;
  writeFileSync(file, `${JSON.stringify(manifest, undefined, 2)}\n`);
}

/** A name that npm takes, and that a cookie may have. */
function packageName(folder) {
  return basename(folder)
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60);
}

/** The package manager that this was run by. */
export function packageManager() {
  return /^(pnpm|yarn|bun)\//.exec(process.env.npm_config_user_agent ?? '')?.[1] ?? 'npm';
}

/** Installs the packages. */
export function install(folder) {
  run(packageManager(), ['install'], folder);
}

/** Begins a git repository with one commit. */
export function begin(folder) {
  if (existsSync(join(folder, '.git'))) return;
  run('git', ['init', '--quiet', '--initial-branch=main'], folder);
  run('git', ['add', '--all'], folder);
  const {status} = spawnSync('git', ['commit', '--quiet', '--message', 'Begin'], {cwd: folder, stdio: 'ignore'});
  if (status !== 0) process.stderr.write('git has made no commit: tell it your name and address first, and commit.\n');
}

function run(command, args, folder) {
  const {status, error} = spawnSync(command, args, {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status === 0) return;
  const reason = error ? error.message : `it ended with code ${status}`;
  throw new Refusal(`${command} ${args[0]} failed in ${folder}: ${reason}. The files are there.`);
}
