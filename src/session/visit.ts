import {proceed, recovered, type Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {Keeper, type KeeperParts} from './keeper.ts';
import {lookUp} from './look-up.ts';
import {Presence} from './presence.ts';
import type {SessionCookie} from './session-cookie.ts';
import {sessionEnded} from './refusals.ts';
import type {Renewal, SessionRecord} from './session-store.ts';
import {Session} from './session.ts';
import {drawToken, uidOf} from './token.ts';
import {Turns} from './turns.ts';
import {VisitorToken} from './visitor-token.ts';

/**
 * One request, as the visit of somebody who may have a session. Where it is foreign, another site answers the request: then the
 * session can be looked at, changed and ended, but the cookie is that site's.
 */
export class Visit extends Keeper {
  readonly #request: Request;
  readonly #token: VisitorToken;
  readonly #isForeign: boolean;
  // Two calls at once share one look-up and one session, and none overtakes an expire().
  readonly #turns = new Turns();
  #presence: Presence | undefined;
  /** Whether the headers say that the answer is for one visitor. */
  #isTold = false;

  constructor(request: Request, cookie: SessionCookie, parts: KeeperParts, isForeign: boolean) {
    super(parts);
    this.#request = request;
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

  /** The visitor's session, if there is one, without counting it as seen. */
  peekSession(): Promise<Session | undefined> {
    return this.#turns.take(() => this.#findInTime(false));
  }

  /** End the visitor's session, or the one by `key` where that is another. */
  override expire(key?: string): Promise<void> {
    return this.#turns.take(() =>
      proceed(key ?? this.#ownKey(), ending => {
        const isOwn = key === undefined || this.#session?.key === key;
        const end = () => (ending === undefined ? false : this.parts.store.end(ending, 'logout'));
        return proceed(this.#endBy(end, isOwn), () => undefined);
      }),
    );
  }

  /** Have `end` end sessions, among them the visitor's own where that `isOwn`. */
  revoke<T>(end: () => Awaitable<T>, isOwn: (session: Session) => boolean): Promise<T> {
    return this.#turns.take(() => this.#endBy(end, this.#session !== undefined && isOwn(this.#session)));
  }

  /** Give the visitor's session a new id, provided that there is one; where `key` is given, provided that it is that one. */
  override renew(key?: string): Promise<void> {
    return this.#turns.take(() =>
      proceed(this.#findInTime(true), session => {
        if (key !== undefined && session?.key !== key) throw sessionEnded();
        if (!session) return undefined;
        return proceed(this.#rename(), isAlive => {
          if (isAlive) return;
          this.#forget(false);
          if (key !== undefined) throw sessionEnded();
        });
      }),
    );
  }

  /** Sign the visitor in, with a session that has a new id. */
  signIn(user: string): Promise<Session> {
    return this.#turns.take(() => this.#signIn(user));
  }

  override change(...change: Parameters<Keeper['change']>): ReturnType<Keeper['change']> {
    const [key] = change;
    return recovered(
      () => super.change(...change),
      error => {
        if (isEnded(error) && this.#session?.key === key) this.#presence!.end();
        throw error;
      },
    );
  }

  /** Let the response say what has become of the session, once the handler is done and what it began is too. */
  settle(response: Response): Awaitable<void> {
    return this.#turns.after(() => this.#tell(response));
  }

  get #session(): Session | undefined {
    return this.#presence?.session;
  }

  #tell(response: Response): void {
    // From here on no session may begin: its cookie would come too late.
    this.#isTold = true;
    if (!this.#isForeign) this.#token.tell(response, this.#presence?.hasEnded === false);
    // What was made for one visitor must not reach another through a cache (ASVS 5.0, 14.3.2).
    response.keepPrivate();
    this.#presence?.settle(response);
  }

  #get(): Awaitable<Session> {
    return proceed(this.#findInTime(!this.#isPrefetch()), session => session ?? this.#begin());
  }

  // Who first asks after the headers are sent would have an answer made for one visitor kept by caches for all.
  #findInTime(isSeen: boolean): Awaitable<Session | undefined> {
    if (this.#request.isAnswered && !this.#isTold) throw tooLate();
    return this.#find(isSeen);
  }

  #find(isSeen: boolean): Awaitable<Session | undefined> {
    const presence = this.#presence;
    if (presence) return proceed(presence.lasts(isSeen), isAlive => (isAlive ? presence.session : undefined));
    const {uid} = this.#token;
    if (uid === undefined) return undefined;
    return proceed(lookUp(this.parts, uid, isSeen), record => this.#found(record, isSeen));
  }

  #found(record: SessionRecord | undefined, isSeen: boolean): Session | undefined {
    // A session begun over plain HTTP, where its token could be read, is not one over TLS, nor the other way round.
    if (record?.isSecure === this.#token.isSecure) return this.#enter(record, isSeen);
    // What is not there never will be, so it is not asked for again.
    this.#token.ignore();
    return undefined;
  }

  /** A new token has to reach the browser. */
  #refuseLostToken(): void {
    if (this.#isForeign) throw foreignRequest();
    if (this.#isTold || this.#request.isAnswered) throw tooLate();
  }

  #begin(): Awaitable<Session> {
    this.#refuseLostToken();
    const {store, lifetime, newToken} = this.parts;
    const token = drawToken(newToken);
    const begun = store.create({uid: uidOf(token), isSecure: this.#token.isSecure, ...lifetime});
    return proceed(begun, record => {
      this.#token.replace(token);
      return this.#enter(record, true);
    });
  }

  #enter(record: SessionRecord, isSeen: boolean): Session {
    // One that turned out to have ended may be there still.
    this.#presence?.leave();
    const session = new Session(record, this);
    this.#presence = new Presence(session, isSeen, this.parts);
    // Of a request that no site answers nobody would say when it is over.
    const {answeredBy, isAnswered} = this.#request;
    if (answeredBy !== undefined && !isAnswered && !this.#isTold) this.#presence.begin();
    return session;
  }

  #signIn(user: string, isAgain = false): Awaitable<Session> {
    const signIn = {user, limit: this.parts.userLimit};
    return proceed(this.#get(), session =>
      proceed(this.#rename(signIn), isAlive => {
        if (isAlive && session.user === user) return session;
        // Where sessions end as soon as they begin, one more would be no better.
        if (isAgain) throw sessionEnded();
        // It has ended meanwhile, or it is somebody else's: what is in there is not for this user.
        const ended = isAlive && this.parts.store.end(session.key, 'replaced');
        return proceed(ended, () => {
          this.#forget(isAlive);
          return this.#signIn(user, true);
        });
      }),
    );
  }

  /** Give the session, which there is, a new uid. False when it is not alive any more. */
  #rename(signIn?: Renewal['signIn']): Awaitable<boolean> {
    this.#refuseLostToken();
    const presence = this.#presence!;
    const {session} = presence;
    const token = drawToken(this.parts.newToken);
    // Nobody else can have a token that has not been sent.
    const grace = this.#token.isNew ? 0 : this.parts.renewalGrace;
    const renewal: Renewal = {from: this.#token.uid!, to: uidOf(token), grace, ...(signIn && {signIn})};
    // With the old cookie somebody may end it before the new one is sent.
    presence.listen();
    return proceed(this.parts.store.renew(session.key, renewal), record => {
      if (record?.uid === renewal.to) this.#token.replace(token);
      return session.lasts(record);
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
   * Go on as a visitor without a session. The browser forgets its cookie where this request has ended the session: otherwise it
   * may have that of another one by now.
   */
  #forget(hasEnded: boolean): void {
    this.#presence?.leave();
    this.#presence = undefined;
    if (hasEnded) this.#token.forget();
    else this.#token.ignore();
  }

  #ownKey(): Awaitable<string | undefined> {
    return this.#session?.key ?? proceed(this.#find(false), session => session?.key);
  }

  // What a browser fetches in advance is not the visitor's doing.
  #isPrefetch(): boolean {
    const purpose = this.#request.headers['sec-purpose'];
    return purpose !== undefined && /\bprefetch\b/.test(String(purpose));
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

function isEnded(error: unknown): boolean {
  return error instanceof EspalierError && error.code === 'SESSION_ENDED';
}
