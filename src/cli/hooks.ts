// Has this process run TypeScript. Imported as `hooks.js?engine=esbuild&place=/app/node_modules/esbuild/lib/main.js`.
import {existsSync, readFileSync} from 'node:fs';
import {findPackageJSON, registerHooks, type LoadHookSync, type ResolveHookSync} from 'node:module';
import {fileURLToPath} from 'node:url';
import {transformBy, type Source} from './transform.ts';
import {compilerOptionsOf, tsconfigOf, type CompilerOptions} from './tsconfig.ts';

const {searchParams} = new URL(import.meta.url);
const transform = transformBy(searchParams.get('engine')!, searchParams.get('place')!);

const isTypeScript = (url: string | undefined): url is string =>
  url !== undefined && /^file:.*\.[cm]?tsx?(?:[?#]|$)/.test(url);

/** As the compiler has it, `./shop.js` means `./shop.ts`, and so may `./shop`. */
const resolve: ResolveHookSync = (specifier, context, next) => {
  if (!isTypeScript(context.parentURL) || !/^\.{0,2}\/|^file:/.test(specifier)) return next(specifier, context);
  const found = sourcesOf(specifier).find(one => existsSync(fileURLToPath(new URL(one, context.parentURL))));
  return next(found ?? specifier, context);
};

function sourcesOf(specifier: string): string[] {
  const [, path, c, x] = /^(.*)\.([cm]?)js(x?)$/.exec(specifier) ?? [];
  if (path !== undefined) return [`${path}.${c}ts${x}`, `${path}.tsx`];
  return /\.\w+$/.test(specifier) ? [] : [`${specifier}.ts`, `${specifier}.tsx`, `${specifier}/index.ts`];
}

const load: LoadHookSync = (url, context, next) => {
  if (!isTypeScript(url)) return next(url, context);
  const file = fileURLToPath(url);
  const text = readFileSync(file, 'utf8');
  const format = formatOf(url, file, text);
  return {format, source: transform({file, text, format, options: optionsFor(file)}), shortCircuit: true};
};

/** Where nobody says what a file is, it is what it looks like, as Node has it. */
function formatOf(url: string, file: string, text: string): Source['format'] {
  const [, letter] = /\.([cm])tsx?$/.exec(file) ?? [];
  const nearest = letter === undefined ? findPackageJSON(url) : undefined;
  const {type} = nearest === undefined ? {} : (JSON.parse(readFileSync(nearest, 'utf8')) as {type?: string});
  if (letter === 'c' || type === 'commonjs') return 'commonjs';
  return letter === 'm' || type === 'module' || /^\s*(?:import|export)\b/m.test(text) ? 'module' : 'commonjs';
}

const known = new Map<string | undefined, CompilerOptions>();

function optionsFor(file: string): CompilerOptions {
  const tsconfig = tsconfigOf(file);
  if (!known.has(tsconfig)) known.set(tsconfig, tsconfig === undefined ? {} : compilerOptionsOf(tsconfig));
  return known.get(tsconfig)!;
}

registerHooks({resolve, load});
