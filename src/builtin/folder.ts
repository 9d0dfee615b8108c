import {statSync} from 'node:fs';
import {realpath, stat} from 'node:fs/promises';
import {join, resolve, sep} from 'node:path';
import {fileURLToPath} from 'node:url';
import {kind, optionInvalid} from '../options.ts';
import {isWithin, openFile, type Lack, type OpenedFile} from './opened-file.ts';

/** What is refused in a folder unless it is allowed. */
export type Allowance = 'dotFiles' | 'links' | 'oddNames';

const allowances: ReadonlySet<unknown> = new Set(['dotFiles', 'links', 'oddNames']);

/** A list of `Allowance`. */
export const allowanceKind = kind(
  'a list of "dotFiles", "links" and "oddNames"',
  value => Array.isArray(value) && value.every(each => allowances.has(each)),
);

/** Of a folder one entry: its name, and how long it is where it is a file. */
export interface Entry {
  readonly name: string;
  /** Nothing for a folder. */
  readonly size: number | undefined;
}

/** A folder whose files are sent, and nothing that is not in it by what its path really is. */
export class Folder {
  readonly path: string;
  readonly #allowed: ReadonlySet<Allowance>;
  /** Its name without links, as far as is known: they may lead to another folder tomorrow. */
  #real: string | undefined;

  constructor(path: string | URL, allowed: readonly Allowance[] = []) {
    this.path = pathOf(path);
    this.#allowed = new Set(allowed);
  }

  /** Throws `OPTION_INVALID`, in the name of a call, where there is no such folder. */
  refuseMissing(call: string): void {
    if (statSync(this.path, {throwIfNoEntry: false})?.isDirectory()) return;
    const wayOut =
      "A relative one is looked for in the working directory; new URL('./public/', import.meta.url) is beside a module.";
    throw optionInvalid(`${call}: there is no folder ${this.path}. ${wayOut}`);
  }

  /** Open what lies in it, by the segments of its path. */
  async open(segments: readonly string[]): Promise<OpenedFile | Lack> {
    if (!segments.every(each => this.#isFit(each))) return 'refused';
    const file = await openFile(join(this.path, ...segments));
    if (typeof file === 'string') return file;
    try {
      if (await this.#holds(file)) return file;
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return 'refused';
  }

  /** What lies in a folder that is open, as far as it would be sent; so many entries at most, and whether there are more. */
  async list(folder: OpenedFile, most: number): Promise<{entries: readonly Entry[]; isWhole: boolean}> {
    const entries: Entry[] = [];
    for await (const entry of folder.entries()) {
      if (entries.length === most) return {entries, isWhole: false};
      const shown = this.#isFit(entry.name) && (await this.#look(entry));
      if (shown) entries.push(shown);
    }
    return {entries, isWhole: true};
  }

  /** Nothing for what is no file and no folder, and for what has gone since. */
  async #look({name, path, isLink}: {name: string; path: string; isLink: boolean}): Promise<Entry | undefined> {
    try {
      if (isLink && !this.#isSeen(await realpath(path))) return undefined;
      const stats = await stat(path);
      if (stats.isDirectory()) return {name, size: undefined};
      return stats.isFile() ? {name, size: stats.size} : undefined;
    } catch {
      return undefined;
    }
  }

  async #holds(file: OpenedFile): Promise<boolean> {
    if (this.#allowed.has('links') && this.#allowed.has('dotFiles')) return true;
    const name = await file.realName();
    if (name === undefined) return false;
    if (this.#isSeen(name)) return true;
    // The folder itself may be a link that has been set to another since, and may be gone.
    this.#real = await realpath(this.path).catch(() => undefined);
    return this.#isSeen(name);
  }

  /** Whether what has this name without links may be sent. */
  #isSeen(name: string): boolean {
    const real = this.#real;
    if (real === undefined || !isWithin(real, name)) return this.#allowed.has('links') && real !== undefined;
    const inside = name.slice(real.length).split(sep);
    return this.#allowed.has('dotFiles') || !inside.some(each => each.startsWith('.'));
  }

  #isFit(segment: string): boolean {
    if (segment === '' || segment === '.' || segment === '..' || /[/\0]/.test(segment)) return false;
    if (segment.startsWith('.') && !this.#allowed.has('dotFiles')) return false;
    return !isOdd(segment) || (sep === '/' && this.#allowed.has('oddNames'));
  }
}

/**
 * Whether Windows would take a name for another one: for a device, a stream, a short name, a pattern, or a name without the dots
 * and blanks at its end.
 */
function isOdd(name: string): boolean {
  return (
    /[\\:*?"<>|\p{Cc}]|[. ]$|~\d/u.test(name) ||
    /^(?:con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]|conin\$|conout\$|clock\$) *(?:\.|$)/i.test(name)
  );
}

/** A path, or the URL of a file. */
export const placeKind = kind("a path, or a URL of the kind file:, as new URL('./public/', import.meta.url)", value =>
  value instanceof URL ? value.protocol === 'file:' : typeof value === 'string' && value !== '',
);

/** A relative path begins in the working directory. */
export function pathOf(place: string | URL): string {
  return resolve(place instanceof URL ? fileURLToPath(place) : place);
}
