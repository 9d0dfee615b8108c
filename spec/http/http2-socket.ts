import {once} from 'node:events';
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type ClientSessionOptions,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
} from 'node:http2';
import type {ExecutionContext} from 'ava';
import {WebSocket} from 'ws';
import type {Site, ListenOptions} from 'espalier';
import {selfSigned} from '../certificate.ts';
import {until} from '../until.ts';
import {listening} from './raw-socket.ts';

/** A connection of HTTP/2 to a site, which has told what it takes. */
export async function sessionWith(
  t: ExecutionContext,
  site: Site,
  options: ListenOptions = {},
  own: ClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  return dialHttp2(t, await listening(t, site, {tls: await selfSigned(), ...options}), own);
}

export async function dialHttp2(t: ExecutionContext, url: string, own: ClientSessionOptions = {}) {
  const session = connect(url, {rejectUnauthorized: false, ...own} as ClientSessionOptions);
  session.on('error', () => undefined);
  t.teardown(() => session.destroy());
  await once(session, 'remoteSettings');
  return session;
}

/** A stream that asks for a WebSocket (RFC 8441, section 5.1). A header that is empty is left out. */
export function askOver(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): ClientHttp2Stream {
  const all = {
    ':method': 'CONNECT',
    ':protocol': 'websocket',
    ':scheme': 'https',
    ':path': path,
    'sec-websocket-version': '13',
    ...headers,
  };
  const sent = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''));
  return session.request(sent).on('error', () => undefined);
}

export type Head = IncomingHttpHeaders & IncomingHttpStatusHeader;

export async function headOf(stream: ClientHttp2Stream): Promise<Head> {
  const [head] = (await once(stream, 'response')) as [Head];
  return head;
}

/** What is answered in place of a WebSocket, when the stream is over. */
export async function refusal(session: ClientHttp2Session, path: string, headers?: Record<string, string>) {
  const stream = askOver(session, path, headers);
  const head = await headOf(stream);
  let body = '';
  stream.setEncoding('utf8').on('data', (text: string) => (body += text));
  await until(() => stream.closed);
  return {status: head[':status'], head, body, code: stream.rstCode};
}

/** The client of a WebSocket over such a stream. */
export async function openOver(session: ClientHttp2Session, path: string, headers?: Record<string, string>) {
  const stream = askOver(session, path, headers);
  const head = await headOf(stream);
  if (head[':status'] !== 200) throw new Error(`It was answered with ${head[':status']}.`);
  const socket = new WebSocket(null as never, undefined, {
    autoPong: true,
    closeTimeout: 10_000,
  } as never) as WebSocket & {
    _isServer: boolean;
    setSocket(stream: unknown, head: Buffer, options: object): void;
  };
  // The package has a client for connections alone.
  socket._isServer = false;
  const limits = {maxPayload: 2 ** 30, maxFragments: 1024, maxBufferedChunks: 2 ** 20};
  socket.setSocket(stream, Buffer.alloc(0), {allowSynchronousEvents: true, skipUTF8Validation: false, ...limits});
  return {socket: socket as WebSocket, stream, head};
}
