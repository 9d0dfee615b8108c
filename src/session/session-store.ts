import type {Awaitable} from '../awaitable.ts';
import type {Lifetime, Lived} from './lifetime.ts';

/** Every reason a session can end for. */
export const endReasons = ['idle', 'absolute', 'logout', 'revoked', 'replaced', 'evicted'] as const;

/**
 * Why a session ended: it was idle for too long, or there for too long; its visitor logged out; somebody revoked it;
 * another sign-in took its place; the store had no room.
 */
export type EndReason = (typeof endReasons)[number];

/** A session as it is handed to a store for the first time. */
export interface NewSession extends Lifetime {
  /** The public label; it is all that a store ever learns of the cookie. */
  readonly uid: string;
  /** Whether it was begun over TLS, and so is never found without. */
  readonly isSecure: boolean;
}

/** A component as it rests. */
export interface StoredComponent {
  /** Which writing this is: a positive integer, never used twice for one component of one session. */
  readonly revision: number;
  readonly text: string;
}

/** A session as a store gives it. */
export interface SessionRecord extends NewSession, Lived {
  /** The uid that the session was begun with. It stays when `uid` changes, and all but `find` goes by it. */
  readonly key: string;
  /** Whose session it is, once somebody has signed in. */
  readonly user: string | undefined;
  /** What rests in the session, by name. */
  readonly components: ReadonlyMap<string, StoredComponent>;
  /** The store's own time, in milliseconds since the epoch, at which all this was so. */
  readonly now: number;
}

/** What has become of a write. `conflict` gives what is there instead; nothing was written then. */
export type Written =
  | {readonly state: 'written'; readonly revision: number}
  | {readonly state: 'conflict'; readonly current: StoredComponent | undefined}
  | {readonly state: 'gone'};

/** A change of uid. */
export interface Renewal {
  /** The uid that the visitor came with. */
  readonly from: string;
  /** The uid that takes its place. */
  readonly to: string;
  /** For how many milliseconds the old uid still finds the session. */
  readonly grace: number;
  /** Who signs in with it. `limit` is how many sessions they may have; past that the one signed in first is replaced. */
  readonly signIn?: {readonly user: string; readonly limit: number};
}

/** The end of a session, handed out to be told of. */
export interface EndedSession {
  /** The session's key. It is the same each time this end is handed out, so that a repeat can be recognised. */
  readonly key: string;
  readonly reason: EndReason;
  /** When it ended, in milliseconds since the epoch. */
  readonly endedAt: number;
  /** How many times this end has been handed out, this time included; counted anew once it was released. */
  readonly attempts: number;
  /** The session as it was, or nothing when its record can't be read any more. */
  readonly session: SessionRecord | undefined;
}

/** What comes of an end that was handed out: told, to be handed out again in so many milliseconds, or set aside. */
export type EndOutcome = 'told' | 'parked' | {readonly retryIn: number};

/** Who hears of ends from a store: of which session, and why. */
export type StoreListener = (key: string, reason: EndReason) => void;

/** How long a `keepEnds()` is remembered, in milliseconds: a week. */
export const keepsEndsFor = 7 * 24 * 60 * 60 * 1000;

/**
 * Where sessions rest. Every store keeps these laws, which the specs hold it to: only `create` brings a session into
 * being, and nothing revives an ended one; past its deadline a session is gone for every caller, swept or not; a deadline
 * moves only forward, unless `setIdleTimeout` asks for less, and never past the absolute one; of two writes to one
 * component, the second sees the first; a session ends once, for one reason; a list of a user's sessions lacks none. The
 * time is the store's own. Each call is one atomic step, whoever else calls, in this process or in another.
 *
 * A store rejects with `SESSION_CORRUPT` for a record that it can't read; it never takes one for absent. Of a call that
 * fails in any other way nobody can say whether it took effect, so a store never makes one twice by itself.
 */
export interface SessionStore {
  /**
   * Bring a session into being, begun and seen now, its key the uid. Fails with `SESSION_TAKEN` when a live session has
   * this uid or key.
   */
  create(session: NewSession): Awaitable<SessionRecord>;

  /**
   * The live session by this uid, or by one that it had until a renewal less than its grace ago. `undefined` when there is
   * none; then nothing changes. With `isSeen` it counts as seen now, as by `touch`.
   */
  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | undefined>;

  /**
   * The live session by this key, seen now: its idle timeout begins anew, where that gains more than a twentieth of it.
   */
  touch(key: string): Awaitable<SessionRecord | undefined>;

  /**
   * Put `text` in place of a component, or take it out when there is none, provided that its revision still is `expected`:
   * 0 means that it is not there. It changes no deadline.
   */
  write(key: string, name: string, expected: number, text: string | undefined): Awaitable<Written>;

  /**
   * Give the session another uid, and sign its visitor in if asked to; either way it is seen now, as by `touch`. The uid
   * stays when it is not `from` any more: somebody has renewed the session before; but a session without a user that is
   * signed in gets `to` in any case. Who signs in is its user from now on, and its absolute timeout begins anew; their
   * sessions past the limit end as `replaced`, in the same step. A session that has another user is given back as it is.
   * Fails with `SESSION_TAKEN` when another live session has the uid `to`.
   */
  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | undefined>;

  /** Give the session an idle timeout of its own, and count it as seen now. The only way that a deadline moves back. */
  setIdleTimeout(key: string, idleTimeout: number): Awaitable<SessionRecord | undefined>;

  /** End a session. True for the one caller who ended it, false when there was none to end. */
  end(key: string, reason: EndReason): Awaitable<boolean>;

  /** The live sessions of a user, those signed in first coming first. Records that can't be read are left out. */
  list(user: string): Awaitable<readonly SessionRecord[]>;

  /** End all sessions of a user but the one by the key `except`; gives how many. */
  endAll(user: string, reason: EndReason, except?: string): Awaitable<number>;

  /**
   * Call `listener` once for each session that ends from now on, in whichever process, within a second or so of the moment;
   * it must not throw. Returns a function that takes it back. Who is cut off from the store meanwhile may miss some.
   */
  onEnd(listener: StoreListener): () => void;

  /**
   * From now on keep each end, of whichever process, until it is told. This is remembered for a week, and asked for again by
   * each site that begins.
   */
  keepEnds(): Awaitable<void>;

  /**
   * Hand out ends that were kept, the first of them first, and none of them again before `lease` milliseconds have passed or
   * `settleEnd` says otherwise.
   */
  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]>;

  /** Say what has come of an end that was handed out. */
  settleEnd(key: string, outcome: EndOutcome): Awaitable<void>;

  /** Have the ends that were set aside handed out again; gives how many. */
  releaseEnds(): Awaitable<number>;

  /** Let go of timers and connections. Ends no session. */
  close(): Awaitable<void>;
}

/** The token a `SessionStore` is bound to. */
export const SessionStore = Symbol.for('espalier.SessionStore');
