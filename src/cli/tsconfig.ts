import {existsSync, readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join, resolve} from 'node:path';

/** What a tsconfig.json says of how its files are compiled, as far as it matters for running them. */
export type CompilerOptions = Readonly<Record<string, unknown>>;

interface Config {
  readonly extends?: string | readonly string[];
  readonly compilerOptions?: CompilerOptions;
}

/** The nearest tsconfig.json above a file. */
export function tsconfigOf(file: string): string | undefined {
  const folder = dirname(file);
  const candidate = join(folder, 'tsconfig.json');
  if (existsSync(candidate)) return candidate;
  return folder === dirname(folder) ? undefined : tsconfigOf(folder);
}

/** The compiler options of a tsconfig.json, over those of the files that it extends. */
export function compilerOptionsOf(tsconfig: string): CompilerOptions {
  const {extends: bases = [], compilerOptions} = parse(readFileSync(tsconfig, 'utf8'));
  const inherited = [bases].flat().map(base => compilerOptionsOf(placeOf(base, tsconfig)));
  return Object.assign({}, ...inherited, compilerOptions) as CompilerOptions;
}

function placeOf(base: string, tsconfig: string): string {
  if (!/^\.{0,2}\//.test(base)) return createRequire(tsconfig).resolve(base);
  const path = resolve(dirname(tsconfig), base);
  return existsSync(path) || path.endsWith('.json') ? path : `${path}.json`;
}

/** JSON with comments, and with commas at the end of lists. */
function parse(text: string): Config {
  const plain = text
    .replaceAll(/("(?:\\.|[^"\\])*")|\/\/.*|\/\*[^]*?\*\//g, '$1')
    .replaceAll(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, '$1');
  return JSON.parse(plain) as Config;
}
