import {createRequire} from 'node:module';
import {dirname} from 'node:path';
import {fileURLToPath} from 'node:url';
import {EspalierError} from './errors.ts';
import {asOneLine} from './one-line.ts';

const load = createRequire(import.meta.url);

/**
 * An optional peer, loaded at once. Throws `PACKAGE_MISSING`, which says how to install it for `user`, the part of this package that
 * can't do without. An `import` would fail before anything here could say so.
 */
export function peer(name: string, user: string, flag = ''): unknown {
  // What an `import` of the application's gives, too: some packages are there twice, for `require` and for `import`.
  const place = placeOf(name, user, flag);
  // A runtime may bring one that is no file, as Bun does `ws`.
  return load(place.startsWith('file:') ? fileURLToPath(place) : name);
}

function placeOf(name: string, user: string, flag: string): string {
  try {
    return import.meta.resolve(name);
  } catch (cause) {
    const message = `${user} needs the package ${name}, which is not there. Install it: npm install ${flag}${name}`;
    throw asOneLine(new EspalierError('PACKAGE_MISSING', message, {cause}));
  }
}

/** The folder of an optional peer; nothing where it is not installed. */
export function folderOf(name: string): string | undefined {
  try {
    return dirname(fileURLToPath(import.meta.resolve(`${name}/package.json`)));
  } catch {
    return undefined;
  }
}
