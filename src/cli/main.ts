#!/usr/bin/env node
import {existsSync, readFileSync, statSync} from 'node:fs';
import {styleText} from 'node:util';
import {Command, CommanderError, InvalidArgumentError} from 'commander';
import {ownFolder} from '../place.ts';
import type {DevOptions} from './dev.ts';
import {isFile} from './load.ts';
import {finish} from './output.ts';
import type {ServingOptions} from './serve.ts';

const {version} = JSON.parse(readFileSync(new URL('../../package.json', ownFolder), 'utf8')) as {
  version: string;
};

const colour = (format: 'bold' | 'cyan') => (text: string) => styleText(format, text, {validateStream: false});

const program = new Command('espalier')
  .description('Looks at a site that is made with Espalier, and runs it.')
  .version(version, '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .helpCommand('help [command]', 'print the help of a command')
  .addHelpText('after', '\nExit codes: 0 fine, 1 something is refused, 2 wrong usage.')
  // Commander takes the colours out again where none are wanted.
  .configureHelp({styleTitle: colour('bold'), styleCommandText: colour('cyan'), styleOptionText: colour('cyan')})
  .exitOverride();

/** What a command may be asked for besides. */
interface Options {
  readonly json?: true;
}

/** A command that looks at a program: `espalier tree FILE`. */
function looking(name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<file>', 'a program that calls serve(), or exports its root class by default', existing)
    .option('--json', 'print plain data');
}

function runnable(path: string): string {
  if (!statSync(path, {throwIfNoEntry: false})?.isDirectory()) return existing(path);
  throw new InvalidArgumentError(`That is a folder. To serve it, with its scripts: espalier serve ${path}`);
}

function existing(path: string): string {
  if (isFile(path)) return path;
  throw new InvalidArgumentError('There is no such file.');
}

// Nothing is loaded of the commands that are not asked for.
looking('tree', 'show the tree of resources').action(async (file: string, options: Options) => {
  const {tree} = await import('./tree.ts');
  await finish(tree(file, options));
});

looking('check', 'tell all that keeps it from being served').action(async (file: string, options: Options) => {
  const {check} = await import('./check.ts');
  await finish(check(file, options));
});

looking('explain', 'tell why a request is answered as it is')
  .argument('<method>', 'GET, POST and so on')
  .argument('<path>', 'the path of the request: /people/ada')
  .action(async (file: string, method: string, path: string, options: Options) => {
    const {explain} = await import('./explain.ts');
    await finish(explain(file, method, path, options));
  });

looking('openapi', 'print the OpenAPI document').action(async (file: string) => {
  const {openapi} = await import('./openapi.ts');
  await finish(openapi(file));
});

program
  .command('dev')
  .description('run a program, and run it anew when one of its files changes')
  .argument('<file>', 'a program that calls serve(), or exports its root class by default', runnable)
  .option('-p, --port <number>', 'listen on this port', portIn)
  .option('--host <name>', 'listen on this name or address')
  .option('--https', 'listen with TLS, by a certificate made for this time')
  .option('--open', 'show the site in a browser')
  .action(async (file: string, options: DevOptions) => {
    const {dev} = await import('./dev.ts');
    await finish(dev(file, options));
  });

program
  .command('serve')
  .description('serve a program, or a folder with its files and scripts')
  .argument('<path>', 'a program, or a folder', there)
  .option('-p, --port <number>', 'listen on this port', portIn)
  .option('--host <name>', 'listen on this name or address')
  .option('--tls <files>', 'listen with TLS: the files of the key and of the certificate, key.pem,cert.pem', filesIn)
  .option('--workers <number>', 'how many processes serve', workersIn, 1)
  .option('--access-log [format]', 'tell of each answer: json or combined', formatIn)
  .option('--header <line>', 'set a header of each answer, "Name: value"; may be given again', headersIn)
  .action(async (path: string, {accessLog, ...options}: Omit<ServingOptions, 'accessLog'> & {accessLog?: unknown}) => {
    const {serve} = await import('./serve.ts');
    await finish(
      serve(path, {
        ...options,
        ...(accessLog !== undefined && {accessLog: accessLog === 'combined' ? 'combined' : 'json'}),
      }),
    );
  });

function there(path: string): string {
  if (existsSync(path)) return path;
  throw new InvalidArgumentError('There is no such file or folder.');
}

function filesIn(text: string): readonly string[] {
  return text.split(',').map(existing);
}

function workersIn(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a number from 1 to 999.');
}

function formatIn(text: string): string {
  if (text === 'json' || text === 'combined') return text;
  throw new InvalidArgumentError('It is json or combined.');
}

function headersIn(line: string, known: readonly (readonly string[])[] = []): readonly (readonly string[])[] {
  const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+): *([\t\x20-\x7e]*)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('A header is "Name: value".');
  return [...known, [name, value]];
}

function portIn(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a number from 0 to 65535.');
}

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
