import {Agent as PlainAgent, type IncomingMessage} from 'node:http';
import {Agent as SecureAgent} from 'node:https';
import createError from 'http-errors';
import type * as Library from 'httpxy';
import {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {bodyStream, endToEndHeaders, hasBody, lengthOf, rest, whole} from '../http/hand-on.ts';
import {isSafe} from '../http/method.ts';
import type {Request} from '../http/request.ts';
import {isOfConnection, Response} from '../http/response.ts';
import {hush} from '../http/stream.ts';
import {asksForWebSocket, refuseWrongHandshake, socketKinds, type SocketOptions} from '../http/web-sockets.ts';
import {inject} from '../inject.ts';
import {Logger} from '../logger.ts';
import {checkOptions, delay, flag, kind, oneOf, optionInvalid, secret, type Kinds} from '../options.ts';
import {OutageLog} from '../outage-log.ts';
import {peer} from '../peer.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {Resource} from '../resource/resource.ts';
import {declareHandshakes} from '../resource/socket.ts';
import {Any} from '../resource/verbs.ts';
import {SessionService} from '../session/session-service.ts';
import {forwardedHeaders, isOfProxies, withoutCookies} from './proxy-headers.ts';
import {shakeHands, SocketAnswer} from './proxy-socket.ts';
import {ownLocation, targetOf, type Target} from './proxy-target.ts';
import {refusable} from './refusable.ts';

const {proxyFetch} = peer('httpxy', 'espalier/builtin/proxy') as typeof Library;

/** How requests are handed on to another server. */
export interface ProxyOptions {
  /** Whether the target is asked for the whole path. Default: false, what leads to the proxy's place is cut off. */
  readonly wholePath?: boolean;
  /** Whose host the target finds in `Host`: the one that the visitor asked for, or its own. Default: `visitor`. */
  readonly host?: 'visitor' | 'target';
  /**
   * How many milliseconds the target may take to be reached, to take a piece of the body, and to begin its answer when it has the whole
   * request. Past that it is a 504. Default: 60 seconds.
   */
  readonly timeout?: number;
  /** How many milliseconds there may be between two pieces of its answer. Past that the answer is cut off. Default: 2 minutes. */
  readonly idleTimeout?: number;
  /**
   * Whether the target gets the cookie of this site's session, and may set it: where it is a process of the same site, with the same
   * store. Default: false, it is kept from the target.
   */
  readonly sessionCookie?: boolean;
  /**
   * Other origins whose pages may open WebSockets of the target, as `https://app.example`, beside those of the site's `csrf`; `'any'` for
   * all there are, where the target looks at `Origin` itself. Default: none.
   */
  readonly origins?: SocketOptions['origins'];
  /** The certificates, as PEM, by one of which that of the target must be signed. Default: those that Node knows. */
  readonly ca?: string | Buffer;
}

const proxyKinds: Kinds<ProxyOptions> = {
  wholePath: flag,
  host: oneOf('visitor', 'target'),
  timeout: delay,
  idleTimeout: delay,
  sessionCookie: flag,
  origins: socketKinds.origins,
  ca: secret(kind('PEM, as a text or a Buffer', value => typeof value === 'string' || Buffer.isBuffer(value))),
};

/** What holds where `ProxyOptions` are silent. */
export const proxyDefaults = {
  wholePath: false,
  host: 'visitor',
  timeout: 60_000,
  idleTimeout: 120_000,
  sessionCookie: false,
} as const;

type Settings = {readonly [Name in keyof typeof proxyDefaults]: NonNullable<ProxyOptions[Name]>};

/**
 * A resource that another server answers for, at its place and all below it, by every method: `http://…`, `https://…`, or
 * `unix:/run/app.sock`. Bodies are streamed both ways; when the client goes, so does the target's request. WebSockets are handed
 * on; a page of another origin gets a 403 there, `CSRF_REFUSED`. The target is told the visitor's address, host and scheme as this site believes them, and nothing of what a client says of them. What it does not answer is
 * a 502, `TARGET_FAILED`, and past `timeout` a 504, `TARGET_LATE`. It begins no session. Throws `OPTION_INVALID`, and
 * `PACKAGE_MISSING` where `httpxy` is not installed.
 */
export const proxy = refusable(makeProxy);

function makeProxy(target: string | URL, options: ProxyOptions = {}): ResourceClass {
  const settled = targetOf(target);
  if (!settled) {
    const wayOut =
      'Give a URL like "http://127.0.0.1:4000/app", without a user, a query and a hash, or "unix:/run/app.sock".';
    throw optionInvalid(`proxy() was given a target that is none. ${wayOut}`);
  }
  checkOptions('proxy()', options, proxyKinds);
  const {ca, origins = [], ...settings} = {...proxyDefaults, ...options};
  const agent = settled.isSecure ? new SecureAgent({keepAlive: true}) : new PlainAgent({keepAlive: true});

  @Resource({leaf: true})
  class Proxy {
    readonly #client: Client;

    constructor(
      @inject(SessionService) sessions: SessionService,
      @inject(Clock) clock: Clock,
      @inject(Logger) logger: Logger,
    ) {
      const cookies = settings.sessionCookie ? [] : sessions.cookieNames;
      this.#client = new Client(settled!, settings, {agent, ca, cookies, clock, outages: new OutageLog(logger)});
    }

    @Any()
    answer(request: Request): Promise<Response | SocketAnswer> {
      return this.#client.answer(request);
    }
  }
  declareHandshakes(Proxy, origins);
  return Proxy;
}

interface Means {
  readonly agent: PlainAgent;
  readonly ca: string | Buffer | undefined;
  /** The names of the cookies that are kept from the target. */
  readonly cookies: readonly string[];
  readonly clock: Clock;
  readonly outages: OutageLog;
}

/** An answer of the target; no message where there is no body. */
class Answer {
  constructor(
    readonly message: IncomingMessage | null,
    readonly head: {readonly status: number; readonly headers: readonly [string, string][]},
  ) {}

  static of(message: IncomingMessage): Answer {
    const {statusCode: status = 0, rawHeaders} = message;
    const headers = rawHeaders.flatMap((name, at): [string, string][] => (at % 2 ? [] : [[name, rawHeaders[at + 1]!]]));
    return new Answer(status === 204 || status === 304 ? null : message, {status, headers});
  }
}

/** Asks the target. */
class Client {
  readonly #target: Target;
  readonly #settings: Settings;
  readonly #means: Means;

  constructor(target: Target, settings: Settings, means: Means) {
    this.#target = target;
    this.#settings = settings;
    this.#means = means;
  }

  async answer(request: Request): Promise<Response | SocketAnswer> {
    // It would tell what was sent, with all that proxies have added, to whoever asks.
    if (request.method === 'TRACE') throw createError(501, "TRACE can't be asked here.");
    const wantsSocket = asksForWebSocket(request.message);
    if (wantsSocket) refuseUnfit(request);
    const path = this.#pathFor(request);
    const {outages} = this.#means;
    const exchange = new Exchange(this.#means.clock, this.#settings.timeout, request.signal);
    try {
      const answer = wantsSocket
        ? await this.#shakeHands(request, path, exchange)
        : this.#responseOf(await this.#ask(request, path, exchange), request, exchange);
      outages.recover(`${this.#target.name} answers again.`);
      return answer;
    } catch (error) {
      exchange.abort();
      throw this.#failure(error, request, exchange);
    } finally {
      exchange.stopWaiting();
    }
  }

  /** The path to ask for: below that of the target, unless the visitor asked for the very place of the proxy. */
  #pathFor(request: Request): string {
    const {path} = this.#target;
    if (this.#settings.wholePath) return path.replace(/\/$/, '') + whole(request);
    const isHere = request.postpath.length === 0;
    return isHere ? path + rest(request).slice(1) : path.replace(/\/$/, '') + rest(request);
  }

  /** What the target answers to a handshake: the WebSocket, or the refusal. */
  async #shakeHands(request: Request, path: string, exchange: Exchange): Promise<Response | SocketAnswer> {
    const {ca, clock} = this.#means;
    const headers = this.#headers(request, undefined);
    const handshake = {path, headers, ca, signal: exchange.signal};
    const {message, taken} = await exchange.orEnd(shakeHands(this.#target, handshake));
    if (!taken) return this.#responseOf(Answer.of(message), request, exchange);
    const told = new Response();
    this.#adopt(Answer.of(message).head.headers, message.headers.connection ?? '', request, told);
    return new SocketAnswer(taken, told, clock);
  }

  async #ask(request: Request, path: string, exchange: Exchange): Promise<Answer> {
    const body = hasBody(request) ? bodyStream(request, exchange.heed) : undefined;
    const ask = (agent: PlainAgent | false) => this.#send(request, path, body, exchange, agent);
    try {
      return await ask(this.#means.agent);
    } catch (error) {
      // The connection may have been an older one, which the target was just closing.
      if (body || !isSafe(request.method) || !isReset(error) || exchange.isOver) throw error;
      return ask(false);
    }
  }

  async #send(
    request: Request,
    path: string,
    body: ReadableStream<Uint8Array> | undefined,
    exchange: Exchange,
    agent: PlainAgent | false,
  ): Promise<Answer> {
    const {address, hostname} = this.#target;
    const {ca} = this.#means;
    const init = {method: request.method, headers: this.#headers(request, body), signal: exchange.signal, body};
    const ssl = {...(hostname !== undefined && {hostname}), ...(ca !== undefined && {ca})};
    const answered = proxyFetch(address, `http://target.invalid${path}`, init as never, {
      agent,
      ssl,
      Response: Answer as never,
    });
    return (await exchange.orEnd(answered)) as unknown as Answer;
  }

  #headers(request: Request, body: unknown): Record<string, string | string[]> {
    const {host, sessionCookie} = this.#settings;
    const headers: Record<string, string | string[]> = Object.create(null) as {};
    for (const [name, value] of endToEndHeaders(request)) {
      if (isOfProxies(name) || name === 'host' || name === 'content-length') continue;
      const sent = name === 'cookie' && !sessionCookie ? withoutCookies(value, this.#means.cookies) : value;
      if (sent !== '') headers[name] = sent;
    }
    Object.assign(headers, forwardedHeaders(request, this.#prefix(request)));
    headers['host'] = (host === 'visitor' && request.host) || this.#target.host;
    if (body) Object.assign(headers, framing(request));
    else if (!isSafe(request.method)) headers['content-length'] = '0';
    return headers;
  }

  /** What leads to the place of the proxy, where the target is not told by the path. */
  #prefix(request: Request): string {
    if (this.#settings.wholePath) return request.mountPath;
    return (
      request.mountPath +
      request.path
        .split('/')
        .slice(0, 1 + request.prepath.length)
        .join('/')
        .replace(/^\/$/, '')
    );
  }

  #responseOf({message, head}: Answer, request: Request, exchange: Exchange): Response {
    const response = new Response();
    response.isHead = request.method === 'HEAD';
    response.status = head.status;
    if (!message) {
      // Nobody has read it to its end, so the connection can't be used again.
      exchange.abort();
      this.#adopt(head.headers, '', request, response);
      return response;
    }
    hush(message);
    this.#adopt(head.headers, message.headers.connection ?? '', request, response);
    if (response.isHead || response.status === 205) message.resume();
    else response.body = new Pieces(message, this.#means.clock, this.#settings.idleTimeout);
    return response;
  }

  #adopt(headers: readonly [string, string][], connection: string, request: Request, response: Response): void {
    const listed = new Set(connection.toLowerCase().split(/\s*,\s*/));
    for (const [name, value] of headers) {
      const known = name.toLowerCase();
      if (isOfConnection(known) || listed.has(known)) continue;
      if (known === 'set-cookie' && this.#means.cookies.includes(value.split('=')[0]!.trim())) continue;
      const isPlace = known === 'location' || known === 'content-location';
      add(response, name, isPlace ? this.#location(value, request) : value);
    }
  }

  #location(value: string, request: Request): string {
    return this.#settings.wholePath ? value : ownLocation(value, this.#target, this.#prefix(request));
  }

  #failure(error: unknown, request: Request, {isLate}: Exchange): unknown {
    // Whoever asked has gone, or has sent what can't be read.
    if (request.signal.aborted) return request.signal.reason;
    if (createError.isHttpError(error)) return error;
    const {outages} = this.#means;
    const cause = isLate ? new Error(`It has not answered in ${this.#settings.timeout} ms.`) : error;
    outages.fail(`${this.#target.name} does not answer as it should: ${String(cause)}`, cause);
    return isLate
      ? new EspalierError('TARGET_LATE', 'The server that has to answer this takes too long.', {status: 504, cause})
      : new EspalierError('TARGET_FAILED', 'The server that has to answer this does not.', {status: 502, cause});
  }
}

/** Throws what is to be answered to a handshake that can't be handed on. */
function refuseUnfit(request: Request): void {
  // Without its handshake the target would answer something, and no client would know why.
  if (!request.asksForWebSocket)
    throw createError(501, 'No WebSocket can be opened over this connection.', {expose: true});
  refuseWrongHandshake(request.headers);
}

/** How long the body is, as it was sent, or else in chunks. A length that no parser has checked is not believed. */
function framing(request: Request): Record<string, string> {
  const length = lengthOf(request);
  return length === undefined || request.headers['transfer-encoding'] !== undefined
    ? {'transfer-encoding': 'chunked'}
    : {'content-length': length};
}

function isReset(error: unknown): boolean {
  const {code} = Object(error) as {code?: unknown};
  return code === 'ECONNRESET' || code === 'EPIPE';
}

/** Of what can be there once, the first one holds. */
function add(response: Response, name: string, value: string): void {
  try {
    response.appendHeader(name, value);
  } catch (error) {
    if (response.header(name) === undefined) throw error;
  }
}

/** One request to the target, until its answer begins: how long it is waited for, and how it is ended. */
class Exchange {
  readonly signal: AbortSignal;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #ender = new AbortController();
  readonly #ended = Promise.withResolvers<never>();
  #cancel: (() => void) | undefined;
  /** Whether the target has taken too long. */
  isLate = false;

  constructor(clock: Clock, timeout: number, client: AbortSignal) {
    this.#clock = clock;
    this.#timeout = timeout;
    this.signal = AbortSignal.any([client, this.#ender.signal]);
    // Nobody may wait for it.
    this.#ended.promise.catch(() => undefined);
    this.signal.addEventListener('abort', () => this.#ended.reject(this.signal.reason as Error), {once: true});
    this.heed(false);
  }

  get isOver(): boolean {
    return this.signal.aborted;
  }

  /** While the client is waited for, the target has all the time. */
  readonly heed = (isClientAwaited: boolean): void => {
    this.stopWaiting();
    if (isClientAwaited || this.isOver) return;
    this.#cancel = this.#clock.after(this.#timeout, () => {
      this.isLate = true;
      this.abort();
    });
  };

  stopWaiting(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  abort(): void {
    this.#ender.abort();
  }

  /** What is answered; the end of the exchange where that comes before. A target that says 101 unasked is never heard of again. */
  orEnd<T>(answered: Promise<T>): Promise<T> {
    return Promise.race([answered, this.#ended.promise]);
  }
}

const nothing = new Uint8Array();

/** The pieces of the target's answer as they come. The first one is empty, so that its head goes out at once. */
class Pieces implements AsyncIterableIterator<Uint8Array> {
  readonly #message: IncomingMessage;
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #clock: Clock;
  readonly #timeout: number;
  #hasBegun = false;

  constructor(message: IncomingMessage, clock: Clock, timeout: number) {
    this.#message = message;
    this.#pieces = message[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      return {done: false, value: nothing};
    }
    const giveUp = () => this.#message.destroy(new Error(`The target has sent nothing for ${this.#timeout} ms.`));
    const cancel = this.#clock.after(this.#timeout, giveUp);
    try {
      return await this.#pieces.next();
    } finally {
      cancel();
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#message.destroy();
    return {done: true, value: undefined};
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
