import {createServer} from 'node:http';
import {duplexPair} from 'node:stream';
import type * as Ws from 'ws';
import {ignore} from '../awaitable.ts';
import {peer} from '../peer.ts';
import type {Site} from '../site.ts';

/** How a visitor opens a WebSocket. */
export interface SocketInit {
  /** Default: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The subprotocols that the visitor speaks. Default: none. */
  readonly protocols?: readonly string[];
}

/** A message: a text as such. */
export type SocketMessage = string | Uint8Array;

/** How a WebSocket was closed. */
export interface SocketEnd {
  /** 1006 where nobody has said goodbye. */
  readonly code: number;
  readonly reason: string;
}

/** A visitor's end of a WebSocket. No message is lost that comes before it is asked for. */
export class TestSocket {
  /** The subprotocol that was agreed on; empty where none was. */
  readonly protocol: string;
  /** Resolves when it is closed, by whomever. */
  readonly closed: Promise<SocketEnd>;
  readonly #socket: Ws.WebSocket;
  readonly #messages: SocketMessage[] = [];
  readonly #waiting: PromiseWithResolvers<SocketMessage>[] = [];
  #end: SocketEnd | undefined;

  /** @internal Used by `client.socket()`. */
  constructor(socket: Ws.WebSocket) {
    const {promise, resolve} = Promise.withResolvers<SocketEnd>();
    this.#socket = socket;
    this.protocol = socket.protocol;
    this.closed = promise;
    socket.on('message', (data: Buffer, isBinary) => this.#come(isBinary ? data : data.toString()));
    socket.on('error', () => undefined);
    socket.on('close', (code, reason) => {
      this.#end = {code, reason: reason.toString()};
      for (const {reject} of this.#waiting.splice(0)) reject(over(this.#end));
      resolve(this.#end);
    });
  }

  /** Send a text, or bytes. */
  send(message: SocketMessage): void {
    this.#socket.send(message);
  }

  /** The next message that comes, or has come already. Rejects when the socket is closed before. */
  async next(): Promise<SocketMessage> {
    if (this.#messages.length > 0) return this.#messages.shift()!;
    if (this.#end) throw over(this.#end);
    const waiting = Promise.withResolvers<SocketMessage>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  /** Close it, and wait until it is closed. */
  close(code?: number, reason?: string): Promise<SocketEnd> {
    this.#socket.close(code, reason);
    return this.closed;
  }

  /** Be gone without a word, as when the power fails. */
  vanish(): void {
    this.#socket.terminate();
  }

  #come(message: SocketMessage): void {
    const waiting = this.#waiting.shift();
    if (waiting) waiting.resolve(message);
    else this.#messages.push(message);
  }
}

function over({code, reason}: SocketEnd): Error {
  return new Error(`The socket is closed: ${code}${reason && `, ${reason}`}`);
}

/** A request for a WebSocket: where to, and with which headers. */
interface Opening extends SocketInit {
  readonly url: URL;
  /** Told of the cookies that come with the answer. */
  readonly keep: (cookie: string) => Promise<void>;
}

/** Open a WebSocket to a site without a port: what would go over the network goes through this process. */
export async function openSocket(site: Site, {url, headers, protocols, keep}: Opening): Promise<TestSocket> {
  const {WebSocket} = peer('ws', 'client.socket()', '--save-dev ') as typeof Ws;
  const socket = new WebSocket(`ws://${url.host}${url.pathname}${url.search}`, [...(protocols ?? [])], {
    createConnection: () => connectionTo(site, url.protocol === 'https:') as never,
    headers: {...headers},
    perMessageDeflate: false,
  });
  const {promise, resolve, reject} = Promise.withResolvers<TestSocket>();
  const keeping: Promise<void>[] = [];
  const keepAll = (cookies: string[] = []) => keeping.push(...cookies.map(keep));
  socket.on('upgrade', answer => keepAll(answer.headers['set-cookie']));
  socket.once('open', () => resolve(new TestSocket(socket)));
  socket.once('error', reject);
  socket.once('unexpected-response', (_request, answer) => {
    keepAll(answer.headers['set-cookie']);
    const status = answer.statusCode!;
    reject(Object.assign(new Error(`The WebSocket was not opened: ${status}`), {status, headers: answer.headers}));
    answer.destroy();
  });
  ignore(promise);
  await promise.catch(() => undefined);
  await Promise.all(keeping);
  return promise;
}

/** One end of a connection whose other end is a server of the site's. */
function connectionTo(site: Site, isSecure: boolean) {
  const [ours, theirs] = duplexPair();
  ours.once('close', () => theirs.destroy());
  theirs.once('close', () => ours.destroy());
  Object.assign(theirs, {encrypted: isSecure, remoteAddress: '127.0.0.1'});
  createServer(site.handler).on('upgrade', site.upgrade).emit('connection', theirs);
  return ours;
}
