// Run it with `npm start`, and open http://localhost:8080.
import {Child, Get, Resource, SessionService, serve, use} from 'espalier';

@Resource()
class ExpireSession {
  constructor(private readonly sessions = use(SessionService)) {}

  @Get()
  async expire(): Promise<string> {
    await this.sessions.expire();
    return 'Your session has been expired.';
  }
}

@Resource()
@Child('expire', ExpireSession)
class ShowSession {
  constructor(private readonly sessions = use(SessionService)) {}

  @Get()
  async show(): Promise<string> {
    const session = await this.sessions.getSession();
    return `Your session id is: ${session.uid}`;
  }
}

await serve(ShowSession);
