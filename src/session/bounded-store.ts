import {isPromised, type Awaitable} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {TimeLimit} from '../time-limit.ts';
import {storeFailure} from './refusals.ts';
import type {
  EndedSession,
  EndOutcome,
  EndReason,
  NewSession,
  Renewal,
  SessionRecord,
  SessionStore,
  StoreListener,
  Written,
} from './session-store.ts';

/**
 * A store as a site asks it: each answer comes within a time, or fails with `SESSION_STORE_DOWN`. A store that is down is so
 * never taken for a visitor without a session.
 */
export class BoundedStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #limit: TimeLimit;

  /** `timeout` is in milliseconds. */
  constructor(store: SessionStore, clock: Clock, timeout: number) {
    this.#store = store;
    this.#limit = new TimeLimit(clock, timeout);
  }

  create(session: NewSession): Awaitable<SessionRecord> {
    return this.#ask(() => this.#store.create(session));
  }

  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | undefined> {
    return this.#ask(() => this.#store.find(uid, isSeen));
  }

  touch(key: string): Awaitable<SessionRecord | undefined> {
    return this.#ask(() => this.#store.touch(key));
  }

  write(key: string, name: string, expected: number, text: string | undefined): Awaitable<Written> {
    return this.#ask(() => this.#store.write(key, name, expected, text));
  }

  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | undefined> {
    return this.#ask(() => this.#store.renew(key, renewal));
  }

  setIdleTimeout(key: string, idleTimeout: number): Awaitable<SessionRecord | undefined> {
    return this.#ask(() => this.#store.setIdleTimeout(key, idleTimeout));
  }

  end(key: string, reason: EndReason): Awaitable<boolean> {
    return this.#ask(() => this.#store.end(key, reason));
  }

  list(user: string): Awaitable<readonly SessionRecord[]> {
    return this.#ask(() => this.#store.list(user));
  }

  endAll(user: string, reason: EndReason, except?: string): Awaitable<number> {
    return this.#ask(() => this.#store.endAll(user, reason, except));
  }

  onEnd(listener: StoreListener): () => void {
    return this.#store.onEnd(listener);
  }

  keepEnds(): Awaitable<void> {
    return this.#ask(() => this.#store.keepEnds());
  }

  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]> {
    return this.#ask(() => this.#store.takeEnds(count, lease));
  }

  settleEnd(key: string, outcome: EndOutcome): Awaitable<void> {
    return this.#ask(() => this.#store.settleEnd(key, outcome));
  }

  releaseEnds(): Awaitable<number> {
    return this.#ask(() => this.#store.releaseEnds());
  }

  close(): Awaitable<void> {
    return this.#store.close();
  }

  #ask<T>(act: () => Awaitable<T>): Awaitable<T> {
    try {
      const answer = act();
      return isPromised(answer) ? this.#limit.keep(answer).catch(storeFailure) : answer;
    } catch (cause) {
      return storeFailure(cause);
    }
  }
}
