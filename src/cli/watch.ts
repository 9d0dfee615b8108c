import {existsSync, statSync, watch, type FSWatcher} from 'node:fs';
import {dirname, join, sep} from 'node:path';

/** How a file is now: another text, or another file in its place, makes it another. */
export function markOf(path: string): string {
  const stat = statSync(path, {throwIfNoEntry: false});
  return stat === undefined ? 'none' : `${stat.mtimeMs} ${stat.size} ${stat.ino}`;
}

/** Several events of one saving are one change: so many milliseconds after the last one. */
const settling = 25;

/**
 * Tells when files are not as they were. It watches their folders, for editors put another file in the place of the old one; where a
 * folder is not there, it watches the nearest above it that is, until it comes.
 */
export class Watch {
  readonly #marks = new Map<string, string>();
  readonly #folders = new Map<string, Folder>();
  readonly #root: string;
  readonly #onChange: (paths: readonly string[]) => void;
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  /** In `root`, the folders above those of the files are watched too: one that is moved tells nothing to those below. */
  constructor(root: string, onChange: (paths: readonly string[]) => void) {
    this.#root = root;
    this.#onChange = onChange;
  }

  /** How many folders are watched. */
  get size(): number {
    return this.#folders.size;
  }

  /** Watch a file as well, which was so when it was read: what has changed since is told. */
  add(path: string, mark = markOf(path)): void {
    this.#marks.set(path, mark);
    this.#watch(dirname(path));
    this.#check(path);
  }

  /** Watch these and no others. */
  keep(files: ReadonlyMap<string, string>): void {
    for (const path of this.#marks.keys()) if (!files.has(path)) this.#marks.delete(path);
    for (const [path, mark] of files) if (!this.#marks.has(path)) this.add(path, mark);
    this.#tidy();
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const folder of this.#folders.values()) folder.close();
    this.#folders.clear();
    this.#marks.clear();
  }

  #watch(path: string): void {
    if (!this.#folders.has(path)) {
      const folder = new Folder(path, (event, name) => this.#see(path, event, name));
      if (folder.isThere) this.#folders.set(path, folder);
      else if (path !== dirname(path)) this.#watch(dirname(path));
    }
    if (this.#isBelowRoot(path)) this.#watch(dirname(path));
  }

  #isBelowRoot(path: string): boolean {
    return path.startsWith(this.#root + sep);
  }

  /** Something has happened in a folder, or to it. */
  #see(folder: string, event: string, name: string | null): void {
    const path = join(folder, name ?? '');
    if (this.#marks.has(path)) return this.#check(path);
    // What is written into other files is no matter; what comes or goes may be a folder.
    if (event === 'change' && name !== null) return;
    this.#watchAgain();
    for (const each of this.#marks.keys()) this.#check(each);
  }

  /** Folders may have come back, or others in their place. */
  #watchAgain(): void {
    for (const [path, folder] of this.#folders) {
      if (folder.isSame) continue;
      folder.close();
      this.#folders.delete(path);
    }
    for (const folder of new Set([...this.#marks.keys()].map(path => dirname(path)))) this.#watch(folder);
    this.#tidy();
  }

  #tidy(): void {
    const wanted = new Set<string>();
    for (const path of this.#marks.keys()) {
      let folder = nearest(dirname(path));
      wanted.add(folder);
      for (; this.#isBelowRoot(folder); folder = dirname(folder)) wanted.add(dirname(folder));
    }
    for (const [path, folder] of this.#folders) {
      if (wanted.has(path)) continue;
      folder.close();
      this.#folders.delete(path);
    }
  }

  #check(path: string): void {
    const mark = markOf(path);
    if (this.#marks.get(path) === mark) return;
    this.#marks.set(path, mark);
    this.#changed.add(path);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const changed = [...this.#changed];
      this.#changed.clear();
      this.#onChange(changed);
    }, settling);
  }
}

function nearest(folder: string): string {
  return existsSync(folder) || folder === dirname(folder) ? folder : nearest(dirname(folder));
}

/** A folder that is watched, by what it is and not by its name. */
class Folder {
  readonly #path: string;
  readonly #inode: number | undefined;
  #watcher: FSWatcher | undefined;

  constructor(path: string, onEvent: (event: string, name: string | null) => void) {
    this.#path = path;
    try {
      this.#watcher = watch(path, onEvent);
      // A folder that goes while it is watched is an error on some systems.
      this.#watcher.on('error', () => onEvent('rename', null));
      this.#inode = inodeOf(path);
    } catch {
      this.close();
    }
  }

  get isThere(): boolean {
    return this.#watcher !== undefined && this.#inode !== undefined;
  }

  /** Whether what is there by this name is what is watched. */
  get isSame(): boolean {
    return this.#inode === inodeOf(this.#path);
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, {throwIfNoEntry: false})?.ino;
}
