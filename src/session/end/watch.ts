import {AsyncLocalStorage} from 'node:async_hooks';
import {setImmediate} from 'node:timers/promises';
import {proceed, recovered, type Awaitable} from '../../awaitable.ts';
import type {Clock} from '../../clock.ts';
import {outsideRequest} from '../../http/current.ts';
import {report, type Logger} from '../../logger.ts';
import {isOutageTold} from '../../outage-log.ts';
import type {LoggedEnd, SessionStore} from '../store/contract.ts';

/** How often it is looked for what is due, and for what has ended in other processes, in milliseconds. */
const lookEvery = 500;
const minute = 60_000;

/**
 * Watches over the store of a site, which does nothing by itself: has it swept, and passes on the ends of sessions, in whichever
 * process they end. Nothing of that begins before somebody asks for a session.
 */
export class EndWatch {
  readonly #store: Pick<SessionStore, 'sweep' | 'endsSince'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tell: (ends: readonly LoggedEnd[]) => void;
  // Whoever ended a session, in a request of theirs, has no part in what follows.
  readonly #apart = outsideRequest(() => AsyncLocalStorage.snapshot());
  /** Up to which end all are told of; `undefined` as long as the store has not answered. */
  #mark: string | undefined;
  #hearing: Awaitable<void> = undefined;
  #isHearing = false;
  /** Whether there may be ends that are not heard of yet. */
  #hasNews = true;
  #hasBegun = false;
  /** What did not work when it was tried last. */
  readonly #failing = new Set<'sweep' | 'hear'>();
  #reportedAt = -Infinity;
  #isClosed = false;
  #cancel: (() => void) | undefined;

  /** `tell` hears of ends, some at a time, in their order. It must not throw. */
  constructor(
    {store, clock, logger}: {store: Pick<SessionStore, 'sweep' | 'endsSince'>; clock: Clock; logger: Logger},
    tell: (ends: readonly LoggedEnd[]) => void,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
    this.#tell = tell;
  }

  /**
   * Hear of all that ends from now on. Who is to hear of an end waits for it; there is nothing to wait for once it has begun. What did
   * not begin, since the store was down, is tried again.
   */
  begin(): Awaitable<void> {
    if (this.#mark !== undefined) return undefined;
    const begun = this.#isHearing ? this.#hearing : this.hear();
    if (!this.#hasBegun) this.#lookLater();
    this.#hasBegun = true;
    return begun;
  }

  /** Pass on what has ended by now, as this process has just ended something. */
  hear(): Awaitable<void> {
    this.#hasNews = true;
    if (this.#isHearing || this.#isClosed) return this.#hearing;
    this.#isHearing = true;
    const heard = this.#apart(() => this.#attempt('hear', () => this.#hearAll()));
    this.#hearing = proceed(heard, () => {
      this.#isHearing = false;
      this.#hearing = undefined;
    });
    return this.#hearing;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  #lookLater(): void {
    if (!this.#isClosed) this.#cancel = this.#apart(() => this.#clock.after(lookEvery, () => this.#look()));
  }

  #look(): void {
    const looked = proceed(
      this.#attempt('sweep', () => this.#sweepAll()),
      () => this.hear(),
    );
    void proceed(looked, () => this.#lookLater());
  }

  #sweepAll(): Awaitable<void> {
    return proceed(this.#store.sweep(), hasMore => {
      this.#failing.delete('sweep');
      if (!hasMore || this.#isClosed) return undefined;
      void this.hear();
      return setImmediate().then(() => this.#sweepAll());
    });
  }

  #hearAll(): Awaitable<void> {
    if (!this.#hasNews || this.#isClosed) return undefined;
    this.#hasNews = false;
    return proceed(this.#store.endsSince(this.#mark), ({ends, mark, hasMore}) => {
      if (this.#isClosed) return undefined;
      this.#mark = mark;
      this.#failing.delete('hear');
      if (ends.length > 0) this.#tell(ends);
      if (!hasMore) return this.#hearAll();
      this.#hasNews = true;
      // Others have their turn.
      return setImmediate().then(() => this.#hearAll());
    });
  }

  /** What fails the next look makes up for. An operator is told once, and once a minute at most of what comes and goes. */
  #attempt(what: 'sweep' | 'hear', act: () => Awaitable<void>): Awaitable<void> {
    return recovered(act, error => {
      const isKnown = this.#failing.size > 0 || this.#isClosed || isOutageTold(error);
      this.#failing.add(what);
      const now = this.#clock.now();
      // Also when the clock has been put back, however far.
      if (isKnown || Math.abs(now - this.#reportedAt) < minute) return;
      this.#reportedAt = now;
      report(this.#logger, 'It could not be looked for sessions that are due or have ended.', error);
    });
  }
}
