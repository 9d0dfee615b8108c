import {readFileSync, statSync} from 'node:fs';
import {relative, sep} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {filesDefaults, ServedFolder} from '../builtin/files.ts';
import {Folder} from '../builtin/folder.ts';
import type {Lack, OpenedFile} from '../builtin/opened-file.ts';
import type {Request} from '../http/request.ts';
import {Resource} from '../resource/resource.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {loadedHere, wantedBy} from './loaded.ts';

/** Names of what programs are made of: scripts and what lies beside them, TypeScript, and what packages need. */
const names = /\.resource\.|\.[cm]?tsx?$|^(?:package(?:-lock)?|tsconfig.*)\.json$|^node_modules$/i;

/** A folder that has programs in it, of which nothing is sent. */
class ProgramFolder extends Folder {
  override async open(segments: readonly string[]): Promise<OpenedFile | Lack> {
    if (segments.some(each => names.test(each))) return 'refused';
    const file = await super.open(segments);
    if (typeof file === 'string' || !(await this.#isProgram(file))) return file;
    file.close();
    return 'refused';
  }

  /** By what it really is, whatever name has led to it. */
  async #isProgram(file: OpenedFile): Promise<boolean> {
    const name = await file.realName();
    if (name === undefined || loadedHere.has(name)) return true;
    if (
      relative(this.path, name)
        .split(sep)
        .some(each => names.test(each))
    )
      return true;
    const {ino, dev, nlink} = file.stats;
    if (nlink < 2 || file.stats.isDirectory()) return false;
    return [...loadedHere].some(path => {
      const other = statSync(path, {throwIfNoEntry: false});
      return other?.ino === ino && other.dev === dev;
    });
  }
}

/** A resource that serves the files of a folder, wherever below the site's root it stands, but nothing that programs are made of. */
export function filesBeside(root: string): ResourceClass {
  class Files extends ServedFolder {
    protected readonly folder = new ProgramFolder(root);
    protected readonly settings = filesDefaults;

    protected override wayOf({segments}: Request): readonly string[] {
      return segments;
    }
  }
  Resource({leaf: true})(Files);
  return Files;
}

/** Send nothing of what a program imports, although it could not be loaded: as far as its text tells. */
export function hideImportsOf(path: string): void {
  loadedHere.add(path);
  for (const [, specifier] of textOf(path).matchAll(/(?:\bfrom|\bimport|\brequire)\s*\(?\s*['"]([^'"\n]+)['"]/g)) {
    for (const url of wantedBy(specifier!, pathToFileURL(path).href)) {
      const wanted = fileURLToPath(url);
      if (!loadedHere.has(wanted) && statSync(wanted, {throwIfNoEntry: false})?.isFile()) hideImportsOf(wanted);
    }
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
