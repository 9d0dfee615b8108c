import {proceed, recovered, type Awaitable} from '../../awaitable.ts';
import {EspalierError} from '../../errors.ts';
import type {Request} from '../../http/request.ts';
import type {Response} from '../../http/response.ts';
import type {Chunk} from '../../http/stream.ts';
import type {TimeLimit} from '../../time-limit.ts';
import {Turns} from '../../turns.ts';
import {Session, type SessionOwner, type SessionParts} from '../session.ts';
import {isLive, type FormerId, type Renewal, type SessionRecord, type SignIn} from '../store/contract.ts';
import type {Lifetime} from '../store/lifetime.ts';
import {sessionEnded, sessionSuperseded} from '../store/refusals.ts';
import type {SessionCookie} from './cookie.ts';
import {crossSite, type CrossSiteRule} from './cross-site.ts';
import {deviceOf, type DeviceOption} from './device.ts';
import {makeStoppable, Presence, type PresenceParts} from './presence.ts';
import {requestOnlySession} from './request-only.ts';
import {drawToken, uidOf, type TokenSource} from './token.ts';
import {VisitorToken} from './visitor-token.ts';

/** What all visits of a site share. */
export type VisitParts = SessionParts &
  PresenceParts & {
    /** How long a call may take, with all that the store is asked for it. */
    readonly timeLimit: TimeLimit;
    readonly newToken: TokenSource;
    /** What requests of other sites may do. */
    readonly crossSite: CrossSiteRule;
    readonly lifetime: Lifetime;
    readonly userLimit: number;
    readonly device: DeviceOption;
  };

/** How many tokens are drawn at most for a session that can have only some. */
const mostDraws = 10_000;

/**
 * One request, as the visit of somebody who may have a session. Where it is foreign, another site answers the request: then the
 * session can be looked at, changed and ended, but the cookie is that site's.
 */
export class Visit implements SessionOwner {
  readonly isVisitor = true;
  readonly #parts: VisitParts;
  readonly #request: Request;
  readonly #token: VisitorToken;
  readonly #isForeign: boolean;
  // Two calls at once share one look-up and one session, and none overtakes an expire().
  readonly #turns: Turns;
  #presence: Presence | undefined;
  /** What the visitor came with, where it is an id that they have no more. */
  #former: (FormerId & {readonly uid: string}) | undefined;
  #requestOnly: Session | undefined;
  #isRenewed = false;
  /** Whether the headers say that the answer is for one visitor. */
  #isTold = false;

  constructor(request: Request, cookie: SessionCookie, parts: VisitParts, isForeign: boolean) {
    this.#parts = parts;
    this.#request = request;
    this.#turns = new Turns(parts.timeLimit);
    this.#isForeign = isForeign;
    this.#token = new VisitorToken(request, cookie);
  }

  /** The visitor's session, begun now if there is none. */
  getSession(): Promise<Session> {
    return this.#turns.take(() => this.#get());
  }

  /** The visitor's session, if there is one. */
  findSession(): Promise<Session | undefined> {
    return this.#turns.take(() => this.#findInTime(!this.#isPrefetch()));
  }

