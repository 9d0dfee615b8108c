import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {ReadOnly} from '../read-only.ts';
import type {ComponentClass} from './component/component.ts';
import {HeldComponents, type ComponentParts} from './component/held.ts';
import type {ComponentUpdate} from './component/update.ts';
import type {EndListener, EndListeners} from './end/listeners.ts';
import type {SessionRecord, SessionStore} from './store/contract.ts';
import {absoluteDeadline, idleDeadline, shortestIdleTimeout} from './store/lifetime.ts';

/** What all sessions of a site share. */
export interface SessionParts extends ComponentParts {
  readonly store: Pick<SessionStore, 'touch' | 'setIdleTimeout'>;
  readonly listeners: Pick<EndListeners, 'add'>;
  /** The requests that are being answered, which have to know a new idle timeout. */
  readonly inFlight: {hear(record: SessionRecord): void};
  readonly clock: Pick<Clock, 'now'>;
}

/** Whom a session was given to: its visitor, or somebody who looks at it from outside, as in a list. */
export interface SessionOwner {
  /** Whether it is the visitor. What they do then has no part in what follows a later sign-in. */
  readonly isVisitor: boolean;
  renew(key: string): Promise<void>;
  expire(key: string, asOf: number): Promise<void>;
}

/** What a site remembers of one visitor between requests. Moments are in milliseconds since the epoch. */
export class Session {
  #record: SessionRecord;
  /** By this process's clock, when the record was as it is. */
  #recordedAt: number;
  readonly #parts: SessionParts;
  readonly #owner: SessionOwner;
  readonly #components: HeldComponents;
  #hasEnded = false;

  /** Used by `SessionService`, which gives sessions. `listed` are the names of the components that were asked for; nothing for all. */
  constructor(record: SessionRecord, parts: SessionParts, owner: SessionOwner, listed?: ReadonlySet<string>) {
    this.#record = record;
    this.#parts = parts;
    this.#owner = owner;
    this.#components = new HeldComponents(this, record.components, parts, listed);
    this.#recordedAt = parts.clock.now();
  }

  /**
   * A public label, safe to show and to log: the SHA-256 of the token in the visitor's cookie, in base64url. It is not the
   * token and opens nothing. `renew()` changes it.
   */
  get uid(): string {
    return this.#record.uid;
  }

  /** The uid that the session was begun with. It stays when `uid` changes, and its end is told by it. */
  get key(): string {
    return this.#record.key;
  }

  /** Who has signed in, if somebody has. */
  get user(): string | undefined {
    return this.#record.user;
  }

  /** Whether they asked to be remembered, so that the browser keeps the cookie when it is closed. */
  get isRemembered(): boolean {
    return this.#record.isRemembered;
  }

  /** When they last did. */
  get authenticatedAt(): number | undefined {
    return this.#record.authenticatedAt;
  }

  /** With what the session was begun, as the option `device` of the site says: the `User-Agent` of the browser, or an excerpt of it. */
  get device(): string | undefined {
    return this.#record.device;
  }

  /** When the session was begun. */
  get createdAt(): number {
    return this.#record.createdAt;
  }

  /** When the visitor was last seen, to within 1/20 of the idle timeout, or an hour where that is less. */
  get lastSeenAt(): number {
    return this.#record.lastSeenAt;
  }

  /** How many milliseconds the session lasts when the visitor is not seen. */
  get idleTimeout(): number {
    return this.#record.idleTimeout;
  }

