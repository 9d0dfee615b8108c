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

const places = 'a program, as for tree; or redis://HOST, postgres://HOST/DATABASE, sqlite:FILE';
const units = {s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000};

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

const sessions = program
  .command('sessions')
  .description('look after the sessions in a store')
  .helpCommand('help [command]', 'print the help of a command')
  .addHelpText('after', `\n<place> is ${places}.`);

/** A command on sessions: `espalier sessions count PLACE`. */
function onSessions(name: string, description: string): Command {
  return sessions.command(name).description(description).argument('<place>', places);
}

onSessions('count', 'tell how many there are')
  .option('--json', 'print plain data')
  .action(async (place: string, options: Options) => {
    const {countSessions} = await import('./sessions.ts');
    await finish(countSessions(place, options));
  });

onSessions('list', 'list some of them')
  .option('--user <user>', 'those of this user')
  .option('--older-than <time>', 'those begun longer ago than that: 90s, 15m, 12h, 7d', timeIn)
  .option('--idle-for <time>', 'those whose visitor was last seen longer ago than that', timeIn)
  .option('--most <number>', 'how many at most', countIn, 100)
  .option('--after <mark>', 'those after the ones that were listed before')
  .option('--json', 'print plain data')
  .action(async (place: string, options: Options) => {
    const {listSessions} = await import('./sessions.ts');
    await finish(listSessions(place, options));
  });

onSessions('show', 'show one, and what rests in it by name and size')
  .argument('<key>', 'its key')
  .option('--values', 'show what is in the components too')
  .option('--json', 'print plain data')
  .action(async (place: string, key: string, options: Options & {values?: true}) => {
    const {showSession} = await import('./sessions.ts');
    await finish(showSession(place, key, options));
  });

onSessions('end', 'end one')
  .argument('<key>', 'its key')
  .option('--json', 'print plain data')
  .action(async (place: string, key: string, options: Options) => {
    const {endSession} = await import('./sessions.ts');
    await finish(endSession(place, key, options));
  });

onSessions('end-user', 'end all sessions of a user')
  .argument('<user>', 'the user, as signIn() was given it')
  .option('--json', 'print plain data')
  .action(async (place: string, user: string, options: Options) => {
    const {endUser} = await import('./sessions.ts');
    await finish(endUser(place, user, options));
  });

onSessions('end-all', 'end all sessions there are, whoever has them')
  .option('--yes', 'do it')
  .option('--json', 'print plain data')
  .action(async (place: string, options: Options & {yes?: true}) => {
    const {endEveryone} = await import('./sessions.ts');
    await finish(endEveryone(place, options));
  });

onSessions('ends', 'tell how many ends @OnExpire still has to be told of')
  .option('--retry', 'have those that were set aside told again')
  .option('--json', 'print plain data')
  .action(async (place: string, options: Options & {retry?: true}) => {
    const {showEnds} = await import('./sessions.ts');
    await finish(showEnds(place, options));
  });

onSessions('export', 'print all that is stored of a user, as JSON')
  .argument('<user>', 'the user, as signIn() was given it')
  .action(async (place: string, user: string) => {
    const {exportUser} = await import('./sessions.ts');
    await finish(exportUser(place, user));
  });

onSessions('erase', 'end all sessions of a user, and forget what was in them')
  .argument('<user>', 'the user, as signIn() was given it')
  .option('--untold-ends', 'forget ends of theirs too that @OnExpire still has to be told of')
  .option('--yes', 'do it')
  .option('--json', 'print plain data')
  .action(async (place: string, user: string, options: Options & {yes?: true; untoldEnds?: true}) => {
    const {eraseUser} = await import('./sessions.ts');
    await finish(eraseUser(place, user, options));
  });

function timeIn(text: string): number {
  const [, number, unit] = /^(\d+)([smhd])$/.exec(text) ?? [];
  if (unit === undefined) throw new InvalidArgumentError('A time is a number and s, m, h or d: 90s, 15m, 12h, 7d.');
  return Number(number) * units[unit as keyof typeof units];
}

function countIn(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It is a number from 1 to 999999.');
}

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
