import {constants, type ServerHttp2Session, type ServerHttp2Stream} from 'node:http2';

/** How long what may last, in milliseconds; 0 is without end. */
export interface Http2Timeouts {
  readonly keepAliveTimeout: number;
  readonly requestTimeout: number;
  /** How often it is looked. */
  readonly connectionsCheckingInterval: number;
}

/** What is open on a connection, and since when; or since when nothing is. */
interface Use {
  readonly streams: Map<ServerHttp2Stream, number>;
  idleSince: number;
}

/**
 * The HTTP/2 connections of a server. Node lets go of HTTP/1.1's when they are idle or too slow; this does the same for these:
 * one that has no request is ended, and so is a request whose body does not come. Of a head that does not come Node says
 * nothing before it is whole, so its connection is idle.
 */
export class Http2Connections {
  readonly #uses = new Map<ServerHttp2Session, Use>();
  readonly #timeouts: Http2Timeouts;
  readonly #timer: NodeJS.Timeout;

  constructor(timeouts: Http2Timeouts) {
    this.#timeouts = timeouts;
    this.#timer = setInterval(() => this.#look(performance.now()), timeouts.connectionsCheckingInterval).unref();
  }

  add(session: ServerHttp2Session): void {
    const use: Use = {streams: new Map(), idleSince: performance.now()};
    this.#uses.set(session, use);
    session.once('close', () => this.#uses.delete(session));
    session.on('stream', (stream, {':method': method}) => {
      // The request of a tunnel is whole with its head, and what follows may go on for ever.
      use.streams.set(stream, method === 'CONNECT' ? Infinity : performance.now());
      stream.once('close', () => {
        use.streams.delete(stream);
        use.idleSince = performance.now();
      });
    });
  }

  /** Take no more requests, and end each connection when those that are open are answered. */
  close(): void {
    clearInterval(this.#timer);
    for (const session of this.#uses.keys()) session.close();
  }

  #look(now: number): void {
    const {keepAliveTimeout, requestTimeout} = this.#timeouts;
    for (const [session, {streams, idleSince}] of this.#uses) {
      // Not close(), which waits for a client that may never say goodbye.
      if (streams.size === 0 && isOver(now - idleSince, keepAliveTimeout)) session.destroy();
      for (const [stream, since] of streams) {
        if (isOver(now - since, requestTimeout) && !hasCome(stream)) stream.close(constants.NGHTTP2_CANCEL);
      }
    }
  }
}

function isOver(time: number, limit: number): boolean {
  return limit > 0 && time >= limit;
}

/** Whether the whole request has come. */
function hasCome(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.state.remoteClose === 1;
}
