// One application for both of Nest's platforms. Its decorators are called by hand, as a compiler would.
import 'reflect-metadata';
import {Controller, Get, Header, Module, Req} from '@nestjs/common';

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
}

for (const [name, path] of Object.entries({ping: 'ping', show: '', count: 'count'})) {
  const {prototype} = SessionController;
  const method = Object.getOwnPropertyDescriptor(prototype, name);
  if (name !== 'ping') Req()(prototype, name, 0);
  Header('Content-Type', 'text/plain; charset=utf-8')(prototype, name, method);
  Get(path)(prototype, name, method);
}
Controller()(SessionController);

export class AppModule {}
Module({controllers: [SessionController]})(AppModule);
