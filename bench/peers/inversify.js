// @inversifyjs/http-fastify. Its decorators are called by hand, as a compiler would.
import 'reflect-metadata';
import {
  Body,
  Controller,
  Get,
  Post,
  Request,
  SetHeader,
  UnauthorizedHttpResponse,
  UnprocessableEntityHttpResponse,
  UseGuard,
} from '@inversifyjs/http-core';
import {InversifyFastifyHttpAdapter} from '@inversifyjs/http-fastify';
import fastify from 'fastify';
import {Container} from 'inversify';
import {addEquipment, logged} from './fastify-equipment.js';
import {addSession} from './fastify-session.js';
import {order} from './order.js';

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
  signIn({session}) {
    session.user = 'ada';
    return 'Welcome.';
  }
  change(request) {
    return this.show(request);
  }
}

class MembersController {
  page() {
    return 'for members';
  }
}

class SignedIn {
  activate({session}) {
    if (session.user !== undefined) return true;
    throw new UnauthorizedHttpResponse('Sign in first.');
  }
}

class OrderController {
  take(taken) {
    return {...taken, state: 'taken'};
  }
}

class OrderPipe {
  execute(input) {
    const {success, data} = order.safeParse(input);
    if (!success) throw new UnprocessableEntityHttpResponse('The order is not as expected.');
    return data;
  }
}

function route({prototype}, name, ...decorators) {
  for (const decorate of decorators) decorate(prototype, name, Object.getOwnPropertyDescriptor(prototype, name));
}

const text = SetHeader('Content-Type', 'text/plain; charset=utf-8');

route(SessionController, 'ping', text, Get('/ping'));
route(SessionController, 'show', text, Get('/'));
route(SessionController, 'change', text, Post('/'));
route(SessionController, 'count', text, Get('/count'));
route(SessionController, 'signIn', text, Post('/sign-in'));
for (const name of ['show', 'change', 'count', 'signIn']) Request()(SessionController.prototype, name, 0);
Controller()(SessionController);

route(MembersController, 'page', text, Get('/page'));
UseGuard(SignedIn)(MembersController);
Controller('/members')(MembersController);

Body(new OrderPipe())(OrderController.prototype, 'take', 0);
route(OrderController, 'take', Post('/'));
Controller('/validated')(OrderController);

const container = new Container();
for (const type of [SessionController, MembersController, OrderController, SignedIn]) {
  container.bind(type).toSelf().inSingletonScope();
}
const app = fastify(logged);
await addSession(app);
await addEquipment(app);
await new InversifyFastifyHttpAdapter(container, {logger: false}, app).build();
console.log(`Listening on ${await app.listen({port: Number(process.env.PORT), host: '127.0.0.1'})}`);
