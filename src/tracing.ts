import {tracingChannel, type TracingChannel} from 'node:diagnostics_channel';
import type {Awaitable} from './awaitable.ts';

/** @internal Each request that a site answers. Its messages are `RequestTrace`s. */
export const requests = tracingChannel<unknown, object>('espalier:request');
/** @internal Each call of a session store. Its messages are `StoreTrace`s. */
export const storeCalls = tracingChannel<unknown, object>('espalier:store');
/** @internal Each end of a session that a method with `@OnExpire` is told of. Its messages are `EndTrace`s. */
export const endsTold = tracingChannel<unknown, object>('espalier:end');

/** What is told of a call of a session store. `error` is there when it has failed. */
export interface StoreTrace {
  /** The method of the store: `find`, `write`, … */
  readonly call: string;
  readonly error?: unknown;
}

/** What is told of an end of a session, and of the method that hears of it. `error` is there when that has failed. */
export interface EndTrace {
  /** The method, `Carts.giveBack()`. */
  readonly method: string;
  /** The session's key. */
  readonly key: string;
  readonly reason: string;
  /** How many times this end has been told, this time included. */
  readonly attempts: number;
  readonly error?: unknown;
}

/** @internal Do something, and tell of it on a channel where somebody listens. */
export function traced<T>(
  channel: TracingChannel<unknown, object>,
  messageOf: () => object,
  act: () => Awaitable<T>,
): Awaitable<T> {
  return channel.hasSubscribers ? channel.tracePromise(async () => act(), messageOf()) : act();
}
