import {setImmediate} from 'node:timers/promises';
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
import type {WholeStore} from './stores.ts';

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

/** Let everything that can go on by itself go on. */
export async function calm(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
}

/** Processes that share one store and one time. */
export function world(
  makeStore: (clock: TestClock) => WholeStore = clock => new MemoryStore({clock, limit: 20_000}),
  clock = new TestClock(),
) {
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
