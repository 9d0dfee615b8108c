import {ServerResponse} from 'node:http';
import type {Duplex} from 'node:stream';
import {closeCodes, type Conversation, type Line} from './conversation.ts';
import type {Response} from './response.ts';

/** The connections that are WebSockets, and those that asked for it. */
export class Upgrades {
  readonly #open = new Set<Conversation>();
  #isClosing = false;
  #onEmpty: (() => void) | undefined;

  /** Have a connection go over to what was answered with; where that is no WebSocket, `send` it as HTTP. */
  answer(response: Response, line: Line, send: (response: Response) => void): void {
    const {conversation} = response;
    if (!conversation) return send(response);
    this.#open.add(conversation);
    conversation.afterEnd(() => this.#forget(conversation));
    if (conversation.begin(line, response.headerList())) {
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
    if (this.#open.size === 0) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    const force = setTimeout(() => this.#terminate(), timeout);
    for (const conversation of this.#open) sayGoodbye(conversation);
    await promise;
    clearTimeout(force);
  }

  #terminate(): void {
    for (const conversation of this.#open) conversation.terminate();
  }

  #forget(conversation: Conversation): void {
    this.#open.delete(conversation);
    if (this.#open.size === 0) this.#onEmpty?.();
  }
}

function sayGoodbye(conversation: Conversation): void {
  conversation.close(closeCodes.siteClosed, 'The site is closing.');
}

type NodeSocket = Parameters<ServerResponse['assignSocket']>[0];

/** The answer to what has come over a connection that Node has let go of. It is the last one there. */
export function lastAnswer({message, socket}: Line): ServerResponse {
  const out = new ServerResponse(message);
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
