import {lookup} from 'node:dns/promises';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {
  constants,
  createSecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type {AddressInfo, Server as NetServer, Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {createSecureContext, Server as TlsServer} from 'node:tls';
import {announcesBody} from './body.ts';
import {commandLine} from '../command-line.ts';
import {EspalierError} from '../errors.ts';
import {asksToConnect, lineOver} from './extended-connect.ts';
import {Http2Connections} from './http2-connections.ts';
import {checkOptions, kind, optionInvalid, optionsOf, required, secret, text, type Kinds} from '../options.ts';
import type {Line} from './conversation.ts';
import {listenError} from './listen-error.ts';
import {createServer as createHttpServer} from './node-http.ts';
import type {Outgoing} from './outgoing.ts';
import type {Message} from './request.ts';
import type {Body, Response} from './response.ts';
import {Pump} from './pump.ts';
import {isWholeAnywhere, StreamCut, type Chunk} from './stream.ts';
import {TurnEnd} from './turn-end.ts';
import {lastAnswer, Upgrades} from './upgrades.ts';
import {asksForWebSocket} from './web-sockets.ts';

/** Where and how to listen. */
export interface ListenOptions {
  /** Default: 8080. 0 takes any free one. */
  readonly port?: number;
  /** The name or address to listen on. Default: `localhost`, on every address it has. */
  readonly host?: string;
  /** The key and certificate, as PEM. With them the server speaks TLS: HTTP/2, and HTTP/1.1 with clients that do not. */
  readonly tls?: {readonly key: string | Buffer; readonly cert: string | Buffer};
  /**
   * How many milliseconds a connection may be without a request before it is ended. Default: 65 seconds, since load balancers keep
   * theirs for 60: whoever ends it first must be the one that sends requests. 0 is without end, here and below.
   */
  readonly keepAliveTimeout?: number;
  /** How many milliseconds the head of a request may take. Default: 60 seconds, and never more than `requestTimeout`. */
  readonly headersTimeout?: number;
  /** How many milliseconds a request may take to come, with its body. Default: 5 minutes. */
  readonly requestTimeout?: number;
  /**
   * How many milliseconds a client may take nothing of an answer that is ready for it. Then the answer is cut off. Default: 60
   * seconds. However slowly it reads, it may go on; and what an answer waits for is no fault of its client.
   */
  readonly sendTimeout?: number;
  /** How often, in milliseconds, it is looked for requests that take too long. Default: 30 seconds. */
  readonly connectionsCheckingInterval?: number;
  /** The most bytes of the head of a request. Default: 16 KiB. Past that it is a 431; over HTTP/2, where each header counts for 32 bytes more, it is refused. */
  readonly maxHeaderSize?: number;
  /** The most headers of a request; over HTTP/2 browsers send each cookie as one. Default: 2000. */
  readonly maxHeadersCount?: number;
  /** The most requests on one connection of HTTP/1.1. Default: 0, which is without a limit. */
  readonly maxRequestsPerSocket?: number;
  /** The most requests at a time on one connection of HTTP/2. Default: 128. */
  readonly maxConcurrentStreams?: number;
}

const pem = kind('PEM, as a text or a Buffer', value => text.fits(value) || Buffer.isBuffer(value));
const secretPem = required(secret(pem));

type Tls = NonNullable<ListenOptions['tls']>;

const tlsKinds: Kinds<Tls> = {key: secretPem, cert: secretPem};

/** Node's timers and counters take no more. */
const mostOfAnyLimit = 2 ** 31 - 1;

/** One of Node's limits, from so many on. */
const limit = (least: number) =>
  kind(
    `a whole number from ${least} to ${mostOfAnyLimit}`,
    value => Number.isInteger(value) && (value as number) >= least && (value as number) <= mostOfAnyLimit,
  );

/** What the values of `ListenOptions` may be. */
export const listenKinds: Kinds<ListenOptions> = {
  port: kind(
    'a whole number from 0 to 65535',
    value => Number.isInteger(value) && value === ((value as number) & 65_535),
  ),
  host: text,
  tls: optionsOf<Tls>(tlsKinds),
  keepAliveTimeout: limit(0),
  headersTimeout: limit(0),
  requestTimeout: limit(0),
  sendTimeout: limit(0),
  connectionsCheckingInterval: limit(1),
  maxHeaderSize: limit(1),
  maxHeadersCount: limit(0),
  maxRequestsPerSocket: limit(0),
  maxConcurrentStreams: limit(1),
};

type Limits = Omit<typeof listenDefaults, 'port' | 'host'>;

/** What holds where `ListenOptions` are silent. */
export const listenDefaults = {
  port: 8080,
  host: 'localhost',
  keepAliveTimeout: 65_000,
  headersTimeout: 60_000,
  requestTimeout: 300_000,
  sendTimeout: 60_000,
  connectionsCheckingInterval: 30_000,
  maxHeaderSize: 16_384,
  maxHeadersCount: 2000,
  maxRequestsPerSocket: 0,
  maxConcurrentStreams: 128,
};

/** Answers a message that has come in: hands the response over once, now or later. Throws only for a message that it can't begin with. */
type Answer = (
  message: Message,
  outgoing: Outgoing,
  send: (response: Response) => void,
  asksForWebSocket: boolean,
) => void;

/** A listener for `node:http` and `node:http2` servers. */
export type Listener = (
  message: IncomingMessage | Http2ServerRequest,
  answer: ServerResponse | Http2ServerResponse,
) => void;

/** A listener for the event `upgrade` of a `node:http` server. */
export type UpgradeListener = (message: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** The socket side of a site: takes messages in, writes answers out. The one file that opens sockets. */
export class Server {
  readonly #answer: Answer;
  readonly #onBroken: (error: unknown) => void;
  readonly #hasSockets: () => boolean;
  readonly #listening: NetServer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #http2: Http2Connections[] = [];
  /** What ends the streams under way. */
  readonly #stops = new Set<() => void>();
  readonly #upgrades = new Upgrades();
  readonly #turnEnd = new TurnEnd();
  #onEmpty: (() => void) | undefined;
  #closing = false;

  /**
   * `onBroken` hears of answers that could not be sent whole, and of servers that fail. `hasSockets` is whether anything is answered with
   * WebSockets: otherwise nobody asks for them, as far as Node is concerned.
   */
  constructor(answer: Answer, onBroken: (error: unknown) => void, hasSockets: () => boolean = () => false) {
    this.#answer = answer;
    this.#onBroken = onBroken;
    this.#hasSockets = hasSockets;
  }

  /** Takes requests from any Node server: `http.createServer(listener)`, `app.use(listener)`. */
  // What else is there may want to hear of an answer's end where its request began, so there none waits for the end of a turn.
  readonly listener: Listener = (message, out) => this.#take(message, out as ServerResponse, undefined);

  /** `limits` are those of a server of ours. */
  #take(message: Parameters<Listener>[0], out: ServerResponse, limits: Limits | undefined): void {
    if (isHttp1(out) && !out.socket) endWithConnection(out);
    try {
      this.#answer(message as Message, out, response => this.#send(response, out, limits), false);
    } catch (error) {
      this.#breakOff(error, out);
    }
  }

  /** Takes connections that ask for another protocol from any Node server: `server.on('upgrade', upgrade)`. */
  readonly upgrade: UpgradeListener = (message, socket, head) => this.#takeUpgrade({message, socket, head}, undefined);

  #takeUpgrade(line: Line, limits: Limits | undefined): void {
    const {message, socket} = line;
    const send = (response: Response) => this.#send(response, lastAnswer(line), limits);
    const answer = (response: Response) => this.#orDestroy(socket, () => this.#upgrades.answer(response, line, send));
    const take = () => {
      // Node has stopped reading HTTP here: what would be the body is in `head`, and never comes by the message.
      if (announcesBody(message.headers)) return void lastAnswer(line).writeHead(400, ['Content-Length', '0']).end();
      message.push(null);
      this.#answer(message as Message, socket, answer, asksForWebSocket(message));
    };
    this.#upgrades.take(line, () => this.#orDestroy(socket, take));
  }

  /** Who has let go of the connection hears of no failure, and would not survive it. */
  #orDestroy(socket: Duplex, act: () => void): void {
    try {
      act();
    } catch (error) {
      socket.destroy();
      this.#onBroken(error);
    }
  }

  /**
   * Begin to listen; gives the URL. Rejects with `PORT_TAKEN`, `LISTEN_FAILED`, `OPTION_INVALID` or `SITE_CLOSED`, and then has
   * opened nothing.
   */
  async listen(options: ListenOptions = {}): Promise<string> {
    checkOptions('listen()', options, listenKinds);
    const {port = listenDefaults.port, host = listenDefaults.host, tls} = options;
    const limits = limitsOf(options);
    const opened: Opened[] = [];
    try {
      await this.#openAll(opened, await addressesOf(host), port, () =>
        tls ? this.#secureServer(tls, limits) : this.#plainServer(limits),
      );
      if (this.#closing)
        throw new EspalierError('SITE_CLOSED', 'The site was closed before it listened.', {status: 503});
    } catch (cause) {
      for (const {server} of opened) server.close();
      throw cause instanceof EspalierError ? cause : listenError(cause as NodeJS.ErrnoException, port, host);
    }
    this.#listening.push(...opened.map(({server}) => server));
    return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${opened[0]!.port}`;
  }

  async #openAll(opened: Opened[], addresses: string[], port: number, make: () => NetServer): Promise<void> {
    for (const [i, address] of addresses.entries()) {
      const mustOpen = i === addresses.length - 1 && opened.length === 0;
      try {
        opened.push(await this.#open(address, opened[0]?.port ?? port, make()));
      } catch (error) {
        // A machine without IPv6 still names ::1 as localhost; that one is left out.
        if (mustOpen || !lacksFamily(error)) throw error;
      }
    }
  }

  async #open(address: string, port: number, server: NetServer): Promise<Opened> {
    server.on('connection', (socket: Socket) => this.#track(socket));
    // Node ends the connection of a client that says no more; what is ready for it goes out before.
    server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) =>
      socket.prependListener('end', this.#turnEnd.come),
    );
    const {host} = commandLine();
    const opened = await (host ? host.open(server, address, port) : begin(server, address, port));
    server.on('error', this.#onBroken);
    return {server, port: opened};
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    // Each of the answers that wait in line listens.
    socket.setMaxListeners(0);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#sockets.size === 0) this.#onEmpty?.();
    });
  }

  #plainServer(limits: Limits): NetServer {
    const options = {...limits, optimizeEmptyRequests: true};
    return this.#withUpgrades(limited(createHttpServer(options, this.#ownListener(limits)), limits), limits);
  }

  #secureServer(tls: Tls, limits: Limits): NetServer {
    const {maxConcurrentStreams, maxHeaderSize: maxHeaderListSize, maxHeadersCount} = limits;
    const settings = {maxConcurrentStreams, maxHeaderListSize};
    // Over HTTP/2 Node takes 0 for the least.
    const maxHeaderListPairs = maxHeadersCount || mostOfAnyLimit;
    const options = {...limits, ...tls, allowHTTP1: true, settings, maxHeaderListPairs};
    const server = limited(createSecureServer(options, this.#ownListener(limits)), limits);
    const connections = new Http2Connections(limits);
    this.#http2.push(connections);
    server.on('session', (session: ServerHttp2Session) => connections.add(session));
    // For each connection anew: some of a tree is found later.
    server.on('connection', () => server.updateSettings({enableConnectProtocol: this.#hasSockets()}));
    return this.#withUpgrades(server, limits);
  }

  /** Node lets go of a connection for each of them, whatever is asked for, unless it is told for which; before 22.21 it can't be. */
  #withUpgrades(server: NetServer & {shouldUpgradeCallback?: unknown}, limits: Limits): NetServer {
    server.on('connect', (message: Http2ServerRequest, out: Duplex | Http2ServerResponse) => {
      if (!('stream' in out) || !asksToConnect(message)) return refuseTunnel(out);
      const switchOver = (headers: string[]) => out.writeHead(200, http2Headers(headers, out));
      return this.#takeUpgrade(lineOver(message, out, switchOver), limits);
    });
    // Not by an option, which only the server of plain HTTP takes.
    if ('shouldUpgradeCallback' in server)
      server.shouldUpgradeCallback = (message: IncomingMessage) => this.#hasSockets() && asksForWebSocket(message);
    else if (!this.#hasSockets()) return server;
    return server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#takeUpgrade({message, socket, head}, limits),
    );
  }

  #ownListener(limits: Limits): Listener {
    return (message, out) => this.#take(message, out as ServerResponse, limits);
  }

  /** Have another key and certificate for the connections to come. Throws `OPTION_INVALID`, and then those of before hold. */
  setTls(tls: Tls): void {
    checkOptions('setTls()', tls, tlsKinds);
    const servers = this.#listening.filter(server => server instanceof TlsServer);
    if (servers.length === 0)
      throw optionInvalid('setTls(): the site does not listen by TLS. Give listen() the first pair.');
    try {
      createSecureContext(tls);
    } catch (cause) {
      const message = `setTls(): this key and certificate can't be used: ${String(cause)} Those of before are.`;
      throw new EspalierError('OPTION_INVALID', message, {cause});
    }
    for (const server of servers) server.setSecureContext(tls);
  }

  #send(response: Response, out: ServerResponse, limits: Limits | undefined): void {
    try {
      const body = response.sentBody;
      const headers = this.#headers(response, out);
      if (isPrepared(out)) out.writeHead(response.status, besides(headers, out));
      else out.writeHead(response.status, headers);
      if (isStream(body)) {
        if (limits) limitSending(out, limits.sendTimeout);
        void this.#stream(body, out, response, limits);
      }
      // Bytes may be changed by those who have made them.
      else if (limits && !(body instanceof Uint8Array)) this.#turnEnd.defer(() => this.#end(out, body, limits));
      else this.#end(out, body, limits);
    } catch (error) {
      // Whoever asks later what was answered is told the truth.
      response.fail(500);
      this.#refuse(error, out);
    }
  }

  #end(out: ServerResponse, body: string | Uint8Array | undefined, limits?: Limits): void {
    try {
      if (limits && body && isHttp1(out) && 'encrypted' in out.req.socket && body.length > pieceSize) {
        endInPieces(out, Buffer.from(body as string));
      } else out.end(body);
      if (limits && isWaiting(out)) limitSending(out, limits.sendTimeout);
      discardRest(out);
    } catch (error) {
      this.#breakOff(error, out);
    }
  }

  #headers(response: Response, out: ServerResponse): string[] {
    const headers = response.headerList();
    return isHttp1(out) ? this.#http1Headers(headers, response, out) : http2Headers(headers, out);
  }

  #http1Headers(headers: string[], response: Response, out: ServerResponse): string[] {
    const hasUpgrade = response.header('Upgrade') !== undefined;
    // RFC 9110, section 7.8: who sends `Upgrade` says so in `Connection`.
    if (hasUpgrade) headers.push('Connection', 'Upgrade');
    // Where we give a `Connection`, Node looks there alone for whether this is the last answer.
    const isLast = this.#closing || (hasUpgrade && !out.shouldKeepAlive);
    return isLast ? [...headers, 'Connection', 'close'] : headers;
  }

  /** Answer what could not be begun. Whoever mounts us may have set what Node refuses. */
  #refuse(error: unknown, out: ServerResponse): void {
    if (out.headersSent) return this.#breakOff(error, out);
    this.#onBroken(error);
    for (const name of out.getHeaderNames()) out.removeHeader(name);
    out.writeHead(500, ['Content-Length', '0']);
    this.#end(out, undefined);
  }

  #breakOff(error: unknown, out: ServerResponse): void {
    cutOff(out);
    this.#onBroken(error);
  }

  // A stream of another length than it was said to have would be cut short, or go on in the next answer's place.
  async #stream(
    body: AsyncIterable<Chunk>,
    out: ServerResponse,
    response: Response,
    limits: Limits | undefined,
  ): Promise<void> {
    const length = response.header('Content-Length');
    const pump = new Pump(body, out);
    const isWhole = length === undefined && isWholeAnywhere(response.header('Content-Type'));
    const stop = () => pump.stop(isWhole);
    this.#stops.add(stop);
    out.once('close', () => pump.stop());
    if ((streamOf(out) ?? out).destroyed) pump.stop();
    try {
      await pump.run(length === undefined ? undefined : Number(length));
      if (limits && this.#closing && isHttp1(out)) endConnection(out);
      this.#end(out, undefined);
    } catch (error) {
      // The client going away, the session ending, or the site closing ends a stream early: none is a failure.
      if (error instanceof StreamCut) cutOff(out);
      else this.#breakOff(error, out);
    } finally {
      this.#stops.delete(stop);
    }
  }

  /** Stop accepting, end the streams, those of events cleanly, and wait until the last answer is out, `drainTimeout` milliseconds at most. */
  async close(drainTimeout: number): Promise<void> {
    this.#closing = true;
    const closed = this.#listening.map(server => new Promise(resolve => server.close(resolve)));
    for (const stop of this.#stops) stop();
    for (const connections of this.#http2) connections.close();
    const force = setTimeout(() => this.#cutOff(), drainTimeout);
    // Node ends the connections that have had an answer; browsers also open some ahead of any request.
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
    closed.push(this.#upgrades.close(drainTimeout));
    // Of connections that somebody else has taken for a server, it knows nothing.
    if (this.#sockets.size > 0) closed.push(new Promise<void>(resolve => (this.#onEmpty = resolve)));
    await Promise.all(closed);
    clearTimeout(force);
  }

  // Not by Node's closeAllConnections(), which the TLS server lacks, and which passes over an unfinished handshake.
  #cutOff(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

interface Opened {
  readonly server: NetServer;
  readonly port: number;
}

async function begin(server: NetServer, host: string, port: number): Promise<number> {
  const {promise, resolve, reject} = Promise.withResolvers<void>();
  server.once('error', reject).listen({port, host}, resolve);
  await promise;
  server.off('error', reject);
  return (server.address() as AddressInfo).port;
}

const pieceSize = 64 * 1024;

/** Of one write over TLS nobody can tell whether it goes on: it is encrypted whole, and is over when the last byte has gone. */
function endInPieces(out: ServerResponse, bytes: Buffer, at = 0): void {
  const rest = bytes.subarray(at);
  if (rest.length <= pieceSize) out.end(rest);
  else out.write(rest.subarray(0, pieceSize), error => error ?? endInPieces(out, bytes, at + pieceSize));
}

/** Whether some of an answer is still to go to its client. */
function isWaiting(out: ServerResponse): boolean {
  return !out.socket || (streamOf(out) ?? out.socket).writableLength > 0;
}

/** Let a client go that takes nothing of what is ready for it for so long. Node's timeouts begin anew with each byte that goes. */
function limitSending(out: ServerResponse, timeout: number): void {
  if (timeout === 0 || out.destroyed) return;
  const stream = streamOf(out);
  const cutOffStuck = () => {
    if (!isWaiting(out)) return;
    if (stream) stream.close(constants.NGHTTP2_CANCEL);
    else out.destroy();
  };
  if (stream) return stream.setTimeout(timeout, cutOffStuck);
  out.setTimeout(timeout, cutOffStuck);
  // Before Node sets the one for an idle connection.
  out.prependOnceListener('finish', () => out.socket?.setTimeout(0));
}

/** No site is a proxy. Node would end the connection without an answer. */
function refuseTunnel(out: Duplex | Http2ServerResponse): void {
  if ('stream' in out) out.writeHead(501).end();
  else out.end('HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
}

/** HTTP/2's answers have one. */
function streamOf(out: ServerResponse & {stream?: ServerHttp2Stream}): ServerHttp2Stream | undefined {
  return out.stream;
}

/** End an answer so that no client takes it for whole. What was written goes out before: Node sends it at the end of the turn. */
function cutOff(out: ServerResponse): void {
  if (out.headersSent) out.flushHeaders();
  // What has come of its body counts against the others of an HTTP/2 connection until it is read.
  discardRest(out);
  setImmediate(() => {
    const stream = streamOf(out);
    if (stream) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    else if (out.socket || out.destroyed) out.destroy();
    // It waits behind another answer. Node would not end the connection with it, and the client would wait for ever.
    else out.once('socket', (socket: Socket) => socket.destroy());
  });
}

/** Node 22 tells an answer that waits behind another on its connection nothing of the end of that, nor then whoever listens to it. */
function endWithConnection(out: ServerResponse): void {
  const {socket} = out.req;
  const end = () => {
    if (out.destroyed) return;
    out.destroy();
    out.emit('close');
  };
  socket.once('close', end);
  out.once('socket', () => socket.off('close', end));
}

/** The head of an answer has said that its connection goes on, before it was known that the server closes. */
function endConnection(out: ServerResponse): void {
  const {socket} = out.req;
  out.once('finish', () => socket.destroySoon());
}

function isHttp1(out: ServerResponse): boolean {
  return out.req.httpVersionMajor === 1;
}

/** Whether somebody else has set headers, or waits for the head to be written, as Express's middlewares do. */
function isPrepared(out: ServerResponse): boolean {
  return out.getHeaderNames().length > 0 || Object.hasOwn(out, 'writeHead');
}

/** Of these each line stands for itself: what was set before stays beside what we add. */
const addedHeaders = new Set(['access-control-expose-headers', 'link', 'server-timing', 'set-cookie', 'vary']);

/**
 * The headers by name, so that what another framework has set is added to where it can be, and replaced otherwise. Those who
 * listen for the head, as `on-headers` does, do not all understand a list.
 */
function besides(headers: readonly string[], out: ServerResponse): Record<string, string | string[]> {
  out.removeHeader('Content-Length');
  const found = new Map<string, {name: string; values: string[]}>();
  for (let at = 0; at < headers.length; at += 2) {
    const known = headers[at]!.toLowerCase();
    const entry = found.get(known) ?? {name: headers[at]!, values: addedHeaders.has(known) ? valuesOf(known, out) : []};
    entry.values.push(headers[at + 1]!);
    found.set(known, entry);
  }
  return Object.fromEntries(
    [...found].map(([known, {name, values}]) => [name, known === 'vary' ? joined(values) : plain(values)]),
  );
}

function plain(values: string[]): string | string[] {
  return values.length === 1 ? values[0]! : values;
}

function valuesOf(name: string, out: ServerResponse): string[] {
  const value = out.getHeader(name);
  return value === undefined ? [] : [value].flat().map(String);
}

/** One list of several, each word once. */
function joined(values: readonly string[]): string {
  const words = new Map(values.flatMap(value => value.split(/\s*,\s*/)).map(word => [word.toLowerCase(), word]));
  return words.has('*') ? '*' : [...words.values()].join(', ');
}

/** So many bytes of headers Node sends over HTTP/2; it drops the connection over more. */
const http2HeadLimit = 65_536;

function http2Headers(headers: string[], out: {readonly req: {readonly complete: boolean}}): string[] {
  // HTTP/2 does without a length, and clients that have the whole of an answer may never send the rest of their body.
  const unfit = out.req.complete ? /^upgrade$/i : /^(?:upgrade|content-length)$/i;
  const fit = headers.filter((_, i) => !unfit.test(headers[i - (i % 2)]!));
  // As nghttp2 reckons, at most, with room for the status and the date.
  const size = fit.reduce((sum, part) => sum + part.length + 6, 200);
  if (size > http2HeadLimit)
    throw new RangeError(`The headers take ${size} bytes; over HTTP/2 ${http2HeadLimit} can be sent.`);
  return fit;
}

/** The client of a body that nobody reads to its end would wait for ever. */
function discardRest({req}: ServerResponse): void {
  if (!req.complete && !req.readableEnded) req.resume();
}

function isStream(body: Body | undefined): body is AsyncIterable<string | Uint8Array> {
  return typeof body === 'object' && !(body instanceof Uint8Array);
}

/** Node takes some of its limits as options, some as properties, and for its TLS server which is which depends on its version. */
function limited<T extends NetServer>(server: T, limits: Limits): T {
  const {maxConcurrentStreams: _, sendTimeout: __, ...others} = limits;
  return Object.assign(server, others);
}

function limitsOf(options: ListenOptions): Limits {
  const {port: _port, host: _host, ...defaults} = listenDefaults;
  const names = Object.keys(defaults) as (keyof Limits)[];
  const limits = Object.fromEntries(names.map(name => [name, options[name] ?? defaults[name]])) as unknown as Limits;
  const {requestTimeout, headersTimeout} = limits;
  if (requestTimeout === 0 || headersTimeout <= requestTimeout) return limits;
  if (options.headersTimeout === undefined) return {...limits, headersTimeout: requestTimeout};
  throw new EspalierError(
    'OPTION_INVALID',
    `headersTimeout is ${headersTimeout}, and requestTimeout ${requestTimeout}. The head is a part of the request: give it less time.`,
  );
}

async function addressesOf(host: string): Promise<string[]> {
  if (host !== 'localhost') return [host];
  const found = await lookup(host, {all: true});
  return [...new Set(found.map(({address}) => address))];
}

function lacksFamily(error: unknown): boolean {
  const {code} = error as NodeJS.ErrnoException;
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT';
}
