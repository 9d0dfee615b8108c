import {isPromised, proceed, type Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import {requestHere} from '../http/current.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {StoppableStream} from '../http/stream.ts';
import {report} from '../logger.ts';
import {LoadedComponent} from './component-text.ts';
import type {Flight} from './in-flight.ts';
import {Keeper, type KeeperParts} from './keeper.ts';
import {clearToken, sendToken, tokenIn, type SessionCookie} from './session-cookie.ts';
import {sessionEnded} from './session-ended.ts';
import type {Renewal, SessionRecord} from './session-store.ts';
import {Session} from './session.ts';
import {isToken, uidOf} from './token.ts';

/** How long a stream may last, in milliseconds, until it is asked whether its session still does. */
const streamCheck = 10_000;

/** One request, as the visit of somebody who may have a session. */
export class Visit extends Keeper implements Flight {
  place = -1;
  readonly #request: Request;
  readonly #cookie: SessionCookie;
  #token: string | undefined;
  #session: Session | undefined;
  /** A token that the browser does not have yet. */
  #newToken: string | undefined;
  #hasExpired = false;
  /** Whether the session was counted as seen during this request. */
  #isSeen = false;
  /** Whether the headers say that the answer is for one visitor. */
  #isTold = false;
  #turn: Promise<unknown> | undefined;
  /** End the answer that is being streamed, if one is. */
  #stopStream: (() => void) | undefined;
  /** Let it go on although the session ends. */
  #releaseStream: (() => void) | undefined;
  #checkedAt = 0;
  #isChecking = false;
  /** Which session is known to have ended, so that its token is not sent. */
  #endedKey: string | undefined;
  #stopHearing: (() => void) | undefined;

  constructor(request: Request, cookie: SessionCookie, parts: KeeperParts) {
    super(parts);
    this.#request = request;
    this.#cookie = cookie;
    this.#token = tokenIn(request, cookie);
  }

  /** The visitor's session, begun now if there is none. */
  getSession(): Promise<Session> {
    return this.#inTurn(() => this.#get());
  }

  /** The visitor's session, if there is one. */
  findSession(): Promise<Session | undefined> {
    return this.#inTurn(() => this.#findInTime(!this.#isPrefetch()));
  }

  /** The visitor's session, if there is one, without counting it as seen. */
  peekSession(): Promise<Session | undefined> {
    return this.#inTurn(() => this.#findInTime(false));
  }

  /** End the visitor's session, or the one by `key` where that is another. */
  override expire(key?: string): Promise<void> {
    return this.#inTurn(() =>
      proceed(key ?? this.#ownKey(), ending => {
        const isOwn = key === undefined || this.#session?.key === key;
        const end = () => (ending === undefined ? false : this.parts.store.end(ending, 'logout'));
        return proceed(this.#endBy(end, isOwn), () => undefined);
      }),
    );
  }

  /** Have `end` end sessions, among them the visitor's own where that `isOwn`. */
  revoke<T>(end: () => Awaitable<T>, isOwn: (session: Session) => boolean): Promise<T> {
    return this.#inTurn(() => this.#endBy(end, this.#session !== undefined && isOwn(this.#session)));
  }

  /** Give the visitor's session a new id, provided that there is one; where `key` is given, provided that it is that one. */
  override renew(key?: string): Promise<void> {
    return this.#inTurn(() =>
      proceed(this.#findInTime(true), session => {
        if (key !== undefined && session?.key !== key) throw sessionEnded();
        if (!session) return undefined;
        return proceed(this.#rename(session), renewed => {
          if (renewed) return;
          this.#forget();
          if (key !== undefined) throw sessionEnded();
        });
      }),
    );
  }

  /** Sign the visitor in, with a session that has a new id. */
  signIn(user: string): Promise<Session> {
    return this.#inTurn(() => this.#signIn(user));
  }

  override change(...change: Parameters<Keeper['change']>): ReturnType<Keeper['change']> {
    const changed = super.change(...change);
    changed.catch((error: unknown) => {
      if (isEnded(error)) [this.#endedKey] = change;
    });
    return changed;
  }

  hold(): void {
    const session = this.#session;
    if (!session || !this.#isSeen || this.#isChecking) return;
    const isStreamDue = this.#stopStream !== undefined && this.now() - this.#checkedAt >= streamCheck;
    const isIdling = session.timeLeft <= session.idleTimeout / 2 && canLastLonger(session);
    if (isStreamDue || isIdling || session.timeLeft === 0) this.#check(session);
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
    this.#stopHearing?.();
    const isAlive = this.#session?.key !== this.#endedKey;
    if (this.#newToken !== undefined && isAlive) sendToken(this.#newToken, this.#cookie, response);
    else if (this.#hasExpired && this.#isCarried()) clearToken(this.#cookie, response);
    // What was made for one visitor must not reach another through a cache (ASVS 5.0, 14.3.2).
    response.vary('Cookie');
    response.keepPrivate();
    if (this.#session && response.stream) this.#accompany(this.#session, response);
    else this.#leave();
  }

  /** A streamed answer ends with the session that it was made for. */
  #accompany(session: Session, response: Response): void {
    const stream = new StoppableStream(response.stream!, () => {
      this.#releaseStream?.();
      this.#leave();
    });
    // Of anything but events, what has come is not the whole.
    const isWhole = /^text\/event-stream\b/i.test(response.header('Content-Type') ?? '');
    this.#stopStream = () => stream.stop(isWhole);
    this.#releaseStream = this.notifyOnEnd(session.key, this.#stopStream);
    response.body = stream;
    // It may have ended while the answer was made.
    this.#check(session);
  }

  // An answer that took long counts as being seen until it was there.
  #leave(): void {
    this.parts.inFlight.remove(this);
    const session = this.#session;
    if (!session || !this.#isSeen || session.timeLeft >= session.idleTimeout * (1 - 1 / 20)) return;
    if (canLastLonger(session)) this.#check(session);
  }

  #check(session: Session): void {
    this.#isChecking = true;
    this.#checkedAt = this.now();
    const hear = (record: SessionRecord | undefined) => {
      this.#isChecking = false;
      if (session.lasts(record) || this.#session !== session) return;
      this.parts.inFlight.remove(this);
      this.#stopStream?.();
    };
    try {
      const {store} = this.parts;
      const asked = this.#isSeen ? store.touch(session.key) : store.find(session.uid, false);
      if (!isPromised(asked)) return hear(asked);
      // A store that is out of reach is asked again; until then its sessions are as good as any.
      asked.then(hear, () => (this.#isChecking = false));
    } catch {
      this.#isChecking = false;
    }
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

  #get(): Awaitable<Session> {
    return proceed(this.#findInTime(!this.#isPrefetch()), session => session ?? this.#begin());
  }

  // Who first asks after the headers are sent would have an answer made for one visitor kept by caches for all.
  #findInTime(isSeen: boolean): Awaitable<Session | undefined> {
    if (this.#request.isAnswered && !this.#isTold) throw tooLate();
    return this.#find(isSeen);
  }

  #find(isSeen: boolean): Awaitable<Session | undefined> {
    const session = this.#session;
    if (session) return proceed(this.#isAlive(session, isSeen), isAlive => (isAlive ? session : undefined));
    if (this.#token === undefined) return undefined;
    return proceed(this.#lookUp(uidOf(this.#token), isSeen), record => this.#found(record, isSeen));
  }

  // What can't be read is as good as none for the visitor, who gets a fresh one; the operator is told.
  #lookUp(uid: string, isSeen: boolean): Awaitable<SessionRecord | undefined> {
    const corrupt = (error: unknown) => {
      if (!isCorrupt(error)) throw error;
      report(this.parts.logger, `The record of the session ${uid} can't be read; its visitor gets a new one.`, error);
      return undefined;
    };
    try {
      const found = this.parts.store.find(uid, isSeen);
      return isPromised(found) ? found.then(readable).then(undefined, corrupt) : readable(found);
    } catch (error) {
      return corrupt(error);
    }
  }

  #found(record: SessionRecord | undefined, isSeen: boolean): Session | undefined {
    // A session begun over plain HTTP, where its token could be read, is not one over TLS, nor the other way round.
    if (record?.isSecure === this.#cookie.secure) return this.#take(record, isSeen);
    // What is not there never will be, so it is not asked for again.
    this.#token = undefined;
    return undefined;
  }

  #take(record: SessionRecord, isSeen: boolean): Session {
    this.#isSeen ||= isSeen;
    // Of a request that this site does not answer nobody would say when it is over.
    if (!this.#request.isAnswered && requestHere() === this.#request) this.parts.inFlight.add(this);
    return (this.#session = new Session(record, this));
  }

  #isAlive(session: Session, isSeen: boolean): Awaitable<boolean> {
    if (session.timeLeft > 0 && (this.#isSeen || !isSeen)) return true;
    if (!isSeen) return proceed(this.#lookUp(session.uid, false), record => session.lasts(record));
    return proceed(this.parts.store.touch(session.key), record => {
      if (record) this.#isSeen = true;
      else this.#endedKey = session.key;
      return session.lasts(record);
    });
  }

  #begin(): Awaitable<Session> {
    if (this.#request.isAnswered) throw tooLate();
    const {store, lifetime} = this.parts;
    const token = this.#drawToken();
    const begun = store.create({uid: uidOf(token), isSecure: this.#cookie.secure, ...lifetime});
    return proceed(begun, record => {
      this.#token = this.#newToken = token;
      return this.#take(record, true);
    });
  }

  #signIn(user: string, isAgain = false): Awaitable<Session> {
    const signIn = {user, limit: this.parts.userLimit};
    return proceed(this.#get(), session =>
      proceed(this.#rename(session, signIn), isAlive => {
        if (isAlive && session.user === user) return session;
        // Where sessions end as soon as they begin, one more would be no better.
        if (isAgain) throw sessionEnded();
        // It has ended meanwhile, or it is somebody else's: what is in there is not for this user.
        const ended = isAlive && this.parts.store.end(session.key, 'replaced');
        return proceed(ended, () => {
          this.#forget();
          return this.#signIn(user, true);
        });
      }),
    );
  }

  /** Give the session a new uid. False when it is not alive any more. */
  #rename(session: Session, signIn?: Renewal['signIn']): Awaitable<boolean> {
    if (this.#request.isAnswered) throw tooLate();
    const token = this.#drawToken();
    const from = uidOf(this.#token!);
    // Nobody else can have a token that has not been sent.
    const grace = this.#newToken === undefined ? this.parts.renewalGrace : 0;
    const renewal: Renewal = {from, to: uidOf(token), grace, ...(signIn && {signIn})};
    // With the old cookie somebody may end it before the new one is sent.
    this.#stopHearing ??= this.notifyOnEnd(session.key, () => (this.#endedKey = session.key));
    return proceed(this.parts.store.renew(session.key, renewal), record => {
      if (record?.uid === renewal.to) this.#token = this.#newToken = token;
      return session.lasts(record);
    });
  }

  #endBy<T>(end: () => Awaitable<T>, isOwn: boolean): Awaitable<T> {
    // Who ends the session while streaming an answer is not to be cut off.
    if (isOwn) this.#releaseStream?.();
    return proceed(end(), ended => {
      if (isOwn) this.#forget();
      return ended;
    });
  }

  /** Go on as a visitor without a session, and have the browser forget its cookie. */
  #forget(): void {
    this.parts.inFlight.remove(this);
    this.#stopHearing?.();
    this.#session = this.#token = this.#newToken = this.#stopHearing = undefined;
    this.#hasExpired = true;
  }

  #drawToken(): string {
    const token = this.parts.newToken();
    if (isToken(token)) return token;
    throw new EspalierError(
      'SESSION_TOKEN_INVALID',
      'The TokenSource gave something other than 43 characters of base64url.',
    );
  }

  #ownKey(): Awaitable<string | undefined> {
    if (this.#session) return this.#session.key;
    return proceed(this.#find(false), session => session?.key);
  }

  #isCarried(): boolean {
    return this.#request.cookieValues(this.#cookie.name).length > 0;
  }

  // What a browser fetches in advance is not the visitor's doing.
  #isPrefetch(): boolean {
    return /\bprefetch\b/.test(String(this.#request.headers['sec-purpose'] ?? ''));
  }
}

/** Whether being seen would still put off its end. */
function canLastLonger(session: Session): boolean {
  return session.idleDeadline < session.absoluteDeadline;
}

/** The record, provided that its components can be read too. */
function readable(record: SessionRecord | undefined): SessionRecord | undefined {
  if (!record || record.components.size === 0) return record;
  const components = Array.from(record.components, ([name, stored]) => [name, new LoadedComponent(stored)] as const);
  return {...record, components: new Map(components)};
}

function tooLate(): EspalierError {
  return new EspalierError(
    'SESSION_TOO_LATE',
    'The headers are sent already, and with them what a session needs: its cookie, and that no cache may keep the answer. Ask for the session before the first chunk.',
  );
}

function isCorrupt(error: unknown): boolean {
  return error instanceof EspalierError && error.code === 'SESSION_CORRUPT';
}

function isEnded(error: unknown): boolean {
  return error instanceof EspalierError && error.code === 'SESSION_ENDED';
}
