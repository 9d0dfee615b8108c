import {isPromised, type Awaitable} from '../../awaitable.ts';
import type {Clock} from '../../clock.ts';
import {TimeLimit} from '../../time-limit.ts';
import {storeCalls, traced} from '../../tracing.ts';
import type {StoreOutages} from './outages.ts';

/** How a site asks its store: each answer comes within a time, and an operator is told once of a store that fails. */
export class StoreCalls {
  readonly #outages: StoreOutages;
  readonly #limit: TimeLimit;

  /** `timeout` is in milliseconds. */
  constructor({clock, outages}: {clock: Clock; outages: StoreOutages}, timeout: number) {
    this.#outages = outages;
    this.#limit = new TimeLimit(clock, timeout);
  }

  /** What `act` gives, and a call of this name for who traces them. */
  ask<T>(call: string, act: () => Awaitable<T>): Awaitable<T> {
    return traced(
      storeCalls,
      () => ({call}),
      () => this.inTime(act),
    );
  }

  /** What `act` gives, provided that it comes in time. Nobody traces what is asked again and again. */
  inTime<T>(act: () => Awaitable<T>): Awaitable<T> {
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
