import {setTimeout as sleep} from 'node:timers/promises';
import {
  Child,
  ContainerModule,
  Get,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  createSite,
  inject,
  type Request,
} from '../../src/index.ts';
import {distant} from './distant-store.ts';
import {storeAt, type Place} from './stores.ts';

/** All keys rest in one component, so that nothing is spared: each of them is a write to the same place. */
@SessionComponent('keys')
class Keys {
  values: Record<string, string> = {};
}

@SessionComponent('count')
class Count {
  n = 0;
}

@Resource()
class Login {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async login() {
    await this.sessions.signIn('ann');
    return {};
  }
}

@Resource()
class Put {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async put({query}: Request) {
    const session = await this.sessions.getSession();
    await sleep(Number(query.get('ms')));
    await session.update(Keys, ({values}) => {
      values[query.get('key')!] = 'put';
    });
    return {};
  }
}

@Resource()
class Increment {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async increment() {
    const session = await this.sessions.getSession();
    await session.update(Count, count => {
      count.n += 1;
    });
    return {};
  }
}

@Resource()
class Read {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async read({query}: Request) {
    const session = await this.sessions.findSession();
    const found = session && {user: session.user, count: session.get(Count).n, ...session.get(Keys).values};
    await sleep(Number(query.get('ms')));
    return found ?? {};
  }
}

@Resource()
class Logout {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post()
  async logout() {
    await this.sessions.expire();
    return {};
  }
}

@Resource()
@Child('login', Login)
@Child('put', Put)
@Child('inc', Increment)
@Child('read', Read)
@Child('logout', Logout)
class Home {}

export async function listen(place: Place, latency: number) {
  const {store, calls} = distant(storeAt(place), latency);
  const module = new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store));
  const site = createSite(Home, {modules: [module], trustProxy: 'loopback'});
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  return {port: Number(new URL(url).port), calls};
}
