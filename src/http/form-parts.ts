import {setImmediate} from 'node:timers/promises';
import {parse as parseContentType} from 'content-type';
import createError from 'http-errors';
import {ignore} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import {checkOptions, kind, type Kinds} from '../options.ts';
import {decodeText, wrongType} from './body.ts';
import {safeFileName} from './file-name.ts';
import {MultipartParser, type PartHead} from './multipart.ts';

type Bytes = Buffer<ArrayBuffer>;

/** How much of a part is read. */
interface PartLimits {
  /** The most bytes. Default: the site's `bodyLimit`. */
  readonly limit?: number;
}

const partKinds: Kinds<PartLimits> = {
  limit: kind('a number of bytes, 0 or more', value => typeof value === 'number' && value >= 0),
};

/**
 * A part of a form that is still on its way: a file, or a plain field. Its content is read once, before the next part is asked for:
 * piece by piece, no faster than it is taken (`for await (const bytes of part)`), or as a whole. What is not read is passed over.
 */
export class FormPart implements AsyncIterable<Bytes> {
  /** The name of its field. */
  readonly name: string;
  /**
   * What a file is called, made safe to be the name of a file: without a path, characters that can't be seen and names of devices,
   * 255 bytes at most. Empty where the file has no name; nothing for a plain field.
   */
  readonly filename: string | undefined;
  /** Its media type, in lower case and without parameters, as the client says: `image/png`. */
  readonly type: string;
  /** What it says of itself, by lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly #pieces: AsyncIterableIterator<Bytes>;
  readonly #bodyLimit: number;

  /** Used by `request.files()`. */
  constructor({name, filename, type, headers}: PartHead, pieces: AsyncIterableIterator<Bytes>, bodyLimit: number) {
    this.name = name;
    this.filename = filename === undefined ? undefined : safeFileName(filename);
    this.type = parseContentType(type ?? (filename === undefined ? 'text/plain' : 'application/octet-stream')).type;
    this.headers = Object.freeze(
      Object.assign(Object.create(null), Object.fromEntries(headers)) as Record<string, string>,
    );
    this.#pieces = pieces;
    this.#bodyLimit = bodyLimit;
  }

  /** The content in pieces, as it comes. Throws a 400 where it breaks off. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Bytes> {
    return this.#pieces;
  }

  /** The content as a whole. Rejects with a 413 for more than `limit` bytes, and a 400 where it breaks off. */
  async bytes(options: PartLimits = {}): Promise<Bytes> {
    checkOptions('The reading of a part', options, partKinds);
    const {limit = this.#bodyLimit} = options;
    const pieces: Bytes[] = [];
    let size = 0;
    for await (const piece of this) {
      size += piece.length;
      if (size > limit) throw partTooLarge(this, limit);
      pieces.push(piece);
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, size);
  }

  /** The content as text, in the charset that its type names, or UTF-8. Rejects as `bytes` does, and with a 400 or 415 for no such text. */
  async text(options?: PartLimits): Promise<string> {
    return this.decode(await this.bytes(options));
  }

  /** @internal Its content as the text that its type says. */
  decode(bytes: Uint8Array): string {
    return decodeText(bytes, {'content-type': this.headers['content-type'] ?? ''});
  }
}

/** @internal The error for a part that is larger than it may be. */
export function partTooLarge({name}: FormPart, limit: number): Error {
  return createError(413, `The field ${JSON.stringify(name)} is larger than ${limit} bytes.`, {field: name, limit});
}

/** The most parts of a form, and the most bytes of one that is read as a whole. */
export interface FormLimits {
  readonly fieldLimit: number;
  readonly bodyLimit: number;
}

/** So many parts are given in one turn of the event loop. */
const partsInTurn = 50;

/** The parts of a form as they come. One step is done after the other, whoever asks. */
export class FormParts implements AsyncIterableIterator<FormPart> {
  readonly #source: AsyncIterator<Bytes>;
  readonly #parser: MultipartParser;
  readonly #bodyLimit: number;
  #pieces: Iterator<PartHead | Bytes, void> | undefined;
  /** The head that ended the part before it. */
  #head: PartHead | undefined;
  #current: object | undefined;
  #isOver = false;
  #isLeft = false;
  #count = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** Throws a 415 for what is no multipart form by its type, and a 400 for one without a boundary. */
  constructor(open: () => AsyncIterator<Bytes>, contentType: string | undefined, limits: FormLimits) {
    const {type, parameters} = parseContentType(contentType ?? '');
    if (type !== 'multipart/form-data') throw wrongType(['multipart/form-data']);
    this.#parser = new MultipartParser(parameters['boundary'], limits.fieldLimit);
    this.#source = open();
    this.#bodyLimit = limits.bodyLimit;
  }

  /** The next part; what is left of the one before is passed over. */
  async next(): Promise<IteratorResult<FormPart>> {
    if (this.#isLeft) return {done: true, value: undefined};
    this.#current = undefined;
    return this.#inTurn(async () => {
      this.#count += 1;
      // Many small parts may have come at once, and others want to be answered too.
      if (this.#count % partsInTurn === 0) await setImmediate();
      let piece = this.#head ?? (await this.#piece());
      while (piece instanceof Uint8Array) piece = await this.#piece();
      this.#head = undefined;
      if (!piece) return {done: true, value: undefined};
      const current = (this.#current = {});
      return {done: false, value: new FormPart(piece, this.#contentOf(current), this.#bodyLimit)};
    });
  }

  async return(): Promise<IteratorResult<FormPart>> {
    this.#isOver = this.#isLeft = true;
    this.#current = this.#head = undefined;
    await this.#source.return?.();
    return {done: true, value: undefined};
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #contentOf(part: object): AsyncIterableIterator<Bytes> {
    let isDone = false;
    const read = async (): Promise<IteratorResult<Bytes>> => {
      const piece = isDone ? undefined : await this.#piece();
      // Whoever has left the form meanwhile has not had the whole of this part.
      if (this.#isLeft && !isDone) throw passed();
      if (piece instanceof Uint8Array) return {done: false, value: piece};
      if (!isDone) this.#head = piece;
      isDone = true;
      return {done: true, value: undefined};
    };
    const content: AsyncIterableIterator<Bytes> = {
      next: async () => {
        if (this.#current !== part && !isDone) throw passed();
        return this.#inTurn(read);
      },
      return: async () => ({done: true, value: undefined}),
      [Symbol.asyncIterator]: () => content,
    };
    return content;
  }

  /** What comes next: the head of a part, some of its content, or nothing at the end of the form. */
  async #piece(): Promise<PartHead | Bytes | undefined> {
    while (!this.#isOver) {
      const step = this.#pieces?.next();
      if (step?.done === false) return step.value;
      const more = await this.#source.next();
      if (more.done) {
        this.#isOver = true;
        this.#parser.end();
      } else this.#pieces = this.#parser.read(more.value);
    }
    return undefined;
  }

  /** Of a form that can't be read on, every further step fails as the first did. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(act);
    this.#last = turn;
    ignore(turn);
    return turn;
  }
}

function passed(): EspalierError {
  return new EspalierError(
    'BODY_TAKEN',
    'This part of the form has been passed. Read each before the next is asked for.',
  );
}
