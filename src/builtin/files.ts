import {basename} from 'node:path';
import Negotiator from 'negotiator';
import type {Html} from '../http/html.ts';
import {encodePath} from '../http/path.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, flag, kind, optionInvalid, text, type Kinds} from '../options.ts';
import {OpenAnswer, type Answer} from '../resource/answer.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {Resource} from '../resource/resource.ts';
import {nothingHere} from '../resource/traverse.ts';
import {Get} from '../resource/verbs.ts';
import {codingsFor, type Coding} from './compress.ts';
import {cacheControlOf, errorOf, FileAnswer, maxAgeKind, typeOf, type FileHead} from './file-answer.ts';
import {folderPage, folderPolicy} from './folder-page.ts';
import {allowanceKind, Folder, placeKind, type Allowance} from './folder.ts';
import type {Lack, OpenedFile} from './opened-file.ts';
import {refusable} from './refusable.ts';

/** How a folder is served. */
export interface FilesOptions {
  /** How long caches may keep a file without asking: milliseconds, or `'1y'`. Default: they ask each time. Index and fall-back are asked for each time. */
  readonly maxAge?: number | string;
  /** Whether a file never changes under its name, so that within `maxAge` nobody asks. Default: no. */
  readonly immutable?: boolean;
  /** What is sent for a folder: the first of these that is in it. Default: `index.html`. */
  readonly index?: readonly string[];
  /** Whether a folder without an index is listed. Default: no, it is a 404. */
  readonly listing?: boolean;
  /** A file in the folder that is sent where nothing is, to clients that ask for HTML: for programs that have their pages in the browser. Default: none. */
  readonly fallback?: string;
  /** Whether `app.js.zst`, `app.js.br` or `app.js.gz` is sent for `app.js` to those who take it. Default: no. */
  readonly precompressed?: boolean;
  /** Types by the ending of a name, in place of the usual ones: `{'.map': 'application/json'}`. */
  readonly types?: Readonly<Record<string, string>>;
  /** What is otherwise refused: `dotFiles`, `links` that lead out of the folder, `oddNames` that Windows would take for others. Default: none. */
  readonly allow?: readonly Allowance[];
}

const names = kind('a list of names of files', value => Array.isArray(value) && value.every(isName));

const filesKinds: Kinds<FilesOptions> = {
  maxAge: maxAgeKind,
  immutable: flag,
  index: names,
  listing: flag,
  fallback: text,
  precompressed: flag,
  types: kind(
    'types by endings, as {".map": "application/json"}',
    value => isTable(value) && Object.entries(value).every(([ending, type]) => isEnding(ending) && isType(type)),
  ),
  allow: allowanceKind,
};

/** What holds where `FilesOptions` are silent. */
export const filesDefaults = {
  immutable: false,
  index: ['index.html'] as readonly string[],
  listing: false,
  precompressed: false,
};

type Settings = FilesOptions & typeof filesDefaults;

/** The ending that a file has in each coding. */
const endings: Readonly<Record<Coding, string>> = {zstd: '.zst', br: '.br', gzip: '.gz'};
const codings = Object.keys(endings) as Coding[];

/** The most entries that a page lists. */
const listLimit = 10_000;

/**
 * A resource that serves the files of a folder, and what is below it. A relative `folder` is looked for in the working directory; a
 * URL of the kind `file:` says where it is. Only what really lies in the folder is sent: a link that leads out of it, a dot file, a
 * device and a name that Windows would take for another are a 404. No session is begun, found or touched. Throws `OPTION_INVALID`
 * for a folder that is not there.
 */
export const files = refusable(makeFiles);

function makeFiles(folder: string | URL, options: FilesOptions = {}): ResourceClass {
  checkOptions('files()', options, filesKinds);
  if (!placeKind.fits(folder)) throw optionInvalid(`files(): the folder must be ${placeKind.wanted}.`);
  if (options.immutable && options.maxAge === undefined) {
    throw optionInvalid("files(): immutable says nothing without maxAge. Give it one, as maxAge: '1y'.");
  }
  const settings = {...filesDefaults, ...options};
  const served = new Folder(folder, settings.allow);
  served.refuseMissing('files()');
  @Resource({leaf: true})
  class Files extends ServedFolder {
    protected readonly folder = served;
    protected readonly settings = settings;
  }
  // What the tree, the log and errors call it.
  return Object.defineProperty(Files, 'name', {value: `Files(${JSON.stringify(basename(served.path))})`});
}

/** @internal Serves a folder; what it is, and where it begins, its classes say. */
export abstract class ServedFolder {
  protected abstract readonly folder: Folder;
  protected abstract readonly settings: Settings;

  /** The segments that lead from the folder to the file. */
  protected wayOf(request: Request): readonly string[] {
    return request.postpath;
  }

