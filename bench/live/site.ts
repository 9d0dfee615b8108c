import {
  Child,
  ContainerModule,
  Get,
  Resource,
  SessionService,
  SessionStore,
  createSite,
  inject,
} from '../../src/index.ts';
import {sessionDefaults} from '../../src/session/session-service.ts';
import {randomToken, uidOf} from '../../src/session/visit/token.ts';
import {MemoryStore} from '../../src/store/memory.ts';

@Resource()
class Ping {
  @Get()
  ping() {
    return 'pong';
  }
}

@Resource()
@Child('ping', Ping)
class ShowSession {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    return `Your session id is: ${session.uid}`;
  }
}

const {idleTimeout, absoluteTimeout} = sessionDefaults;

/** What a request without a cookie has the store do. The session becomes idle at the moment `due`, if there is one. */
function begin(store: MemoryStore, due: number | undefined) {
  const token = randomToken();
  const lifetime = {idleTimeout: due === undefined ? idleTimeout : due - Date.now(), absoluteTimeout};
  store.create({uid: uidOf(token), isSecure: false, device: undefined, ...lifetime});
  return `sid=${token}`;
}

export async function listen() {
  const store = new MemoryStore({limit: 2_000_000});
  const module = new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store));
  const url = await createSite(ShowSession, {modules: [module], sessions: {insecure: true}}).listen({
    port: 0,
    host: '127.0.0.1',
  });
  return {url: url.replace(/\/$/, ''), begin: (due?: number) => begin(store, due), size: () => store.size};
}
