import {randomBytes} from 'node:crypto';
import type {IncomingMessage, ServerResponse} from 'node:http';
import {constants, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Stream} from 'node:http2';
import {Duplex, Readable} from 'node:stream';
import type {Line} from './conversation.ts';

type Done = (error?: Error | null) => void;

/** Whether a stream of HTTP/2 is to be the connection of a WebSocket (RFC 8441, section 5). */
export function asksToConnect({method, headers}: Http2ServerRequest): boolean {
  return method === 'CONNECT' && headers[':protocol'] === 'websocket';
}

/** The stream as a connection of HTTP/1.1 that is to be switched over. `switchOver` sends the 200 that does so, with these headers. */
export function lineOver(
  message: Http2ServerRequest,
  out: Http2ServerResponse,
  switchOver: (headers: string[]) => void,
): Line {
  return {message: asUpgrade(message), socket: new ExtendedConnect(out, switchOver), head: Buffer.alloc(0)};
}

/** The request with what RFC 8441 does without. It has no body: what comes behind its head is of the WebSocket. */
function asUpgrade({headers, rawHeaders, url, httpVersion, socket}: Http2ServerRequest): IncomingMessage {
  const key = randomBytes(16).toString('base64');
  return Object.assign(new Readable({read: () => undefined}), {
    method: 'GET',
    url,
    headers: {...headers, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-key': key},
    rawHeaders,
    httpVersion,
    socket,
    stream: {endAfterHeaders: true},
  }) as unknown as IncomingMessage;
}

/** What of the head of a 101 is for HTTP/1.1 alone. */
const ofHttp1 = /^(?:connection|upgrade|sec-websocket-accept)$/i;

/**
 * A stream of HTTP/2 for those who know connections of HTTP/1.1: they write the head of a 101 first, which goes out as a 200, and then the
 * bytes of the WebSocket, and read those of its client.
 */
export class ExtendedConnect extends Duplex {
  readonly stream: ServerHttp2Stream;
  readonly #out: Http2ServerResponse;
  readonly #switchOver: (headers: string[]) => void;

  constructor(out: Http2ServerResponse, switchOver: (headers: string[]) => void) {
    super();
    this.#out = out;
    this.#switchOver = switchOver;
    this.stream = out.stream;
    // After a proper end what has come is still read.
    this.stream.once('close', () => {
      if (this.stream.aborted || this.stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.destroy();
    });
  }

  /** By this goes out what is answered in place of a WebSocket. */
  lastAnswer(): ServerResponse {
    const {stream} = this;
    // As Node does it, when the answer has gone: the client may wait for that with its own end.
    stream.once('finish', () => setImmediate(() => stream.close()));
    stream.once('close', () => this.destroy());
    return this.#out as unknown as ServerResponse;
  }

  override _read(): void {
    this.stream.resume();
  }

  override _write(bytes: Buffer, _encoding: unknown, done: Done): void {
    if (this.stream.headersSent) return void this.stream.write(bytes, done);
    this.#begin(bytes.toString('latin1'));
    done();
  }

  // Together, so that a frame and its head share a packet.
  override _writev(parts: readonly {readonly chunk: Buffer}[], done: Done): void {
    this.stream.cork();
    for (const [i, {chunk}] of parts.entries()) this.stream.write(chunk, i === parts.length - 1 ? done : undefined);
    this.stream.uncork();
  }

  override _final(done: Done): void {
    this.stream.end(done);
  }

  // RFC 8441, section 5: this code stands for a connection that is broken off.
  override _destroy(error: Error | null, done: Done): void {
    if (!this.readableEnded || !this.writableFinished) this.stream.close(constants.NGHTTP2_CANCEL);
    done(error);
  }

  #begin(head: string): void {
    const lines = head.trimEnd().split('\r\n').slice(1);
    const headers = lines.map(line => /^(.*?): *(.*)$/.exec(line)!.slice(1));
    this.#switchOver(headers.filter(([name]) => !ofHttp1.test(name!)).flat());
    this.stream.on('end', () => this.push(null)).on('data', bytes => this.push(bytes) || this.stream.pause());
  }
}
