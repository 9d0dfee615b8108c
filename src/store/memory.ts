import {getHeapStatistics} from 'node:v8';
import {systemClock, type Clock} from '../clock.ts';
import {warn, type Logger} from '../logger.ts';
import * as options from '../options.ts';
import {
  isLive,
  type EndOutcome,
  type FormerId,
  type NewSession,
  type SessionRecord,
  type Written,
} from '../session/store/contract.ts';
import {idleDeadline, timeoutReason} from '../session/store/lifetime.ts';
import {SessionRules} from '../session/store/rules.ts';
import {MemoryCabinet, type MemorySession} from './memory-cabinet.ts';

/** How a `MemoryStore` is set up. */
export interface MemoryStoreOptions {
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Where evictions are told of. Default: `console`. */
  readonly logger?: Logger;
  /**
   * The most sessions it holds. Past that some end as `evicted`, with a log line: first anonymous ones, those seen least lately
   * coming first; then those of the user who has most. Default: 1,000,000.
   */
  readonly limit?: number;
  /** The most bytes that they take, about; past that the same is done. Default: a quarter of the heap that V8 may have. */
  readonly bytes?: number;
}

const kinds: options.Kinds<MemoryStoreOptions> = {
  clock: options.clock,
  logger: options.logger,
  limit: options.count,
  bytes: options.kind('a number of bytes, 1 or more', value => typeof value === 'number' && value >= 1),
};

const minute = 60_000;

/**
 * Sessions in this process's memory: fast, and gone when the process ends. It is what a site has unless it binds another
 * store. Ends that were set aside count among its bytes, and are the first to be forgotten.
 */
export class MemoryStore extends SessionRules<MemorySession> {
  /** What holds where `MemoryStoreOptions` are silent. */
  static readonly defaults = {limit: 1_000_000, bytes: Math.floor(getHeapStatistics().heap_size_limit / 4)};

  readonly #cabinet: MemoryCabinet;
  readonly #logger: Logger;
  readonly #limit: number;
  readonly #byteLimit: number;
  #evicted = 0;
  /** When evictions are told of next; `undefined` as long as there is none to tell of. */
  #reportAt: number | undefined;
  /** Whether ends that were set aside have been forgotten since somebody asked for them. */
  #isForgetting = false;

  /** Throws `OPTION_INVALID` for a limit that is none. */
  constructor(given: MemoryStoreOptions = {}) {
    options.checkOptions('MemoryStore', given, kinds);
    const {clock = systemClock, logger = console} = given;
    const {limit = MemoryStore.defaults.limit, bytes = MemoryStore.defaults.bytes} = given;
    const cabinet = new MemoryCabinet(clock);
    super(cabinet);
    this.#cabinet = cabinet;
    this.#byteLimit = bytes;
    this.#logger = logger;
    this.#limit = limit;
  }

  /** How many sessions are held; those past their deadline count until they are swept. */
  get size(): number {
    return this.#cabinet.count();
  }

  override create(session: NewSession): SessionRecord {
    const record = super.create(session);
    this.#makeRoom(record.key);
    return record;
  }

  override find(uid: string, isSeen: boolean): SessionRecord | FormerId | undefined {
    const found = super.find(uid, isSeen);
    if (isSeen && this.#isFilling && isLive(found)) this.#prefer(found.key);
    return found;
  }

  override touch(key: string, asOf?: number): SessionRecord | undefined {
    const found = super.touch(key, asOf);
    if (found && this.#isFilling) this.#prefer(key);
    return found;
  }

  override write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Written {
    const written = super.write(key, name, expected, text, asOf);
    this.#makeRoom(key);
    return written;
  }

  override settleEnd(key: string, outcome: EndOutcome): void {
    super.settleEnd(key, outcome);
    this.#makeRoom();
  }

  override releaseEnds(most: number): number {
    this.#isForgetting = false;
    return super.releaseEnds(most);
  }

  override sweep(): boolean {
    const hasMore = super.sweep();
    this.#reportEvictions(this.#cabinet.now());
    return hasMore;
  }

  // A place in the order costs as much as finding the session, so it is exact only where it may soon matter.
  get #isFilling(): boolean {
    return this.size > this.#limit / 2 || this.#cabinet.bytes > this.#byteLimit / 2;
  }

  #prefer(key: string): void {
    this.#cabinet.prefer(this.#cabinet.byKey(key)!);
  }

  /** Others make room for the session that is spared. */
  #makeRoom(spared?: string): void {
    const cabinet = this.#cabinet;
    while (cabinet.bytes + cabinet.parkedBytes > this.#byteLimit && cabinet.parkedBytes > 0) this.#forgetParked();
    while (this.size > this.#limit || cabinet.bytes > this.#byteLimit) {
      const next = cabinet.nextToGo(spared);
      if (!next) return;
      this.#evict(next);
    }
  }

  #forgetParked(): void {
    this.#cabinet.dropEnd(this.#cabinet.parkedEnds(1)[0]!);
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    const what = 'Ends of sessions that no @OnExpire method could be told of take more bytes than there are';
    warn(this.#logger, `${what}: from now on the first of them are forgotten.`);
  }

  #evict(session: MemorySession): void {
    const now = this.#cabinet.now();
    // Past its deadline it ends by that, which makes room as well.
    if (now >= idleDeadline(session)) return this.conclude(session, timeoutReason(session), now);
    this.conclude(session, 'evicted', now);
    this.#reportEvictions(now);
    this.#evicted += 1;
    if (this.#reportAt !== undefined) return;
    this.#reportAt = now + minute;
    const size = `${this.size} sessions are in memory, and take about ${Math.ceil(this.#cabinet.bytes / 2 ** 20)} MiB`;
    warn(this.#logger, `${size}: from now on those seen least lately end early, for want of room.`);
  }

  #reportEvictions(now: number): void {
    if (this.#reportAt === undefined || now < this.#reportAt) return;
    warn(this.#logger, `${this.#evicted} sessions ended early in the last minute, for want of room.`);
    this.#evicted = 0;
    this.#reportAt = undefined;
  }
}
