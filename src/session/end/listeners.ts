import {report, type Logger} from '../../logger.ts';
import type {EndListener} from '../session.ts';
import type {EndReason} from '../store/contract.ts';

/** Who wants to hear that a session has ended, in this process. */
export class EndListeners {
  // A set of its own for each session; each entry is an object, so that a function given twice counts twice.
  readonly #waiting = new Map<string, Set<{readonly listener: EndListener}>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns a function that takes the listener back. */
  add(uid: string, listener: EndListener): () => void {
    const entry = {listener};
    const entries = this.#waiting.get(uid) ?? new Set();
    this.#waiting.set(uid, entries.add(entry));
    return () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#waiting.get(uid) === entries) this.#waiting.delete(uid);
    };
  }

  /** Tell everyone who waits for this session, each once, in the order they came. */
  tell(uid: string, reason: EndReason): void {
    const entries = this.#waiting.get(uid) ?? [];
    this.#waiting.delete(uid);
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
