import {trace} from '@opentelemetry/api';
import {Child, Get, Resource, SessionService, inject} from 'espalier';

@Resource()
class Article {
  @Get()
  show() {
    return trace.getTracer('shop').startActiveSpan('look up', span => {
      span.end();
      return 'An article';
    });
  }
}

@Resource()
export class Shop {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async welcome() {
    return `You are ${(await this.sessions.getSession()).uid}.`;
  }

  @Child(':article', Article)
  find(name: string) {
    if (name === 'broken') throw new Error('The shelf has fallen.');
    return new Article();
  }
}
