import createError from 'http-errors';

/** What a part of a multipart form says of itself (RFC 7578). */
export interface PartHead {
  readonly name: string;
  /** The last part of its path, where the part has a file name. */
  readonly filename: string | undefined;
  /** Its `Content-Type`, as sent. */
  readonly type: string | undefined;
  /** All that it says, by lower-case name. */
  readonly headers: ReadonlyMap<string, string>;
}

/** One part of a multipart form. */
export interface Part extends PartHead {
  readonly bytes: Buffer<ArrayBuffer>;
}

/** The most bytes that the headers of one part may have, which is what Node takes for those of a request. */
const headLimit = 16 * 1024;

/** The most bytes that those of all parts may have together, and how many more for each part that is allowed: to read a whole body of headers takes long. */
const headsLimit = {least: 128 * 1024, each: 128};

/** RFC 2046, section 5.1.1: no boundary is longer. To look for one of many thousands could take long. */
const longestBoundary = 70;

const lineBreak = Buffer.from('\r\n');
const headEnd = Buffer.from('\r\n\r\n');

/**
 * Reads a form between the delimiters that `boundary` makes (RFC 2046, section 5.1.1), as it comes: each byte is looked at once,
 * and what is kept of it is no longer than the headers of a part.
 */
export class MultipartParser {
  readonly #delimiter: Buffer;
  readonly #limit: number;
  /** How many bytes the headers of further parts may have. */
  #left: number;
  #count = 0;
  // As if a line had ended before: so the first delimiter needs no line break of its own.
  #rest: Buffer<ArrayBuffer> = lineBreak;
  /** How much of what is left has been looked through for the end of headers. */
  #sought = 0;
  #state: 'preamble' | 'delimiter' | 'line' | 'lastLine' | 'head' | 'blankLine' | 'content' | 'epilogue' = 'preamble';

  /** At most `limit` parts are read. Throws a 400 where there is no such boundary. */
  constructor(boundary: string | undefined, limit: number) {
    if (!boundary || boundary.length > longestBoundary) throw incomplete();
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
    this.#limit = limit;
    this.#left = Math.max(headsLimit.least, headsLimit.each * limit);
  }

  /**
   * What more bytes of the form bring, in its order: the heads of parts, each followed by its content in pieces. Throws a 413
   * for one part more than the limit, a 400 for a part that can't be read and for what is no form, a 415 for a part that is
   * encoded.
   */
  *read(bytes: Buffer<ArrayBuffer>): Generator<PartHead | Buffer<ArrayBuffer>, void> {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    for (;;) {
      const state = this.#state;
      if (state === 'head') {
        const head = this.#head();
        if (!head) return;
        yield head;
      } else if (state === 'preamble' || state === 'blankLine' || state === 'content') {
        const content = this.#upToDelimiter();
        if (state !== 'preamble' && content.length > 0) yield content;
        if (this.#state !== 'delimiter') return;
      } else if (!this.#goOn()) return;
    }
  }

  /** No more will come. Throws a 400 where that is not the end of the form. */
  end(): void {
    const isWhole = this.#state === 'epilogue' || (this.#state === 'lastLine' && this.#rest.length === 0);
    if (!isWhole) throw incomplete();
  }

  /** What stands before the next delimiter, or as much of it as is sure to. */
  #upToDelimiter(): Buffer<ArrayBuffer> {
    const at = this.#rest.indexOf(this.#delimiter);
    const before = this.#take(at < 0 ? this.#beginOfDelimiter() : at);
    const content = this.#state === 'blankLine' ? this.#behindBlankLine(before, at === 0) : before;
    if (at >= 0) {
      this.#take(this.#delimiter.length);
      this.#state = 'delimiter';
    }
    return content;
  }

  /** A delimiter can't have the line break that ends the headers for its own. */
  #behindBlankLine(before: Buffer<ArrayBuffer>, isDelimiter: boolean): Buffer<ArrayBuffer> {
    if (isDelimiter) throw headsEndless();
    if (before.length > 0) this.#state = 'content';
    return before.subarray(lineBreak.length);
  }

