import {promised} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {currentRequest, requestHere} from '../http/current.ts';
import {Request} from '../http/request.ts';
import {requestKey} from '../http/request-key.ts';
import {warn, type Logger} from '../logger.ts';
import {
  checkOptions,
  count,
  duration,
  flag,
  kind,
  milliseconds,
  oneOf,
  optionsOf,
  orFalse,
  positive,
  type Kinds,
} from '../options.ts';
import {TimeLimit} from '../time-limit.ts';
import {BoundedEnds, BoundedStore} from './store/bounded.ts';
import {StoreCalls} from './store/calls.ts';
import {Components} from './component/component.ts';
import {ComponentWriter} from './component/writer.ts';
import {CrossSiteRule} from './visit/cross-site.ts';
import {EndDelivery} from './end/delivery.ts';
import {EndListeners} from './end/listeners.ts';
import type {EndHandler} from './end/on-expire.ts';
import {EndWatch} from './end/watch.ts';
import {InFlight} from './visit/in-flight.ts';
import {longestRemembered, shortestIdleTimeout, type Lifetime} from './store/lifetime.ts';
import {
  SessionCookies,
  sessionCookieDefaults,
  sessionCookieKinds,
  type SessionCookie,
  type SessionCookieOptions,
} from './visit/cookie.ts';
import {challenge} from './store/refusals.ts';
import {keepsEnds, type SessionStore} from './store/contract.ts';
import {StoreOutages} from './store/outages.ts';
import type {Session} from './session.ts';
import type {DeviceOption} from './visit/device.ts';
import type {TokenSource} from './visit/token.ts';
import {checkedUser, endPages, releaseAll, UserSessions} from './user-sessions.ts';
import {LookUp} from './visit/look-up.ts';
import {Visit, type VisitParts} from './visit/visit.ts';

/** How a site keeps sessions. */
export interface SessionOptions extends Partial<Lifetime> {
  /** How the cookie is named, and to whom the browser sends it. */
  readonly cookie?: SessionCookieOptions;
  /** Keep sessions over plain HTTP with everybody, although anyone on the way can take them over. Default: false, with this machine alone. */
  readonly insecure?: boolean;
  /**
   * How many milliseconds a call may take, before the visitor gets a 503: with all that the store is asked for it, and its wait for
   * other calls. Where many sessions are listed or ended, each step has this time. Default: 2 seconds.
   */
  readonly storeTimeout?: number;
  /**
   * How long the cookie of before goes on, in milliseconds: after `renew()`, from when the new one is first seen; after `signIn()`,
   * for the same user to sign in again by it, where the answer was lost. 0 is not at all. Default: 30 seconds.
   */
  readonly renewalGrace?: number;
  /** The most sessions one user may have; who signs in past that ends the one signed in first. Default: as many as they like. */
  readonly userLimit?: number;
  /** The most bytes a component may take as text. Default: 64 KiB. */
  readonly componentLimit?: number;
  /**
   * The paths at which a page of another site may begin, renew or sign in a session by an unsafe method, for callbacks that are
   * posted: `/payment/return`; `/sign-in/:provider` for any one segment; `/saml/*` for all below. Elsewhere it is a 403. Default:
   * none.
   */
  readonly crossSite?: readonly string[];
  /**
   * What a session notes of the visitor who begins it, for `session.device`: their browser, as its `User-Agent` says, 256 characters at
   * most; their address besides, as `trustProxy` has it; or nothing, by `false`. Default: `agent`.
   */
  readonly device?: DeviceOption;
}

/** What holds where `SessionOptions` are silent. */
export const sessionDefaults: Required<SessionOptions> = {
  idleTimeout: 15 * 60 * 1000,
  absoluteTimeout: 12 * 60 * 60 * 1000,
  cookie: sessionCookieDefaults,
  insecure: false,
  storeTimeout: 2000,
  renewalGrace: 30 * 1000,
  userLimit: Infinity,
  componentLimit: 64 * 1024,
  crossSite: [],
  device: 'agent',
};

/** What the values of `SessionOptions` may be. */
export const sessionKinds: Kinds<SessionOptions> = {
  idleTimeout: kind(
    `a number of milliseconds, ${shortestIdleTimeout} or more`,
    value => duration.fits(value) && (value as number) >= shortestIdleTimeout,
  ),
  absoluteTimeout: duration,
  cookie: optionsOf(sessionCookieKinds),
  insecure: flag,
  storeTimeout: duration,
  renewalGrace: kind(milliseconds.wanted, value => milliseconds.fits(value) && value !== Infinity),
  userLimit: count,
  componentLimit: positive,
  crossSite: kind('a list of paths', Array.isArray),
  device: orFalse(oneOf('agent', 'agent and address')),
};

