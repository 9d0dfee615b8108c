// Packs what users get, from what was built before, into a folder. Gives the path of the tarball.
import {execFileSync} from 'node:child_process';
import {join} from 'node:path';

const run = (command, args) => execFileSync(command, args, {stdio: ['ignore', 'pipe', 'inherit']});

export function pack(folder) {
  run(process.execPath, ['.ci/bundle.js']);
  return packAsItIs('.', folder);
}

/** A package that is shipped as it lies there. */
export function packAsItIs(place, folder) {
  const packed = run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder, place]);
  return join(folder, JSON.parse(packed)[0].filename);
}
