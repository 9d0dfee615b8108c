import type {Broadcast} from './broadcast.ts';
import {textOf, Topics} from './topics.ts';

/** Among those in one process. */
export class LocalBroadcast implements Broadcast {
  readonly #topics = new Topics();

  async publish(topic: string, value: unknown): Promise<boolean> {
    this.#topics.tell(topic, textOf(topic, value));
    return true;
  }

  subscribe<T>(topic: string, signal?: AbortSignal): AsyncIterableIterator<T> {
    return this.#topics.subscribe(topic, signal);
  }

  close(): void {
    this.#topics.close();
  }
}
