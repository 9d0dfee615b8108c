import type {Logger} from '../logger.ts';
import type {EndListener} from './session.ts';
import type {EndReason} from './session-store.ts';

/** Who wants to hear that a session has ended, in this process. */
export class EndListeners {
  readonly #listeners = new Map<string, Set<{readonly tell: EndListener}>>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Returns a function that takes the listener back. */
  add(uid: string, tell: EndListener): () => void {
    const entry = {tell};
    const entries = this.#listeners.get(uid) ?? new Set();
    this.#listeners.set(uid, entries.add(entry));
    return () => {
      entries.delete(entry);
      if (entries.size === 0 && this.#listeners.get(uid) === entries) this.#listeners.delete(uid);
    };
  }

  /** Tell everyone who waits for this session, each once, in the order they came. */
  tell(uid: string, reason: EndReason): void {
    const entries = this.#listeners.get(uid) ?? [];
    this.#listeners.delete(uid);
    for (const {tell} of entries) void this.#tell(tell, reason);
  }

  // Begins at once, in order; async only so that a listener may be.
  async #tell(tell: EndListener, reason: EndReason): Promise<void> {
    try {
      await tell(reason);
    } catch (error) {
      this.#logger.error('A notifyOnExpire listener failed.', error);
    }
  }
}
