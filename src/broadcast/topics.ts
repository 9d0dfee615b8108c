import {describe} from '../errors.ts';
import {optionInvalid} from '../options.ts';
import {Subscription} from './subscription.ts';

type Listening = Pick<Subscription<unknown>, 'tell' | 'end'>;

/** Who has subscribed in this process, by topic. */
export class Topics {
  readonly #subscribed = new Map<string, Set<Listening>>();

  subscribe<T>(topic: string, signal?: AbortSignal): AsyncIterableIterator<T> {
    checkTopic(topic);
    const all = this.#subscribed.get(topic) ?? new Set<Listening>();
    const subscription: Subscription<T> = new Subscription<T>(() => {
      signal?.removeEventListener('abort', subscription.end);
      all.delete(subscription);
      if (all.size === 0 && this.#subscribed.get(topic) === all) this.#subscribed.delete(topic);
    });
    this.#subscribed.set(topic, all.add(subscription));
    signal?.addEventListener('abort', subscription.end);
    if (signal?.aborted) subscription.end();
    return subscription;
  }

  /** Tell a value, as JSON. */
  tell(topic: string, text: string): void {
    for (const subscription of this.#subscribed.get(topic) ?? []) subscription.tell(text);
  }

  /** End all. */
  close(): void {
    for (const all of this.#subscribed.values()) for (const subscription of all) subscription.end();
  }
}

/** A value as JSON. Throws a TypeError for what JSON can't express. */
export function textOf(topic: string, value: unknown): string {
  checkTopic(topic);
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`JSON can't express ${describe(value)}.`);
  return text;
}

function checkTopic(topic: string): void {
  if (typeof topic === 'string' && topic !== '') return;
  throw optionInvalid(`A topic is ${describe(topic)}. It must be a text that is not empty.`);
}
