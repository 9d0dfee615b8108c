import {isPromised, proceed, promised, type Awaitable} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import type {EndListeners} from './end-listeners.ts';
import type {Lifetime} from './lifetime.ts';
import {clearToken, sendToken, tokenIn, type SessionCookie} from './session-cookie.ts';
import type {SessionRecord, SessionStore} from './session-store.ts';
import {Session, type EndListener, type SessionKeeper} from './session.ts';
import {isToken, uidOf, type TokenSource} from './token.ts';

/** What all visits of a site share. */
export interface VisitParts {
  readonly store: SessionStore;
  readonly newToken: TokenSource;
  readonly clock: Clock;
  readonly listeners: EndListeners;
  readonly lifetime: Lifetime;
}

/** One request, as the visit of somebody who may have a session. */
export class Visit implements SessionKeeper {
  /** Those of the site that this is a visit of. */
  readonly parts: VisitParts;
  readonly #request: Request;
  readonly #cookie: SessionCookie;
  #token: string | undefined;
  #session: Session | undefined;
  /** A token that the browser does not have yet. */
  #newToken: string | undefined;
  #hasExpired = false;
  /** Whether the headers say that the answer is for one visitor. */
  #isTold = false;
  #turn: Promise<unknown> | undefined;

  constructor(request: Request, cookie: SessionCookie, parts: VisitParts) {
    this.#request = request;
    this.#cookie = cookie;
    this.parts = parts;
    this.#token = tokenIn(request, cookie);
  }

  /** The visitor's session, begun now if there is none. */
  getSession(): Promise<Session> {
    return this.#inTurn(() => proceed(this.#findInTime(), session => session ?? this.#begin()));
  }

  /** The visitor's session, if there is one. */
  findSession(): Promise<Session | undefined> {
    return this.#inTurn(() => this.#findInTime());
  }

  /** End the visitor's session, or the one by `uid` where that is another. */
  expire(uid?: string): Promise<void> {
    return this.#inTurn(() => {
      const own = this.#token && uidOf(this.#token);
      const ending = uid ?? own;
      const ended = ending === undefined ? false : this.parts.store.end(ending, 'logout');
      return proceed(ended, () => {
        if (ending === own) this.#forget();
      });
    });
  }

  touch(uid: string): Promise<SessionRecord | undefined> {
    return promised(() => this.parts.store.touch(uid));
  }

  notifyOnEnd(uid: string, listener: EndListener): () => void {
    return this.parts.listeners.add(uid, listener);
  }

  /** Let the response say what has become of the session, once the handler is done and what it began is too. */
  settle(response: Response): Awaitable<void> {
    const turn = this.#turn;
    if (!turn) return this.#tell(response);
    // What waited for this turn may have begun another.
    const go = () => (this.#turn === turn ? this.#tell(response) : this.settle(response));
    return turn.then(go, go);
  }

  #tell(response: Response): void {
    // From here on no session may begin: its cookie would come too late.
    this.#request.isAnswered = true;
    this.#isTold = true;
    if (this.#newToken !== undefined) sendToken(this.#newToken, this.#cookie, response);
    else if (this.#hasExpired && this.#isCarried()) clearToken(this.#cookie, response);
    // What was made for one visitor must not reach another through a cache (ASVS 5.0, 14.3.2).
    response.vary('Cookie');
    response.keepPrivate();
  }

  // One after the other: two calls at once share one look-up and one session, and none overtakes an expire().
  #inTurn<T>(act: () => Awaitable<T>): Promise<T> {
    if (this.#turn) return this.#queue(this.#turn.then(act, act));
    try {
      const done = act();
      return isPromised(done) ? this.#queue(Promise.resolve(done)) : Promise.resolve(done);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #queue<T>(turn: Promise<T>): Promise<T> {
    this.#turn = turn;
    return turn;
  }

  // Who first asks after the headers are sent would have an answer made for one visitor kept by caches for all.
  #findInTime(): Awaitable<Session | undefined> {
    if (this.#request.isAnswered && !this.#isTold) throw tooLate();
    return this.#find();
  }

  #find(): Awaitable<Session | undefined> {
    const session = this.#session;
    if (session) return proceed(this.#isAlive(session), isAlive => (isAlive ? session : undefined));
    if (this.#token === undefined) return undefined;
    return proceed(this.parts.store.touch(uidOf(this.#token)), record => this.#found(record));
  }

  #found(record: SessionRecord | undefined): Session | undefined {
    // A session begun over plain HTTP, where its token could be read, is not one over TLS, nor the other way round.
    if (record?.isSecure !== this.#cookie.secure) return undefined;
    return (this.#session = new Session(record, this));
  }

  #isAlive(session: Session): Awaitable<boolean> {
    return this.parts.clock.now() < session.idleDeadline || session.touch();
  }

  #begin(): Awaitable<Session> {
    if (this.#request.isAnswered) throw tooLate();
    const {store, lifetime} = this.parts;
    const token = this.#drawToken();
    const begun = store.create({uid: uidOf(token), isSecure: this.#cookie.secure, ...lifetime});
    return proceed(begun, record => {
      this.#token = this.#newToken = token;
      return (this.#session = new Session(record, this));
    });
  }

  #drawToken(): string {
    const token = this.parts.newToken();
    if (isToken(token)) return token;
    throw new EspalierError(
      'SESSION_TOKEN_INVALID',
      'The TokenSource gave something other than 43 characters of base64url.',
    );
  }

  #forget(): void {
    this.#session = this.#token = this.#newToken = undefined;
    this.#hasExpired = true;
  }

  #isCarried(): boolean {
    return this.#request.cookieValues(this.#cookie.name).length > 0;
  }
}

function tooLate(): EspalierError {
  return new EspalierError(
    'SESSION_TOO_LATE',
    'The headers are sent already, and with them what a session needs: its cookie, and that no cache may keep the answer. Ask for the session before the first chunk.',
  );
}
