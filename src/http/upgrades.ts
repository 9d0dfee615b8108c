import {AsyncResource} from 'node:async_hooks';
import type {ServerResponse} from 'node:http';
import type {Duplex} from 'node:stream';
import {closeCodes, type Conversation, type Line} from './conversation.ts';
import {ExtendedConnect} from './extended-connect.ts';
import * as http from './node-http.ts';
import type {Response} from './response.ts';

/** The connections that Node has let go of: those that are WebSockets, and those that have asked for it. */
export class Upgrades {
  /** Each with its conversation, where that has begun. */
  readonly #lines = new Map<Line, Conversation | undefined>();
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  /** Have `act` called when all that came before over this connection is answered; never where the client goes before that. */
  take(line: Line, act: () => void): void {
    const {socket} = line;
    attend(socket);
    if (socket.destroyed) return;
    this.#lines.set(line, undefined);
    // A conversation is over later: when its listeners have heard so.
    socket.once('close', () => {
      if (!this.#lines.get(line)) this.#forget(line);
    });
    afterOthers(socket, act);
  }

  /** Have a connection go over to what was answered with; where that is no WebSocket, `send` it as HTTP. */
  answer(response: Response, line: Line, send: (response: Response) => void): void {
    const {conversation} = response;
    if (!conversation) {
      // Here that would open one.
      if (line.socket instanceof ExtendedConnect && response.status < 300) response.fail(404);
      return send(response);
    }
    if (conversation.begin(line, response.headerList())) {
      this.#lines.set(line, conversation);
      conversation.afterEnd(() => this.#forget(line));
      if (this.#isClosing) sayGoodbye(conversation);
    } else if (!line.socket.destroyed) {
      // What `ws` refuses is no handshake.
      response.fail(400);
      send(response);
    }
  }

  /** Close all, and wait until they are closed. Those that are not in so many milliseconds are ended. */
  async close(timeout: number): Promise<void> {
    this.#isClosing = true;
    if (this.#lines.size === 0) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const force = setTimeout(() => this.#cutOff(), timeout);
    for (const conversation of this.#lines.values()) if (conversation) sayGoodbye(conversation);
    await promise;
    clearTimeout(force);
  }

  #cutOff(): void {
    for (const {socket} of this.#lines.keys()) socket.destroy();
  }

  #forget(line: Line): void {
    this.#lines.delete(line);
    if (this.#lines.size === 0) this.#onEmpty?.();
  }
}

function sayGoodbye(conversation: Conversation): void {
  conversation.close(closeCodes.siteClosed, 'The site is closing.');
}

type NodeSocket = Parameters<ServerResponse['assignSocket']>[0];

/** The answer that goes out over a connection now. Node has no public name for it. */
function answerOver(socket: Duplex): ServerResponse | null | undefined {
  return (socket as Duplex & {_httpMessage?: ServerResponse | null})._httpMessage;
}

/** Do for the answers of a connection what Node does until it lets go of that. */
function attend(socket: Duplex): void {
  // A client that breaks off would end the process.
  socket.on('error', () => socket.destroy());
  socket.on('drain', () => answerOver(socket)?.emit('drain'));
  socket.on('timeout', () => answerOver(socket)?.emit('timeout'));
}

/** Answers go in the order of their requests. After the last one that a connection takes there is nothing to be done. */
function afterOthers(socket: Duplex, act: () => void): void {
  if (!socket.writable) return;
  const other = answerOver(socket);
  if (!other) return act();
  other.once(
    'close',
    AsyncResource.bind(() => afterOthers(socket, act)),
  );
}

/** An answer over HTTP to what has come over such a connection. It is the last one there. */
export function lastAnswer({message, socket}: Line): ServerResponse {
  if (socket instanceof ExtendedConnect) return socket.lastAnswer();
  const out = new http.ServerResponse(message);
  out.shouldKeepAlive = false;
  out.assignSocket(socket as NodeSocket);
  out.once('finish', () => {
    out.detachSocket(socket as NodeSocket);
    endAfterwards(socket);
  });
  return out;
}

function endAfterwards(socket: Duplex): void {
  socket.end(() => socket.destroy());
}
