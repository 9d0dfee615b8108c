import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';
import {serve} from '@hono/node-server';
import {Hono} from 'hono';
import {sessionMiddleware} from 'hono-sessions';
import {JsonStore} from './json-store.js';

const adapted = store => ({
  getSessionById: id => store.get(id),
  createSession: (id, session) => store.set(id, session),
  persistSessionData: (id, session) => store.set(id, session),
  deleteSession: id => store.destroy(id),
});

export async function listen(options, latency) {
  const store = new JsonStore(latency);
  const app = new Hono();
  app.use('*', sessionMiddleware({store: adapted(store), ...options}));

  app.post('/login', context => {
    context.get('session').set('user', 'ann');
    return context.json({});
  });
  app.post('/put', async context => {
    const {key, ms} = context.req.query();
    await sleep(Number(ms));
    context.get('session').set(key, 'put');
    return context.json({});
  });
  app.post('/inc', context => {
    const session = context.get('session');
    session.set('count', (session.get('count') ?? 0) + 1);
    return context.json({});
  });
  app.get('/read', async context => {
    const {_data: data} = context.get('session').getCache();
    const found = Object.fromEntries(Object.entries(data).map(([key, {value}]) => [key, value]));
    await sleep(Number(context.req.query('ms')));
    return context.json(found);
  });
  app.post('/logout', context => {
    context.get('session').deleteSession();
    return context.json({});
  });

  const server = serve({fetch: app.fetch, port: 0, hostname: '127.0.0.1'});
  await once(server, 'listening');
  return {port: server.address().port, calls: store.calls};
}
