import {serve, type HttpBindings} from '@hono/node-server';
import {Hono} from 'hono';
import {site} from './shop.js';

const app = new Hono();
app.mount('/shop', (request, {incoming}: HttpBindings) => site.fetch(request, {ip: incoming.socket.remoteAddress}));
app.get('/', context => context.text('Home'));

const server = serve({fetch: app.fetch, port: Number(process.env['PORT'] ?? 8080)}, ({port}) => {
  console.log(`Listening on http://localhost:${port}`);
});
process.once('SIGTERM', () => {
  server.close();
  void site.close();
});
