import {createHash} from 'node:crypto';
import {request as askPlain, type IncomingMessage, type RequestOptions} from 'node:http';
import {request as askSecure} from 'node:https';
import type {Duplex} from 'node:stream';
import type {Clock} from '../clock.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {Tunnel} from '../http/tunnel.ts';
import {OpenAnswer} from '../resource/answer.ts';
import type {Target} from './proxy-target.ts';

/** What the target is asked for. */
interface Handshake {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly ca: string | Buffer | undefined;
  /** Aborted when nobody waits for its answer any more. */
  readonly signal: AbortSignal;
}

/** What a target has answered to a handshake: its connection too, where it takes the WebSocket. */
export interface HandshakeAnswer {
  readonly message: IncomingMessage;
  readonly taken?: {readonly socket: Duplex; readonly head: Buffer};
}

/**
 * Ask the target for a WebSocket, over a connection of its own. Rejects where it does not answer, and for a 101 that is no answer to this
 * handshake: what it would take the bytes of the client for then nobody knows.
 */
export async function shakeHands(target: Target, handshake: Handshake): Promise<HandshakeAnswer> {
  const {headers, ca, signal} = handshake;
  // As a URL has it, like every other path that the target is asked for.
  const {pathname, search} = new URL(`http://target.invalid${handshake.path}`);
  const options: RequestOptions = {
    ...addressOf(target),
    ...(ca !== undefined && {ca}),
    path: pathname + search,
    headers: {...headers, connection: 'Upgrade', upgrade: 'websocket'},
    agent: false,
  };
  const asked = target.isSecure ? askSecure(options) : askPlain(options);
  const giveUp = () => asked.destroy(signal.reason as Error);
  signal.addEventListener('abort', giveUp);
  const {promise, resolve, reject} = Promise.withResolvers<HandshakeAnswer>();
  asked.on('error', reject);
  asked.on('response', message => resolve({message}));
  asked.on('upgrade', (message, socket, head) => {
    // From here on the connection is somebody else's to end.
    signal.removeEventListener('abort', giveUp);
    if (isAnswerTo(headers['sec-websocket-key'], message)) return resolve({message, taken: {socket, head}});
    socket.destroy();
    reject(new Error('It has switched to another protocol, or for another handshake.'));
  });
  asked.end();
  return promise;
}

function addressOf({address, hostname}: Target): RequestOptions {
  if (address.startsWith('unix:')) return {socketPath: address.slice('unix:'.length)};
  const url = new URL(address);
  return {hostname: hostname ?? url.hostname, port: url.port};
}

/** RFC 6455, section 4.1. */
function isAnswerTo(key: unknown, {statusCode, headers}: IncomingMessage): boolean {
  const accept = createHash('sha1')
    .update(`${String(key)}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  return (
    statusCode === 101 && headers.upgrade?.toLowerCase() === 'websocket' && headers['sec-websocket-accept'] === accept
  );
}

/** The 101 of a target, and what goes on behind it. */
export class SocketAnswer extends OpenAnswer {
  readonly #tunnel: Tunnel;
  readonly #headers: Response;

  /** `headers` has those that the client gets. */
  constructor({socket, head}: NonNullable<HandshakeAnswer['taken']>, headers: Response, clock: Clock) {
    super();
    this.#tunnel = new Tunnel(socket, head, clock);
    this.#headers = headers;
  }

  /** @internal */
  override write(_request: Request, response: Response): Tunnel {
    response.adopt(this.#headers);
    return this.#tunnel;
  }

  /** @internal */
  override dismiss(): void {
    this.#tunnel.abandon();
  }
}
