import {setImmediate, setTimeout} from 'node:timers/promises';
import {
  Clock,
  Container,
  Get,
  Logger,
  Post,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  createSite,
  inject,
  type Request,
  type ResourceClass,
  type Response,
  type SiteOptions,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {Client, TestClock, type LogLine} from 'espalier/testing';

@SessionComponent('cart')
export class Cart {
  items: string[] = [];
}

@Resource()
export class Home {
  constructor(@inject(SessionService) protected readonly sessions: SessionService) {}

  /** Begin a session, sign in where a user is named, put something into the cart where that is named. */
  @Get()
  async enter({query}: Request, response: Response) {
    const user = query.get('user');
    const session = user === null ? await this.sessions.getSession() : await this.sessions.signIn(user);
    const item = query.get('item');
    if (item !== null) await session.update(Cart, cart => void cart.items.push(item));
    response.setHeader('X-Session', session.key);
    return session.key;
  }

  @Post()
  async leave() {
    await this.sessions.expire();
  }
}

/** Wait, for ten seconds at most, until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !isSo();) {
    if (Date.now() > end) throw new Error(`In ten seconds it has not become so: ${isSo.toString()}`);
    await setTimeout(1);
  }
}

/** Let everything that can go on by itself go on. */
export async function calm(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
}

type Method = (...given: never[]) => unknown;

/** A store with some of its methods in other hands, for the length of a test. */
export function meddled(store: SessionStore, methods: Partial<Record<keyof SessionStore, Method>>): SessionStore {
  return new Proxy(store, {
    get(_, name: keyof SessionStore) {
      const own = store[name] as Method | undefined;
      return methods[name] ?? own?.bind(store);
    },
  });
}

/** The same store, as far away as one behind a network: no answer comes at once. */
export function distant(store: SessionStore): SessionStore {
  return new Proxy(store, {
    get(_, name: keyof SessionStore) {
      const own = (store[name] as Method | undefined)?.bind(store);
      if (!own || name === 'onEnd' || name === 'close') return own;
      return async (...given: never[]) => {
        await setImmediate();
        const answer = own(...given);
        await setImmediate();
        return answer;
      };
    },
  });
}

/** Processes that share one store and one time. */
export function world(
  makeStore: (clock: TestClock) => SessionStore = clock => new MemoryStore({clock, limit: 20_000}),
) {
  const clock = new TestClock();
  const store = makeStore(clock);
  const log: LogLine[] = [];
  const logger: Logger = {
    error: (message, error) => void log.push({level: 'error', message, error}),
    warn: message => void log.push({level: 'warn', message}),
  };

  /** A process: a site with a connection of its own to the store. */
  function begin(Root: ResourceClass = Home, {modules = [], ...options}: SiteOptions = {}, own = store) {
    const container = new Container();
    container.bind(SessionStore).toConstantValue(own);
    container.bind(Clock).toConstantValue(clock);
    container.bind(Logger).toConstantValue(logger);
    const site = createSite(Root, {container, modules, ...options});
    return {site, sessions: container.get(SessionService), visitor: () => new Client(site)};
  }

  /** Turn the clock on, half a second at a time, and let happen what happens meanwhile. */
  async function pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0; left -= 500) {
      clock.advance(Math.min(left, 500));
      await calm();
    }
  }

  return {clock, store, log, begin, pass};
}
