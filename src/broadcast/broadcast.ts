import {serviceToken} from '../service-token.ts';

/**
 * Tells what happens in one process of a site to those who listen in all of them: sockets and event streams. A value is told at most
 * once, to whoever subscribes at that moment: it is lost where a process, the server between them or the way to it is down. What must
 * not be lost belongs into a database, and a broadcast says that it is there.
 */
export interface Broadcast {
  /**
   * Tell a value, which JSON can express, to all who have subscribed to this topic. Those in this process are told at once. Gives
   * whether it was handed to the other processes; where it was not, the operator is told. Throws a TypeError for what JSON can't
   * express.
   */
  publish(topic: string, value: unknown): Promise<boolean>;
  /**
   * What is published under this topic from now on, as it comes. It ends when it is left, when `signal` is aborted, and when the site
   * closes. Who takes less than comes is ended by `SUBSCRIBER_TOO_SLOW` when 1,000 values wait: they have missed something, and
   * should know it.
   */
  subscribe<T>(topic: string, signal?: AbortSignal): AsyncIterableIterator<T>;
  /** End all subscriptions, and let go of what it holds. */
  close(): Promise<void> | void;
}

/** What a container finds a `Broadcast` by. Default: one for this process alone. */
export const Broadcast = serviceToken<Broadcast>('Broadcast');
