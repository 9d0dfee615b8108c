import {Get, Resource, SessionComponent, SessionService, html, inject, serve} from 'espalier';

@SessionComponent('visits')
class Visits {
  count = 0;
}

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async greet() {
    const session = await this.sessions.getSession();
    const {count} = await session.update(Visits, visits => visits.count++);
    return html`<!doctype html>
      <title>hello</title>
      <h1>Visit ${count}</h1>`;
  }
}

await serve(Home);
