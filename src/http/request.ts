import type {IncomingHttpHeaders} from 'node:http';
import {Readable} from 'node:stream';
import {parseCookie} from 'cookie';
import {proceed, recovered, type Awaitable} from '../awaitable.ts';
import {systemClock, type Clock} from '../clock.ts';
import {BodyReader, type ReadingLimits, type WholeBody} from './body-reader.ts';
import {decodeBody, decodeForm, decodeJson, decodeText, fieldLimit} from './body.ts';
import {answerConditions} from './conditions.ts';
import {cookieValues} from './cookie.ts';
import {FormParts, type FormPart} from './form-parts.ts';
import {hostOf, refuseWrongHost} from './host.ts';
import {anything, checkOptions, count, flag, kind, object, objectWith, text, type Kinds} from '../options.ts';
import {hasLeft, watchEnd, watchLate, type AnswerEnd, type Outgoing} from './outgoing.ts';
import {decodePath, patternSegment, splitTarget} from './path.ts';
import type {RequestKey} from './request-key.ts';
import type {Response} from './response.ts';
import type {BodyCoding} from './unpack.ts';
import {unixAddress, visitorAddress, type Trust} from './trust.ts';

/** What a request is read from: `IncomingMessage` and `Http2ServerRequest` are such, and so is what `Request.from` makes. */
export interface Message extends Readable {
  readonly method?: string;
  readonly url?: string;
  /** The URL before an outer framework cut off the path it mounted us at (Connect and Express keep it here). */
  readonly originalUrl?: string;
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value, …, as sent. */
  readonly rawHeaders?: readonly string[];
  readonly httpVersion?: string;
  /** With HTTP/2, and with what `Request.from` makes: whether nothing comes after the head. */
  readonly stream?: {readonly endAfterHeaders: boolean};
  /** Whether the client went before it was whole. */
  readonly aborted?: boolean;
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly encrypted?: boolean | undefined;
    /** Node notes at a socket which server has accepted it. */
    readonly server?: {address?(): unknown} | undefined;
  };
}

/** What a site says of all its requests. */
export interface RequestSettings {
  /** The most bytes a body may have. */
  readonly bodyLimit: number;
  /** The codings that a body may be compressed by. */
  readonly bodyCodings: readonly BodyCoding[];
  readonly trust: Trust;
  readonly clock: Clock;
}

/** A request made without a socket. */
export interface RequestInit {
  /** Default: `GET`. */
  readonly method?: string;
  /** Path and query. Default: `/`. */
  readonly url?: string;
  /** By name, in any case. Default: none. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Default: none. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  /** Whether it came over TLS. Default: no. */
  readonly secure?: boolean;
  /** The address it came from. Default: none, and then no proxy is believed. */
  readonly ip?: string;
  /** Aborted when the client goes. */
  readonly signal?: AbortSignal;
}

const requestKinds: Kinds<RequestInit> = {
  method: text,
  url: kind('a text', value => typeof value === 'string'),
  headers: object,
  body: anything,
  secure: flag,
  ip: kind('a text', value => typeof value === 'string'),
  signal: objectWith('an AbortSignal', 'addEventListener'),
};
const size = kind('a number of bytes, 0 or more', value => typeof value === 'number' && value >= 0);
const bodyKinds = {limit: size};
const formKinds = {limit: size, fieldLimit: count};

/** What holds for a request of no site: no proxy is trusted. */
const bareSettings: RequestSettings = {
  bodyLimit: 1024 * 1024,
  bodyCodings: [],
  trust: () => false,
  clock: systemClock,
};
/** Chromium's, Turbo's, Safari's and older Chromium's, older Firefox's, and that of Safari's Top Sites. */
const purposeHeaders = ['sec-purpose', 'x-sec-purpose', 'purpose', 'x-moz', 'x-purpose'];
const noParams: Readonly<Record<string, string>> = Object.freeze(Object.create(null) as Record<string, string>);

