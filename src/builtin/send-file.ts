import {basename} from 'node:path';
import {attachment} from '../http/disposition.ts';
import {checkOptions, flag, kind, optionInvalid, text, type Kinds} from '../options.ts';
import {Answer} from '../resource/answer.ts';
import {nothingHere} from '../resource/traverse.ts';
import {cacheControlOf, errorOf, FileAnswer, maxAgeKind, typeOf} from './file-answer.ts';
import {allowanceKind, Folder, pathOf, placeKind, type Allowance} from './folder.ts';
import {openFile} from './opened-file.ts';

/** How a file is sent. */
export interface SendFileOptions {
  /** The folder that the path begins in, and that it can't leave. Needed where any of the path comes from the visitor. Default: none; the path is the program's own. */
  readonly root?: string | URL;
  /** Whether the browser is to save it, and under what name. Default: no; with `true`, under its own. */
  readonly download?: boolean | string;
  /** The type of the file. Default: by its name. */
  readonly type?: string;
  /** How long caches may keep it without asking: milliseconds, or `'1y'`. Default: they ask each time. */
  readonly maxAge?: number | string;
  /** Whether it never changes, so that within `maxAge` nobody asks. Default: no. */
  readonly immutable?: boolean;
  /** What is otherwise refused below `root`, as for `files`. Default: none. */
  readonly allow?: readonly Allowance[];
}

const sendFileKinds: Kinds<SendFileOptions> = {
  root: placeKind,
  download: kind('true, false or a name', value => typeof value === 'string' || flag.fits(value)),
  type: text,
  maxAge: maxAgeKind,
  immutable: flag,
  allow: allowanceKind,
};

/** What holds where `SendFileOptions` are silent. */
export const sendFileDefaults = {download: false, immutable: false} as const;

/**
 * A file, to be returned by a handler: with its type, conditions and ranges as `files` has them. A 404 where there is none, and for
 * what is no file; a 403 where it may not be read. A path that comes from the visitor needs `root`. Throws `OPTION_INVALID`.
 */
export function sendFile(path: string | URL, options: SendFileOptions = {}): Answer {
  checkOptions('sendFile()', options, sendFileKinds);
  if (!placeKind.fits(path)) throw optionInvalid(`sendFile(): the path must be ${placeKind.wanted}.`);
  if (options.root !== undefined && typeof path !== 'string') {
    throw optionInvalid('sendFile(): with root the path must be a text, which begins there.');
  }
  return new SentFile(path, options);
}

class SentFile extends Answer {
  readonly #path: string | URL;
  readonly #options: SendFileOptions;

  constructor(path: string | URL, options: SendFileOptions) {
    super();
    this.#path = path;
    this.#options = options;
  }

  /** @internal */
  override async open(): Promise<FileAnswer> {
    const {root, allow, download, type} = this.#options;
    const file = await (root === undefined
      ? openFile(pathOf(this.#path))
      : new Folder(root, allow).open((this.#path as string).split('/')));
    if (typeof file === 'string') throw errorOf(file);
    if (!file.stats.isFile()) {
      file.close();
      throw nothingHere();
    }
    return new FileAnswer(file, {
      type: type ?? typeOf(file.path),
      cacheControl: cacheControlOf(this.#options),
      ...(download && {disposition: attachment(download === true ? basename(file.path) : download)}),
    });
  }
}