  /** Where a delimiter may begin whose end has not come yet. */
  #beginOfDelimiter(): number {
    const {length} = this.#rest;
    // It begins with its only carriage return.
    const at = this.#rest.lastIndexOf(0x0d);
    const isBegin = at >= 0 && this.#delimiter.subarray(0, length - at).equals(this.#rest.subarray(at));
    return isBegin ? at : length;
  }

  /** Read on behind a delimiter. Gives whether there was enough to do so. */
  #goOn(): boolean {
    if (this.#state === 'epilogue') {
      this.#take(this.#rest.length);
      return false;
    }
    if (this.#state === 'delimiter') return this.#goOnFromDelimiter();
    return this.#goOnToLineEnd();
  }

  #goOnFromDelimiter(): boolean {
    if (this.#rest.length < 2) return false;
    const isLast = this.#rest[0] === 0x2d && this.#rest[1] === 0x2d;
    this.#state = isLast ? 'lastLine' : 'line';
    if (isLast) this.#take(2);
    return true;
  }

  /** To the end of the line. Those who send a delimiter may have put blanks after it; behind the last an epilogue may follow. */
  #goOnToLineEnd(): boolean {
    let at = 0;
    while (this.#rest[at] === 0x20 || this.#rest[at] === 0x09) at += 1;
    this.#take(at);
    if (this.#rest.length < lineBreak.length) return false;
    if (!this.#rest.subarray(0, lineBreak.length).equals(lineBreak)) throw incomplete();
    if (this.#state === 'lastLine') this.#state = 'epilogue';
    else this.#beginPart();
    return true;
  }

  #beginPart(): void {
    const limit = this.#limit;
    if (this.#count === limit) throw createError(413, `The form has more than ${limit} fields.`, {limit});
    this.#count += 1;
    this.#state = 'head';
  }

  /** The head of a part, once it is there: all from the line break before it to that of the blank line. */
  #head(): PartHead | undefined {
    const at = this.#rest.indexOf(headEnd, Math.max(0, this.#sought - headEnd.length));
    if ((at < 0 ? this.#rest.length : at) > Math.min(headLimit, this.#left)) throw headsEndless();
    this.#sought = this.#rest.length;
    if (at < 0) return undefined;
    this.#sought = 0;
    this.#left -= at;
    const head = this.#take(at);
    if (head.includes(this.#delimiter)) throw headsEndless();
    this.#take(lineBreak.length);
    this.#state = 'blankLine';
    return headOf(head.subarray(lineBreak.length));
  }

  #take(length: number): Buffer<ArrayBuffer> {
    const taken = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return taken;
  }
}

/** The parts of a whole form, in their order. Throws what `MultipartParser` does. */
export function partsOf(body: Buffer<ArrayBuffer>, boundary: string | undefined, limit: number): Part[] {
  const parser = new MultipartParser(boundary, limit);
  const parts: {head: PartHead; content: Buffer<ArrayBuffer>}[] = [];
  for (const piece of parser.read(body)) {
    // Of what is there as a whole each content is one piece.
    if (piece instanceof Uint8Array) parts.at(-1)!.content = piece;
    else parts.push({head: piece, content: Buffer.alloc(0)});
  }
  parser.end();
  return parts.map(({head, content}) => ({...head, bytes: content}));
}

function headOf(bytes: Buffer): PartHead {
  const headers = headersOf(bytes);
  const encoding = headers.get('content-transfer-encoding') ?? 'binary';
  if (!/^(?:7bit|8bit|binary)$/i.test(encoding)) throw createError(415, 'An encoded part of a form is not accepted.');
  return {...namesOf(headers.get('content-disposition')), type: headers.get('content-type'), headers};
}

/** The headers of a part by lower-case name. One that goes on in a second line is one. */
function headersOf(head: Buffer): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of utf8(head)
    .replaceAll(/\r\n(?=[ \t])/g, '')
    .split('\r\n')) {
    const [, name, value] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*([^\0\r\n]*)$/.exec(line) ?? [];
    if (name === undefined) throw unreadable('it has a line that is no header');
    // Of two, one reader would take the first, and another the last.
    if (headers.has(name.toLowerCase())) throw unreadable('it has a header twice');
    headers.set(name.toLowerCase(), value!.trimEnd());
  }
  return headers;
}

function utf8(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
  } catch {
    throw unreadable('its headers are not UTF-8');
  }
}

/** Of a `Content-Disposition`: what the part is called, and where it is a file, what that is called. */
function namesOf(disposition: string | undefined): {name: string; filename: string | undefined} {
  const [, given] = /^form-data[ \t]*(?=;|$)(.*)$/is.exec(disposition ?? '') ?? [];
  if (given === undefined) throw unreadable('it has no Content-Disposition of form data');
  const parameters = parametersOf(given);
  const name = parameters.get('name');
  if (name === undefined) throw unreadable('it has no name');
  const extended = parameters.get('filename*');
  const filename = extended === undefined ? parameters.get('filename') : extendedValue(extended);
  return {name, filename: filename === undefined ? undefined : baseName(filename)};
}

// A quotation mark in a value is written %22, and before that was agreed upon, \": then more of the value follows.
const parameter = /;[ \t]*(?:([^\s=;"]+)=(?:"((?:[^"]|(?<=\\)"(?![ \t]*(?:;|$)))*)"|([^\s;"\\]+))[ \t]*|$)/y;

function parametersOf(text: string): ReadonlyMap<string, string> {
  const parameters = new Map<string, string>();
  parameter.lastIndex = 0;
  while (parameter.lastIndex < text.length) {
    const [, name, quoted, bare] = parameter.exec(text) ?? [''];
    if (name === undefined && parameter.lastIndex < text.length) throw unreadable('its Content-Disposition is broken');
    if (name !== undefined) parameters.set(name.toLowerCase(), bare ?? unescaped(quoted!));
  }
  return parameters;
}

const escapes: Readonly<Record<string, string>> = {'%22': '"', '\\"': '"', '%0d': '\r', '%0a': '\n'};

/** As the WHATWG form standard has names written ("multipart/form-data encoding algorithm"): nothing else is encoded in them. */
function unescaped(text: string): string {
  return text.replaceAll(/%22|\\"|%0d|%0a/gi, escape => escapes[escape.toLowerCase()]!);
}

/** A value with its charset (RFC 8187, section 3.2). */
function extendedValue(text: string): string {
  const [, value] = /^utf-8'[^']*'(.*)$/is.exec(text) ?? [];
  try {
    if (value !== undefined) return decodeURIComponent(value);
  } catch {
    // What is not UTF-8 can't be read either.
  }
  throw unreadable('the name of its file is not UTF-8');
}

/** A file's name without the folders before it, which are none of ours. */
function baseName(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  return name === '.' || name === '..' ? '' : name;
}

/** The error for a body that is no multipart form, or not the whole of one. */
function incomplete(): Error {
  return createError(400, 'The body is not a complete multipart form.');
}

function headsEndless(): Error {
  return unreadable('its headers have no end, or are too long');
}

function unreadable(why: string): Error {
  return createError(400, `A part of the form can't be read: ${why}.`);
}
