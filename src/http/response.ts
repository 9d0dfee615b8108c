import createError from 'http-errors';
import {describe} from '../errors.ts';
import {checkOptions, optionInvalid} from '../options.ts';
import {refuseUnmet, timeOf} from './conditions.ts';
import type {Conversation} from './conversation.ts';
import {cookieKinds, setCookieText, type CookieOptions} from './cookie.ts';
import {mediaTypeFor} from './media-type.ts';
import {isSafe} from './method.ts';
import {validateHeaderName, validateHeaderValue} from './node-http.ts';
import type {Request} from './request.ts';
import {dismiss} from './stream.ts';

/** What can go out as a body. A stream sends its chunks as they come. */
export type Body = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/**
 * What the visitor gets besides the body, which the handler returns. Nothing is sent before the handler is done, and for a
 * stream before its first chunk.
 */
export class Response {
  /** @internal A handler returns its body. */
  body: Body | undefined;
  /** @internal What this answers, in a site. */
  request: Request | undefined;
  /** @internal Whether the answer is compared with the conditions of the request before it goes out. */
  isConditional = false;
  /** @internal What the connection goes over to: then the answer is a 101. */
  conversation: Conversation | undefined;
  /** @internal This is for HEAD, so the headers speak of a body that is not sent. */
  isHead = false;
  /** @internal The method that returned what is to be the body, for errors: `Page.show()`. */
  giver = 'The site';
  /** @internal Called when no more of a streamed body will be read. */
  onStreamEnd: (() => void) | undefined;
  #signal: AbortSignal | undefined;
  #status: number | undefined;
  // Name, value, name, value, …: the shape that Node writes fastest.
  readonly #headers: string[] = [];

  /** The HTTP status. Default: 200, or 204 where there is no body. Throws a RangeError for what is no final status. */
  get status(): number {
    if (this.conversation) return 101;
    return this.#status ?? (this.body === undefined ? 204 : 200);
  }

