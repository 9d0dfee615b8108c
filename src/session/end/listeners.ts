import {report, type Logger} from '../../logger.ts';
import type {EndReason} from '../store/contract.ts';

/** Called once when a session ends. What it throws, or rejects with, is logged and stops nothing. */
export type EndListener = (reason: EndReason) => unknown;

/** Who wants to hear that a session has ended, in this process. */
export class EndListeners {
  // A set of its own for each session; each entry is an object, so that a function given twice counts twice.
  readonly #waiting = new Map<string, Set<{readonly listener: EndListener}>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Have the listener hear of the end of the session by this key. Returns a function that takes it back. */
  add(key: string, listener: EndListener): () => void {
    const entry = {listener};
    const entries = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, entries.add(entry));
    return () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#waiting.get(key) === entries) this.#waiting.delete(key);
    };
  }

  /** Tell everyone who waits for this session, each once, in the order they came. */
  tell(key: string, reason: EndReason): void {
    const entries = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const {listener} of entries) void this.#call(listener, reason);
  }

  // Begins at once, in order; async only so that a listener may be.
  async #call(listener: EndListener, reason: EndReason): Promise<void> {
    try {
      await listener(reason);
    } catch (error) {
      report(this.#logger, 'A notifyOnExpire listener failed.', error);
    }
  }
}
