import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import {lists, type Response} from '../http/response.ts';
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
  readonly #parts: VisitParts;
  readonly #request: Request;
  readonly #cookie: SessionCookie;
  #token: string | undefined;
  #session: Session | undefined;
  /** A token that the browser does not have yet. */
  #newToken: string | undefined;
  #hasExpired = false;
  #turn: Promise<unknown> | undefined;

  constructor(request: Request, cookie: SessionCookie, parts: VisitParts) {
    this.#request = request;
    this.#cookie = cookie;
    this.#parts = parts;
    this.#token = tokenIn(request, cookie);
  }

  /** The visitor's session, begun now if there is none. */
  getSession(): Promise<Session> {
    return this.#inTurn(async () => (await this.#find()) ?? (await this.#begin()));
  }

  /** The visitor's session, if there is one. */
  findSession(): Promise<Session | undefined> {
    return this.#inTurn(() => this.#find());
  }

  /** End the visitor's session, or the one by `uid` where that is another. */
  expire(uid?: string): Promise<void> {
    return this.#inTurn(async () => {
      const own = this.#token && uidOf(this.#token);
      const ending = uid ?? own;
      if (ending !== undefined) await this.#parts.store.end(ending, 'logout');
      if (ending === own) this.#forget();
    });
  }

  async touch(uid: string): Promise<SessionRecord | undefined> {
    return this.#parts.store.touch(uid);
  }

  notifyOnEnd(uid: string, listener: EndListener): () => void {
    return this.#parts.listeners.add(uid, listener);
  }

  /** Let the response say what has become of the session, once the handler is done. */
  async settle(response: Response): Promise<void> {
    await this.#turn?.catch(() => undefined);
    if (this.#newToken !== undefined) sendToken(this.#newToken, this.#cookie, response);
    else if (this.#hasExpired && this.#isCarried()) clearToken(this.#cookie, response);
    // What was made for one visitor must not reach another through a cache (ASVS 5.0, 14.3.2).
    response.vary('Cookie');
    if (!lists(response.header('Cache-Control') ?? '', 'private')) response.setHeader('Cache-Control', 'no-store');
  }

  // One after the other: two calls at once share one look-up and one session, and none overtakes an expire().
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn ? this.#turn.then(act, act) : act();
    this.#turn = turn;
    return turn;
  }

  async #find(): Promise<Session | undefined> {
    if (this.#session) return (await this.#isAlive(this.#session)) ? this.#session : undefined;
    if (this.#token === undefined) return undefined;
    const record = await this.#parts.store.touch(uidOf(this.#token));
    // A session begun over plain HTTP, where its token could be read, is not one over TLS, nor the other way round.
    if (record?.isSecure !== this.#cookie.secure) return undefined;
    return (this.#session = new Session(record, this));
  }

  async #isAlive(session: Session): Promise<boolean> {
    return this.#parts.clock.now() < session.idleDeadline || session.touch();
  }

  async #begin(): Promise<Session> {
    if (this.#request.isAnswered) {
      throw new EspalierError(
        'SESSION_TOO_LATE',
        'A session can begin no more: the headers, and so the cookie, are sent already. Call getSession() before the first chunk.',
      );
    }
    const {store, lifetime} = this.#parts;
    const token = this.#drawToken();
    const record = await store.create({uid: uidOf(token), isSecure: this.#cookie.secure, ...lifetime});
    this.#token = this.#newToken = token;
    return (this.#session = new Session(record, this));
  }

  #drawToken(): string {
    const token = this.#parts.newToken();
    if (isToken(token)) return token;
    throw new EspalierError('SESSION_TOKEN_INVALID', 'The TokenSource gave no 43 characters of base64url.');
  }

  #forget(): void {
    this.#session = this.#token = this.#newToken = undefined;
    this.#hasExpired = true;
  }

  #isCarried(): boolean {
    return this.#request.cookieValues(this.#cookie.name).length > 0;
  }
}