  set status(status: number) {
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`A response can't have the status ${status}: it must be a whole number from 200 to 599.`);
    }
    this.#status = status;
  }

  /** @internal Aborted when nobody waits for this any more: that of the request, unless it was given another. */
  get signal(): AbortSignal | undefined {
    return this.#signal ?? this.request?.signal;
  }

  set signal(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** @internal How many things are set. It tells whether a handler has set any. */
  get settings(): number {
    return this.#headers.length + Number(this.#status !== undefined);
  }

  /** The value of a header; of several by one name the first. */
  header(name: string): string | undefined {
    const at = this.#find(name, 0);
    return at < 0 ? undefined : this.#headers[at + 1];
  }

  /** @internal Whether one of the headers by this name has this value. */
  has(name: string, value: string): boolean {
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at + 2)) {
      if (this.#headers[at + 1] === value) return true;
    }
    return false;
  }

  /**
   * Set a header in place of all by its name. Throws a TypeError for a name or value that HTTP does not allow, and for the
   * headers that are the server's to set: `Connection`, `Transfer-Encoding` and their like. A `Content-Length` counts for a
   * stream alone, which is cut off where it is not as long. `Upgrade` is sent over HTTP/1.1 only: HTTP/2 has none.
   */
  setHeader(name: string, value: string | number): void {
    this.#set(name, headerValue(name, value));
  }

  /**
   * Add a header beside those by its name. Throws a TypeError as `setHeader` does, and for another value of a header that can
   * have only one; the same value again changes nothing there.
   */
  appendHeader(name: string, value: string | number): void {
    const text = headerValue(name, value);
    const before = singleHeaders.has(name.toLowerCase()) ? this.header(name) : undefined;
    if (before === undefined) this.#headers.push(name, text);
    else if (before !== text) throw new TypeError(`${name} can have one value only, and has one. Use setHeader().`);
  }

  /** Take every header by this name away. */
  removeHeader(name: string): void {
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at)) this.#headers.splice(at, 2);
  }

  /**
   * Send a cookie, in a `Set-Cookie` header of its own. Default attributes: `Path=/; HttpOnly; SameSite=Lax`. `maxAge` is
   * in seconds. Throws a TypeError for a name, value or attribute that a cookie can't have, and `OPTION_INVALID` for an attribute
   * that there is not.
   */
  setCookie(name: string, value: string, options: CookieOptions = {}): void {
    checkOptions('setCookie()', options, cookieKinds);
    this.addCookie(setCookieText(name, value, options));
  }

  /** @internal Send a cookie whose text is known to be right. */
  addCookie(text: string): void {
    this.#headers.push('Set-Cookie', text);
  }

  /** Have the browser forget a cookie; `path` and `domain` must be those it was set with. */
  clearCookie(name: string, options?: CookieOptions): void {
    this.setCookie(name, '', {...options, maxAge: 0});
  }

  /**
   * Send the visitor elsewhere. `status` is 303 by default: ask for it with GET, whatever the method was. What no URL can hold
   * as it is, like a letter beyond ASCII, is percent-encoded in `location`. Never take it unchecked from the visitor (CWE-601).
   * Throws a TypeError for what no header can hold.
   */
  redirect(location: string, status: 301 | 302 | 303 | 307 | 308 = 303): void {
    this.status = status;
    this.setHeader('Location', encodeLocation(location));
  }

  /**
   * When that which is answered was last changed: the header `Last-Modified`, to the second. Set it as a `Date`, or in milliseconds
   * since the epoch. GET and HEAD are answered by it then: a 304 where the client has the answer already (`If-Modified-Since`), a
   * 412 where it asks for an older one (`If-Unmodified-Since`). An `ETag` goes before, if the answer has one. For a method that
   * changes something, set it before the change: where that is later than `If-Unmodified-Since`, it throws a 412 (RFC 9110, section
   * 13.2.2). Set once more, after the change, it only says so. Throws a TypeError for what is no date.
   */
  get lastModified(): Date | undefined {
    const time = timeOf(this.header('Last-Modified'));
    return time === undefined ? undefined : new Date(time);
  }

  set lastModified(at: Date | number | undefined) {
    if (at === undefined) {
      this.removeHeader('Last-Modified');
      return;
    }
    const changedAt = Number(at);
    const text = new Date(changedAt).toUTCString();
    if (timeOf(text) === undefined)
      throw new TypeError('lastModified must be a Date, or milliseconds since the epoch.');
    this.#refuseChanged(changedAt);
    this.isConditional = true;
    this.#set('Last-Modified', text);
  }

  /** Where a client names the state by its tag, `checkPrecondition` compares that. */
  #refuseChanged(changedAt: number): void {
    const {request} = this;
    if (!request || isSafe(request.method) || request.headers['if-match'] !== undefined) return;
    if (this.header('Last-Modified') === undefined) refuseUnmet(request, {tag: undefined, changedAt, isThere: true});
  }

  /**
   * What the client takes most gladly, by its `Accept`; of what it takes as gladly the first. Each function gives what a handler may
   * return, and the one that is chosen is called. The names are `html`, `json`, `text` and `xml`, or types in full, as `'text/csv'`:
   * the answer has that type, unless the function sets another. Sets `Vary: Accept`. Throws a 406 where the client takes none of
   * them (RFC 9110, section 12.5.1), and `OPTION_INVALID` for another name, and for what is no function.
   */
  negotiate<T extends Readonly<Record<string, () => unknown>>>(answers: T): ReturnType<T[keyof T]> {
    const names = Object.keys(answers);
    const types = names.map(typeNamed);
    for (const [name, answer] of Object.entries(answers)) refuseUncallable(name, answer);
    this.#vary('Accept');
    const type = mediaTypeFor(this.request ?? {headers: {}}, types);
    if (type === undefined) {
      throw createError(406, `This can be had as ${types.join(', ')}. The Accept of the request takes none of these.`);
    }
    this.setHeader('Content-Type', /^(?:text\/|application\/xml$)/.test(type) ? `${type}; charset=utf-8` : type);
    return answers[names[types.indexOf(type)]!]!() as ReturnType<T[keyof T]>;
  }

  /** Tell caches that the answer depends on this request header. */
  vary(name: string): void {
    checkHeader('Vary', name);
    this.#vary(name);
  }

  /**
   * @internal The answer is made for one visitor, whom their cookie names: keep it out of every cache, or where the handler has
   * said `private`, out of those that others share. So nothing goes out that some of them put before `Cache-Control`.
   */
  keepPrivate(): void {
    this.#vary('Cookie');
    for (let at = this.#headers.length - 2; at >= 0; at -= 2) {
      if (isForSingleCaches(this.#headers[at]!)) this.#headers.splice(at, 2);
    }
    const control = this.#values('Cache-Control');
    if (lists(control, 'private') && !lists(control, 'public')) return;
    // Whoever has asked that nothing on the way changes the body had a reason.
    this.#set('Cache-Control', lists(control, 'no-transform') ? 'no-store, no-transform' : 'no-store');
    // Caches of HTTP/1.0 know no other.
    this.removeHeader('Expires');
  }

  /** @internal The type of the body, unless the handler has set one. */
  defaultType(type: string): void {
    if (this.#find('Content-Type', 0) < 0) this.#headers.push('Content-Type', type);
  }

  /** @internal Every header, as name, value, name, value, with the body's length where it is known. */
  headerList(): string[] {
    const length = this.#length();
    if (length !== undefined) this.#set('Content-Length', String(length));
    else if (this.status === 204 || this.status === 101) this.removeHeader('Content-Length');
    // There is nothing that it could be the type of.
    if (hasNoBody(this.status)) this.removeHeader('Content-Type');
    return this.#headers;
  }

  // The true one, whatever the handler said: a wrong one would have the next answer taken for a part of this. Of a stream,
  // and to HEAD without a body, a handler may tell one; with a 204 or 304 there is none (RFC 9110, section 8.6).
  #length(): number | undefined {
    const {status, body} = this;
    if (status === 101 || status === 204 || status === 304) return undefined;
    if (status === 205) return 0;
    if (typeof body === 'string') return Buffer.byteLength(body);
    if (body instanceof Uint8Array) return body.byteLength;
    return body !== undefined || this.isHead ? undefined : 0;
  }

  /** @internal Say what another response says: its headers in place of those by their names, its cookies and its `Vary` besides. */
  adopt(other: Response): void {
    const headers = other.headerList();
    const names = headers.filter((_, i) => i % 2 === 0);
    for (const name of names) if (!isAdded(name)) this.removeHeader(name);
    for (const [at, name] of names.entries()) {
      const value = headers[2 * at + 1]!;
      if (isSameName(name, 'Vary')) for (const each of value.split(/\s*,\s*/)) this.#vary(each);
      else this.#headers.push(name, value);
    }
  }

  /** @internal The body as far as it is sent: not with HEAD, and not with a 204, 205 or 304 (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5). */
  get sentBody(): Body | undefined {
    return this.isHead || hasNoBody(this.status) ? undefined : this.body;
  }

  /** @internal The body as far as it is sent, where that is a stream. */
  get stream(): AsyncIterable<string | Uint8Array> | undefined {
    const body = this.sentBody;
    return typeof body === 'object' && !(body instanceof Uint8Array) ? body : undefined;
  }

  /**
   * @internal The answer is that of an error from now on. What was set before holds there too, but what describes the body that is
   * not sent, and what would let caches keep it.
   */
  fail(status: number): void {
    if (this.stream) dismiss(this.stream);
    this.conversation?.abandon();
    this.conversation = undefined;
    this.#status = status;
    this.body = undefined;
    for (let at = this.#headers.length - 2; at >= 0; at -= 2) {
      if (!holdsForErrors(this.#headers[at]!.toLowerCase(), this.#headers[at + 1]!)) this.#headers.splice(at, 2);
    }
  }

  /**
   * @internal The client has it already: it is not sent, nor what describes it, but for what caches go by (RFC 9110, section
   * 15.4.5).
   */
  keepUnsent(): void {
    if (this.stream) dismiss(this.stream);
    this.#status = 304;
    this.body = undefined;
    for (let at = this.#headers.length - 2; at >= 0; at -= 2) {
      const name = this.#headers[at]!.toLowerCase();
      if (bodyHeaders.has(name) && !cacheHeaders.has(name)) this.#headers.splice(at, 2);
    }
  }

  /** @internal Whether the comma-separated values of a header list this word, in any case. */
  lists(name: string, word: string): boolean {
    return lists(this.#values(name), word);
  }

  #vary(name: string): void {
    const named = this.#values('Vary');
    if (named === '') this.#set('Vary', name);
    else if (!lists(named, name) && !lists(named, '*')) this.#set('Vary', `${named}, ${name}`);
  }

  #set(name: string, value: string): void {
    this.removeHeader(name);
    this.#headers.push(name, value);
  }

  /** All values of a header, as if they had come in one (RFC 9110, section 5.2). */
  #values(name: string): string {
    let values = '';
    for (let at = this.#find(name, 0); at >= 0; at = this.#find(name, at + 2)) {
      values += `${values && ', '}${this.#headers[at + 1]!}`;
    }
    return values;
  }

  #find(name: string, from: number): number {
    for (let at = from; at < this.#headers.length; at += 2) if (isSameName(this.#headers[at]!, name)) return at;
    return -1;
  }
}

const shortNames: ReadonlyMap<string, string> = new Map([
  ['html', 'text/html'],
  ['json', 'application/json'],
  ['text', 'text/plain'],
  ['xml', 'application/xml'],
]);

function typeNamed(name: string): string {
  const type = shortNames.get(name) ?? name;
  if (/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type)) return type.toLowerCase();
  throw optionInvalid(
    `negotiate() has no "${name}". Its names are html, json, text and xml, or types in full, as "text/csv".`,
  );
}

