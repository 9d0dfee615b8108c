import {once} from 'node:events';
import {setTimeout as sleep} from 'node:timers/promises';
import {callbackify} from 'node:util';
import express from 'express';
import session from 'express-session';
import {JsonStore} from './json-store.js';

class ExpressStore extends session.Store {
  constructor(store) {
    super();
    for (const name of ['get', 'set', 'touch', 'destroy']) this[name] = callbackify(store[name].bind(store));
  }
}

export async function listen(options, latency) {
  const store = new JsonStore(latency);
  const app = express();
  app.set('trust proxy', true);
  app.use(session({secret: 'a secret of no worth, for races only', store: new ExpressStore(store), ...options}));

  app.post('/login', (request, response) => {
    request.session.user = 'ann';
    response.end();
  });
  app.post('/put', async (request, response) => {
    await sleep(Number(request.query.ms));
    request.session[request.query.key] = 'put';
    response.end();
  });
  app.post('/inc', (request, response) => {
    request.session.count = (request.session.count ?? 0) + 1;
    response.end();
  });
  app.get('/read', async (request, response) => {
    const found = {...request.session, cookie: undefined};
    await sleep(Number(request.query.ms));
    response.json(found);
  });
  app.post('/logout', (request, response) => request.session.destroy(() => response.end()));

  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {port: server.address().port, calls: store.calls};
}
