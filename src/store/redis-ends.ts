import type {EndReason} from '../session/store/contract.ts';
import type {Reply} from './redis-record.ts';

type StoreListener = (key: string, reason: EndReason) => void;

interface Listener {
  readonly tell: StoreListener;
  /** The last entry of the log of ends that it has been told of, or that was there before it came. */
  mark: string | undefined;
}

/** Those who want to be told of ends, and how far each of them has come in the log of ends. */
export class RedisEnds {
  readonly #listeners = new Set<Listener>();

  /** `findMark` gives the last entry of the log as it is now. */
  listen(tell: StoreListener, findMark: () => Promise<string>): () => void {
    const listener: Listener = {tell, mark: undefined};
    this.#listeners.add(listener);
    void this.#mark(listener, findMark);
    return () => this.#listeners.delete(listener);
  }

  /** From where the log has to be read, if anyone listens. */
  get mark(): string | undefined {
    return this.#listeners
      .values()
      .map(({mark}) => mark)
      .filter(mark => mark !== undefined)
      .reduce<string | undefined>(
        (first, mark) => (first === undefined || isAfter(first, mark) ? mark : first),
        undefined,
      );
  }

  /** Make up for what failed while Redis was out of reach. */
  async markAll(findMark: () => Promise<string>): Promise<void> {
    for (const listener of this.#listeners) {
      if (listener.mark === undefined) await this.#mark(listener, findMark);
    }
  }

  /** The log has been begun anew, and nobody has heard any of it. */
  beginAnew(): void {
    for (const listener of this.#listeners) listener.mark &&= '0-0';
  }

  /** Pass on an entry of the log, `[id, ['key', key, 'reason', reason]]`. */
  hear(entry: Reply): void {
    const [id, [, key, , reason]] = entry as unknown as [string, [string, string, string, EndReason]];
    for (const listener of this.#listeners) {
      if (listener.mark === undefined || !isAfter(id, listener.mark)) continue;
      listener.mark = id;
      listener.tell(key, reason);
    }
  }

  async #mark(listener: Listener, findMark: () => Promise<string>): Promise<void> {
    try {
      listener.mark ??= await findMark();
    } catch {
      // The next look tries again.
    }
  }
}

/** Whether one id of a stream, `milliseconds-number`, comes after another. */
export function isAfter(id: string, other: string): boolean {
  const [time, number] = id.split('-').map(Number) as [number, number];
  const [otherTime, otherNumber] = other.split('-').map(Number) as [number, number];
  return time === otherTime ? number > otherNumber : time > otherTime;
}
