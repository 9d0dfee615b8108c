import {
  Get,
  Resource,
  SessionComponent,
  SessionService,
  inject,
  type Request,
  type Response,
  type SessionOptions,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {Client, TestClock} from 'espalier/testing';
import {world} from './processes.ts';
import type {WholeStore} from './stores.ts';

/** What a page does with the service. */
export type Act = (sessions: SessionService, response: Response, request: Request) => unknown;

interface ClusterOptions {
  /** How many sites share the store, as so many processes would. Default: 2. */
  readonly count?: number;
  readonly sessions?: SessionOptions;
  /** What the sites have in place of the store that they share. Default: that itself. */
  readonly through?: (store: MemoryStore) => WholeStore;
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
  const store = new MemoryStore({
    clock: {now: () => clock.now() + ahead, after: (delay, act) => clock.after(delay, act)},
  });
  const {log, begin} = world(() => through(store), clock);
  const sites = Array.from({length: count}, () => begin(Pages, {sessions}).site);
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

@SessionComponent('notes')
export class Notes {
  lines: string[] = [];
}
