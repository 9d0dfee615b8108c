// Run it with `npm start`, and open http://localhost:8080.
import {Child, Get, Resource, SessionService, inject, serve} from 'espalier';

@Resource()
class ExpireSession {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async expire(): Promise<string> {
    await this.sessions.expire();
    return 'Your session has been expired.';
  }
}

@Resource()
@Child('expire', ExpireSession)
class ShowSession {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show(): Promise<string> {
    const session = await this.sessions.getSession();
    return `Your session id is: ${session.uid}`;
  }
}

await serve(ShowSession);
