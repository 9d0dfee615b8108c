import {randomUUID} from 'node:crypto';
import {mkdir, open, rename, unlink} from 'node:fs/promises';
import {join} from 'node:path';
import createError from 'http-errors';
import {ignore} from '../awaitable.ts';
import type {FormPart} from '../http/form-parts.ts';
import {partTooLarge} from '../http/form-parts.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, count, kind, method, optionInvalid, text, type Kinds} from '../options.ts';

/** What `saveUploads` takes of a form. */
export interface SaveUploadsOptions {
  /** The most bytes of one file. Default: 10 MiB. */
  readonly maxFileSize?: number;
  /** The most files. Default: 10. */
  readonly maxFiles?: number;
  /** The most bytes of all plain fields together, which are kept in memory. Default: 64 KiB. */
  readonly maxFieldSize?: number;
  /** The types that files may have, as their senders say: `image/png`, or `image/*` for all images. Default: any. */
  readonly types?: readonly string[];
  /** Called after each piece of a file that has been written. What it throws ends the upload. Default: nobody is told. */
  readonly onProgress?: (progress: UploadProgress) => void;
}

/** How far an upload is. */
export interface UploadProgress {
  /** The field of the file that is being written. */
  readonly field: string;
  /** How many bytes of all files have been written. */
  readonly written: number;
  /** How many bytes the whole body has, with all that is no file; nothing where its sender does not say. */
  readonly total: number | undefined;
}

/** A file of a form that has been saved. */
export interface SavedFile {
  /** The name of its field. */
  readonly field: string;
  /** What it was called where it came from, made safe. Two files may have the same name. */
  readonly filename: string;
  /** Its media type, as its sender says. */
  readonly type: string;
  /** How many bytes it has. */
  readonly size: number;
  /** Where it is: in the folder, by a name that nobody else has. */
  readonly path: string;
}

/** What a form has brought. */
export interface SavedUploads {
  readonly files: readonly SavedFile[];
  readonly fields: FormData;
}

