import {systemClock, type Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {warn, type Logger} from '../logger.ts';
import {gainsEnough, idleDeadline, timeoutReason} from '../session/lifetime.ts';
import type {EndReason, NewSession, SessionRecord, SessionStore} from '../session/session-store.ts';
import {ExpiryWheel, type Due} from './expiry-wheel.ts';

/** How a `MemoryStore` is set up. */
export interface MemoryStoreOptions {
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Where evictions are told of. Default: `console`. */
  readonly logger?: Logger;
  /** The most sessions it holds; past that the oldest end, with a log line. Default: 1,000,000. */
  readonly limit?: number;
}

type EndOfSession = (uid: string, reason: EndReason) => void;

interface Entry extends SessionRecord, Due {
  lastSeenAt: number;
}

const minute = 60_000;

/**
 * Sessions in this process's memory: fast, and gone when the process ends. It is what a site has unless it binds another
 * store. One timer serves all sessions, however many.
 */
export class MemoryStore implements SessionStore {
  /** What holds where `MemoryStoreOptions` are silent. */
  static readonly defaults = {limit: 1_000_000};

  readonly #entries = new Map<string, Entry>();
  readonly #wheel: ExpiryWheel<Entry>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limit: number;
  readonly #listeners = new Set<EndOfSession>();
  /** The next to be evicted, the first of them last; some may have ended since they were noted. */
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
    return this.#entries.size;
  }

  create({uid, isSecure, idleTimeout, absoluteTimeout}: NewSession): SessionRecord {
    if (this.#live(uid)) throw new EspalierError('SESSION_TAKEN', 'There is a live session by this uid already.');
    if (this.#entries.size >= this.#limit) this.#evictOldest();
    const now = this.#clock.now();
    const entry = {uid, isSecure, idleTimeout, absoluteTimeout, createdAt: now, lastSeenAt: now, slot: 0, place: 0};
    this.#entries.set(uid, entry);
    this.#wheel.add(entry);
    return recordOf(entry);
  }

  touch(uid: string): SessionRecord | undefined {
    const entry = this.#live(uid);
    if (!entry) return undefined;
    const now = this.#clock.now();
    if (gainsEnough(entry, now)) entry.lastSeenAt = now;
    return recordOf(entry);
  }

  end(uid: string, reason: EndReason): boolean {
    const entry = this.#live(uid);
    if (entry) this.#end(entry, reason);
    return entry !== undefined;
  }

  onEnd(listener: EndOfSession): () => void {
    const tell: EndOfSession = (uid, reason) => listener(uid, reason);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  close(): void {
    this.#isClosed = true;
    this.#wheel.stop();
    this.#cancelReport?.();
  }

  /** The entry, unless its deadline has passed; then it ends here, before the timer comes to it. */
  #live(uid: string): Entry | undefined {
    const entry = this.#entries.get(uid);
    if (!entry || this.#clock.now() < idleDeadline(entry)) return entry;
    this.#end(entry, timeoutReason(entry));
    return undefined;
  }

  #end(entry: Entry, reason: EndReason): void {
    this.#wheel.remove(entry);
    this.#drop(entry, reason);
  }

  #drop({uid}: Entry, reason: EndReason): void {
    this.#entries.delete(uid);
    for (const listener of this.#listeners) listener(uid, reason);
  }

  #evictOldest(): void {
    const oldest = this.#findOldest();
    // Past its deadline it ends by that, which makes room as well.
    if (!this.#live(oldest.uid)) return;
    this.#end(oldest, 'evicted');
    this.#evicted += 1;
    if (this.#evicted > 1) return;
    if (!this.#isClosed) this.#cancelReport = this.#clock.after(minute, () => this.#reportEvictions());
    warn(this.#logger, `${this.#limit} sessions are in memory: from now on the oldest end early.`);
  }

  // A map leads through all that was deleted to its first entry, so the way is made for many at once. An iterator kept
  // between calls would instead keep every table that the map has outgrown.
  #findOldest(): Entry {
    const entry = this.#entries.get(this.#oldest.pop() ?? '');
    if (entry) return entry;
    if (this.#oldest.length === 0) this.#oldest = this.#entries.keys().take(1000).toArray().toReversed();
    return this.#findOldest();
  }

  #reportEvictions(): void {
    warn(this.#logger, `${this.#evicted} sessions ended early in the last minute, for want of room.`);
    this.#evicted = 0;
  }
}

// A copy, so that nobody outside holds, or sees change, what is kept here.
function recordOf({uid, isSecure, idleTimeout, absoluteTimeout, createdAt, lastSeenAt}: Entry): SessionRecord {
  return {uid, isSecure, idleTimeout, absoluteTimeout, createdAt, lastSeenAt};
}