/** How a visitor signs in. */
export interface SignInOptions {
  /**
   * For how many milliseconds the visitor is remembered, whether they come or not, and although they close their browser: 500 or
   * more, and 400 days at most, since browsers keep no cookie for longer (RFC 6265bis). Default: they are not remembered.
   */
  readonly remember?: number | undefined;
}

const signInKinds: Kinds<SignInOptions> = {
  remember: kind(
    `a number of milliseconds, from ${shortestIdleTimeout} to ${longestRemembered}, which is 400 days`,
    value => duration.fits(value) && shortestIdleTimeout <= (value as number) && (value as number) <= longestRemembered,
  ),
};

/** It has the form of a uid, which no token leads to. */
const nobodysUid = 'A'.repeat(43);

/** What a `SessionService` works with. */
interface Parts {
  readonly store: SessionStore;
  readonly newToken: TokenSource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Inject this to reach the visitor's session. Each method finds the request that is being answered by itself, and takes
 * one explicitly where it is called from elsewhere, as in a callback; without either, and where the answer of the one that it finds
 * is complete, it rejects with `OUTSIDE_REQUEST`. Over plain HTTP, except from this machine to itself, all reject with
 * `SESSION_INSECURE`.
 */
export class SessionService {
  readonly #parts: VisitParts;
  readonly #logger: Logger;
  readonly #cookies: SessionCookies;
  readonly #ends: BoundedEnds | undefined;
  readonly #watch: EndWatch;
  readonly #outages: StoreOutages;
  readonly #visitKey = requestKey<Visit>('visit');
  #delivery: EndDelivery | undefined;
  #hasWarnedOfProxy = false;
  #hasWarnedOfHost = false;
  #isClosed = false;

