import {readdirSync, watch, type FSWatcher} from 'node:fs';
import {dirname, join} from 'node:path';

const form = /^([^.][^/]*)\.resource\.[cm]?[jt]s$/;

/** The name that a script answers by; nothing for another file. */
export function nameOf(file: string): string | undefined {
  return form.exec(file)?.[1];
}

/** What lies in a folder: its folders, and its scripts. Links, dot files and packages are passed over. */
export interface Contents {
  readonly folders: readonly string[];
  readonly scripts: ReadonlySet<string>;
}

export function contentsOf(root: string): Contents {
  const folders = [root];
  const scripts = new Set<string>();
  // It grows while it is gone through.
  for (const folder of folders) {
    for (const entry of entriesOf(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') folders.push(path);
      else if (entry.isFile() && nameOf(entry.name) !== undefined) scripts.add(path);
    }
  }
  return {folders, scripts};
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, {withFileTypes: true}).toSorted((one, other) => (one.name < other.name ? -1 : 1));
  } catch {
    return [];
  }
}

const settling = 25;

/** Tells when scripts come into a folder, or go. */
export class FolderWatch {
  readonly #root: string;
  readonly #onChange: () => void;
  readonly #watchers = new Map<string, FSWatcher>();
  #known: ReadonlySet<string>;
  #timer: NodeJS.Timeout | undefined;

  constructor(root: string, onChange: () => void) {
    this.#root = root;
    this.#onChange = onChange;
    this.#known = this.#look();
  }

  /** The scripts that are there. */
  get scripts(): ReadonlySet<string> {
    return this.#known;
  }

  /** How many folders are watched. */
  get size(): number {
    return this.#watchers.size;
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  #see(event: string): void {
    // What is written into files is no matter here; what comes or goes may be a folder.
    if (event === 'change') return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#compare(), settling);
  }

  #compare(): void {
    const now = this.#look();
    const isSame = now.size === this.#known.size && [...now].every(path => this.#known.has(path));
    this.#known = now;
    if (!isSame) this.#onChange();
  }

  #look(): Contents['scripts'] {
    const {folders, scripts} = contentsOf(this.#root);
    // The folder above tells that this one has gone, and come back.
    const wanted = new Set([...folders, dirname(this.#root)]);
    for (const [path, watcher] of this.#watchers) {
      if (wanted.has(path)) continue;
      watcher.close();
      this.#watchers.delete(path);
    }
    for (const path of wanted) this.#watch(path);
    return scripts;
  }

  #watch(path: string): void {
    if (this.#watchers.has(path)) return;
    try {
      const watcher = watch(path, (event, name) => {
        // A folder that has gone is watched no more, also where another has come in its place.
        if (event === 'rename' && name !== null && path.endsWith(name)) this.#drop(path);
        this.#see(event);
      });
      watcher.on('error', () => this.#drop(path));
      this.#watchers.set(path, watcher);
    } catch {
      // It has gone since.
    }
  }

  #drop(path: string): void {
    this.#watchers.get(path)?.close();
    this.#watchers.delete(path);
  }
}
