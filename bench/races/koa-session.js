import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';
import Koa from 'koa';
import {createSession} from 'koa-session';
import {JsonStore} from './json-store.js';

const routes = {
  'POST /login': context => {
    context.session.user = 'ann';
  },
  'POST /put': async context => {
    await sleep(Number(context.query.ms));
    context.session[context.query.key] = 'put';
  },
  'POST /inc': context => {
    context.session.count = (context.session.count ?? 0) + 1;
  },
  'GET /read': async context => {
    const found = context.session.toJSON();
    await sleep(Number(context.query.ms));
    context.body = found;
  },
  'POST /logout': context => {
    context.session = null;
  },
};

export async function listen(options, latency) {
  const store = new JsonStore(latency);
  const app = new Koa({proxy: true, keys: ['a secret of no worth, for races only']});
  app.use(createSession({store, ...options}, app));
  app.use(async context => {
    context.body = {};
    await routes[`${context.method} ${context.path}`](context);
  });

  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {port: server.address().port, calls: store.calls};
}
