import createError from 'http-errors';

/** One part of a multipart form (RFC 7578). */
export interface Part {
  readonly name: string;
  /** The last part of its path, where the part has a file name. */
  readonly filename: string | undefined;
  /** Its `Content-Type`, as sent. */
  readonly type: string | undefined;
  readonly bytes: Buffer<ArrayBuffer>;
}

/** The most bytes that the headers of all parts may have together: to read a whole body of headers takes long. */
const headLimit = 128 * 1024;

/**
 * The parts of a form between the delimiters that `boundary` makes (RFC 2046, section 5.1.1), in their order. Throws a 413 for
 * more than `limit`, before any is read, a 400 for a form that does not end and for a part that can't be read, a 415 for one
 * that is encoded.
 */
export function partsOf(body: Buffer<ArrayBuffer>, boundary: string, limit: number): Part[] {
  let left = headLimit;
  return contentsOf(body, boundary, limit).map(content => {
    const headEnd = content.subarray(0, left).indexOf('\r\n\r\n');
    if (headEnd < 0) throw unreadable('its headers have no end, or are too long');
    left -= headEnd;
    return partOf(content.subarray(0, headEnd), content.subarray(headEnd + 4));
  });
}

/** What stands between the delimiters. */
function contentsOf(body: Buffer<ArrayBuffer>, boundary: string, limit: number): Buffer<ArrayBuffer>[] {
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  const contents: Buffer<ArrayBuffer>[] = [];
  // The first one needs no line break before it.
  let at = body.indexOf(delimiter.subarray(2)) === 0 ? -2 : seek(body, delimiter, 0);
  while (!closes(body, at + delimiter.length)) {
    if (contents.length === limit) throw createError(413, `The form has more than ${limit} fields.`);
    const start = endOfLine(body, at + delimiter.length);
    at = seek(body, delimiter, start);
    contents.push(body.subarray(start, at));
  }
  return contents;
}

function seek(body: Buffer, delimiter: Buffer, from: number): number {
  const at = body.indexOf(delimiter, from);
  if (at < 0) throw incomplete();
  return at;
}

/** Whether the delimiter that ends here is the last; an epilogue may follow in lines of its own. */
function closes(body: Buffer, at: number): boolean {
  if (body.toString('latin1', at, at + 2) !== '--') return false;
  const end = afterBlanks(body, at + 2);
  if (end < body.length && !breaksAt(body, end)) throw incomplete();
  return true;
}

/** Where the next line begins. Those who send a delimiter may have put blanks after it. */
function endOfLine(body: Buffer, at: number): number {
  const end = afterBlanks(body, at);
  if (!breaksAt(body, end)) throw incomplete();
  return end + 2;
}

function afterBlanks(body: Buffer, at: number): number {
  let end = at;
  while (body[end] === 0x20 || body[end] === 0x09) end += 1;
  return end;
}

function breaksAt(body: Buffer, at: number): boolean {
  return body[at] === 0x0d && body[at + 1] === 0x0a;
}

function partOf(head: Buffer, bytes: Buffer<ArrayBuffer>): Part {
  const headers = headersOf(head);
  const encoding = headers.get('content-transfer-encoding') ?? 'binary';
  if (!/^(?:7bit|8bit|binary)$/i.test(encoding)) throw createError(415, 'An encoded part of a form is not accepted.');
  return {...namesOf(headers.get('content-disposition')), type: headers.get('content-type'), bytes};
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
export function incomplete(): Error {
  return createError(400, 'The body is not a complete multipart form.');
}

function unreadable(why: string): Error {
  return createError(400, `A part of the form can't be read: ${why}.`);
}
