import {proceed, promised, type Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import type {ComponentClass, ComponentDeclaration, Components} from './component/component.ts';
import {instanceOf} from './component/fields.ts';
import {contentOf} from './component/content.ts';
import {updated, type ComponentUpdate} from './component/update.ts';
import type {Change} from './component/writer.ts';
import {absoluteDeadline, idleDeadline, shortestIdleTimeout} from './store/lifetime.ts';
import {readOnly, type ReadOnly} from '../read-only.ts';
import type {EndReason, SessionRecord, StoredComponent} from './store/contract.ts';

/** Called once when a session ends. What it throws, or rejects with, is logged and stops nothing. */
export type EndListener = (reason: EndReason) => unknown;

/** What a session asks of the service that gave it. */
export interface SessionKeeper {
  readonly componentLimit: number;
  readonly components: Components;
  /** Milliseconds since the epoch, by this process. */
  now(): number;
  touch(key: string, asOf: number): Awaitable<SessionRecord | undefined>;
  setIdleTimeout(key: string, idleTimeout: number, asOf: number): Awaitable<SessionRecord | undefined>;
  change(
    key: string,
    name: string,
    known: StoredComponent | undefined,
    change: Change,
    asOf: number,
  ): Awaitable<StoredComponent | undefined>;
  renew(key: string): Promise<void>;
  expire(key: string, asOf: number): Promise<void>;
  notifyOnEnd(key: string, listener: EndListener): () => void;
}

/** What a site remembers of one visitor between requests. Moments are in milliseconds since the epoch. */
export class Session {
  #record: SessionRecord;
  /** By this process's clock, when the record was as it is. */
  #recordedAt: number;
  readonly #keeper: SessionKeeper;
  #components: ReadonlyMap<string, StoredComponent>;
  /** The names of the components that were asked for; nothing for all. */
  #listed: ReadonlySet<string> | undefined;
  /** How many writes of this session's have been done. */
  #writes = 0;
  /** What was given to be read, and of which writing it is. */
  #given: Map<ComponentDeclaration, {readonly revision: number; readonly value: unknown}> | undefined;

  /** Used by `SessionService`, which gives sessions. */
  constructor(record: SessionRecord, keeper: SessionKeeper, listed?: ReadonlySet<string>) {
    this.#record = record;
    this.#listed = listed;
    this.#components = record.components;
    this.#keeper = keeper;
    this.#recordedAt = keeper.now();
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
    const component = this.#keeper.components.of(type);
    this.#refuseUnlisted(component);
    return this.#read(component);
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
    return promised(() => {
      const component = this.#keeper.components.of(type);
      const {componentLimit} = this.#keeper;
      const changed = this.#change(component, current => updated(component, current, fn, componentLimit));
      return proceed(changed, () => this.#read(component));
    });
  }

  /** Take a component out of the session, whatever is in it. Gives whether it was there. Rejects as `update` does. */
  async remove(type: ComponentClass): Promise<boolean> {
    let isThere = false;
    await this.#change(this.#keeper.components.of(type), current => {
      isThere = current !== undefined;
      return undefined;
    });
    return isThere;
  }

  /**
   * Take a component out of the session and have it, as with a message that is shown once: of all who do so at the same
   * time, one gets it, the others get nothing. Looks only for what was there when the session was found. Rejects as `update` does.
   */
  async take<T extends object>(type: ComponentClass<T>): Promise<T | undefined> {
    const component = this.#keeper.components.of(type);
    this.#refuseUnlisted(component);
    if (!this.#components.has(component.name)) return undefined;
    let taken: T | undefined;
    await this.#change(component, current => {
      taken = current && instanceOf(component, contentOf(current));
      return undefined;
    });
    return taken;
  }

  /**
   * Count the visitor as seen now, and look again at what the session holds. Each request that gets or finds the session does
   * so already, and while it is answered its session does not become idle. Gives whether the session was still alive. Never
   * revives an ended one.
   */
  async touch(): Promise<boolean> {
    const writes = this.#writes;
    const record = await this.#keeper.touch(this.key, this.asOf);
    // What was written meanwhile may be newer.
    if (record && writes === this.#writes) {
      this.#components = record.components;
      this.#listed = undefined;
    }
    return this.lasts(record);
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
    return this.lasts(await this.#keeper.setIdleTimeout(this.key, Math.floor(idleTimeout), this.asOf));
  }

  /**
   * Give the session a new id: the visitor gets a new cookie, and `uid` changes. The old cookie finds the session until the
   * renewal grace after the new one was first seen. Four ids find one session at most. Rejects with `SESSION_TOO_LATE` after the
   * headers were sent, with `SESSION_ENDED`, with `SESSION_CROSS_SITE`, and with `SESSION_FOREIGN` where the session is not this
   * visitor's.
   */
  async renew(): Promise<void> {
    await this.#keeper.renew(this.key);
  }

  /** End the session now, and have the browser forget its cookie if the headers are not sent yet. Doing it twice is once. */
  async expire(): Promise<void> {
    await this.#keeper.expire(this.key, this.asOf);
  }

  /**
   * Have `listener` called with the reason when the session ends, after those that were given before. Returns a function
   * that takes it back. It lives in this process alone and ends with it; `@OnExpire` does not. A session that has ended already
   * calls nobody.
   */
  notifyOnExpire(listener: EndListener): () => void {
    return this.#keeper.notifyOnEnd(this.key, listener);
  }

  /**
   * @internal Take over what the store says of this session now, but for what it holds: an answer may be older than what
   * `update` has left. Gives whether it is alive.
   */
  lasts(record: SessionRecord | undefined): boolean {
    if (!record) return false;
    this.#record = record;
    this.#recordedAt = this.#keeper.now();
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

  #storeTime(): number {
    return this.#record.now + this.#keeper.now() - this.#recordedAt;
  }

  #read<T extends object>(component: ComponentDeclaration<T>): ReadOnly<T> {
    const stored = this.#components.get(component.name);
    const revision = stored?.revision ?? 0;
    const given = this.#given?.get(component);
    if (given?.revision === revision) return given.value as ReadOnly<T>;
    const value = readOnly(instanceOf(component, stored && contentOf(stored)));
    (this.#given ??= new Map()).set(component, {revision, value});
    return value;
  }

  #refuseUnlisted({name}: ComponentDeclaration): void {
    if (this.#listed?.has(name) ?? true) return;
    throw new EspalierError(
      'COMPONENT_NOT_LISTED',
      `The list was not asked for the component ${name}. Ask for it: list({components: [${name}]}).`,
    );
  }

  #change({name}: ComponentDeclaration, change: Change): Awaitable<void> {
    const known = this.#components.get(name);
    return proceed(this.#keeper.change(this.key, name, known, change, this.asOf), left => {
      this.#writes += 1;
      const components = new Map(this.#components);
      this.#components = components;
      if (left) components.set(name, left);
      else components.delete(name);
    });
  }
}
