import {AsyncLocalStorage} from 'node:async_hooks';
import {promised} from '../../awaitable.ts';
import type {Clock} from '../../clock.ts';
import {outsideRequest} from '../../http/current.ts';
import {report, type Logger} from '../../logger.ts';
import {isOutageTold} from '../../outage-log.ts';
import {TimeLimit} from '../../time-limit.ts';
import {endsTold, traced} from '../../tracing.ts';
import type {Components} from '../component/component.ts';
import {SessionEnd, type EndHandler} from './on-expire.ts';
import type {EndedSession, EndOutcome, EndStore, SessionRecord} from '../store/contract.ts';

const second = 1000;
/** How long an end stays with the process that took it, unless that asks for longer. */
const lease = 30 * second;
const atOnce = 20;
const attempts = 8;
const longestDelay = 60 * 60 * second;
/** How long a handler may take, so that those which never come to an end do not keep the others from being told. */
const longestTelling = 5 * 60 * second;
/** Of how many ends it is remembered at most who has been told. */
const remembered = 10_000;

/** An end that is being told of. */
interface Run {
  readonly done: Promise<void>;
  /** Have the end stay no longer with this process. */
  readonly leave: () => void;
}

/** Tells the handlers of a site of each session that has ended, as long as they have not been told. */
export class EndDelivery {
  readonly #store: EndStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #components: Components;
  readonly #handlers: readonly EndHandler[];
  // Whoever ended a session, in a request of theirs, has no part in what follows.
  readonly #apart = outsideRequest(() => AsyncLocalStorage.snapshot());
  readonly #running = new Map<string, Run>();
  /** Who has been told of an end already that others still have to be. Another process may be the one that tells those. */
  readonly #told = new Map<string, Set<EndHandler>>();
  readonly #limit: TimeLimit;
  #taking: Promise<void> | undefined;
  #cancel: (() => void) | undefined;
  #isWanted = false;
  #isClosed = false;
  #hasFailed = false;
  #keptAt = -Infinity;

  constructor(
    parts: {store: EndStore; clock: Clock; logger: Logger; components: Components},
    handlers: readonly EndHandler[],
  ) {
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#limit = new TimeLimit(parts.clock, longestTelling);
    this.#logger = parts.logger;
    this.#components = parts.components;
    this.#handlers = handlers;
    this.wake();
  }

