import {registerHooks} from 'node:module';
import {fileURLToPath} from 'node:url';
import type {Loaded} from './run.ts';
import {markOf} from './watch.ts';

/** All that this process has loaded, by the names without links. */
export const loadedHere = new Set<string>();

/** Which files this process loads from now on, and which it looks for in vain. Those of packages are left out. */
export class LoadedFiles {
  readonly #tell: (files: readonly Loaded[]) => void;
  #files: Loaded[] = [];

  constructor(tell: (files: readonly Loaded[]) => void) {
    this.#tell = tell;
    // Called last, so asked first: what compiles TypeScript may ask no other.
    registerHooks({
      load: (url, context, next) => {
        const path = pathOf(url);
        if (path !== undefined) loadedHere.add(path);
        this.#add(path);
        return next(url, context);
      },
      resolve: (specifier, context, next) => {
        try {
          return next(specifier, context);
        } catch (error) {
          for (const url of wantedBy(specifier, context.parentURL)) this.#add(pathOf(url));
          throw error;
        }
      },
    });
  }

  /** Tell of those that have not been told. */
  tell(): void {
    if (this.#files.length > 0) this.#tell(this.#files);
    this.#files = [];
  }

  #add(path: string | undefined): void {
    if (path === undefined || /[\\/]node_modules[\\/]/.test(path)) return;
    if (this.#files.length === 0) setImmediate(() => this.tell());
    // Before it is read: what changes after that is told of.
    this.#files.push([path, markOf(path)]);
  }
}

function pathOf(url: string): string | undefined {
  return url.startsWith('file:') ? fileURLToPath(url.replace(/[?#].*$/, '')) : undefined;
}

/** Where a file that is missing may come. */
export function wantedBy(specifier: string, parent: string | undefined): string[] {
  if (!/^(?:\.{0,2}\/|file:)/.test(specifier) || !parent?.startsWith('file:')) return [];
  const {href} = new URL(specifier, parent);
  const bare = href.replace(/\.[cm]?[jt]sx?$/, '');
  return [href, ...['ts', 'tsx', 'js'].flatMap(ending => [`${bare}.${ending}`, `${bare}/index.${ending}`])];
}
