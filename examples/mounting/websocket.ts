// A WebSocket of the visitor's, on the port of the site. It is closed when the session ends.
import {createServer, type IncomingMessage} from 'node:http';
import type {Duplex} from 'node:stream';
import {Delete, Get, Resource, SessionService, createError, createSite, inject} from 'espalier';
import {WebSocketServer} from 'ws';

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }

  @Delete()
  async leave() {
    await this.sessions.expire();
  }
}

const site = createSite(Home);
const sessions = site.container.get(SessionService);
const sockets = new WebSocketServer({noServer: true});
const server = createServer(site.handler);

async function connect(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
  const session = await sessions.findSession(site.request(message));
  if (!session) throw createError(401);
  sockets.handleUpgrade(message, socket, head, client => {
    client.on(
      'close',
      session.notifyOnExpire(() => client.close()),
    );
    client.send(`You are ${session.uid}.`);
  });
}

server.on('upgrade', (message, socket, head) => {
  socket.on('error', () => socket.destroy());
  connect(message, socket, head).catch(() => socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n'));
});

server.listen(Number(process.env['PORT'] ?? 8080), 'localhost', () => console.log('Listening'));
process.once('SIGTERM', () => {
  server.close();
  void site.close();
});
