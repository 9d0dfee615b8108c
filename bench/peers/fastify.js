import fastify from 'fastify';
import {addSession} from './fastify-session.js';

const app = fastify();
await addSession(app);
app.get('/ping', async (_request, reply) => {
  reply.type('text/plain; charset=utf-8');
  return 'pong';
});
app.get('/', async (request, reply) => {
  request.session.isBegun ??= true;
  reply.type('text/plain; charset=utf-8');
  return `Your session id is: ${request.session.sessionId}`;
});
app.get('/count', async (request, reply) => {
  request.session.count = (request.session.count ?? 0) + 1;
  reply.type('text/plain; charset=utf-8');
  return String(request.session.count);
});
console.log(`Listening on ${await app.listen({port: Number(process.env.PORT), host: '127.0.0.1'})}`);