  @Get()
  async serve(request: Request, response: Response): Promise<Answer> {
    const postpath = this.wayOf(request);
    // The root of a site has no segment.
    const isFolder = request.path.endsWith('/');
    const segments = isFolder && postpath.length > 0 ? postpath.slice(0, -1) : postpath;
    const found = await this.folder.open(segments);
    if (typeof found === 'string') return this.#answerLack(found, request, response);
    if (found.stats.isDirectory()) {
      if (isFolder) return this.#answerFolder(found, segments, request, response);
      found.close();
      return new SlashRedirect();
    }
    if (!isFolder) return this.#answerFile(found, segments, {cacheControl: cacheControlOf(this.settings)}, request);
    // What has a name with a slash behind it is a folder, or nothing.
    found.close();
    throw nothingHere();
  }

  async #answerFolder(
    found: OpenedFile,
    segments: readonly string[],
    request: Request,
    response: Response,
  ): ReturnType<ServedFolder['serve']> {
    try {
      for (const name of this.settings.index) {
        const way = [...segments, name];
        const index = await this.folder.open(way);
        if (typeof index === 'string') continue;
        if (index.stats.isFile())
          return await this.#answerFile(index, way, {cacheControl: cacheControlOf({})}, request);
        index.close();
      }
      if (!this.settings.listing) return await this.#answerLack('nothing', request, response);
      const {entries, isWhole} = await this.folder.list(found, listLimit);
      const path = `${request.mountPath}/${request.segments.slice(0, -1).join('/')}`;
      return new Listing(folderPage(path, entries, {isWhole, hasParent: segments.length > 0}));
    } finally {
      found.close();
    }
  }

  async #answerLack(lack: Lack, request: Request, response: Response): ReturnType<ServedFolder['serve']> {
    const {fallback} = this.settings;
    if (lack !== 'nothing' || fallback === undefined) throw errorOf(lack);
    if (!asksForHtml(request)) {
      response.vary('Accept');
      throw nothingHere();
    }
    const way = fallback.split('/');
    const found = await this.folder.open(way);
    if (typeof found === 'string') throw errorOf(found);
    const head = {cacheControl: cacheControlOf({}), vary: ['Accept']};
    if (found.stats.isFile()) return this.#answerFile(found, way, head, request);
    found.close();
    throw nothingHere();
  }

  async #answerFile(
    file: OpenedFile,
    segments: readonly string[],
    given: Pick<FileHead, 'cacheControl' | 'vary'>,
    request: Request,
  ): ReturnType<ServedFolder['serve']> {
    const {vary = []} = given;
    const plain: FileHead = {type: typeOf(file.path, this.settings.types), ...given};
    if (!this.settings.precompressed) return new FileAnswer(file, plain);
    const head = {...plain, vary: [...vary, 'Accept-Encoding']};
    // A part is one of the file itself: of what is packed anew tomorrow, the same bytes would be others.
    const packed = request.headers.range === undefined && (await this.#packed(file, segments, request));
    if (!packed) return new FileAnswer(file, head);
    file.close();
    return new FileAnswer(packed.file, {...head, coding: packed.coding});
  }

  /** The file as the client takes it most gladly, where somebody has packed it since it was changed. */
  async #packed(
    {stats}: OpenedFile,
    segments: readonly string[],
    request: Request,
  ): Promise<{file: OpenedFile; coding: Coding} | undefined> {
    const last = segments.at(-1)!;
    for (const coding of codingsFor(request, codings)) {
      const file = await this.folder.open([...segments.slice(0, -1), last + endings[coding]]);
      if (typeof file === 'string') continue;
      if (file.stats.isFile() && file.stats.mtimeMs >= stats.mtimeMs) return {file, coding};
      file.close();
    }
    return undefined;
  }
}

class Listing extends OpenAnswer {
  readonly #page: Html;

  constructor(page: Html) {
    super();
    this.#page = page;
  }

  /** @internal */
  override write(_request: Request, response: Response): Html {
    response.setHeader('Content-Security-Policy', folderPolicy);
    response.setHeader('Cache-Control', 'no-cache');
    return this.#page;
  }
}

class SlashRedirect extends OpenAnswer {
  /** @internal */
  override write(request: Request, response: Response): undefined {
    // Encoded anew: a backslash would send a browser to another host.
    response.redirect(`${request.mountPath}${encodePath(request.segments)}/${request.search}`, 308);
  }
}

/** By name, and not only as one of anything: a script that is not there is not to be a page. */
function asksForHtml(request: Request): boolean {
  const types = new Negotiator(request).mediaTypes();
  return types.includes('text/html') || types.includes('application/xhtml+xml');
}

function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('/');
}

function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isEnding(value: string): boolean {
  return /^\.[^./\\A-Z]+$/.test(value);
}

function isType(value: unknown): boolean {
  return typeof value === 'string' && /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?: *;[\t -~]*)?$/.test(value);
}
