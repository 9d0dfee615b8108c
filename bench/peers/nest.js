// One application for both of Nest's platforms. Its decorators are called by hand, as a compiler would.
import 'reflect-metadata';
import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Module,
  Post,
  Req,
  StandardSchemaValidationPipe,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import {order} from './order.js';

class SessionController {
  ping() {
    return 'pong';
  }
  show({session, sessionID}) {
    session.isBegun ??= true;
    return `Your session id is: ${sessionID ?? session.sessionId}`;
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
  canActivate(context) {
    if (context.switchToHttp().getRequest().session.user !== undefined) return true;
    throw new UnauthorizedException('Sign in first.');
  }
}

class OrderController {
  take(taken) {
    return {...taken, state: 'taken'};
  }
}

function route({prototype}, name, ...decorators) {
  for (const decorate of decorators) decorate(prototype, name, Object.getOwnPropertyDescriptor(prototype, name));
}

const text = Header('Content-Type', 'text/plain; charset=utf-8');

route(SessionController, 'ping', Get('ping'), text);
route(SessionController, 'show', Get(''), text);
route(SessionController, 'change', Post(''), HttpCode(200), text);
route(SessionController, 'count', Get('count'), text);
route(SessionController, 'signIn', Post('sign-in'), HttpCode(200), text);
for (const name of ['show', 'change', 'count', 'signIn']) Req()(SessionController.prototype, name, 0);
Controller()(SessionController);

route(MembersController, 'page', Get('page'), text);
Controller('members')(MembersController);
UseGuards(SignedIn)(MembersController);

Body({schema: order, pipes: [new StandardSchemaValidationPipe()]})(OrderController.prototype, 'take', 0);
route(OrderController, 'take', Post(''), HttpCode(200));
Controller('validated')(OrderController);

export class AppModule {}
Module({controllers: [SessionController, MembersController, OrderController]})(AppModule);