  /** There may be ends to be told of. It looks by itself each second. */
  wake(): void {
    this.#isWanted = true;
    if (this.#taking || this.#isClosed) return;
    this.#taking = this.#apart(() => this.#takeAll());
  }

  /** Take no more ends, and wait, so many milliseconds at most, until those that were taken are told. */
  async close(timeout: number): Promise<void> {
    this.#isClosed = true;
    this.#cancel?.();
    const {promise: late, resolve} = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeout);
    await Promise.race([this.#rest(), late]);
    clearTimeout(timer);
    // What takes longer than that is for another process, once the lease is over.
    for (const {leave} of this.#running.values()) leave();
  }

  async #rest(): Promise<void> {
    await this.#taking;
    await Promise.all([...this.#running.values()].map(({done}) => done));
  }

  async #takeAll(): Promise<void> {
    while (this.#isWanted && !this.#isClosed) {
      this.#isWanted = false;
      await this.#take();
    }
    this.#taking = undefined;
    if (this.#isClosed) return;
    this.#cancel?.();
    this.#cancel = this.#clock.after(second, () => this.wake());
  }

  async #take(): Promise<void> {
    const room = atOnce - this.#running.size;
    if (room <= 0) return;
    try {
      await this.#keep();
      if (this.#isClosed) return;
      const ends = await this.#store.takeEnds(room, lease);
      if (ends.length === room) this.#isWanted = true;
      this.#hasFailed = false;
      if (this.#isClosed) await this.#giveBack(ends);
      else for (const end of ends) this.#run(end);
    } catch (error) {
      const isKnown = this.#hasFailed || isOutageTold(error);
      if (!isKnown) report(this.#logger, 'The ends of sessions can not be had for the moment.', error);
      this.#hasFailed = true;
    }
  }

  async #keep(): Promise<void> {
    const now = this.#clock.now();
    // So often, as the store may have been emptied; also when the clock has been put back, however far.
    if (Math.abs(now - this.#keptAt) < second) return;
    await this.#store.keepEnds();
    this.#keptAt = now;
  }

  // Of what was on its way when the site was closed.
  async #giveBack(ends: readonly EndedSession[]): Promise<void> {
    await Promise.all(ends.map(({key}) => this.#postpone(key, 0)));
  }

  #run(end: EndedSession): void {
    const {key} = end;
    // It was told for so long, or the store was away for so long, that it has been handed out again: once is enough.
    if (this.#running.has(key)) return;
    const {leave, left} = this.#stay(key);
    const done = this.#deliver(end, left).finally(() => {
      this.#running.delete(key);
      this.wake();
    });
    this.#running.set(key, {done, leave});
  }

  async #deliver(end: EndedSession, left: () => Promise<unknown>): Promise<void> {
    const outcome = await this.#tellAll(end);
    // Said later, it would outdo what is said now.
    await left();
    if ((await this.#conclude(end.key, outcome)) && outcome === 'told') this.#told.delete(end.key);
  }

  async #tellAll(end: EndedSession): Promise<EndOutcome> {
    if (!end.session) return this.#park(`The end of the session ${end.key} can't be read; it is set aside.`);
    const {session} = end;
    const told = this.#told.get(end.key);
    const waiting = this.#handlers.filter(handler => !told?.has(handler));
    const isTold = await Promise.all(waiting.map(handler => this.#tell(handler, end, session)));
    if (isTold.every(Boolean)) return 'told';
    if (end.attempts < attempts) return {retryIn: Math.min(second * 4 ** (end.attempts - 1), longestDelay)};
    return this.#park(`The end of the session ${end.key} was told ${attempts} times in vain; it is set aside.`);
  }

  async #tell(handler: EndHandler, end: EndedSession, session: SessionRecord): Promise<boolean> {
    try {
      const {name: method} = handler;
      const {key, reason, attempts: told} = end;
      const message = () => ({method, key, reason, attempts: told});
      await this.#limit.keep(promised(() => traced(endsTold, message, () => this.#call(handler, end, session))));
      return true;
    } catch (error) {
      report(this.#logger, `${handler.name} failed for the end of the session ${end.key}.`, error);
      return false;
    }
  }

  // Who is done too late has been told all the same.
  async #call(handler: EndHandler, end: EndedSession, session: SessionRecord): Promise<void> {
    await handler.tell(new SessionEnd(end, session, this.#components));
    this.#remember(end.key, handler);
  }

  #remember(key: string, handler: EndHandler): void {
    const told = this.#told.get(key) ?? new Set();
    this.#told.delete(key);
    this.#told.set(key, told.add(handler));
    const [oldest] = this.#told.keys();
    if (this.#told.size > remembered) this.#told.delete(oldest!);
  }

  #park(message: string): EndOutcome {
    report(this.#logger, message);
    return 'parked';
  }

  /** Have the end stay with this process until it is to leave. `left` waits until nothing says otherwise any more. */
  #stay(key: string): {leave: () => void; left: () => Promise<unknown>} {
    let asked: Promise<unknown> = Promise.resolve();
    let cancel: () => void;
    const next = () => {
      cancel = this.#clock.after(lease / 3, () => {
        asked = Promise.all([asked, this.#postpone(key, lease)]);
        next();
      });
    };
    next();
    const leave = () => cancel();
    const left = () => {
      leave();
      return asked;
    };
    return {leave, left};
  }

  /** Have the end handed out in so many milliseconds; where that fails, in those that were said before. */
  async #postpone(key: string, retryIn: number): Promise<void> {
    try {
      await this.#store.settleEnd(key, {retryIn});
    } catch {
      // What comes of the end is said anyway, and then it is told whether that fails.
    }
  }

  /** Gives whether it could be noted. */
  async #conclude(key: string, outcome: EndOutcome): Promise<boolean> {
    try {
      await this.#store.settleEnd(key, outcome);
      return true;
    } catch (error) {
      const message = `What came of the end of the session ${key} could not be noted; it may be told again.`;
      if (!isOutageTold(error)) report(this.#logger, message, error);
      return false;
    }
  }
}
