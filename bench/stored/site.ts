import {
  Child,
  ContainerModule,
  Get,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  inject,
  serve,
} from '../../src/index.ts';
import {storeAt, type Place} from '../races/stores.ts';

@SessionComponent('count')
class Count {
  n = 0;
}

@Resource()
class Ping {
  @Get()
  ping() {
    return 'pong';
  }
}

@Resource()
class Increment {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async increment() {
    const session = await this.sessions.getSession();
    const {n} = await session.update(Count, count => {
      count.n += 1;
    });
    return String(n);
  }
}

@Resource()
@Child('ping', Ping)
@Child('count', Increment)
class ShowSession {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    return `Your session id is: ${session.uid}`;
  }
}

const {STORE: store, STORE_AT: at = ''} = process.env;
const place = {store, at} as Place;
const module = new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(storeAt(place)));

await serve(ShowSession, {modules: [module], sessions: {insecure: true}});
