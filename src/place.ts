import {relative, sep} from 'node:path';
import {fileURLToPath} from 'node:url';

/** Where something was written. It is looked up when somebody asks, since a source map may have to be read for that. */
export class Place {
  readonly #trace = new Error();

  /** File and line, `src/shop.ts:12`; seen from the working directory where the file is in there. Nothing where nobody knows. */
  toString(): string | undefined {
    const frames = this.#trace.stack?.split('\n').slice(1) ?? [];
    // From there on it is who imported the file, not what is written in it.
    const end = frames.findIndex(frame => frame.includes('node:internal/modules/'));
    const own = end < 0 ? frames : frames.slice(0, end);
    const [file, line] = own.map(fileIn).find(([name]) => name !== undefined && !isOurs(name)) ?? [];
    return file === undefined ? undefined : `${fromHere(file)}:${line}`;
  }
}

/**
 * Where the modules of this package are. A module is found from here, never from beside another one: the build of a release puts
 * several into one file, which is here.
 */
export const ownFolder = new URL('.', import.meta.url);

const compiled = fileURLToPath(ownFolder);

/** The folders of this package in a stack: with source maps it tells of the sources, which are packed beside what was compiled. */
export const ownFolders = [compiled, compiled.replace(`${sep}dist${sep}src${sep}`, `${sep}src${sep}`)] as const;

function isOurs(file: string): boolean {
  return ownFolders.some(folder => file.startsWith(folder));
}

/** File and line of a line in a stack. */
function fileIn(frame: string): readonly [file?: string, line?: string | undefined] {
  // A name in front of the place is followed by a bracket; names of files may have some of their own.
  const [, place, line] = /^ *at (?:.*? \()?((?:file:\/\/|\/|[A-Za-z]:\\).*?):(\d+):\d+\)?$/.exec(frame) ?? [];
  if (place === undefined) return [];
  return [place.startsWith('file:') ? fileURLToPath(place) : place, line];
}

function fromHere(file: string): string {
  const path = relative(process.cwd(), file);
  return path.startsWith('..') ? file : path;
}
