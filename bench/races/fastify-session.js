import {setTimeout as sleep} from 'node:timers/promises';
import {callbackify} from 'node:util';
import cookie from '@fastify/cookie';
import session from '@fastify/session';
import fastify from 'fastify';
import {JsonStore} from './json-store.js';

const withCallbacks = store =>
  Object.fromEntries(['get', 'set', 'destroy'].map(name => [name, callbackify(store[name].bind(store))]));

export async function listen(options, latency) {
  const store = new JsonStore(latency);
  const app = fastify({trustProxy: true});
  app.register(cookie);
  app.register(session, {secret: 'a secret of no worth, for races only', store: withCallbacks(store), ...options});

  app.post('/login', async request => {
    request.session.set('user', 'ann');
    return {};
  });
  app.post('/put', async request => {
    await sleep(Number(request.query.ms));
    request.session.set(request.query.key, 'put');
    return {};
  });
  app.post('/inc', async request => {
    request.session.set('count', (request.session.get('count') ?? 0) + 1);
    return {};
  });
  app.get('/read', async request => {
    const found = {...request.session, cookie: undefined};
    await sleep(Number(request.query.ms));
    return found;
  });
  app.post('/logout', async request => {
    await request.session.destroy();
    return {};
  });

  await app.listen({port: 0, host: '127.0.0.1'});
  return {port: app.server.address().port, calls: store.calls};
}
