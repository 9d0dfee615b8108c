import {Get, Resource, SessionComponent, SessionService, html, inject} from 'espalier';

@SessionComponent('visits')
class Visits {
  count = 0;
}

@Resource()
export class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async greet() {
    const session = await this.sessions.getSession();
    const {count} = await session.update(Visits, visits => visits.count++);
    return html`<!doctype html>
      <title>{{name}}</title>
      <h1>Visit ${count}</h1>`;
  }
}
