import {statSync} from 'node:fs';
import {createRequire} from 'node:module';
import {resolve} from 'node:path';
import {pathToFileURL} from 'node:url';
import {setCommandLine} from '../command-line.ts';
import {EspalierError} from '../errors.ts';
import {ownFolder, Place} from '../place.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import type {ServeOptions} from '../serve.ts';
import {engines} from './transform.ts';
import {tsconfigOf} from './tsconfig.ts';

/** What has to be there before a file can be run: for this process by `await import(module)`, for another by `node --import`. */
export interface Loader {
  /** The URL of a module that makes Node run the language of the file. Nothing where Node needs none. */
  readonly module: string | undefined;
  /** Variables that have to be set before. */
  readonly env: Readonly<Record<string, string>>;
}

/** A program that was looked at. */
export interface Program {
  /** Its path, in full. */
  readonly file: string;
  /** What it serves, or exports by default. */
  readonly Root: ResourceClass;
  /** The options that it calls `serve` with. */
  readonly options: ServeOptions;
  /** Where it calls `serve`, if it does. */
  readonly place: Place;
}

const plain: Loader = {module: undefined, env: {}};

/**
 * How a file is run. JavaScript needs nothing; nor does TypeScript on Bun and Deno. On Node it is run by `tsx` where the project of
 * the file has it, else by the first of some compilers that it has. Throws `PACKAGE_MISSING` where it has none.
 */
export function loaderFor(file: string): Loader {
  if (!/\.[cm]?tsx?$/.test(file) || 'bun' in process.versions || 'deno' in process.versions) return plain;
  const tsconfig = tsconfigOf(file);
  const tsx = installed('tsx', file);
  if (tsx !== undefined) {
    return {module: pathToFileURL(tsx).href, env: tsconfig === undefined ? {} : {TSX_TSCONFIG_PATH: tsconfig}};
  }
  for (const engine of Object.keys(engines)) {
    const place = installed(engine, file);
    if (place === undefined || !canTransform(engine, file)) continue;
    const module = new URL('cli/hooks.js', ownFolder);
    module.search = new URLSearchParams({engine, place}).toString();
    return {module: module.href, env: {}};
  }
  const message = `Node does not run ${file}, which is TypeScript with decorators. Install what does: npm install -D tsx`;
  throw new EspalierError('PACKAGE_MISSING', message);
}

function installed(name: string, file: string): string | undefined {
  try {
    return createRequire(file).resolve(name);
  } catch {
    return undefined;
  }
}

/** From 7 on, TypeScript has no compiler that a program can call. */
function canTransform(engine: string, file: string): boolean {
  if (engine !== 'typescript') return true;
  const {version} = createRequire(file)('typescript/package.json') as {version: string};
  return Number(version.split('.')[0]) < 7;
}

/** Whether a path is that of a file. */
export function isFile(path: string): boolean {
  return statSync(path, {throwIfNoEntry: false})?.isFile() ?? false;
}

/** How long a program may take to call `serve` once all of it has been run, in milliseconds. */
const patience = 5000;

/**
 * Run a program up to where it would serve, and see what it would. Nothing of ours listens. What it prints goes to stderr, so that
 * stdout is the command's. It may leave anything open: whoever looks ends the process. `onRefusal` is told of what decorators refuse,
 * and the program goes on; without it that ends the program. Throws `PROGRAM_INVALID` where it does not say
 * what it serves, and what it throws itself.
 */
export async function look(path: string, onRefusal?: (error: Error) => void): Promise<Program> {
  const file = resolve(path);
  const {module, env} = loaderFor(file);
  const seen = Promise.withResolvers<Program>();
  const see = (Root: unknown, options: unknown = {}) =>
    seen.resolve({file, Root: Root as ResourceClass, options: options as ServeOptions, place: new Place()});
  const refuse = (reason: string) => seen.reject(new EspalierError('PROGRAM_INVALID', `${path} ${reason} ${wayOut}`));
  // After a turn, for it may export its class as well.
  setCommandLine({look: see, onListen: () => setTimeout(refuse, 0, listens), ...(onRefusal && {onRefusal})});
  process.on('uncaughtException', seen.reject);
  process.once('beforeExit', () => refuse(silent));
  process.stdout.write = process.stderr.write.bind(process.stderr);
  process.setSourceMapsEnabled(true);
  Object.assign(process.env, env);
  if (module !== undefined) await import(module);
  const tellEnd = () => {
    process.stderr.write(`${path} ended the process before it said what it serves.\n`);
    process.exitCode = 1;
  };
  process.once('exit', tellEnd);
  void run(file, see, seen.reject, () => refuse(silent));
  return seen.promise.finally(() => process.off('exit', tellEnd));
}

async function run(file: string, see: (Root: unknown) => void, fail: (error: unknown) => void, giveUp: () => void) {
  try {
    const Root = defaultOf((await import(pathToFileURL(file).href)) as Exports);
    if (Root !== undefined) see(Root);
    else setTimeout(giveUp, patience).unref();
  } catch (error) {
    fail(error);
  }
}

interface Exports {
  readonly default?: unknown;
}

const listens = 'listens by itself, and does not say where its tree begins.';
const silent = 'does not say what it serves.';
const wayOut = 'Have it call serve(Root, options), or export its root class by default: export default Root.';

/** A program of the older kind of modules has its exports in one more object. */
function defaultOf({default: given}: Exports): unknown {
  return typeof given === 'object' && given !== null && 'default' in given ? given.default : given;
}
