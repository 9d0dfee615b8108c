import {once} from 'node:events';
import {createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Duplex} from 'node:stream';
import type {ExecutionContext} from 'ava';
import {WebSocketServer, type ServerOptions, type WebSocket} from 'ws';
import {Child, Resource, type Middleware, type MiddlewareClass, type SiteOptions, Use} from 'espalier';
import {proxy, type ProxyOptions} from 'espalier/builtin/proxy';
import {testSite} from 'espalier/testing';

/** A server that takes WebSockets, as another application does: it tells what was asked, and says messages back. */
export class SocketTarget {
  readonly server: Server;
  readonly asked: IncomingMessage[] = [];
  readonly taken: WebSocket[] = [];
  readonly connections = new Set<Duplex>();
  /** How the WebSockets were closed, in the eyes of this server. */
  readonly ends: number[] = [];

  constructor(options: ServerOptions, take: (socket: WebSocket) => void, server: Server) {
    this.server = server;
    const sockets = new WebSocketServer({server, ...options});
    server.on('connection', (socket: Duplex) => {
      this.connections.add(socket);
      socket.on('close', () => this.connections.delete(socket));
    });
    server.on('upgrade', (message: IncomingMessage) => this.asked.push(message));
    sockets.on('connection', socket => {
      this.taken.push(socket);
      socket.on('error', () => undefined);
      socket.on('close', code => this.ends.push(code));
      take(socket);
    });
  }

  static async begin(
    t: ExecutionContext,
    options: ServerOptions = {},
    take: (socket: WebSocket) => void = echo,
    server: Server = createHttpServer(),
    path?: string,
  ): Promise<SocketTarget> {
    const target = new SocketTarget(options, take, server);
    t.teardown(() => {
      for (const socket of target.connections) socket.destroy();
      server.close();
    });
    await once(path === undefined ? server.listen(0, '127.0.0.1') : server.listen(path), 'listening');
    return target;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }
}

function echo(socket: WebSocket): void {
  socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary}));
}

/** A target that refuses every handshake by this. */
export async function refusing(t: ExecutionContext, listener: RequestListener): Promise<string> {
  // Without a listener for upgrades Node has them answered as other requests.
  const server = createHttpServer(listener);
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A site that has this target at `/old`, behind these guards. */
export function siteBefore(
  target: string,
  {
    guards = [],
    siteOptions = {},
    ...options
  }: ProxyOptions & {guards?: MiddlewareClass[]; siteOptions?: SiteOptions} = {},
) {
  const Proxied = proxy(target, options);
  for (const each of guards) Use(each)(Proxied);
  @Resource()
  @Child('old', Proxied)
  class Home {}
  return testSite(Home, siteOptions);
}

/** A middleware that does this before it goes on. */
export function guard(act: (...given: Parameters<Middleware['handle']>) => unknown): MiddlewareClass {
  return class Guard implements Middleware {
    handle(...given: Parameters<Middleware['handle']>) {
      return act(...given);
    }
  };
}
