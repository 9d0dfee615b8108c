#!/usr/bin/env node
// npm create espalier [name] -- [options]
import {readFileSync} from 'node:fs';
import {relative} from 'node:path';
import {parseArgs, styleText} from 'node:util';
import {Refusal, begin, install, make, packageManager, templates} from './make.js';

const {version} = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));

const names = Object.entries(templates).map(([name, what]) => `  ${name.padEnd(9)} ${what}`);
const help = `npm create espalier [name] -- [options]

Makes a new site in a folder of that name. On a terminal it asks for what is not said; elsewhere it asks nothing,
and installs nothing unless it is told to.

--template NAME     what to begin with (default: minimal)
${names.join('\n')}
--install           install the packages          --no-install   leave that to you
--git               begin a git repository        --no-git       leave that to you
--espalier RANGE    which Espalier: a version, a path, a URL (default: ^${version})
-h, --help          print this help
-V, --version       print the version

Exit codes: 0 fine, 1 it could not be made, 2 wrong usage.`;

const options = {
  template: {type: 'string'},
  install: {type: 'boolean'},
  git: {type: 'boolean'},
  espalier: {type: 'string'},
  help: {type: 'boolean', short: 'h'},
  version: {type: 'boolean', short: 'V'},
};

/** @returns {{values: Record<string, any>, positionals: string[]}} what the command line says */
function said() {
  try {
    const {values, positionals} = parseArgs({options, allowPositionals: true, allowNegative: true});
    if (positionals.length > 1) throw new Error(`One name, please, and not ${positionals.join(', ')}.`);
    if (values.template !== undefined && !Object.hasOwn(templates, values.template)) {
      throw new Error(
        `There is no template "${String(values.template)}". There are: ${Object.keys(templates).join(', ')}.`,
      );
    }
    return {values, positionals};
  } catch (error) {
    process.stderr.write(`${error.message}\nSee: npm create espalier -- --help\n`);
    return process.exit(2);
  }
}

/** What is not said is asked for on a terminal, and has a default elsewhere. */
async function wanted({values, positionals: [name]}) {
  const known = {name, ...values};
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    return {name: 'my-site', template: 'minimal', ...dropUnsaid(known)};
  const {ask} = await import('./questions.js');
  return ask(known);
}

const dropUnsaid = known => Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));

const bold = text => styleText('bold', text);

function tellNext(folder, {template, install: isInstalled}) {
  const run = packageManager();
  const way = relative('', folder);
  const steps = [...(way ? [`cd ${quoted(way)}`] : []), ...(isInstalled ? [] : [`${run} install`]), `${run} run dev`];
  process.stdout.write(`\nMade ${bold(way || '.')} from the template ${template}. Next:\n\n`);
  process.stdout.write(`${steps.map(step => `  ${bold(step)}\n`).join('')}\n`);
}

/** A path as a shell takes it, whatever is in it. */
function quoted(path) {
  const safe = path.startsWith('-') ? `./${path}` : path;
  if (/^[\w.,:@%+=/\\-]+$/.test(safe)) return safe;
  return process.platform === 'win32' ? `"${safe}"` : `'${safe.replaceAll("'", `'\\''`)}'`;
}

const command = said();
if (command.values.help) process.stdout.write(`${help}\n`);
else if (command.values.version) process.stdout.write(`${version}\n`);
else {
  try {
    const wish = await wanted(command);
    const folder = make({...wish, espalier: wish.espalier ?? `^${version}`});
    if (wish.install) install(folder);
    if (wish.git) begin(folder);
    tellNext(folder, wish);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
