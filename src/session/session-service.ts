import {promised, type Awaitable} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {currentRequest} from '../http/current.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {warn, type Logger} from '../logger.ts';
import {BoundedStore} from './bounded-store.ts';
import {EndListeners} from './end-listeners.ts';
import type {Lifetime} from './lifetime.ts';
import {cookieFor} from './session-cookie.ts';
import type {SessionStore} from './session-store.ts';
import type {Session} from './session.ts';
import type {TokenSource} from './token.ts';
import {Visit, type VisitParts} from './visit.ts';

/** How a site keeps sessions. */
export interface SessionOptions extends Partial<Lifetime> {
  /** Keep sessions over plain HTTP to any host, although anyone on the way can take them over. Default: false. */
  readonly insecure?: boolean;
  /** How many milliseconds a store may take for an answer, before the visitor gets a 503. Default: 2 seconds. */
  readonly storeTimeout?: number;
}

/** What holds where `SessionOptions` are silent: idle 15 minutes, absolute 12 hours, 2 seconds for the store. */
export const sessionDefaults: Required<SessionOptions> = {
  idleTimeout: 15 * 60 * 1000,
  absoluteTimeout: 12 * 60 * 60 * 1000,
  insecure: false,
  storeTimeout: 2000,
};

/** What a `SessionService` works with. */
interface Parts {
  readonly store: SessionStore;
  readonly newToken: TokenSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Inject this to reach the visitor's session. Each method finds the request that is being answered by itself, and takes
 * one explicitly where it is called from elsewhere; without either it rejects with `OUTSIDE_REQUEST`. Over plain HTTP to a
 * host that is not this machine all reject with `SESSION_INSECURE`.
 */
export class SessionService {
  readonly #parts: VisitParts;
  readonly #insecure: boolean;
  readonly #logger: Logger;
  readonly #stopListening: () => void;
  #hasWarned = false;
  #isClosed = false;

  /** The container makes it. Throws `OPTION_INVALID` for a timeout that is none. */
  constructor({logger, ...parts}: Parts, options: SessionOptions = {}) {
    const {idleTimeout = sessionDefaults.idleTimeout, absoluteTimeout = sessionDefaults.absoluteTimeout} = options;
    const {insecure = sessionDefaults.insecure, storeTimeout = sessionDefaults.storeTimeout} = options;
    for (const [name, value] of Object.entries({idleTimeout, absoluteTimeout, storeTimeout})) checkTimeout(name, value);
    const listeners = new EndListeners(logger);
    this.#stopListening = parts.store.onEnd((uid, reason) => listeners.tell(uid, reason));
    const store = new BoundedStore(parts.store, parts.clock, storeTimeout);
    this.#parts = {...parts, store, listeners, lifetime: {idleTimeout, absoluteTimeout}};
    this.#insecure = insecure;
    this.#logger = logger;
  }

  /**
   * The visitor's session, begun now if they have none. All calls during one request give the same object; that it was
   * ended elsewhere meanwhile is seen by `session.touch()`, and by the next request. Rejects with `SESSION_TOO_LATE` when
   * it is first asked for after the headers were sent, and with `SESSION_STORE_DOWN`, a 503, when the store fails or takes
   * too long: a visitor is never mistaken for a new one.
   */
  getSession(request?: Request): Promise<Session> {
    return this.#during(request, visit => visit.getSession());
  }

  /** The visitor's session, or nothing. Never begins one, sends no cookie, writes no row. Rejects as `getSession` does. */
  findSession(request?: Request): Promise<Session | undefined> {
    return this.#during(request, visit => visit.findSession());
  }

  /** End the visitor's session now, and have the browser forget its cookie. Without a session it does nothing, and begins none. */
  expire(request?: Request): Promise<void> {
    return this.#during(request, visit => visit.expire());
  }

  /** @internal The site calls this once for each request, before the headers go out. */
  settle(request: Request, response: Response): Awaitable<void> {
    const visit = this.#known(request);
    if (visit) return visit.settle(response);
    request.isAnswered = true;
    return undefined;
  }

  /** @internal Listen to the store no longer. */
  close(): void {
    this.#isClosed = true;
    this.#stopListening();
  }

  #during<T>(request: Request | undefined, act: (visit: Visit) => Promise<T>): Promise<T> {
    return promised(() => act(this.#visit(request ?? currentRequest())));
  }

  #visit(request: Request): Visit {
    // As when a service that outlives one site, and knows its sessions, is asked by the next.
    if (this.#isClosed)
      throw new EspalierError('SITE_CLOSED', 'The site of this SessionService is closed.', {status: 503});
    const known = this.#known(request);
    if (known) return known;
    this.#warnOfProxy(request);
    const visit = new Visit(request, cookieFor(request, this.#insecure), this.#parts);
    request.memo = visit;
    return visit;
  }

  // The service of another site can be asked about a request too, which is none of its business.
  #known({memo}: Request): Visit | undefined {
    return memo instanceof Visit && memo.parts === this.#parts ? memo : undefined;
  }

  // The usual cause of lost sessions behind a proxy, and invisible from outside: so say it, once.
  #warnOfProxy(request: Request): void {
    if (this.#hasWarned || request.secure || !request.claimsTls) return;
    this.#hasWarned = true;
    warn(
      this.#logger,
      `A proxy at ${request.ip} says that visitors come over TLS, but it is not trusted, so they count as coming without. If it is yours, set trustProxy.`,
    );
  }
}

function checkTimeout(name: string, value: number): void {
  if (Number.isFinite(value) && value > 0) return;
  throw new EspalierError(
    'OPTION_INVALID',
    `sessions.${name} is ${value}. It must be a number of milliseconds above 0.`,
  );
}