function refuseUncallable(name: string, answer: unknown): void {
  if (typeof answer === 'function') return;
  const wayOut = `It must be a function, which is called when that type is chosen: {${JSON.stringify(name)}: () => …}.`;
  throw optionInvalid(`negotiate(): the value of "${name}" is ${describe(answer)}. ${wayOut}`);
}

/** Whether what is said by a header of this name stands beside what was said before. */
export function isAdded(name: string): boolean {
  return /^(?:set-cookie|vary)$/i.test(name);
}

function hasNoBody(status: number): boolean {
  return status === 101 || status === 204 || status === 205 || status === 304;
}

// Control characters are left for the header to refuse. A backslash would be a slash for browsers.
function encodeLocation(location: string): string {
  return location.toWellFormed().replace(/[ "<>\\^`{|}]|[^\0-\x7f]+/g, encodeURIComponent);
}

function isSameName(one: string, other: string): boolean {
  return one === other || (one.length === other.length && one.toLowerCase() === other.toLowerCase());
}

/** Whether a header tells some caches what others read in `Cache-Control`: `CDN-Cache-Control` (RFC 9213) and those of single vendors. */
function isForSingleCaches(name: string): boolean {
  return /^(?:.*-cache-control|surrogate-control|edge-control|x-accel-expires)$/i.test(name);
}

/** They describe a body, or say where it is; `content-*` that do not are few. */
const bodyHeaders: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-digest',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'digest',
  'etag',
  'last-modified',
  'location',
  'repr-digest',
]);