/**
 * What a visitor asks for. Nothing is parsed before it is asked for. Where a getter or a body method meets what it can't
 * read, it throws the `http-errors` error that should be answered, a 4xx.
 */
export class Request {
  /** The method as sent: `GET`, `POST`, … */
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  /** The path as sent: not decoded, without the query. */
  readonly path: string;
  /** @internal What answers it, in a site that does: the site's sessions. */
  answeredBy: unknown;
  /** @internal When its head had come, in milliseconds since the epoch, by the site's clock. */
  readonly arrivedAt: number;
  /** @internal The headers of the answer are settled. */
  isAnswered = false;
  /** @internal It asks for a WebSocket, and its connection can be one. */
  asksForWebSocket = false;

  readonly #message: Message;
  #isOver = false;
  #isEncrypted: boolean;
  /** Nothing where there is no connection. */
  #remoteAddress: string | undefined;
  readonly #targetHost: string | undefined;
  readonly #query: string;
  readonly #settings: RequestSettings;
  readonly #outgoing: Outgoing | undefined;
  // Lists, since few are kept, and by most requests none. A WeakMap of requests, for each key, would burden every garbage
  // collection.
  #keys: object[] | undefined;
  #values: unknown[] | undefined;
  #settlers: ((response: Response) => Awaitable<void>)[] | undefined;
  #listeners: ((response: Response, end: AnswerEnd) => void)[] | undefined;
  #answer: Response | undefined;
  #walked = 0;
  /** Name, segment, name, segment, … */
  #captured: string[] | undefined;
  /** Where in the path they are. */
  #capturedAt: number[] | undefined;
  #resource: string | undefined;
  #params: Readonly<Record<string, string>> | undefined;
  #segments: readonly string[] | undefined;
  #body: BodyReader | undefined;
  /** The body is that of a request which is still to be answered, by whoever has handed it on. */
  #isBodyOfOther = false;
  /** The signal that it was made with, if it was. */
  #given: AbortSignal | undefined;
  #ender: AbortController | undefined;

  /** Used by the server. To make a request without a socket call `Request.from`. */
  constructor(message: Message, settings: RequestSettings = bareSettings, outgoing?: Outgoing) {
    this.#message = message;
    this.#settings = settings;
    this.#outgoing = outgoing;
    this.arrivedAt = settings.clock.now();
    // Taken at once: a socket whose client has gone forgets them, and a logout would not find its session.
    this.#isEncrypted = message.socket.encrypted === true;
    this.#remoteAddress = addressOf(message.socket);
    this.method = message.method ?? 'GET';
    const target = message.url ?? '/';
    const {host, path, query} = splitTarget(target);
    this.url = target.startsWith('/') ? target : path + (query && `?${query}`);
    this.path = path;
    this.#targetHost = host;
    this.#query = query;
  }

  /** A request without a socket, for `site.handle`. Throws `OPTION_INVALID` for what no request is made of. */
  static from(init: RequestInit, settings: RequestSettings = bareSettings): Request {
    checkOptions('A request', init, requestKinds);
    const {method, url, headers, body, secure, ip, signal} = init;
    const message = Object.assign(Readable.from(body === undefined ? [] : chunks(body)), {
      method: method ?? 'GET',
      url: url ?? '/',
      headers: lowerCased(headers ?? {}),
      stream: {endAfterHeaders: body === undefined},
      socket: {encrypted: secure ?? false},
    });
    const request = new Request(message, settings);
    request.#remoteAddress = ip;
    request.#given = signal;
    return request;
  }

