#!/usr/bin/env node
import {readFileSync} from 'node:fs';
import {styleText} from 'node:util';
import {Command, CommanderError, InvalidArgumentError} from 'commander';
import {isFile} from './load.ts';
import {finish} from './output.ts';

const {version} = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
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

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
