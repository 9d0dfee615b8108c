import type {Awaitable} from '../awaitable.ts';
import type {Lifetime, Lived} from './lifetime.ts';

/** Why a session ended. */
export type EndReason = 'idle' | 'absolute' | 'logout' | 'evicted';

/** A session as it is handed to a store for the first time. */
export interface NewSession extends Lifetime {
  /** The public label; it is all that a store ever learns of the cookie. */
  readonly uid: string;
  /** Whether it was begun over TLS, and so is never found without. */
  readonly isSecure: boolean;
}

/** A session as a store gives it. */
export interface SessionRecord extends NewSession, Lived {}

/**
 * Where sessions rest. Every store keeps these laws, which the specs hold it to: only `create` brings a session into
 * being, and nothing revives an ended one; past its deadline a session is gone for every caller, swept or not; a deadline
 * moves only forward, and never past the absolute one; a session ends once, for one reason. The time is the store's own.
 */
export interface SessionStore {
  /** Bring a session into being, begun and seen now. Fails with `SESSION_TAKEN` when there is a live one by this uid. */
  create(session: NewSession): Awaitable<SessionRecord>;

  /**
   * The live session by this uid, seen now: its idle timeout begins anew, where that gains more than a twentieth of it.
   * `undefined` when there is none; then nothing changes.
   */
  touch(uid: string): Awaitable<SessionRecord | undefined>;

  /** End a session. True for the one caller who ended it, false when there was none to end. */
  end(uid: string, reason: EndReason): Awaitable<boolean>;

  /**
   * Call `listener` once for each session that ends from now on, within a second or so of the moment; it must not throw.
   * Returns a function that takes it back.
   */
  onEnd(listener: (uid: string, reason: EndReason) => void): () => void;

  /** Let go of timers and connections. Ends no session. */
  close(): Awaitable<void>;
}

/** The token a `SessionStore` is bound to. */
export const SessionStore = Symbol.for('espalier.SessionStore');
