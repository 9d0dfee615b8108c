import {setImmediate} from 'node:timers/promises';
import {
  ContainerModule,
  Get,
  Resource,
  SessionService,
  SessionStore,
  inject,
  type Awaitable,
  type Request,
  type Session,
  type SessionOptions,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock, testSite, type Client} from 'espalier/testing';
import {distant} from './stores.ts';

type Act<T> = (session: Session, sessions: SessionService) => Awaitable<T>;

/** What has come of a visit. */
interface Visited<T> {
  readonly response: globalThis.Response;
  readonly result?: T;
  readonly error?: unknown;
}

/** A site of one page, where each visit does something of its own with the visitor's session. */
export function sessionSite({store, sessions}: {store?: SessionStore; sessions?: SessionOptions} = {}) {
  const acts = new Map<string, Act<unknown>>();

  @Resource()
  class Page {
    constructor(@inject(SessionService) private readonly service: SessionService) {}
    @Get()
    async act({headers}: Request) {
      await acts.get(String(headers['x-act']))!(await this.service.getSession(), this.service);
    }
  }

  const modules = store ? [new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store))] : [];
  const {site, clock, log, visitor} = testSite(Page, {modules, ...(sessions && {sessions})});

  /** A visit, and all that came of it. */
  async function look<T>(someone: Client, act: Act<T>, cookie?: string): Promise<Visited<T>> {
    const id = String(acts.size);
    let came: Omit<Visited<T>, 'response'> = {};
    acts.set(id, async (...given) => {
      try {
        came = {result: await act(...given)};
      } catch (error) {
        came = {error};
        throw error;
      }
    });
    const headers = {'X-Act': id, ...(cookie !== undefined && {Cookie: cookie})};
    return {response: await someone.get('/', {headers}), ...came};
  }

  /** A visit that goes well, and what it gave. */
  async function visit<T>(someone: Client, act: Act<T>, cookie?: string): Promise<T> {
    const {result, error} = await look(someone, act, cookie);
    if (error !== undefined) throw error;
    return result as T;
  }

  return {site, clock, log, visitor, look, visit};
}

/** A site and one visitor of it. */
export function visitedSite(options: Parameters<typeof sessionSite>[0] = {}) {
  const {visitor, look, visit, ...rest} = sessionSite(options);
  const someone = visitor();
  return {
    ...rest,
    look: <T>(act: Act<T>) => look(someone, act),
    visit: <T>(act: Act<T>) => visit(someone, act),
    cookie: () => someone.jar.getCookieString('http://localhost/'),
  };
}

/**
 * Two sites over one store that takes its time, as two processes have them, and one visitor whose requests reach the one or the
 * other.
 */
export async function twoSites(rest = distant(new MemoryStore({clock: new TestClock()}))) {
  const sites = [sessionSite({store: rest}), sessionSite({store: rest})];
  const someone = sites[0]!.visitor();
  await sites[0]!.visit(someone, () => undefined);
  const cookie = await someone.jar.getCookieString('http://localhost/');
  const at = (place: number) => {
    const site = sites[place % 2]!;
    return {
      look: <T>(act: Act<T>) => site.look(site.visitor(), act, cookie),
      visit: <T>(act: Act<T>) => site.visit(site.visitor(), act, cookie),
    };
  };
  const clocks = sites.map(({clock}) => clock);
  /** Have all these come about, while time goes on. */
  const together = <T>(works: readonly Promise<T>[]) => turning(clocks, Promise.all(works));
  return {at, first: at(0), second: at(1), together};
}

/** Turn clocks on until something has come about, a millisecond for each turn of the event loop. */
export async function turning<T>(clocks: readonly TestClock[], work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const settled = work.finally(() => done.abort());
  while (!done.signal.aborted) {
    for (const clock of clocks) clock.advance(1);
    await Promise.race([settled, setImmediate()]);
  }
  return settled;
}

/** The numbers from 0 on. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({length: count}, (_, index) => make(index));
}
