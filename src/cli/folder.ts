import {basename, dirname, relative, sep} from 'node:path';
import {pathToFileURL} from 'node:url';
import {EspalierError} from '../errors.ts';
import {html, type Html} from '../http/html.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {whyNotThisMachine} from '../http/this-machine.ts';
import {Child, Resource} from '../resource/resource.ts';
import {isResource, type ResourceClass} from '../resource/declarations.ts';
import {Delete, Get, Options, Patch, Post, Put, Query} from '../resource/verbs.ts';
import type {Site} from '../site.ts';
import {failureOf, placeOf, type Failure} from './failure.ts';
import {filesBeside, hideImportsOf} from './program-files.ts';
import {contentsOf, nameOf} from './scripts.ts';

/** What a folder is served with: the package as the folder finds it. */
export interface Package {
  readonly serve: (Root: ResourceClass) => Promise<Site>;
  readonly createSite: (Root: ResourceClass) => Site;
}

/** A script, and the class that it answers with, or why it has none. */
interface Script {
  readonly path: string;
  readonly given: ResourceClass | Failure;
}

/** Serve the files of a folder, and its scripts as resources. A script that fails answers with that, and all else goes on. */
export async function serveFolder(root: string, {serve, createSite}: Package): Promise<void> {
  const scripts: Script[] = [];
  for (const path of contentsOf(root).scripts) scripts.push(await load(path));
  try {
    await serve(treeOf(root, scripts));
  } catch (error) {
    if (!(error instanceof Error) || isOfPort(error)) throw error;
    const tried = await Promise.all(scripts.map(script => tryAlone(root, script, createSite)));
    // Where each is fine alone, it is not theirs.
    if (tried.every((script, i) => script === scripts[i])) throw error;
    await serve(treeOf(root, tried));
  }
}

const isOfPort = ({code}: NodeJS.ErrnoException) => code === 'PORT_TAKEN' || code === 'LISTEN_FAILED';

/** How long a script may take to be loaded, in milliseconds. */
const patience = 10_000;

async function load(path: string): Promise<Script> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`${path} has not been loaded after ${patience / 1000} seconds.`)),
    patience,
  );
  try {
    const {default: given} = (await Promise.race([import(pathToFileURL(path).href), late.promise])) as {
      readonly default?: unknown;
    };
    if (typeof given === 'function' && isResource(given)) return {path, given: given as ResourceClass};
    throw new EspalierError(
      'PROGRAM_INVALID',
      `${basename(path)} exports no resource. Have it export its class by default.`,
    );
  } catch (error) {
    return {path, given: failed(path, error)};
  } finally {
    clearTimeout(timer);
  }
}

async function tryAlone(root: string, script: Script, createSite: Package['createSite']): Promise<Script> {
  try {
    await createSite(treeOf(root, [script])).close();
    return script;
  } catch (error) {
    return {...script, given: failed(script.path, error)};
  }
}

function failed(path: string, error: unknown): Failure {
  hideImportsOf(path);
  const failure = failureOf(error);
  const told = {...failure, file: failure.file ?? path};
  console.error(`${relative(process.cwd(), path)} does not run: ${told.message}\n${placeOf(told)}\n${told.frame}`);
  return told;
}

/** A folder in the tree, with what scripts there are below it. */
interface Branch {
  readonly folders: Map<string, Branch>;
  readonly scripts: Map<string, Script>;
}

const branch = (): Branch => ({folders: new Map(), scripts: new Map()});

/** The tree: folders that scripts lie in, the scripts, and below each folder whatever else there is, as files. */
function treeOf(root: string, scripts: readonly Script[]): ResourceClass {
  const tree = branch();
  for (const script of scripts) {
    let at = tree;
    for (const name of relative(root, dirname(script.path)).split(sep).filter(Boolean)) {
      const next = at.folders.get(name) ?? branch();
      at.folders.set(name, next);
      at = next;
    }
    at.scripts.set(nameOf(basename(script.path))!, script);
  }
  return classOf(basename(root), tree, filesBeside(root), true);
}

function classOf(name: string, {folders, scripts}: Branch, Files: ResourceClass, isRoot: boolean): ResourceClass {
  class Folder extends Files {}
  Object.defineProperty(Folder, 'name', {value: `Folder(${JSON.stringify(name)})`});
  Resource({leaf: false})(Folder);
  Child(':file', Files)(Folder);
  // The path of a folder ends with a slash.
  if (!isRoot) Child('', Files)(Folder);
  for (const [segment, below] of folders) Child(segment, classOf(segment, below, Files, false))(Folder);
  // A script comes before a folder of its name, whose files are below it no more.
  for (const [segment, {given}] of scripts) {
    if (folders.has(segment)) continue;
    Child(segment, typeof given === 'function' ? given : brokenBy(given))(Folder);
  }
  return Folder;
}

/** Answers in place of a script. What is wrong is shown to this machine alone, and not in production. */
function brokenBy(failure: Failure): ResourceClass {
  class BrokenScript {
    answer(request: Request, response: Response): Html {
      const error = new Error(`A script does not run: ${failure.message} ${placeOf(failure)}`);
      if (process.env['NODE_ENV'] === 'production' || whyNotThisMachine(request) !== undefined) throw error;
      response.status = 500;
      response.setHeader('Cache-Control', 'no-store');
      return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>This script does not run</title>
<h1>This script does not run</h1>
<p>${failure.message}</p>
<p><code>${placeOf(failure)}</code></p>
<pre>${failure.frame}</pre>
</html>
`;
    }
  }
  for (const verb of [Get, Post, Put, Patch, Delete, Query, Options]) {
    verb()(BrokenScript.prototype, 'answer', Object.getOwnPropertyDescriptor(BrokenScript.prototype, 'answer')!);
  }
  Resource({leaf: true})(BrokenScript);
  return BrokenScript;
}