  /** The container makes it, with options that have been checked. */
  constructor({logger, clock, newToken, ...parts}: Parts, options: SessionOptions = {}) {
    const settings = settingsOf(options);
    const {idleTimeout, absoluteTimeout, renewalGrace, userLimit, componentLimit, device} = settings;
    const listeners = new EndListeners(logger);
    this.#logger = logger;
    const outages = new StoreOutages(logger, clock);
    this.#outages = outages;
    const calls = new StoreCalls({clock, outages}, settings.storeTimeout);
    const store = new BoundedStore(parts.store, calls);
    this.#ends = keepsEnds(parts.store) ? new BoundedEnds(parts.store, calls) : undefined;
    this.#watch = new EndWatch({store, clock, logger}, ends => {
      for (const {key, reason} of ends) listeners.tell(key, reason);
      this.#delivery?.wake();
    });
    store.watchedBy(this.#watch);
    const writer = new ComponentWriter({store: parts.store, clock, outages}, settings.storeTimeout);
    const inFlight = new InFlight(clock);
    const lifetime = {idleTimeout: Math.ceil(idleTimeout), absoluteTimeout: Math.ceil(absoluteTimeout)};
    const limits = {renewalGrace: Math.ceil(renewalGrace), userLimit, componentLimit, device};
    const components = new Components();
    const late = () => outages.down(new Error(`It took more than ${settings.storeTimeout} ms.`));
    this.#parts = {
      store,
      timeLimit: new TimeLimit(clock, settings.storeTimeout, late),
      lookUp: new LookUp(store, logger),
      writer,
      listeners,
      inFlight,
      newToken,
      clock,
      components,
      crossSite: new CrossSiteRule(settings.crossSite, settings.cookie.sameSite),
      lifetime,
      ...limits,
    };
    const isProduction = process.env['NODE_ENV'] === 'production';
    const plainHttp = settings.insecure ? 'all' : isProduction ? 'nobody' : 'thisMachine';
    this.#cookies = new SessionCookies(settings.cookie, plainHttp);
  }

  /** @internal Asks the store for a session that there is not. Rejects with `SESSION_STORE_DOWN` where it does not answer. */
  async checkStore(): Promise<void> {
    await this.#parts.store.find(nobodysUid, false);
  }

  /**
   * The visitor's session, begun now if they have none. All calls during one request give the same object; that it was
   * ended elsewhere meanwhile is seen by `session.touch()`, and by the next request. Rejects with `SESSION_TOO_LATE` when
   * it is first asked for after the headers were sent, with `SESSION_CROSS_SITE`, a 403, when one would begin for a page of
   * another site by an unsafe method, and with `SESSION_STORE_DOWN`, a 503, when the store fails or takes too long: a visitor is
   * never mistaken for a new one.
   *
   * A request that was on its way when its visitor signed in or out elsewhere gets an empty session for this request alone. It
   * sends no cookie, and `update` rejects with `SESSION_SUPERSEDED`, a 409.
   */
  getSession(request?: Request): Promise<Session> {
    return this.#during(request, visit => visit.getSession());
  }

  /** The visitor's session, or nothing. Never begins one, sends no cookie, writes no row. Rejects as `getSession` does. */
  findSession(request?: Request): Promise<Session | undefined> {
    return this.#during(request, visit => visit.findSession());
  }

  /**
   * As `findSession`, but the visitor does not count as seen: for what a page asks by itself, like `session.timeLeft`. What a
   * browser fetches in advance (`Sec-Purpose: prefetch`) never counts, whatever it asks.
   */
  peekSession(request?: Request): Promise<Session | undefined> {
    return this.#during(request, visit => visit.peekSession());
  }

  /** End the visitor's session now, and have the browser forget its cookie. Without a session it does nothing, and begins none. */
  expire(request?: Request): Promise<void> {
    return this.#during(request, visit => visit.expire());
  }

  /**
   * Give the visitor's session a new id, as at every change of what they may do (OWASP Session Management). The old cookie still
   * finds it until `renewalGrace` after the new one was first seen, so that nothing is lost that is on its way, be it this
   * answer. Without a session it does nothing. Rejects as `session.renew` does.
   */
  renew(request?: Request): Promise<void> {
    return this.#during(request, visit => visit.renew());
  }

  /**
   * The visitor is this user: their session, begun now if they have none, gets a new id, is one of `of(user)`, and its absolute
   * timeout begins anew. What was in it stays, unless it was another user's: that one ends as `replaced`. The id of before is
   * never the user's (ASVS 5.0, 7.2.4); for `renewalGrace` the same user may sign in again by it, and has the same session. Past
   * `userLimit` the user's session that was signed in first ends as `replaced`. `user` is a text of 1 to 1024 characters, else
   * rejects with `USER_INVALID`, a 400; whether somebody is that user is for the application to find out. Rejects as `getSession`
   * does.
   *
   * With `remember` the session lasts so long, and the browser keeps the cookie when it is closed. Without it both are as the site
   * has them, also where the visitor was remembered before.
   */
  signIn(user: string, request?: Request): Promise<Session>;
  signIn(user: string, options: SignInOptions | undefined, request?: Request): Promise<Session>;
  signIn(user: string, ...[first, second]: (SignInOptions | Request | undefined)[]): Promise<Session> {
    const [options, request] = first instanceof Request ? [undefined, first] : [first, second as Request | undefined];
    return this.#during(request, visit => visit.signIn(checkedUser(user), rememberedFor(options)));
  }

  /**
   * The visitor's session, provided that they have signed in, `within` so many milliseconds (default: ever). Rejects with
   * `SIGN_IN_REQUIRED`, a 401, otherwise: put it before what asks for a recent sign-in (ASVS 5.0, 7.5.1). Rejects with
   * `OPTION_INVALID` for what is no number of milliseconds.
   */
  async requireSignIn(options: {readonly within?: number} = {}, request?: Request): Promise<Session> {
    // Taken for none, what is no number would let in whoever has signed in at all.
    checkOptions('requireSignIn()', options, {within: milliseconds});
    const {within = Infinity} = options;
    const session = await this.findSession(request);
    if (session?.signedInWithin(within)) return session;
    const message = session?.user === undefined ? 'Sign in first.' : 'Sign in again: it was too long ago.';
    throw new EspalierError('SIGN_IN_REQUIRED', message, {status: 401, headers: challenge});
  }

  /**
   * @internal Have it known whose request this is, before the answer goes out: what goes on after that ends with their session. Where
   * the request may have no session at all, it belongs to nobody.
   */
  async identify(request: Request): Promise<void> {
    try {
      await this.findSession(request);
    } catch (error) {
      if (!(error instanceof EspalierError && error.code === 'SESSION_INSECURE')) throw error;
    }
  }

  /** @internal Whether a request carries a cookie of these sessions, be it of one that has ended. */
  isCarried(request: Request): boolean {
    return this.#cookies.names.some(name => request.cookieValues(name).length > 0);
  }

  /** @internal The name of the cookie that carries a token over TLS. */
  get cookieName(): string {
    return this.#cookies.names[0]!;
  }

  /** @internal The names of all cookies that may carry a token. */
  get cookieNames(): readonly string[] {
    return this.#cookies.names;
  }

  /** The sessions of a user. Throws `USER_INVALID`, a 400, as `signIn` does. */
  of(user: string): UserSessions {
    const here = () => requestHere()?.get(this.#visitKey);
    return new UserSessions(checkedUser(user), this.#parts, () => this.#visit(currentRequest()), here);
  }

  /** End all sessions there are, whoever's, as `revoked`, and have their ends told; gives how many. A step ends ten of them. */
  expireEveryone(): Promise<number> {
    const {store} = this.#parts;
    return endPages(page => store.endEveryone('revoked', page));
  }

  /** Have the ends that no `@OnExpire` method could be told of, and that were set aside, told again; gives how many there were. */
  retryEnds(): Promise<number> {
    const ends = this.#ends;
    return ends ? releaseAll(most => ends.releaseEnds(most)) : Promise.resolve(0);
  }

  /** @internal Have these told of each session that ends. Throws `END_STORE_MISSING` where the store can't remember whom it has to tell. */
  deliverEnds(handlers: readonly EndHandler[]): void {
    if (handlers.length === 0) return;
    const store = this.#ends;
    if (!store) throw endsNotKept();
    this.#delivery = new EndDelivery({...this.#parts, store, logger: this.#logger}, handlers);
    void this.#watch.begin();
  }

  /** @internal Tell of no more ends, and wait, so many milliseconds at most, until those begun are told. */
  async stopDelivery(timeout: number): Promise<void> {
    await this.#delivery?.close(timeout);
  }

  /** @internal Ask the store nothing more by itself. */
  close(): void {
    this.#isClosed = true;
    this.#watch.close();
    this.#outages.close();
    this.#parts.inFlight.close();
    void this.#delivery?.close(0);
  }

  #during<T>(request: Request | undefined, act: (visit: Visit) => Promise<T>): Promise<T> {
    return promised(() => act(this.#visit(request ?? currentRequest())));
  }

  #visit(request: Request): Visit {
    // As when a service that outlives one site, and knows its sessions, is asked by the next.
    if (this.#isClosed)
      throw new EspalierError('SITE_CLOSED', 'The site of this SessionService is closed.', {status: 503});
    const known = request.get(this.#visitKey);
    if (known) return known;
    this.#warnOfProxy(request);
    // The service of another site can be asked about a request too.
    const isForeign = request.answeredBy !== undefined && request.answeredBy !== this;
    const cookie = this.#cookies.fitting(request);
    this.#warnOfHost(request, cookie);
    const visit = new Visit(request, cookie, this.#parts, isForeign);
    request.set(this.#visitKey, visit);
    request.beforeHeaders(response => visit.writeHeaders(response));
    return visit;
  }

  // The usual cause of lost sessions behind a proxy, and invisible from outside: so say it, once.
  #warnOfProxy(request: Request): void {
    if (this.#hasWarnedOfProxy || request.secure || !request.claimsTls) return;
    this.#hasWarnedOfProxy = true;
    warn(
      this.#logger,
      `A proxy${request.ip && ` at ${request.ip}`} says that visitors come over TLS, but it is not trusted, so they count as coming without. If it is yours, set trustProxy.`,
    );
  }

  #warnOfHost(request: Request, cookie: SessionCookie): void {
    const reason = this.#hasWarnedOfHost ? undefined : this.#cookies.whyLost(cookie, request);
    if (reason === undefined) return;
    this.#hasWarnedOfHost = true;
    warn(this.#logger, reason);
  }
}

function settingsOf(options: SessionOptions): Required<SessionOptions> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return {...sessionDefaults, ...Object.fromEntries(given)};
}

function rememberedFor(options: SignInOptions = {}): number | undefined {
  checkOptions('signIn()', options, signInKinds);
  return options.remember === undefined ? undefined : Math.floor(options.remember);
}

function endsNotKept(): EspalierError {
  const message =
    'A method has @OnExpire(), but the store keeps no ends until they are told: it is no EndStore. Bind one that is, as all that come with Espalier are.';
  return new EspalierError('END_STORE_MISSING', message);
}
