import {setImmediate} from 'node:timers/promises';
import {
  Clock,
  ContainerModule,
  Get,
  Logger,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  createSite,
  inject,
  type Request,
  type Response,
  type SessionOptions,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {Client, TestClock, type LogLine} from 'espalier/testing';

/** What a page does with the service. */
export type Act = (sessions: SessionService, response: Response, request: Request) => unknown;

interface ClusterOptions {
  /** How many sites share the store, as so many processes would. Default: 2. */
  readonly count?: number;
  readonly sessions?: SessionOptions;
  /** What the sites have in place of the store that they share. Default: that itself. */
  readonly through?: (store: MemoryStore) => SessionStore;
  /** How many milliseconds the store's clock is ahead of the sites'. Default: 0. */
  readonly ahead?: number;
}

/** Sites that share a store, with a page for each act, at `/` and its name. */
export function cluster(
  acts: Record<string, Act>,
  {count = 2, sessions = {}, through = store => store, ahead = 0}: ClusterOptions = {},
) {
  @Resource({leaf: true})
  class Pages {
    constructor(@inject(SessionService) private readonly service: SessionService) {}
    @Get()
    show(request: Request, response: Response) {
      return acts[request.postpath.join('/')]!(this.service, response, request);
    }
  }
  const clock = new TestClock();
  const log: LogLine[] = [];
  const store = new MemoryStore({
    clock: {now: () => clock.now() + ahead, after: (delay, act) => clock.after(delay, act)},
  });
  const shared = through(store);
  const modules = [
    new ContainerModule(({bind}) => {
      bind(Clock).toConstantValue(clock);
      bind(SessionStore).toConstantValue(shared);
      bind(Logger).toConstantValue({
        error: (message, error) => log.push({level: 'error', message, error}),
        warn: message => log.push({level: 'warn', message}),
      } satisfies Logger);
    }),
  ];
  const sites = Array.from({length: count}, () => createSite(Pages, {sessions, modules}));
  return {clock, log, store, sites, visitor: (at = 0) => new Client(sites[at]!)};
}

/** What a page says to a visitor, or to somebody with this cookie. */
export async function pageOf(visitor: Client, path: string, cookie?: string): Promise<string> {
  return (await visitor.get(path, cookie === undefined ? {} : {headers: {cookie}})).text();
}

/** The session cookie that an answer sends, as a browser would send it back. */
export function cookieIn(answer: globalThis.Response): string | undefined {
  return answer.headers
    .getSetCookie()
    .find(cookie => cookie.startsWith('sid='))
    ?.split(';')[0];
}

/** The store as one that is elsewhere: each answer takes a while, now longer and now shorter. */
export function answeringLater(store: SessionStore): SessionStore {
  return watched(store, async (_name, call) => {
    await someTime();
    const answer = await call();
    await someTime();
    return answer;
  });
}

/** The store, with `act` in the way of each call but those that listen and close. */
export function watched(
  store: SessionStore,
  act: (name: keyof SessionStore, call: () => unknown, args: readonly unknown[]) => unknown,
): SessionStore {
  return new Proxy(store, {
    get(target, name: keyof SessionStore) {
      const method = target[name] as unknown;
      if (typeof method !== 'function') return method;
      if (name === 'onEnd' || name === 'close') return method.bind(target) as unknown;
      return (...args: unknown[]) => act(name, () => method.apply(target, args) as unknown, args);
    },
  });
}

async function someTime(): Promise<void> {
  for (let left = Math.floor(Math.random() * 4); left > 0; left -= 1) await setImmediate();
}

/** Wait until this is so, doing something meanwhile. */
export async function until(isSo: () => boolean, act: () => unknown = () => undefined): Promise<void> {
  for (let left = 10_000; !isSo(); left -= 1) {
    if (left === 0) throw new Error('It never came to that.');
    act();
    await setImmediate();
  }
}

@SessionComponent('notes')
export class Notes {
  lines: string[] = [];
}
