import {execFile} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {ExecutionContext} from 'ava';

/** What a process printed, and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Run the command line. What it prints is no terminal, so it has no colours. */
export function espalier(args: readonly string[], cwd = '.', env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise(done => {
    const {NO_COLOR: _none, FORCE_COLOR: _forced, ...rest} = process.env;
    execFile(process.execPath, [main, ...args], {cwd, env: {...rest, ...env}}, (error, stdout, stderr) =>
      done({code: error ? Number(error.code) : 0, stdout, stderr}),
    );
  });
}

const legacy = '{"compilerOptions": {"experimentalDecorators": true}} // as getting started has it';

/** A project of a user, with this package and others of ours installed, and without any build. Gives its folder. */
export function project(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
  packages: readonly string[] = ['tsx'],
): string {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-cli-'));
  t.teardown(() => rmSync(folder, {recursive: true}));
  const all = {
    'package.json': '{"type": "module", "name": "shop", "version": "1.2.3"}',
    'tsconfig.json': legacy,
    ...files,
  };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), {recursive: true});
    writeFileSync(join(folder, name), text);
  }
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(process.cwd(), join(folder, 'node_modules/espalier'));
  for (const name of packages) symlinkSync(resolve('node_modules', name), join(folder, 'node_modules', name));
  return folder;
}