  /** The same, as it is at this moment. Rejects where the id that the visitor came with is not the session's any more. */
  findOwn(): Promise<Session | undefined> {
    return this.#turns.take(() =>
      proceed(this.#findInTime(true), session => {
        if (this.#former) throw sessionSuperseded();
        if (!session) return undefined;
        return proceed(this.#parts.store.touch(session.key, session.asOf), record => {
          if (session.adopt(record)) return session;
          throw sessionSuperseded();
        });
      }),
    );
  }

  /** The visitor's session, if there is one, without counting it as seen. */
  peekSession(): Promise<Session | undefined> {
    return this.#turns.take(() => this.#findInTime(false));
  }

  /** End the visitor's session, or the one by `key` where that is another. */
  expire(key?: string, asOf?: number): Promise<void> {
    return this.#turns.take(() => proceed(key ?? this.#ownKey(), ending => this.#expire(ending, key, asOf)));
  }

  /** Have `end` end sessions, among them the visitor's own where that `isOwn`. */
  revoke<T>(end: () => Awaitable<T>, isOwn: (session: Session) => boolean): Promise<T> {
    return this.#turns.take(() => this.#endBy(end, this.#session !== undefined && isOwn(this.#session)), true);
  }

  /** Give the visitor's session a new id, provided that there is one; where `key` is given, provided that it is that one. */
  renew(key?: string): Promise<void> {
    return this.#turns.take(() =>
      proceed(this.#findInTime(true), session => {
        if (key !== undefined && session?.key !== key) throw sessionEnded();
        if (!session) return undefined;
        return proceed(this.#rename(), record => {
          if (isLive(record)) return;
          this.#forget(false);
          if (!record && key !== undefined) throw sessionEnded();
        });
      }),
    );
  }

  /** Sign the visitor in, with a session that has a new id; for so many milliseconds, where they are to be remembered. */
  signIn(user: string, remember?: number): Promise<Session> {
    return this.#turns.take(() =>
      proceed(this.#findInTime(true), () =>
        proceed(this.#signInAgain(user), session => session ?? this.#signIn(user, remember)),
      ),
    );
  }

  /** Let the response say what has become of the session, once the handler is done and what it began is too. */
  writeHeaders(response: Response): Awaitable<void> {
    return this.#turns.after(() => proceed(this.#checkRenewal(), () => this.#writeHeaders(response)));
  }

  /** See that no other sign-in has come over a renewal that is not told yet: its id would take the place of the good one. */
  #checkRenewal(): Awaitable<void> {
    const presence = this.#presence;
    if (!this.#isRenewed || !presence || this.#isForeign) return undefined;
    const {key, asOf} = presence.session;
    return recovered(
      () =>
        proceed(this.#parts.store.touch(key, asOf), record => {
          if (!record) presence.session.noteEnd();
        }),
      // Of a store that is out of reach nobody knows; the id that was given is the newest then.
      () => undefined,
    );
  }

  get #session(): Session | undefined {
    return this.#presence?.session;
  }

  #writeHeaders(response: Response): void {
    // From here on no session may begin: its cookie would come too late.
    this.#isTold = true;
    if (!this.#isForeign) {
      this.#token.send(response, this.#session?.hasEnded === false, this.#session?.cookieAge);
    }
    // What was made for one visitor must not reach another through a cache (ASVS 5.0, 14.3.2).
    response.keepPrivate();
    this.#presence?.follow(response);
    if (this.#requestOnly && this.#former && response.stream) {
      this.#stopInTime(response.stream, response, this.#former);
    }
  }

  /** A stream that was opened with an id of before a sign-in ends with the grace of that id. */
  #stopInTime(source: AsyncIterable<Chunk>, response: Response, {until, now}: FormerId): void {
    if (now >= until) return;
    const stop = makeStoppable(source, response, () => cancel());
    const cancel = this.#parts.clock.after(until - now, stop);
  }

  #get(): Awaitable<Session> {
    return proceed(this.#findInTime(!this.#isPrefetch()), session => {
      if (session) return session;
      if (this.#former) return this.#getRequestOnly(this.#former, sessionSuperseded);
      const isWithheld = this.#parts.crossSite.isWithheld(this.#request, this.#token.isCarried);
      return isWithheld ? this.#getRequestOnly(this.#newcomer(), crossSite) : this.#begin(false);
    });
  }

  // Who first asks after the headers are sent would have an answer made for one visitor kept by caches for all.
  #findInTime(isSeen: boolean): Awaitable<Session | undefined> {
    if (this.#request.isAnswered && !this.#isTold) throw tooLate();
    return this.#find(isSeen);
  }

  #find(isSeen: boolean): Awaitable<Session | undefined> {
    const presence = this.#presence;
    if (presence) {
      return proceed(presence.lasts(isSeen), isAlive => {
        if (isAlive) return presence.session;
        this.#leave();
        return this.#find(isSeen);
      });
    }
    const {uid} = this.#token;
    if (uid === undefined) return undefined;
    return proceed(this.#parts.lookUp.find(uid, isSeen), found => this.#found(found, uid, isSeen));
  }

  #found(found: SessionRecord | FormerId | undefined, uid: string, isSeen: boolean): Session | undefined {
    // A session begun over plain HTTP, where its token could be read, is not one over TLS, nor the other way round.
    if (isLive(found) && found.isSecure === this.#token.isSecure) return this.#enter(found, isSeen);
    // What is not there never will be, so it is not asked for again.
    this.#token.ignore();
    if (found && !isLive(found) && this.#wasOnItsWay(found)) this.#former = {...found, uid};
    return undefined;
  }

  /** Whether the request may have been sent before the browser had another id. */
  #wasOnItsWay({now, until}: FormerId): boolean {
    return now - (this.#parts.clock.now() - this.#request.arrivedAt) < until;
  }

  /** As `#get`, but a visitor who signs in has a cookie of their own from then on, whatever they came with. */
  #getOrBegin(): Awaitable<Session> {
    return proceed(this.#findInTime(true), session => {
      this.#former = this.#requestOnly = undefined;
      return session ?? this.#begin(true);
    });
  }

  /** Somebody of whom nobody knows. */
  #newcomer() {
    return {uid: uidOf(drawToken(this.#parts.newToken)), now: this.#parts.clock.now()};
  }

  #getRequestOnly({uid, now}: {readonly uid: string; readonly now: number}, refusal: () => EspalierError): Session {
    const {lifetime} = this.#parts;
    const seen = {createdAt: now, lastSeenAt: now, authenticatedAt: undefined, now};
    const own = {
      key: uid,
      uid,
      isSecure: this.#token.isSecure,
      user: undefined,
      device: undefined,
      isRemembered: false,
    };
    const record = {...own, ...lifetime, ...seen};
    this.#requestOnly ??= requestOnlySession({...record, components: new Map()}, this.#parts, refusal);
    return this.#requestOnly;
  }

  /** A new token has to reach the browser, and may take the place of no other visitor's. */
  #refuseNewToken(isSignIn: boolean): void {
    if (this.#isForeign) throw foreignRequest();
    if (this.#isTold || this.#request.isAnswered) throw tooLate();
    this.#parts.crossSite.refuse(this.#request, isSignIn, this.#token.isCarried);
  }

  /** A new token of a session that there is. */
  #drawFor(key: string): string {
    const {store, newToken} = this.#parts;
    let token = drawToken(newToken);
    // A source may give the same again and again; then the store refuses it.
    for (let draws = 1; draws < mostDraws && store.canHave?.(key, uidOf(token)) === false; draws += 1)
      token = drawToken(newToken);
    return token;
  }

  #begin(isSignIn: boolean): Awaitable<Session> {
    this.#refuseNewToken(isSignIn);
    const {store, lifetime, newToken} = this.#parts;
    const token = drawToken(newToken);
    const device = deviceOf(this.#request, this.#parts.device);
    const begun = store.create({uid: uidOf(token), isSecure: this.#token.isSecure, device, ...lifetime});
    return proceed(begun, record => {
      this.#token.replace(token);
      return this.#enter(record, true);
    });
  }

  #enter(record: SessionRecord, isSeen: boolean): Session {
    const session = new Session(record, this.#parts, this);
    this.#presence = new Presence(session, this.#token.uid!, isSeen, this.#parts);
    // Of a request that no site answers nobody would say when it is over.
    const {answeredBy, isAnswered} = this.#request;
    if (answeredBy !== undefined && !isAnswered && !this.#isTold) this.#presence.begin();
    return session;
  }

  /** The session of a visitor who came with an id of before a sign-in, and is the one who has signed in. */
  #signInAgain(user: string): Awaitable<Session | undefined> {
    const former = this.#former;
    if (!former) return undefined;
    this.#refuseNewToken(true);
    const token = this.#drawFor(former.key);
    const renewal = this.#renewal(former.uid, token, this.#signInOf(user));
    return proceed(this.#parts.store.renew(former.key, renewal), record => {
      this.#former = this.#requestOnly = undefined;
      // A session over TLS is none over plain HTTP, nor the other way round: here too.
      if (!isLive(record) || record.uid !== renewal.to || record.isSecure !== this.#token.isSecure) return undefined;
      this.#token.replace(token);
      this.#isRenewed = true;
      return this.#enter(record, true);
    });
  }

  #signIn(user: string, remember: number | undefined, isAgain = false): Awaitable<Session> {
    return proceed(this.#getOrBegin(), session =>
      proceed(this.#rename(this.#signInOf(user, this.#lifetimeOf(session, remember))), record => {
        const isAlive = isLive(record);
        if (isAlive && session.user === user) return session;
        // Where sessions end as soon as they begin, one more would be no better.
        if (isAgain) throw sessionEnded();
        // It has ended meanwhile, or it is somebody else's: what is in there is not for this user.
        const ended = isAlive && this.#parts.store.end(session.key, 'replaced', session.asOf);
        return proceed(ended, () => {
          this.#forget(isAlive);
          return this.#signIn(user, remember, true);
        });
      }),
    );
  }

  /** Give the session, which there is, a new uid. Gives what the store does. */
  #rename(signIn?: SignIn): Awaitable<SessionRecord | FormerId | undefined> {
    this.#refuseNewToken(signIn !== undefined);
    const presence = this.#presence!;
    const {session} = presence;
    const token = this.#drawFor(session.key);
    const renewal = this.#renewal(this.#token.uid!, token, signIn);
    // With the old cookie somebody may end it before the new one is sent.
    presence.listen();
    return proceed(this.#parts.store.renew(session.key, renewal), record => {
      if (!isLive(record)) return record;
      if (record.uid === renewal.to) {
        this.#token.replace(token);
        presence.rename(renewal);
      }
      this.#isRenewed = true;
      session.adopt(record);
      if (signIn?.lifetime) this.#parts.inFlight.hear(record);
      return record;
    });
  }

  #renewal(from: string, token: string, signIn: SignIn | undefined): Renewal {
    const renewal = {from, to: uidOf(token), grace: this.#parts.renewalGrace, isUnsent: this.#token.isNew};
    return signIn ? {...renewal, signIn} : renewal;
  }

  #signInOf(user: string, lifetime?: SignIn['lifetime']): SignIn {
    const signIn = {user, limit: this.#parts.userLimit};
    return lifetime ? {...signIn, lifetime} : signIn;
  }

  /** How long a session lasts that is signed in to now, where that is not as before. */
  #lifetimeOf({isRemembered}: Session, remember: number | undefined): SignIn['lifetime'] {
    if (remember !== undefined) return {idleTimeout: remember, absoluteTimeout: remember, isRemembered: true};
    return isRemembered ? {...this.#parts.lifetime, isRemembered: false} : undefined;
  }

  #expire(ending: string | undefined, key: string | undefined, knownSignIn: number | undefined): Awaitable<void> {
    // The cookie that the browser has may be another session's by now.
    if (ending === undefined && this.#former) return undefined;
    const isOwn = key === undefined || this.#session?.key === key;
    const asOf = knownSignIn ?? this.#session?.asOf;
    if (isOwn) this.#presence?.release();
    const ended = ending === undefined || this.#parts.store.end(ending, 'logout', asOf);
    return proceed(ended, hasEnded => {
      if (isOwn) this.#forget(hasEnded);
    });
  }

  #endBy<T>(end: () => Awaitable<T>, isOwn: boolean): Awaitable<T> {
    // Who ends the session while streaming an answer is not to be cut off.
    if (isOwn) this.#presence?.release();
    return proceed(end(), ended => {
      if (isOwn) this.#forget(true);
      return ended;
    });
  }

  /**
   * Go on without the session. Where this request has ended it, the browser forgets its cookie. Otherwise the browser may have that
   * of another one by now: what the visitor came with is looked for again, to know.
   */
  #forget(hasEnded: boolean): void {
    this.#leave();
    if (hasEnded) this.#token.forget();
  }

  #leave(): void {
    this.#presence?.leave();
    this.#presence = undefined;
  }

  #ownKey(): Awaitable<string | undefined> {
    return this.#session?.key ?? proceed(this.#find(false), session => session?.key);
  }

  // What a browser fetches in advance is not the visitor's doing.
  #isPrefetch(): boolean {
    return this.#request.isPrefetch;
  }
}

function tooLate(): EspalierError {
  return new EspalierError(
    'SESSION_TOO_LATE',
    'The headers are sent already, and with them what a session needs: its cookie, and that no cache may keep the answer. Ask for the session before the first chunk.',
  );
}

function foreignRequest(): EspalierError {
  return new EspalierError(
    'SESSION_FOREIGN',
    'Another site answers this request, and its answer can carry no cookie of this one. A session is begun, renewed or signed in by a request that its own site answers.',
  );
}
