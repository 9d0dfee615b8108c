import {AsyncLocalStorage} from 'node:async_hooks';
import type {IncomingMessage} from 'node:http';
import type {Duplex} from 'node:stream';
import type {WebSocket} from 'ws';
import type {Clock} from '../clock.ts';
import {Attendant, type Hearer} from './attendant.ts';
import type {Problem} from './problem.ts';

/** A connection that is to be one of a WebSocket. */
export interface Line {
  readonly message: IncomingMessage;
  readonly socket: Duplex;
  /** What has come behind the head of the request. */
  readonly head: Buffer;
}

/** Why a WebSocket is closed (RFC 6455, section 7.4). From 4000 on it is 4000 and the status that an answer would have. */
export const closeCodes = {siteClosed: 1000, handlerFailed: 1011, sessionEnded: 4401} as const;

/** What a conversation works with. */
export interface ConversationParts {
  readonly clock: Clock;
  /** How many milliseconds the client may say nothing; 0 is without end. */
  readonly pingInterval: number;
  /** How many bytes may wait for the client when something is sent. */
  readonly maxBuffered: number;
  /** @internal Gives the socket when the connection has been switched over, with these headers; nothing where it can't be. */
  readonly accept: (line: Line, headers: readonly string[]) => WebSocket | undefined;
  /** @internal Takes the socket over: calls the method. */
  readonly handle: (socket: WebSocket) => unknown;
  /** Told of what has failed; gives what the client may know of it. */
  readonly onFailure: (error: unknown) => Problem;
}

/** How many milliseconds a client has to say goodbye. Then its connection is ended. */
export const farewellTime = 10_000;

/** What goes on over the connection of a request whose answer is a 101, from the handshake to the end. */
export abstract class Conversation {
  readonly #endings: (() => void)[] = [];
  /** Called with each message that comes in. */
  onInput: () => void = () => undefined;

  /** Switch the connection over, with these headers. Gives whether that was possible: the client may have gone. */
  abstract begin(line: Line, headers: readonly string[]): boolean;

  /** Close it. What the client still says is heard as long as `isDeaf` is not given. */
  abstract close(code: number, reason: string, isDeaf?: boolean): void;

  /** It is not answered with after all. */
  abstract abandon(): void;

  /** The visitor's session has ended: nothing that its visitor says is heard any more. */
  leave(): void {
    this.close(closeCodes.sessionEnded, 'The session has ended.', true);
  }

  /** Have this called when it is over, also where it has never begun. */
  afterEnd(act: () => void): void {
    this.#endings.push(act);
  }

  /** It is over. */
  protected end(): void {
    for (const act of this.#endings.splice(0)) act();
  }
}

/** What goes on with a WebSocket that a method takes. */
export class SocketConversation extends Conversation implements Hearer {
  readonly #parts: ConversationParts;
  #within: <T>(act: () => T) => T = act => act();
  #socket: WebSocket | undefined;
  #isDeaf = false;
  /** Why it was closed, if it was. */
  #farewell: readonly [code: number, reason: string] | undefined;
  /** Whether anything has come from the client since it was last looked. */
  #isHeard = true;
  #waiting = 0;
  #cancel: (() => void) | undefined;

  constructor(parts: ConversationParts) {
    super();
    this.#parts = parts;
  }

  /** The socket is handled from then on. */
  begin(line: Line, headers: readonly string[]): boolean {
    const socket = this.#parts.accept(line, headers);
    if (!socket) {
      this.end();
      return false;
    }
    this.#socket = socket;
    this.#within = AsyncLocalStorage.snapshot();
    const attendant = new Attendant(socket, this, this.#parts.maxBuffered);
    // Behind the listeners of the handler.
    socket.once('close', () => process.nextTick(() => this.end()));
    line.socket.on('data', () => (this.#isHeard = true));
    this.#watch(socket);
    if (this.#farewell) socket.close(...this.#farewell);
    else void this.#handle(socket, attendant);
    return true;
  }

  close(code: number, reason: string, isDeaf = false): void {
    this.#isDeaf ||= isDeaf;
    this.#farewell ??= [code, shortened(reason)];
    this.#socket?.close(...this.#farewell);
    // A handler may have stopped reading; then the client's farewell would not be read either.
    this.#socket?.resume();
  }

  abandon(): void {
    this.end();
  }

  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  hear(): void {
    this.onInput();
  }

  fail(error: unknown): void {
    const {status, detail, instance} = this.#parts.onFailure(error);
    if (instance === undefined && status < 500) this.close(4000 + status, detail ?? '');
    else this.close(closeCodes.handlerFailed, 'The handler failed.');
  }

  within<T>(act: () => T): T {
    return this.#within(act);
  }

  async #handle(socket: WebSocket, attendant: Attendant): Promise<void> {
    try {
      await this.#parts.handle(socket);
    } catch (error) {
      this.fail(error);
    } finally {
      attendant.dismiss();
    }
  }

  /** Ask again and again whether the client is there. One that has stopped reading may still be taking what was sent before. */
  #watch(socket: WebSocket): void {
    const {clock, pingInterval} = this.#parts;
    if (pingInterval === 0) return;
    const look = () => {
      if (this.#isSilent(socket)) return socket.terminate();
      this.#isHeard = false;
      const isBehind = socket.bufferedAmount > 0;
      socket.ping();
      // The ping itself may wait for a moment, too.
      this.#waiting = isBehind ? socket.bufferedAmount : 0;
      this.#watch(socket);
    };
    // It may be this process that was busy: what has come meanwhile is read first.
    this.#cancel = clock.after(pingInterval, () => void (this.#isSilent(socket) ? setImmediate(look) : look()));
  }

  #isSilent(socket: WebSocket): boolean {
    const isTaking = this.#waiting > 0 && socket.bufferedAmount !== this.#waiting;
    return !this.#isHeard && !isTaking && !socket.isPaused;
  }

  protected override end(): void {
    this.#cancel?.();
    super.end();
  }
}

/** A reason has 123 bytes at most. */
export function shortened(reason: string): string {
  const bytes = Buffer.from(reason);
  return bytes.length <= 123
    ? reason
    : bytes
        .subarray(0, 120)
        .toString()
        .replace(/\uFFFD$/, '');
}
