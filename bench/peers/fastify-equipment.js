// CORS, security headers and CSRF as Fastify's, Nest's and Inversify's servers all use them.
import cors from '@fastify/cors';
import csrf from '@fastify/csrf-protection';
import helmet from '@fastify/helmet';
import {isEquipped, nowhere, origin} from './equipment.js';

/** Fastify's own log, of each request and its answer. */
export const logged = isEquipped ? {logger: {stream: nowhere}} : {};

/** After the session, where the tokens are. */
export async function addEquipment(app) {
  if (!isEquipped) return;
  await app.register(helmet);
  await app.register(cors, {origin, credentials: true});
  await app.register(csrf, {sessionPlugin: '@fastify/session'});
  app.addHook('preHandler', (request, reply, done) =>
    request.method === 'POST' ? app.csrfProtection(request, reply, done) : done(),
  );
  app.get('/token', async (_request, reply) => {
    reply.type('text/plain; charset=utf-8');
    return reply.generateCsrf();
  });
}
