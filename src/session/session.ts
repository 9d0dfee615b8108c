import {absoluteDeadline, idleDeadline} from './lifetime.ts';
import type {EndReason, SessionRecord} from './session-store.ts';

/** Called once when a session ends. What it throws, or rejects with, is logged and stops nothing. */
export type EndListener = (reason: EndReason) => unknown;

/** What a session asks of the service that gave it. */
export interface SessionKeeper {
  touch(uid: string): Promise<SessionRecord | undefined>;
  expire(uid: string): Promise<void>;
  notifyOnEnd(uid: string, listener: EndListener): () => void;
}

/** What a site remembers of one visitor between requests. Moments are in milliseconds since the epoch. */
export class Session {
  #record: SessionRecord;
  readonly #keeper: SessionKeeper;

  /** Used by `SessionService`, which gives sessions. */
  constructor(record: SessionRecord, keeper: SessionKeeper) {
    this.#record = record;
    this.#keeper = keeper;
  }

  /**
   * A public label, safe to show and to log: the SHA-256 of the token in the visitor's cookie, in base64url. It is not the
   * token and opens nothing.
   */
  get uid(): string {
    return this.#record.uid;
  }

  /** When the session was begun. */
  get createdAt(): number {
    return this.#record.createdAt;
  }

  /** When the visitor was last seen, to within 1/20 of the idle timeout. */
  get lastSeenAt(): number {
    return this.#record.lastSeenAt;
  }

  /** When the session ends if the visitor is not seen again. */
  get idleDeadline(): number {
    return idleDeadline(this.#record);
  }

  /** When the session ends at the latest. */
  get absoluteDeadline(): number {
    return absoluteDeadline(this.#record);
  }

  /**
   * Count the visitor as seen now. Each request that gets or finds the session does so already; call this during work that
   * takes long. Gives whether the session was still alive. Never revives an ended one.
   */
  async touch(): Promise<boolean> {
    const record = await this.#keeper.touch(this.uid);
    if (record) this.#record = record;
    return record !== undefined;
  }

  /** End the session now, and have the browser forget its cookie if the headers are not sent yet. Doing it twice is once. */
  async expire(): Promise<void> {
    await this.#keeper.expire(this.uid);
  }

  /**
   * Have `listener` called with the reason when the session ends, after those that were given before. Returns a function
   * that takes it back. It lives in this process alone and ends with it. A session that has ended already calls nobody.
   */
  notifyOnExpire(listener: EndListener): () => void {
    return this.#keeper.notifyOnEnd(this.uid, listener);
  }
}
