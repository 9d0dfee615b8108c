// Makes what is packed: the modules that every site loads are one file, since to find, read and compile a hundred takes a quarter of
// a site's start. The compiler's output in dist/src is replaced in its place; each command that needs the modules builds them anew.
import {strict as assert} from 'node:assert';
import {readdirSync, readFileSync, rmSync} from 'node:fs';
import {join, relative, resolve} from 'node:path';
import {rollup} from 'rollup';

const folder = resolve('dist/src');
const {exports, bin} = JSON.parse(readFileSync('package.json', 'utf8'));
const site = resolve(exports['.'].default);

/** The modules that something else than a module of ours begins with: an import, a command, a process, a loader, a thread. */
const doors = [
  ...[...Object.values(exports), {default: bin.espalier}].flatMap(door => door.default ?? []),
  ...['cli/program.js', 'cli/hooks.js', 'store/sqlite-log-thread.js'].map(name => join(folder, name)),
];

const nameOf = path => relative(folder, path).replace(/\.js$/, '');

/** A module with the map that the compiler has made of it, so that the file that is made of many leads to the sources. */
const load = path => ({code: readFileSync(path, 'utf8'), map: readFileSync(`${path}.map`, 'utf8')});

/** A module, and all that it imports. */
function closure(path, {getModuleInfo}, found = new Set()) {
  if (found.has(path)) return found;
  found.add(path);
  for (const each of getModuleInfo(path).importedIds)
    if (each.startsWith(folder)) closure(each, {getModuleInfo}, found);
  return found;
}

let always;
const bundle = await rollup({
  input: Object.fromEntries(doors.map(path => [nameOf(resolve(path)), resolve(path)])),
  external: name => !/^[./]/.test(name),
  plugins: [{name: 'compiled', load}],
  treeshake: false,
  context: 'this',
});
const {output} = await bundle.write({
  dir: folder,
  sourcemap: true,
  sourcemapExcludeSources: true,
  hoistTransitiveImports: false,
  minifyInternalExports: false,
  entryFileNames: '[name].js',
  chunkFileNames: '[name].js',
  manualChunks: (path, graph) => ((always ??= closure(site, graph)).has(path) && path !== site ? 'core' : undefined),
});
const {imports} = output.find(({fileName}) => fileName === 'index.js');
assert.deepEqual(
  imports.filter(name => name.endsWith('.js')),
  ['core.js'],
);

const made = new Set(output.map(({fileName}) => fileName));
for (const name of readdirSync(folder, {recursive: true}))
  if (/\.js(?:\.map)?$/.test(name) && !made.has(name)) rmSync(join(folder, name));