  /** @internal The same request for another site: with its settings, and with nothing that the first site remembers of it. */
  anew(settings: RequestSettings): Request {
    const request = new Request(this.#message, settings, this.#outgoing);
    request.#isEncrypted = this.#isEncrypted;
    request.#remoteAddress = this.#remoteAddress;
    request.#body = this.#reader;
    request.#isBodyOfOther = true;
    request.#given = this.signal;
    return request;
  }

  /** What is kept with this request by a key, or nothing. Another site that the request is handed to has none of it. */
  get<T>(key: RequestKey<T>): T | undefined {
    const at = this.#keys?.indexOf(key) ?? -1;
    return this.#values?.[at] as T | undefined;
  }

  /** Keep a value with this request, in place of the one by that key. It goes with the request. */
  set<T>(key: RequestKey<T>, value: T): void {
    const keys = (this.#keys ??= []);
    const values = (this.#values ??= []);
    const at = keys.indexOf(key);
    values[at < 0 ? keys.push(key) - 1 : at] = value;
  }

  /** @internal Have this called with the answer, once, before its headers go out; they wait for it. What it fails with is answered. */
  beforeHeaders(settle: (response: Response) => Awaitable<void>): void {
    (this.#settlers ??= []).push(settle);
  }

  /**
   * @internal The answer is made: whoever has a say in its headers says it, one after the other. What one of them fails with keeps
   * none of the others from it; the first of these is thrown when all are done.
   */
  settle(response: Response): Awaitable<void> {
    return this.#settleFrom(0, response, undefined);
  }

  #settleFrom(at: number, response: Response, failure: {error: unknown} | undefined): Awaitable<void> {
    const settle = this.#settlers?.[at];
    if (settle) {
      const said = recovered(
        () => proceed(settle(response), () => failure),
        error => failure ?? {error},
      );
      return proceed(said, failed => this.#settleFrom(at + 1, response, failed));
    }
    this.isAnswered = true;
    if (failure) throw failure.error;
    // When everybody has said what they say, the tag too.
    if (response.isConditional) answerConditions(this, response);
    return undefined;
  }

  /**
   * @internal Have this called when the answer has gone out, or goes out no further: at once, where it has. It must not fail. Whoever
   * asks for it first when the answer is on its way is not told how much of a stream went out.
   */
  afterAnswer(tell: (response: Response, end: AnswerEnd) => void): void {
    const isFirst = this.#listeners === undefined;
    (this.#listeners ??= []).push(tell);
    if (isFirst && this.#answer) watchLate(this.#answer, this.#outgoing, end => this.#tellEnd(end));
  }

  /** @internal The answer is about to go out. */
  handOver(response: Response): void {
    this.#answer = response;
    if (this.#listeners) watchEnd(response, this.#outgoing, end => this.#tellEnd(end));
  }

  #tellEnd(end: AnswerEnd): void {
    const listeners = this.#listeners!;
    this.#listeners = undefined;
    for (const tell of listeners) tell(this.#answer!, end);
  }

  /** Every segment of the path, decoded. Throws a 400 for a path that can't be decoded. */
  get segments(): readonly string[] {
    return (this.#segments ??= decodePath(this.path));
  }

  /** The segments walked so far: those that led to this resource. */
  get prepath(): readonly string[] {
    return this.segments.slice(0, this.#walked);
  }

  /** The segments still to walk: empty, except in a leaf. */
  get postpath(): readonly string[] {
    return this.segments.slice(this.#walked);
  }

  /** Captured segments by name, decoded: `request.params.year` for `:year`. */
  get params(): Readonly<Record<string, string>> {
    return (this.#params ??= this.#captured ? namedSegments(this.#captured) : noParams);
  }

  /** @internal One more segment is behind us, or so many. */
  walk(steps = 1): void {
    this.#walked += steps;
  }

  /** @internal A segment goes by a name from now on. */
  capture(name: string, segment: string): void {
    (this.#captured ??= []).push(name, segment);
    (this.#capturedAt ??= []).push(this.#walked - 1);
    this.#params = undefined;
  }

  /** @internal A resource of this class has been found: the walk is over. */
  arrive(resource: string): void {
    this.#resource = resource;
  }

  /** @internal The class of the resource, once that has been found. */
  get resource(): string | undefined {
    return this.#resource;
  }

  /**
   * The way to the resource as the tree declares it: `/people/:name` for `/people/ada`; with what a leaf is left, nothing is
   * added. It is known once the walk has ended, so in a handler and in what stands before one, and in any middleware behind
   * `next()`; `undefined` before, and where nothing was found.
   */
  get pattern(): string | undefined {
    if (this.#resource === undefined) return undefined;
    const declared = this.segments.slice(0, this.#walked).map(patternSegment);
    this.#capturedAt?.forEach((at, each) => (declared[at] = `:${this.#captured![2 * each]}`));
    return `/${declared.join('/')}`;
  }

  /** Where the site hangs in an outer framework's paths: `/app` below `app.use('/app', site.handler)`, otherwise empty. */
  get mountPath(): string {
    const {originalUrl: original = this.url} = this.#message;
    const originalUrl = original.startsWith('/') ? original : original.replace(/^https?:\/\/[^/?#]*/i, '');
    // Express gives the root of what it mounts a slash that the visitor's URL need not have: '/app?x' becomes '/?x'.
    const url = originalUrl.endsWith(this.url) ? this.url : this.url.replace(/^\/(?=\?|$)/, '');
    const mounted = originalUrl.endsWith(url) ? originalUrl.slice(0, originalUrl.length - url.length) : '';
    // What could pass for the name of another host in front of a path can't.
    return mounted.replaceAll('\\', '%5C').replace(/^\/{2,}/, '/');
  }

  /** The query, parsed anew at each call. */
  get query(): URLSearchParams {
    return new URLSearchParams(this.#query);
  }

  /** The query as sent, with its `?`, or nothing. */
  get search(): string {
    return this.#query && `?${this.#query}`;
  }

  /** The headers, by lower-case name, as Node gives them. */
  get headers(): IncomingHttpHeaders {
    return this.#message.headers;
  }

  /** Every cookie by name, decoded, parsed anew at each call; the first of a name wins. */
  get cookies(): Readonly<Record<string, string | undefined>> {
    return parseCookie(this.headers.cookie ?? '');
  }

  /** Every value the client sent for one cookie, as sent, without parsing the others. */
  cookieValues(name: string): string[] {
    return cookieValues(this.headers.cookie, name);
  }

  /** @internal Whether the browser asks in advance, for what its visitor may want: that is not their doing. */
  get isPrefetch(): boolean {
    return purposeHeaders.some(name => {
      const purpose = this.headers[name];
      return purpose !== undefined && /\b(?:prefetch|prerender|preview)\b/i.test(String(purpose));
    });
  }

  /**
   * The host the client asked for, with its port, as sent; that of an absolute target first (RFC 9112, section 3.2.2), then
   * HTTP/2's `:authority` (RFC 9113, section 8.3.1), then `Host`. A request whose host is none is answered with a 400.
   */
  get host(): string | undefined {
    return hostOf(this.#message, this.#targetHost);
  }

  /** @internal Throws a 400 for a request of which nobody can say what host it is for. */
  refuseWrongHost(): void {
    refuseWrongHost(this.#message, this.#targetHost);
  }

  /** Whether the visitor came over TLS: to us, or to a proxy we trust that says so in `X-Forwarded-Proto`. */
  get secure(): boolean {
    return this.#isEncrypted || (this.claimsTls && this.#proxyIsTrusted());
  }

  /** @internal Whether somebody on the way, trusted or not, says that the visitor came over TLS. */
  get claimsTls(): boolean {
    const proto = this.headers['x-forwarded-proto'];
    return proto !== undefined && /^https *(?:,|$)/i.test(String(proto));
  }

  /** @internal What it is read from, for whoever hands it on. */
  get message(): Message {
    return this.#message;
  }

  /** @internal The body, where it has been read as a whole, or is being read. Throws `BODY_TAKEN` where it is read as a stream. */
  get wholeBody(): WholeBody | undefined {
    return this.#body?.whole;
  }

  /** @internal The address at the other end of the connection, whoever is behind it; `unix` for a Unix socket, nothing without a connection. */
  get remoteAddress(): string | undefined {
    return this.#remoteAddress;
  }

  /** @internal The version of HTTP that it came in: `1.1`. Nothing without a connection. */
  get httpVersion(): string | undefined {
    return this.#message.httpVersion;
  }

  #proxyIsTrusted(): boolean {
    return Boolean(this.#remoteAddress) && this.#settings.trust(this.#remoteAddress!, 0);
  }

  /**
   * The visitor's address: the nearest one in `X-Forwarded-For` that is no trusted proxy, or the socket's. Of a Unix socket it is
   * `unix`, without a socket and an address that was given it is empty.
   */
  get ip(): string {
    return visitorAddress(this.#remoteAddress ?? '', this.headers['x-forwarded-for'], this.#settings.trust);
  }

  /**
   * Aborted when the client goes before it has the whole answer, when a closing site will not wait any longer, when the WebSocket is
   * closed that it has opened, by whomever, and, with a `TimeoutError`, when `handlerTimeout` is over.
   */
  get signal(): AbortSignal {
    return this.#endedBy.signal;
  }

  /** @internal The answer is complete: handed over whole, or as a stream that has ended or was cut. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** @internal The answer is complete: what is still to come of the body is for nobody. */
  end(): void {
    this.#isOver = true;
    if (!this.#isBodyOfOther) this.#body?.release();
  }

  /** @internal Its WebSocket is closed: it is over, and whoever works for it may stop. */
  leave(): void {
    this.end();
    this.abort(departure());
  }

  /** @internal Tell whoever answers it, by `signal`, that nobody waits for that any more. */
  abort(reason: unknown): void {
    this.#endedBy.abort(reason);
  }

  /** @internal Aborted when the client goes, and for nothing else: for who answers what was aborted otherwise. */
  departure(): AbortSignal {
    return enderOf(this.#outgoing, this.#given).signal;
  }

  get #endedBy(): AbortController {
    return (this.#ender ??= enderOf(this.#outgoing, this.#given));
  }

  /** @internal Whether this error says no more than that nobody waits any more, which the handler was told by `signal`. */
  isDeparture(error: unknown): boolean {
    if (!this.#ender?.signal.aborted) return false;
    let cause = error;
    while (cause instanceof Error && cause.name !== 'AbortError' && cause !== this.signal.reason) ({cause} = cause);
    return cause instanceof Error;
  }

  /** @internal The clock of the site. */
  get clock(): Clock {
    return this.#settings.clock;
  }

  /**
   * The body, read once and kept. `limit` is in bytes (default: the site's `bodyLimit`) and counts at the first reading.
   * Throws a 413 past the limit, also of a body that is unpacked, a 400 when the body ends early, a 415 when it is compressed
   * otherwise than the site's `bodyCodings` say, `BODY_TAKEN` where it has another reader, and an `AbortError` when the request is
   * answered before the whole body has been read, as `handlerTimeout` may do.
   */
  async bytes(options: {limit?: number} = {}): Promise<Buffer<ArrayBuffer>> {
    checkOptions('The reading of a body', options, bodyKinds);
    return this.#reader.bytes(this.#limits(options));
  }

  /**
   * The body as it comes, unpacked, no faster than it is taken; it is not kept. `limit` as in `bytes`. Throws what `bytes` does: at
   * once what the headers tell, otherwise while it is read. It has one reader: a second one, of whatever kind, gets `BODY_TAKEN`.
   * What has not been read of it when the request is answered is thrown away.
   */
  stream(options: {limit?: number} = {}): AsyncIterableIterator<Buffer<ArrayBuffer>> {
    checkOptions('The reading of a body', options, bodyKinds);
    return this.#reader.stream(this.#limits(options));
  }

  /** @internal The body to hand on: as it comes, packed as it is. Throws what `stream` does. */
  bodyToHandOn(): AsyncIterableIterator<Buffer<ArrayBuffer>> {
    return this.#reader.handOn();
  }

  /** @internal Nobody reads the body any more. */
  releaseBody(): void {
    this.#reader.release();
  }

  /**
   * The parts of a multipart form as they come, plain fields too, in the order they were sent. `limit` is that of the whole body, in
   * bytes (default: the site's `bodyLimit`), `fieldLimit` the most parts (default: 1,000). Throws what `stream` does, at once a 415
   * for another type, and while it is read a 400 for a part that can't be read and a 413 for one too many.
   */
  files(options: {limit?: number; fieldLimit?: number} = {}): AsyncIterableIterator<FormPart> {
    checkOptions('The reading of a form', options, formKinds);
    const limits = {fieldLimit: options.fieldLimit ?? fieldLimit, bodyLimit: this.#settings.bodyLimit};
    return new FormParts(() => this.#reader.stream(this.#limits(options)), this.headers['content-type'], limits);
  }

  get #reader(): BodyReader {
    if (!this.#body) {
      this.#body = new BodyReader(this.#message, this.headers);
      if (this.#isOver) this.#body.release();
    }
    return this.#body;
  }

  #limits({limit = this.#settings.bodyLimit}: {limit?: number}): ReadingLimits {
    return {limit, codings: this.#settings.bodyCodings};
  }

  /** The body as text. Throws what `bytes` does, and a 400 or 415 for text in no known charset. */
  async text(options?: {limit?: number}): Promise<string> {
    return decodeText(await this.bytes(options), this.headers);
  }

  /**
   * The body as JSON. Throws what `text` does, a 415 for another type, a 400 for broken JSON and for a nest of more than 500
   * levels. What holds much is parsed in pieces, so that other requests go on meanwhile.
   */
  async json(options?: {limit?: number}): Promise<unknown> {
    return decodeJson(await this.bytes(options), this.headers);
  }

  /** @internal The body as its type says: a JSON value or a form; nothing where there is none. Throws what these two do. */
  content(): Awaitable<unknown> {
    return this.#reader.bytes(this.#limits({})).then(bytes => decodeBody(bytes, this.headers));
  }

  /** The body as a form, URL-encoded or multipart; a file is a `File`. Throws what `text` does, a 415 for another type. */
  async form(options?: {limit?: number}): Promise<FormData> {
    return decodeForm(await this.bytes(options), this.headers);
  }
}

function addressOf({remoteAddress, server}: Message['socket']): string {
  if (remoteAddress !== undefined) return remoteAddress;
  // A connection that is closed already has no address either.
  return typeof server?.address?.() === 'string' ? unixAddress : '';
}

function namedSegments(captured: readonly string[]): Record<string, string> {
  const params = Object.create(null) as Record<string, string>;
  for (let at = 0; at < captured.length; at += 2) params[captured[at]!] = captured[at + 1]!;
  return params;
}

async function* chunks(body: string | Uint8Array | AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (typeof body === 'string') yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else yield* body;
}

function lowerCased(headers: Readonly<Record<string, string | undefined>>): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function enderOf(outgoing: Outgoing | undefined, given: AbortSignal | undefined): AbortController {
  const controller = new AbortController();
  const follow = () => controller.abort(given?.reason);
  if (given?.aborted) follow();
  given?.addEventListener('abort', follow, {once: true});
  const leave = () => controller.abort(departure());
  if (outgoing && hasLeft(outgoing)) leave();
  outgoing?.once('close', () => {
    if (hasLeft(outgoing)) leave();
  });
  return controller;
}

function departure(): DOMException {
  return new DOMException('The client has gone.', 'AbortError');
}