/** Of these, what tells a cache which body it has. */
const cacheHeaders: ReadonlySet<string> = new Set(['content-location', 'etag', 'last-modified']);

function holdsForErrors(name: string, value: string): boolean {
  if (name === 'cache-control') return lists(value, 'no-store') || lists(value, 'private');
  return name !== 'expires' && !isForSingleCaches(name) && !bodyHeaders.has(name);
}

/** Of one connection only (RFC 9110, section 7.6.1), and so the server's to set. */
const connectionHeaders: ReadonlySet<string> = new Set(
  'connection http2-settings keep-alive proxy-connection te trailer transfer-encoding'.split(' '),
);

/** Whether a header says something of one connection, so that it can't be handed on. */
export function isOfConnection(name: string): boolean {
  return name === 'upgrade' || connectionHeaders.has(name);
}

/** Those that can have one value, of which Node refuses two over HTTP/2. */
const singleHeaders: ReadonlySet<string> = new Set(
  (
    'access-control-allow-credentials access-control-allow-origin access-control-max-age access-control-request-method age ' +
    'authorization content-encoding content-language content-length content-location content-md5 content-range content-type ' +
    'date dnt etag expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified ' +
    'location max-forwards proxy-authorization range referer retry-after tk upgrade-insecure-requests user-agent ' +
    'x-content-type-options'
  ).split(' '),
);

/** The value as it is sent. Blanks around it mean nothing, and not every HTTP/2 client takes them (RFC 9113, section 8.2.1). */
function headerValue(name: string, given: string | number): string {
  const value = String(given).replace(/^[ \t]+|[ \t]+$/g, '');
  checkHeader(name, value);
  return value;
}

function checkHeader(name: string, value: string): void {
  const known = name.toLowerCase();
  if (connectionHeaders.has(known)) throw new TypeError(`${name} is the server's to set.`);
  validateHeaderName(name);
  validateHeaderValue(name, value);
  if (known === 'content-length' && !/^\d+$/.test(value)) {
    throw new TypeError(`The Content-Length can't be ${JSON.stringify(value)}: it must be a whole number of bytes.`);
  }
}

/** Whether a comma-separated header value lists this word, in any case. */
function lists(value: string, word: string): boolean {
  if (value === '') return false;
  return value
    .toLowerCase()
    .split(/\s*[,;]\s*/)
    .includes(word.toLowerCase());
}
