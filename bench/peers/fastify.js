import fastify from 'fastify';
import {addEquipment, logged} from './fastify-equipment.js';
import {addSession} from './fastify-session.js';
import {order} from './order.js';

const app = fastify(logged);

// A scope of its own, which has no session.
app.register(async api => {
  api.setValidatorCompiler(({schema}) => data => {
    const {success, data: value, error} = schema.safeParse(data);
    return success ? {value} : {error};
  });
  api.post('/validated', {schema: {body: order}}, async ({body}) => ({...body, state: 'taken'}));
});

app.register(async site => {
  await addSession(site);
  await addEquipment(site);
  site.get('/ping', async (_request, reply) => {
    reply.type('text/plain; charset=utf-8');
    return 'pong';
  });
  site.route({
    method: ['GET', 'POST'],
    url: '/',
    handler: async (request, reply) => {
      request.session.isBegun ??= true;
      reply.type('text/plain; charset=utf-8');
      return `Your session id is: ${request.session.sessionId}`;
    },
  });
  site.get('/count', async (request, reply) => {
    request.session.count = (request.session.count ?? 0) + 1;
    reply.type('text/plain; charset=utf-8');
    return String(request.session.count);
  });
  site.post('/sign-in', async request => {
    request.session.user = 'ada';
    return 'Welcome.';
  });
  site.register(
    async members => {
      members.addHook('preHandler', async (request, reply) => {
        if (request.session.user === undefined) return reply.code(401).send('Sign in first.');
      });
      members.get('/page', async (_request, reply) => {
        reply.type('text/plain; charset=utf-8');
        return 'for members';
      });
    },
    {prefix: '/members'},
  );
});

console.log(`Listening on ${await app.listen({port: Number(process.env.PORT), host: '127.0.0.1'})}`);