  /** When the session ends if the visitor is not seen again. */
  get idleDeadline(): number {
    return idleDeadline(this.#record);
  }

  /** When the session ends at the latest. */
  get absoluteDeadline(): number {
    return absoluteDeadline(this.#record);
  }

  /**
   * How many milliseconds are left if the visitor is not seen again; 0 when there are none. By the store's time, whatever
   * this machine's clock says. Asking does not count as being seen.
   */
  get timeLeft(): number {
    return Math.max(0, this.idleDeadline - this.#storeTime());
  }

  /** Whether its visitor has signed in less than so many milliseconds ago, by the store's time. */
  signedInWithin(milliseconds: number): boolean {
    const {authenticatedAt} = this.#record;
    return authenticatedAt !== undefined && this.#storeTime() - authenticatedAt < milliseconds;
  }

  /**
   * The component as it was when the session was found, or as `update` has left it since; a new one where there is none,
   * which is not stored. Nothing in it can be changed: that throws a TypeError. Throws `COMPONENT_UNMARKED` for a class without
   * `@SessionComponent`, `COMPONENT_TAKEN` where another class of this site has its name, `COMPONENT_INVALID` where `migrate` or the
   * schema fails on what is stored, and `COMPONENT_NOT_LISTED` for one that `list()` was not asked for.
   */
  get<T extends object>(type: ComponentClass<T>): ReadOnly<T> {
    return this.#components.get(type);
  }

  /**
   * Change a component, now: `fn` gets it as it is at this moment, a new one where there is none, changes it or gives
   * another of the same class, and that is stored before the promise resolves. Whatever others do at the same time, here or in
   * other processes, nothing is lost: `fn` may be called again, with what they have left. Gives the component as stored.
   *
   * Rejects with `SESSION_ENDED`, a 401, when the session has ended meanwhile, with `SESSION_SUPERSEDED`, a 409, when somebody has
   * signed in to it since this request found it, with `SESSION_CONFLICT`, a 409, when others were faster 200 times, and with `COMPONENT_INVALID` or `COMPONENT_TOO_LARGE` for what can't be stored; then nothing has
   * changed. With `SESSION_STORE_DOWN` it is not known whether it has.
   */
  update<T extends object>(type: ComponentClass<T>, fn: ComponentUpdate<T>): Promise<ReadOnly<T>> {
    return this.#components.update(type, fn);
  }

  /** Take a component out of the session, whatever is in it. Gives whether it was there. Rejects as `update` does. */
  remove(type: ComponentClass): Promise<boolean> {
    return this.#components.remove(type);
  }

  /**
   * Take a component out of the session and have it, as with a message that is shown once: of all who do so at the same
   * time, one gets it, the others get nothing. Looks only for what was there when the session was found. Rejects as `update` does.
   */
  take<T extends object>(type: ComponentClass<T>): Promise<T | undefined> {
    return this.#components.take(type);
  }

  /**
   * Count the visitor as seen now, and look again at what the session holds. Each request that gets or finds the session does
   * so already, and while it is answered its session does not become idle. Gives whether the session was still alive. Never
   * revives an ended one.
   */
  async touch(): Promise<boolean> {
    const {writes} = this.#components;
    const record = await this.#parts.store.touch(this.key, this.knownSignIn);
    if (record) this.#components.adopt(record.components, writes);
    return this.adopt(record);
  }

  /**
   * Give this session an idle timeout of its own, in milliseconds, from now on. The absolute deadline stays. Gives whether the session
   * was still alive. Rejects with `OPTION_INVALID` for what is no number of milliseconds, 500 or more.
   */
  async setIdleTimeout(idleTimeout: number): Promise<boolean> {
    if (!(Number.isFinite(idleTimeout) && idleTimeout >= shortestIdleTimeout)) {
      const message = `The idle timeout is ${String(idleTimeout)}. It must be a number of milliseconds, ${shortestIdleTimeout} or more.`;
      throw new EspalierError('OPTION_INVALID', message);
    }
    const {store, inFlight} = this.#parts;
    const record = await store.setIdleTimeout(this.key, Math.floor(idleTimeout), this.knownSignIn);
    if (record) inFlight.hear(record);
    return this.adopt(record);
  }

  /**
   * Give the session a new id: the visitor gets a new cookie, and `uid` changes. The old cookie finds the session until the
   * renewal grace after the new one was first seen. Four ids find one session at most. Rejects with `SESSION_TOO_LATE` after the
   * headers were sent, with `SESSION_ENDED`, with `SESSION_CROSS_SITE`, and with `SESSION_FOREIGN` where the session is not this
   * visitor's.
   */
  async renew(): Promise<void> {
    await this.#owner.renew(this.key);
  }

  /** End the session now, and have the browser forget its cookie if the headers are not sent yet. Doing it twice is once. */
  async expire(): Promise<void> {
    await this.#owner.expire(this.key, this.asOf);
  }

  /**
   * Have `listener` called with the reason when the session ends, after those that were given before. Returns a function
   * that takes it back. It lives in this process alone and ends with it; `@OnExpire` does not. A session that has ended already
   * calls nobody.
   */
  notifyOnExpire(listener: EndListener): () => void {
    return this.#parts.listeners.add(this.key, listener);
  }

  /**
   * @internal Take over what the store says of this session now, but for what it holds: an answer may be older than what
   * `update` has left. Gives whether it is alive.
   */
  adopt(record: SessionRecord | undefined): boolean {
    if (!record) return false;
    this.#record = record;
    this.#recordedAt = this.#parts.clock.now();
    return true;
  }

  /** @internal For how many seconds the browser is to keep the cookie; nothing where it is to forget it when it is closed. */
  get cookieAge(): number | undefined {
    if (!this.isRemembered) return undefined;
    return Math.ceil((this.absoluteDeadline - this.#storeTime()) / 1000);
  }

  /** @internal The sign-in that this object knows of, as `SessionStore` takes it. */
  get asOf(): number {
    return this.#record.authenticatedAt ?? 0;
  }

  /** @internal As of which sign-in the store is asked. Nothing for whichever, as for who looks at the session from outside. */
  get knownSignIn(): number | undefined {
    return this.#owner.isVisitor ? this.asOf : undefined;
  }

  /** @internal Whether it is known that the session is over for this request: that it has ended, or that somebody has signed in to it. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** @internal Somebody was told so by the store. */
  noteEnd(): void {
    this.#hasEnded = true;
  }

  #storeTime(): number {
    return this.#record.now + this.#parts.clock.now() - this.#recordedAt;
  }
}
