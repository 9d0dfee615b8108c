import {isPromised, type Awaitable} from '../../awaitable.ts';
import type {Clock} from '../../clock.ts';
import {TimeLimit} from '../../time-limit.ts';
import {storeCalls, traced} from '../../tracing.ts';
import type {
  EndedPage,
  EndedSession,
  EndOutcome,
  EndPage,
  EndReason,
  FormerId,
  ListedPage,
  ListPage,
  NewSession,
  Renewal,
  SessionRecord,
  SessionStore,
  StoreListener,
  Written,
} from './contract.ts';
import type {StoreOutages} from './outages.ts';

/**
 * A store as a site asks it: each answer comes within a time, or fails with `SESSION_STORE_DOWN`. A store that is down is so
 * never taken for a visitor without a session. An operator is told of it once, by the store itself or else from here.
 */
export class BoundedStore implements SessionStore {
  readonly #store: SessionStore;
  readonly #outages: StoreOutages;
  readonly #limit: TimeLimit;

  /** `timeout` is in milliseconds. */
  constructor({store, clock, outages}: {store: SessionStore; clock: Clock; outages: StoreOutages}, timeout: number) {
    this.#store = store;
    this.#outages = outages;
    this.#limit = new TimeLimit(clock, timeout);
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
    return this.#ask('renew', () => this.#store.renew(key, renewal));
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.#ask('setIdleTimeout', () => this.#store.setIdleTimeout(key, idleTimeout, asOf));
  }

  end(key: string, reason: EndReason, asOf?: number): Awaitable<boolean> {
    return this.#ask('end', () => this.#store.end(key, reason, asOf));
  }

  list(user: string, page: ListPage): Awaitable<ListedPage> {
    return this.#ask('list', () => this.#store.list(user, page));
  }

  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Awaitable<EndedPage> {
    return this.#ask('endAll', () => this.#store.endAll(user, reason, page));
  }

  endEveryone(reason: EndReason, page: EndPage): Awaitable<EndedPage> {
    return this.#ask('endEveryone', () => this.#store.endEveryone(reason, page));
  }

  onEnd(listener: StoreListener): () => void {
    return this.#store.onEnd(listener);
  }

  keepEnds(): Awaitable<void> {
    return this.#ask('keepEnds', () => this.#store.keepEnds());
  }

  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]> {
    return this.#ask('takeEnds', () => this.#store.takeEnds(count, lease));
  }

  settleEnd(key: string, outcome: EndOutcome): Awaitable<void> {
    return this.#ask('settleEnd', () => this.#store.settleEnd(key, outcome));
  }

  releaseEnds(most: number): Awaitable<number> {
    return this.#ask('releaseEnds', () => this.#store.releaseEnds(most));
  }

  close(): Awaitable<void> {
    return this.#store.close();
  }

  #ask<T>(call: string, act: () => Awaitable<T>): Awaitable<T> {
    return traced(
      storeCalls,
      () => ({call}),
      () => this.#askInTime(act),
    );
  }

  #askInTime<T>(act: () => Awaitable<T>): Awaitable<T> {
    try {
      const answer = act();
      return isPromised(answer)
        ? this.#limit.keep(answer).then(this.#outages.recover, this.#outages.fail)
        : this.#outages.recover(answer);
    } catch (cause) {
      return this.#outages.fail(cause);
    }
  }
}
