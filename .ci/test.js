// Runs the specs, and tells what of src/ they cover. What stands behind the command goes to ava.
import {spawnSync} from 'node:child_process';
import {readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';

const folder = resolve('coverage/tmp');

function run(command, args, env = process.env) {
  const {status} = spawnSync(join('node_modules/.bin', command), args, {stdio: 'inherit', env});
  if (status !== 0) process.exit(status ?? 1);
}

const isOurs = url => url.includes('/dist/src/');

const lengths = new Map();

/** The lengths of the lines of a file that is covered, as Node tells them in its map. */
function lengthsIn(url) {
  if (!lengths.has(url))
    lengths.set(
      url,
      String(
        readFileSync(new URL(url), 'utf8')
          .split('\n')
          .map(line => line.length),
      ),
    );
  return lengths.get(url);
}

/**
 * Leave out what a process has run in another form than the compiler has given it: a loader of TypeScript makes modules that are no
 * files, on which c8 fails, and writes ours anew, so that its places are others.
 */
function tidy(path) {
  const {result, 'source-map-cache': maps = {}, ...rest} = JSON.parse(readFileSync(path, 'utf8'));
  const isAsCompiled = url =>
    url.startsWith('file:') && (!isOurs(url) || String(maps[url]?.lineLengths) === lengthsIn(url));
  const kept = Object.fromEntries(Object.entries(maps).filter(([url]) => isAsCompiled(url)));
  const covered = result.filter(({url}) => !isOurs(url) || isAsCompiled(url));
  writeFileSync(path, JSON.stringify({...rest, result: covered, 'source-map-cache': kept}));
}

rmSync('coverage', {recursive: true, force: true});
run('ava', process.argv.slice(2), {...process.env, NODE_V8_COVERAGE: folder});
for (const name of readdirSync(folder)) tidy(join(folder, name));
run('c8', ['report']);
