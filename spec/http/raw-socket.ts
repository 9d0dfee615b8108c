import {once} from 'node:events';
import {connect, type Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import type {ExecutionContext} from 'ava';
import type {ListenOptions} from 'espalier';

/** Have a site listen on a free port until the spec is over. */
export async function listening(
  t: ExecutionContext,
  site: {close(): Promise<void>; listen(options: ListenOptions): Promise<string>},
  options: ListenOptions = {},
): Promise<string> {
  t.teardown(() => site.close());
  return site.listen({port: 0, host: '127.0.0.1', ...options});
}

/** The opening handshake of RFC 6455, section 1.2. A header that is empty is left out. */
export function handshake(headers: Readonly<Record<string, string>> = {}, target = '/', method = 'GET'): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => (value === '' ? '' : `${name}: ${value}\r\n`));
  return `${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A frame as a client sends it, masked with zeros. */
export function frame(text: string, {opcode = 1, isLast = true} = {}): Buffer {
  const data = Buffer.from(text);
  const length = data.length < 126 ? [0x80 | data.length] : [0x80 | 126, data.length >> 8, data.length & 0xff];
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, ...length, 0, 0, 0, 0]), data]);
}

/** A connection that is destroyed when the spec is over. */
export function dial(t: ExecutionContext, url: string): Socket {
  const client = connect(Number(new URL(url).port), '127.0.0.1');
  client.on('error', () => undefined);
  t.teardown(() => client.destroy());
  return client;
}

/** What comes back until the connection is closed, or so much that it fits. */
export async function answerOf(client: Duplex, enough = /^$/): Promise<string> {
  let text = '';
  for await (const chunk of client as AsyncIterable<Buffer>) {
    text += chunk.toString('latin1');
    if (enough.test(text)) break;
  }
  return text;
}

/** A client that does what it is told, after the 101. */
export async function openRaw(t: ExecutionContext, url: string, headers: Record<string, string> = {}, target = '/') {
  const client = dial(t, url);
  client.write(handshake(headers, target));
  const [head] = (await once(client, 'data')) as [Buffer];
  t.regex(head.toString('latin1'), /^HTTP\/1\.1 101 /);
  return client;
}
