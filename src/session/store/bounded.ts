import {isPromised, proceed, type Awaitable} from '../../awaitable.ts';
import type {
  EndCounts,
  EndedPage,
  EndedSession,
  EndOutcome,
  EndPage,
  EndReason,
  EndsSince,
  EndStore,
  FormerId,
  ListedPage,
  ListPage,
  NewSession,
  Renewal,
  SessionRecord,
  SessionStore,
  Written,
} from './contract.ts';
import type {StoreCalls} from './calls.ts';

/** Who has to know that a site asks its store. */
export interface StoreWatch {
  /** It asks. Until this is done, it waits. */
  begin(): Awaitable<void>;
  /** It has ended something. */
  hear(): unknown;
}

/**
 * A store as a site asks it: each answer comes within a time, or fails with `SESSION_STORE_DOWN`. A store that is down is so
 * never taken for a visitor without a session. An operator is told of it once, by the store itself or else from here.
 */
export class BoundedStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #calls: StoreCalls;
  #watch: StoreWatch | undefined;

  constructor(store: SessionStore, calls: StoreCalls) {
    this.#store = store;
    this.#calls = calls;
  }

  /** From now on have it known when it is asked. What is asked by whom looks after the store does not count. */
  watchedBy(watch: StoreWatch): void {
    this.#watch = watch;
  }

  create(session: NewSession): Awaitable<SessionRecord> {
    return this.#ask('create', () => this.#store.create(session));
  }

  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined> {
    return this.#ask('find', () => this.#store.find(uid, isSeen));
  }

  touch(key: string, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.#ask('touch', () => this.#store.touch(key, asOf));
  }

  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Awaitable<Written> {
    return this.#ask('write', () => this.#store.write(key, name, expected, text, asOf));
  }

  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | FormerId | undefined> {
    const found = this.#ask('renew', () => this.#store.renew(key, renewal));
    // Nobody says whether it has replaced another session.
    return this.#heard(found, () => renewal.signIn !== undefined && renewal.signIn.limit < Infinity);
  }

  canHave(key: string, uid: string): boolean {
    return this.#store.canHave?.(key, uid) ?? true;
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.#ask('setIdleTimeout', () => this.#store.setIdleTimeout(key, idleTimeout, asOf));
  }

  end(key: string, reason: EndReason, asOf?: number): Awaitable<boolean> {
    const ended = this.#ask('end', () => this.#store.end(key, reason, asOf));
    return this.#heard(ended, Boolean);
  }

  list(user: string, page: ListPage): Awaitable<ListedPage> {
    return this.#ask('list', () => this.#store.list(user, page));
  }

  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Awaitable<EndedPage> {
    const ended = this.#ask('endAll', () => this.#store.endAll(user, reason, page));
    return this.#heard(ended, ({count}) => count > 0);
  }

  endEveryone(reason: EndReason, page: EndPage): Awaitable<EndedPage> {
    const ended = this.#ask('endEveryone', () => this.#store.endEveryone(reason, page));
    return this.#heard(ended, ({count}) => count > 0);
  }

  endsSince(mark: string | undefined): Awaitable<EndsSince> {
    return this.#calls.inTime(() => this.#store.endsSince(mark));
  }

  sweep(): Awaitable<boolean> {
    return this.#calls.inTime(() => this.#store.sweep());
  }

  count(): Awaitable<number> {
    return this.#ask('count', () => this.#store.count());
  }

  read(key: string): Awaitable<SessionRecord | undefined> {
    return this.#ask('read', () => this.#store.read(key));
  }

  listEveryone(page: ListPage): Awaitable<ListedPage> {
    return this.#ask('listEveryone', () => this.#store.listEveryone(page));
  }

  close(): Awaitable<void> {
    return this.#store.close();
  }

  #ask<T>(call: string, act: () => Awaitable<T>): Awaitable<T> {
    const begun = this.#watch?.begin();
    return isPromised(begun) ? begun.then(() => this.#calls.ask(call, act)) : this.#calls.ask(call, act);
  }

  /** What this process has ended itself it need not look for. */
  #heard<T>(answer: Awaitable<T>, hasEnded: (given: T) => boolean): Awaitable<T> {
    return proceed(answer, given => {
      if (hasEnded(given)) this.#watch?.hear();
      return given;
    });
  }
}

/** The same of what keeps ends. */
export class BoundedEnds implements EndStore {
  readonly #store: EndStore;
  readonly #calls: StoreCalls;

  constructor(store: EndStore, calls: StoreCalls) {
    this.#store = store;
    this.#calls = calls;
  }

  keepEnds(): Awaitable<void> {
    return this.#calls.ask('keepEnds', () => this.#store.keepEnds());
  }

  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]> {
    return this.#calls.ask('takeEnds', () => this.#store.takeEnds(count, lease));
  }

  settleEnd(key: string, outcome: EndOutcome): Awaitable<void> {
    return this.#calls.ask('settleEnd', () => this.#store.settleEnd(key, outcome));
  }

  releaseEnds(most: number): Awaitable<number> {
    return this.#calls.ask('releaseEnds', () => this.#store.releaseEnds(most));
  }

  countEnds(): Awaitable<EndCounts> {
    return this.#calls.ask('countEnds', () => this.#store.countEnds());
  }

  eraseEnds(user: string, most: number): Awaitable<number> {
    return this.#calls.ask('eraseEnds', () => this.#store.eraseEnds(user, most));
  }
}