const mediaRange = /^[\w!#$&^.+-]+\/(?:\*|[\w!#$&^.+-]+)$/;

const saveUploadsKinds: Kinds<SaveUploadsOptions> = {
  maxFileSize: count,
  maxFiles: count,
  maxFieldSize: count,
  types: kind(
    'a list of types, as "image/png" or "image/*"',
    value =>
      Array.isArray(value) &&
      value.length > 0 &&
      value.every(each => typeof each === 'string' && mediaRange.test(each)),
  ),
  onProgress: method,
};

/** What holds where `SaveUploadsOptions` are silent. */
export const saveUploadsDefaults = {maxFileSize: 10 * 1024 * 1024, maxFiles: 10, maxFieldSize: 64 * 1024};

/** The most plain fields, and how many bytes there may be around each part. */
const around = {fields: 1000, part: 1024};

/**
 * Saves the files of a multipart form in a folder, which is made where it is not there, and gives them with the plain fields. While
 * they come they have names of their own, `.upload-…`; when the whole form is there they are renamed, each to a new UUID: a client
 * has no part in the name. Throws what `request.files()` does, a 413 for a file or fields that are too large and for too many
 * files, and a 415 for a file of another type, each with what is allowed. Then no file is left, and neither is one where the answer
 * to the request is an error: the status 400 or above. One that the handler has moved elsewhere stays.
 */
export async function saveUploads(
  request: Request,
  folder: string,
  options: SaveUploadsOptions = {},
): Promise<SavedUploads> {
  checkOptions('saveUploads()', options, saveUploadsKinds);
  if (!text.fits(folder)) throw optionInvalid(`saveUploads(): the folder must be ${text.wanted}.`);
  const saving = new Saving(request, folder, {...saveUploadsDefaults, ...options});
  try {
    const uploads = await saving.save();
    const tidy = ({status}: Response) => (status >= 400 ? saving.discard() : undefined);
    request.beforeHeaders(tidy);
    // What has its say in the headers later may fail.
    request.afterAnswer(response => ignore(Promise.resolve(tidy(response))));
    return uploads;
  } catch (error) {
    await saving.discard();
    throw error;
  }
}

type Settings = typeof saveUploadsDefaults & SaveUploadsOptions;

class Saving {
  readonly #request: Request;
  readonly #folder: string;
  readonly #settings: Settings;
  readonly #fields = new FormData();
  readonly #files: {readonly temporary: string; readonly saved: SavedFile}[] = [];
  /** All that was written, by whatever name it goes. */
  readonly #paths: string[] = [];
  #fieldSize = 0;
  #written = 0;

  constructor(request: Request, folder: string, settings: Settings) {
    this.#request = request;
    this.#folder = folder;
    this.#settings = settings;
  }

  async save(): Promise<SavedUploads> {
    const {maxFiles, maxFileSize, maxFieldSize} = this.#settings;
    const fieldLimit = around.fields + maxFiles;
    const limit = maxFiles * maxFileSize + maxFieldSize + fieldLimit * around.part;
    for await (const part of this.#request.files({limit, fieldLimit})) {
      await (part.filename === undefined ? this.#keepField(part) : this.#saveFile(part, part.filename));
    }
    for (const {temporary, saved} of this.#files) {
      this.#paths.push(saved.path);
      await rename(temporary, saved.path);
    }
    return {files: this.#files.map(({saved}) => saved), fields: this.#fields};
  }

  /** Take away what was written. */
  async discard(): Promise<void> {
    // What is not there, or can't be taken away, is not to hide why.
    await Promise.allSettled(this.#paths.map(path => unlink(path)));
  }

  async #keepField(part: FormPart): Promise<void> {
    const {maxFieldSize} = this.#settings;
    const bytes = await part.bytes({limit: maxFieldSize});
    this.#fieldSize += part.name.length + bytes.length;
    if (this.#fieldSize > maxFieldSize) {
      throw createError(413, `The fields are larger than ${maxFieldSize} bytes.`, {limit: maxFieldSize});
    }
    this.#fields.append(part.name, part.decode(bytes));
  }

  async #saveFile(part: FormPart, filename: string): Promise<void> {
    const pieces = part[Symbol.asyncIterator]();
    const first = await pieces.next();
    // A file input that was left empty.
    if (first.done && filename === '') return;
    this.#refuse(part);
    const uuid = randomUUID();
    const temporary = join(this.#folder, `.upload-${uuid}`);
    await mkdir(this.#folder, {recursive: true});
    const file = await open(temporary, 'wx');
    this.#paths.push(temporary);
    let size: number;
    try {
      size = await this.#write(file, part, first, pieces);
    } finally {
      await file.close();
    }
    const {name: field, type} = part;
    this.#files.push({temporary, saved: {field, filename, type, size, path: join(this.#folder, uuid)}});
  }

  #refuse({name: field, type}: FormPart): void {
    const {maxFiles, types} = this.#settings;
    if (this.#files.length === maxFiles) {
      throw createError(413, `The form has more than ${maxFiles} files.`, {limit: maxFiles});
    }
    const fits = (range: string) => range.toLowerCase() === type || range === `${type.split('/')[0]}/*`;
    if (!types || types.some(fits)) return;
    throw createError(415, `The file in ${JSON.stringify(field)} must be ${types.join(' or ')}.`, {field, types});
  }

  async #write(
    file: Awaited<ReturnType<typeof open>>,
    part: FormPart,
    first: IteratorResult<Buffer>,
    pieces: AsyncIterator<Buffer>,
  ): Promise<number> {
    const {maxFileSize, onProgress} = this.#settings;
    let size = 0;
    for (let step = first; !step.done; step = await pieces.next()) {
      size += step.value.length;
      if (size > maxFileSize) throw partTooLarge(part, maxFileSize);
      // From where it is, and all of it, unlike write().
      await file.appendFile(step.value);
      this.#written += step.value.length;
      onProgress?.({field: part.name, written: this.#written, total: this.#total});
    }
    return size;
  }

  get #total(): number | undefined {
    const {'content-length': length, 'content-encoding': coding, 'transfer-encoding': transfer} = this.#request.headers;
    return length === undefined || coding !== undefined || transfer !== undefined ? undefined : Number(length);
  }
}
