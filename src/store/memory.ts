import {systemClock, type Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {warn, type Logger} from '../logger.ts';
import {gainsEnough, idleDeadline, timeoutReason} from '../session/lifetime.ts';
import {sessionTaken} from '../session/refusals.ts';
import type {
  EndedSession,
  EndOutcome,
  EndReason,
  NewSession,
  Renewal,
  SessionRecord,
  SessionStore,
  StoredComponent,
  StoreListener,
  Written,
} from '../session/session-store.ts';
import {readOnly} from '../session/read-only.ts';
import {ExpiryWheel, type Due} from './expiry-wheel.ts';
import {MemoryOutbox} from './memory-outbox.ts';
import {SpreadMap, type Numbered} from './spread-map.ts';

/** How a `MemoryStore` is set up. */
export interface MemoryStoreOptions {
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Where evictions are told of. Default: `console`. */
  readonly logger?: Logger;
  /** The most sessions it holds; past that the oldest end, anonymous ones first, with a log line. Default: 1,000,000. */
  readonly limit?: number;
}

type Writable<T> = {-readonly [K in keyof T]: T[K]};

interface Entry extends Writable<Omit<SessionRecord, 'now' | 'components'>>, Due, Numbered {
  components: Map<string, StoredComponent> | undefined;
  /** The revision that was given last. */
  revision: number;
  /** Uids that find it besides its key: the one it has, and older ones in their grace. */
  aliases: string[] | undefined;
}

/** A uid that is not the key of its session. */
interface Alias {
  readonly entry: Entry;
  until: number;
}

const minute = 60_000;
const nothing: ReadonlyMap<string, StoredComponent> = readOnly(new Map());

/**
 * Sessions in this process's memory: fast, and gone when the process ends. It is what a site has unless it binds another
 * store. One timer serves all sessions, however many. Of ends that were set aside it keeps the last 10,000.
 */
export class MemoryStore implements SessionStore {
  /** What holds where `MemoryStoreOptions` are silent. */
  static readonly defaults = {limit: 1_000_000};

  // Apart, so that the oldest anonymous session is at hand when one has to go.
  readonly #anonymous = new SpreadMap<Entry>();
  readonly #signedIn = new SpreadMap<Entry>();
  readonly #aliases = new Map<string, Alias>();
  /** In the order of their sign-ins. */
  readonly #users = new Map<string, Set<Entry>>();
  readonly #outbox = new MemoryOutbox();
  readonly #wheel: ExpiryWheel<Entry>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limit: number;
  readonly #listeners = new Set<StoreListener>();
  /** The next to be evicted, the first of them last; some may have ended or signed in since they were noted. */
  #oldest: string[] = [];
  #evicted = 0;
  #isClosed = false;
  #cancelReport: (() => void) | undefined;

  constructor({clock = systemClock, logger = console, limit = MemoryStore.defaults.limit}: MemoryStoreOptions = {}) {
    if (!(limit >= 1))
      throw new EspalierError(
        'OPTION_INVALID',
        `The memory store's limit is ${limit}. It must be a number of sessions, 1 or more.`,
      );
    this.#clock = clock;
    this.#logger = logger;
    this.#limit = limit;
    this.#wheel = new ExpiryWheel<Entry>(clock, idleDeadline, entry => this.#drop(entry, timeoutReason(entry)));
  }

  /** How many sessions are held; those past their deadline count until they are swept, a second or so later. */
  get size(): number {
    return this.#anonymous.size + this.#signedIn.size;
  }

  create({uid, isSecure, idleTimeout, absoluteTimeout}: NewSession): SessionRecord {
    const now = this.#clock.now();
    this.#refuseTaken(uid, now);
    if (this.size >= this.#limit) this.#evictOldest();
    const entry: Entry = {
      key: uid,
      uid,
      isSecure,
      idleTimeout,
      absoluteTimeout,
      createdAt: now,
      lastSeenAt: now,
      user: undefined,
      authenticatedAt: undefined,
      components: undefined,
      revision: 0,
      aliases: undefined,
      number: 0,
      slot: 0,
      place: 0,
    };
    this.#anonymous.set(uid, entry);
    this.#wheel.add(entry, now);
    return this.#record(entry, now);
  }

  find(uid: string, isSeen: boolean): SessionRecord | undefined {
    const now = this.#clock.now();
    const entry = this.#byUid(uid, now);
    return entry && (isSeen ? this.#seen(entry, now) : this.#record(entry, now));
  }

  touch(key: string): SessionRecord | undefined {
    const now = this.#clock.now();
    const entry = this.#live(key, now);
    return entry && this.#seen(entry, now);
  }

  write(key: string, name: string, expected: number, text: string | undefined): Written {
    const entry = this.#live(key);
    if (!entry) return {state: 'gone'};
    const current = entry.components?.get(name);
    if ((current?.revision ?? 0) !== expected) return {state: 'conflict', current};
    if (text === undefined) {
      entry.components?.delete(name);
      return {state: 'written', revision: 0};
    }
    const revision = (entry.revision += 1);
    (entry.components ??= new Map()).set(name, Object.freeze({revision, text}));
    return {state: 'written', revision};
  }

  renew(key: string, {from, to, grace, signIn}: Renewal): SessionRecord | undefined {
    const entry = this.#live(key);
    if (!entry) return undefined;
    if (signIn && entry.user !== undefined && entry.user !== signIn.user) return this.#record(entry);
    const isFirst = entry.uid === from || (signIn !== undefined && entry.user === undefined);
    if (isFirst) this.#rename(entry, to, grace);
    if (signIn) this.#signIn(entry, signIn.user, signIn.limit);
    return this.#seen(entry);
  }

  setIdleTimeout(key: string, idleTimeout: number): SessionRecord | undefined {
    const entry = this.#live(key);
    if (!entry) return undefined;
    this.#wheel.remove(entry);
    entry.idleTimeout = idleTimeout;
    entry.lastSeenAt = Math.max(entry.lastSeenAt, this.#clock.now());
    this.#wheel.add(entry);
    return this.#record(entry);
  }

  end(key: string, reason: EndReason): boolean {
    const entry = this.#live(key);
    if (entry) this.#end(entry, reason);
    return entry !== undefined;
  }

  list(user: string): readonly SessionRecord[] {
    return this.#sessionsOf(user).map(entry => this.#record(entry));
  }

  endAll(user: string, reason: EndReason, except?: string): number {
    const ending = this.#sessionsOf(user).filter(({key}) => key !== except);
    for (const entry of ending) this.#end(entry, reason);
    return ending.length;
  }

  onEnd(listener: StoreListener): () => void {
    const tell: StoreListener = (key, reason) => listener(key, reason);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  keepEnds(): void {
    this.#outbox.keep(this.#clock.now());
  }

  takeEnds(count: number, lease: number): readonly EndedSession[] {
    return this.#outbox.take(count, lease, this.#clock.now());
  }

  settleEnd(key: string, outcome: EndOutcome): void {
    this.#outbox.settle(key, outcome, this.#clock.now());
  }

  releaseEnds(): number {
    return this.#outbox.release();
  }

  close(): void {
    this.#isClosed = true;
    this.#wheel.stop();
    this.#cancelReport?.();
  }

  #byUid(uid: string, now: number): Entry | undefined {
    const entry = this.#live(uid, now);
    return entry?.uid === uid ? entry : this.#byAlias(uid, now);
  }

  #byAlias(uid: string, now: number): Entry | undefined {
    const alias = this.#aliases.get(uid);
    return alias && now < alias.until ? this.#live(alias.entry.key, now) : undefined;
  }

  /** The entry, unless its deadline has passed; then it ends here, before the timer comes to it. */
  #live(key: string, now = this.#clock.now()): Entry | undefined {
    const entry = this.#anonymous.get(key) ?? this.#signedIn.get(key);
    if (!entry || now < idleDeadline(entry)) return entry;
    this.#end(entry, timeoutReason(entry));
    return undefined;
  }

  #refuseTaken(uid: string, now: number): void {
    if (!this.#live(uid, now) && !this.#byAlias(uid, now)) return;
    throw sessionTaken();
  }

  #seen(entry: Entry, now = this.#clock.now()): SessionRecord {
    if (gainsEnough(entry, now)) entry.lastSeenAt = now;
    return this.#record(entry, now);
  }

  #rename(entry: Entry, uid: string, grace: number): void {
    const now = this.#clock.now();
    this.#refuseTaken(uid, now);
    const old = this.#aliases.get(entry.uid) ?? {entry, until: 0};
    old.until = now + grace;
    this.#aliases.set(entry.uid, old).set(uid, {entry, until: Infinity});
    entry.aliases = [...new Set([...(entry.aliases ?? []), entry.uid, uid])].filter(alias => this.#isKept(alias, now));
    entry.uid = uid;
  }

  #isKept(alias: string, now: number): boolean {
    const isKept = this.#aliases.get(alias)!.until > now;
    if (!isKept) this.#aliases.delete(alias);
    return isKept;
  }

  #signIn(entry: Entry, user: string, limit: number): void {
    entry.user = user;
    entry.authenticatedAt = Math.max(this.#clock.now(), entry.authenticatedAt ?? entry.createdAt);
    this.#anonymous.delete(entry.key);
    this.#signedIn.set(entry.key, entry);
    const sessions = this.#users.get(user) ?? new Set();
    sessions.delete(entry);
    this.#users.set(user, sessions.add(entry));
    for (const oldest of this.#sessionsOf(user).slice(0, -limit)) this.#end(oldest, 'replaced');
  }

  #sessionsOf(user: string): Entry[] {
    return [...(this.#users.get(user) ?? [])].filter(({key}) => this.#live(key));
  }

  #end(entry: Entry, reason: EndReason): void {
    this.#wheel.remove(entry);
    this.#drop(entry, reason);
  }

  #drop(entry: Entry, reason: EndReason): void {
    const {key, user} = entry;
    this.#anonymous.delete(key);
    this.#signedIn.delete(key);
    for (const alias of entry.aliases ?? []) this.#aliases.delete(alias);
    if (user !== undefined) this.#leave(user, entry);
    // Of a million that end at once none need be copied for nobody.
    if (this.#outbox.isKept(this.#clock.now())) this.#outbox.add({key, reason, session: this.#record(entry)});
    for (const listener of this.#listeners) listener(key, reason);
  }

  #leave(user: string, entry: Entry): void {
    const sessions = this.#users.get(user)!;
    sessions.delete(entry);
    if (sessions.size === 0) this.#users.delete(user);
  }

  #evictOldest(): void {
    const oldest = this.#findOldest();
    // Past its deadline it ends by that, which makes room as well.
    if (!this.#live(oldest.key)) return;
    this.#end(oldest, 'evicted');
    this.#evicted += 1;
    if (this.#evicted > 1) return;
    if (!this.#isClosed) this.#cancelReport = this.#clock.after(minute, () => this.#reportEvictions());
    warn(this.#logger, `${this.#limit} sessions are in memory: from now on the oldest end early.`);
  }

  // A map leads through all that was deleted to its first entry, so the way is made for many at once.
  #findOldest(): Entry {
    const first = this.#anonymous.size > 0 ? this.#anonymous : this.#signedIn;
    const entry = first.get(this.#oldest.pop() ?? '');
    if (entry) return entry;
    if (this.#oldest.length === 0) this.#oldest = first.firstKeys().toReversed();
    return this.#findOldest();
  }

  #reportEvictions(): void {
    warn(this.#logger, `${this.#evicted} sessions ended early in the last minute, for want of room.`);
    this.#evicted = 0;
  }

  // A copy, so that nobody outside holds, or sees change, what is kept here.
  #record(entry: Entry, now = this.#clock.now()): SessionRecord {
    return {
      key: entry.key,
      uid: entry.uid,
      isSecure: entry.isSecure,
      idleTimeout: entry.idleTimeout,
      absoluteTimeout: entry.absoluteTimeout,
      createdAt: entry.createdAt,
      lastSeenAt: entry.lastSeenAt,
      authenticatedAt: entry.authenticatedAt,
      user: entry.user,
      components: entry.components ? new Map(entry.components) : nothing,
      now,
    };
  }
}
