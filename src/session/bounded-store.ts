import {isPromised, type Awaitable} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {EndReason, NewSession, SessionRecord, SessionStore} from './session-store.ts';

/**
 * A store as a site asks it: each answer comes within a time, or fails with `SESSION_STORE_DOWN`. A store that is down is so
 * never taken for a visitor without a session.
 */
export class BoundedStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #timeout: number;

  /** `timeout` is in milliseconds. */
  constructor(store: SessionStore, clock: Clock, timeout: number) {
    this.#store = store;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  create(session: NewSession): Awaitable<SessionRecord> {
    return this.#ask(() => this.#store.create(session));
  }

  touch(uid: string): Awaitable<SessionRecord | undefined> {
    return this.#ask(() => this.#store.touch(uid));
  }

  end(uid: string, reason: EndReason): Awaitable<boolean> {
    return this.#ask(() => this.#store.end(uid, reason));
  }

  onEnd(listener: (uid: string, reason: EndReason) => void): () => void {
    return this.#store.onEnd(listener);
  }

  close(): Awaitable<void> {
    return this.#store.close();
  }

  #ask<T>(act: () => Awaitable<T>): Awaitable<T> {
    try {
      const answer = act();
      return isPromised(answer) ? this.#inTime(answer) : answer;
    } catch (cause) {
      throw down(cause);
    }
  }

  async #inTime<T>(answer: PromiseLike<T>): Promise<T> {
    const {promise: late, reject} = Promise.withResolvers<never>();
    const cancel = this.#clock.after(this.#timeout, () => reject(new Error(`No answer in ${this.#timeout} ms.`)));
    try {
      return await Promise.race([answer, late]);
    } catch (cause) {
      throw down(cause);
    } finally {
      cancel();
    }
  }
}

function down(cause: unknown): unknown {
  // What a store refuses by the rules is no outage.
  if (cause instanceof EspalierError) return cause;
  const message = 'Sessions are out of reach for the moment. Try again.';
  return new EspalierError('SESSION_STORE_DOWN', message, {cause, status: 503, headers: {'Retry-After': '5'}});
}
