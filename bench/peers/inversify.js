// @inversifyjs/http-fastify. Its decorators are called by hand, as a compiler would.
import 'reflect-metadata';
import {Controller, Get, Request, SetHeader} from '@inversifyjs/http-core';
import {InversifyFastifyHttpAdapter} from '@inversifyjs/http-fastify';
import fastify from 'fastify';
import {Container} from 'inversify';
import {addSession} from './fastify-session.js';

class SessionController {
  ping() {
    return 'pong';
  }
  show({session}) {
    session.isBegun ??= true;
    return `Your session id is: ${session.sessionId}`;
  }
  count({session}) {
    session.count = (session.count ?? 0) + 1;
    return String(session.count);
  }
}

for (const [name, path] of Object.entries({ping: '/ping', show: '/', count: '/count'})) {
  const {prototype} = SessionController;
  const method = Object.getOwnPropertyDescriptor(prototype, name);
  if (name !== 'ping') Request()(prototype, name, 0);
  SetHeader('Content-Type', 'text/plain; charset=utf-8')(prototype, name, method);
  Get(path)(prototype, name, method);
}
Controller()(SessionController);

const container = new Container();
container.bind(SessionController).toSelf().inSingletonScope();
const app = fastify();
await addSession(app);
await new InversifyFastifyHttpAdapter(container, {logger: false}, app).build();
console.log(`Listening on ${await app.listen({port: Number(process.env.PORT), host: '127.0.0.1'})}`);
