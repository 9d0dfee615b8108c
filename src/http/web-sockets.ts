import type {IncomingHttpHeaders} from 'node:http';
import createError from 'http-errors';
import type * as Ws from 'ws';
import type {Clock} from '../clock.ts';
import {checkOptions, count, flag, kind, type Kinds} from '../options.ts';
import {peer} from '../peer.ts';
import {announcesBody} from './body.ts';
import {farewellTime, SocketConversation, type ConversationParts, type Line} from './conversation.ts';
import {isOrigin} from './origin.ts';

/** How a method takes WebSockets. */
export interface SocketOptions {
  /**
   * Other origins whose pages may open it, as `https://app.example`, beside those of the site's `csrf`; `'any'` for all there are.
   * Default: none.
   */
  readonly origins?: readonly string[] | 'any';
  /** The subprotocols that it speaks, the best one first: of those that the client offers, the first of these is taken. Default: none. */
  readonly protocols?: readonly string[];
  /** The most bytes of a message, unpacked. Past that the socket is closed with 1009. Default: 1 MiB. */
  readonly maxPayload?: number;
  /** The most fragments that a message may come in. Past that the socket is closed with 1008. Default: 1024. */
  readonly maxFragments?: number;
  /**
   * How many bytes of earlier messages may wait for the client when another is sent. Past that the connection is ended, since a
   * client that takes nothing would fill the memory. Default: 1 MiB.
   */
  readonly maxBuffered?: number;
  /**
   * How often, in milliseconds, the client is asked whether it is there. One that has said nothing since the last time is gone.
   * Default: 30 seconds; 0 is never.
   */
  readonly pingInterval?: number;
  /**
   * Whether messages are packed where the client can do so (RFC 7692). It costs memory and time for each socket, and what is secret
   * must not be packed together with what a stranger has written. Default: false.
   */
  readonly perMessageDeflate?: boolean;
}

const token = /^[\w!#$%&'*+.^`|~-]+$/;

/** What the values of `SocketOptions` may be. */
export const socketKinds: Kinds<SocketOptions> = {
  origins: kind(
    '"any", or a list of origins, as "https://app.example" without a slash at the end',
    value => value === 'any' || (Array.isArray(value) && value.every(isOrigin)),
  ),
  protocols: kind(
    'a list of the names of subprotocols',
    value => Array.isArray(value) && value.every(name => typeof name === 'string' && token.test(name)),
  ),
  maxPayload: kind(
    'a whole number of bytes, from 1 to 2147483647',
    value => Number.isInteger(value) && (value as number) >= 1 && (value as number) < 2 ** 31,
  ),
  maxFragments: kind(
    'a whole number from 1 to 2147483647',
    value => Number.isInteger(value) && (value as number) >= 1 && (value as number) < 2 ** 31,
  ),
  maxBuffered: count,
  pingInterval: kind(
    'a number of milliseconds, 0 or more, of 24 days at most',
    value => typeof value === 'number' && value >= 0 && value < 2 ** 31,
  ),
  perMessageDeflate: flag,
};

/** What holds where `SocketOptions` are silent. */
export const socketDefaults: Required<SocketOptions> = {
  origins: [],
  protocols: [],
  maxPayload: 1024 * 1024,
  maxFragments: 1024,
  maxBuffered: 1024 * 1024,
  pingInterval: 30_000,
  perMessageDeflate: false,
};

/** How the sockets of one method are taken. */
export class WebSockets {
  readonly #server: Ws.WebSocketServer;
  readonly #settings: Required<SocketOptions>;
  readonly #clock: Clock;

  /** Loads `ws`. Throws `PACKAGE_MISSING` where it is not there. */
  constructor(options: SocketOptions, clock: Clock) {
    checkOptions('@Socket()', options, socketKinds);
    const ws = peer('ws', 'A site with @Socket()') as typeof Ws;
    const settings = {...socketDefaults, ...given(options)};
    const {protocols, maxPayload, maxFragments, perMessageDeflate} = settings;
    this.#clock = clock;
    this.#settings = settings;
    this.#server = new ws.WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload,
      maxFragments,
      // A chunk of the connection is kept whole for the part of a message that has come in it, however small that is.
      maxBufferedChunks: Math.max(1024, Math.ceil(maxPayload / 256)),
      perMessageDeflate,
      closeTimeout: farewellTime,
      handleProtocols: offered => protocols.find(name => offered.has(name)) ?? false,
    } as Ws.ServerOptions);
    // It says so, and leaves the answer to us.
    this.#server.on('wsClientError', () => undefined);
  }

  /** The origins whose pages may open them besides. */
  get origins(): readonly string[] | 'any' {
    return this.#settings.origins;
  }

  /** @internal What an answer goes over to that `handle` takes. */
  converse(parts: Pick<ConversationParts, 'handle' | 'onFailure'>): SocketConversation {
    const {pingInterval, maxBuffered} = this.#settings;
    const accept = (line: Line, headers: readonly string[]) => this.#accept(line, headers);
    return new SocketConversation({...parts, clock: this.#clock, pingInterval, maxBuffered, accept});
  }

  #accept({message, socket, head}: Line, headers: readonly string[]): Ws.WebSocket | undefined {
    let accepted: Ws.WebSocket | undefined;
    const add = (lines: string[]) => {
      for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
    };
    this.#server.once('headers', add);
    this.#server.handleUpgrade(message, socket, head, found => (accepted = found));
    this.#server.off('headers', add);
    return accepted;
  }
}

function given(options: SocketOptions): Partial<SocketOptions> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** As much of a message as tells what it asks for. */
interface Asking {
  readonly httpVersion?: string | undefined;
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Whether a request asks for a WebSocket. One with a body does not: its bytes would be taken for messages. Nor does one of HTTP/1.0,
 * where `Upgrade` is ignored (RFC 9110, section 7.8).
 */
export function asksForWebSocket({httpVersion, method, headers}: Asking): boolean {
  if (Number(httpVersion) < 1.1 || method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket') return false;
  return !announcesBody(headers);
}

/** Throws what is to be answered to an opening handshake that is none (RFC 6455, section 4.2). */
export function refuseWrongHandshake(headers: IncomingHttpHeaders): void {
  if (!/^(?:13|8)$/.test(headers['sec-websocket-version'] ?? '')) {
    const answered = {headers: {Upgrade: 'websocket', 'Sec-WebSocket-Version': '13, 8'}};
    throw createError(426, 'The version of the WebSocket protocol that is spoken here is 13.', answered);
  }
  if (!/^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')) {
    throw createError(400, 'The request has no Sec-WebSocket-Key.');
  }
}
