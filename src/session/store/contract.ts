import {serviceToken} from '../../service-token.ts';
import type {Awaitable} from '../../awaitable.ts';
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
  /** With what it was begun, in words for its visitor to recognise: 256 characters at most. */
  readonly device: string | undefined;
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
  /** Whether they asked to be remembered, so that their browser keeps the cookie when it is closed. */
  readonly isRemembered: boolean;
  /** What rests in the session, by name. */
  readonly components: ReadonlyMap<string, StoredComponent>;
  /** The store's own time, in milliseconds since the epoch, at which all this was so. */
  readonly now: number;
}

/**
 * A uid that found a session and does not any more: the session has ended, its visitor has signed in and has another uid, or
 * the grace of a renewal is over. A store remembers it for `formerIdsFor`, for requests that were on their way.
 */
export interface FormerId {
  readonly isFormer: true;
  /** The key of the session that it found. */
  readonly key: string;
  /** A request that arrived before this moment may have been sent before the visitor had another uid. */
  readonly until: number;
  /** The store's own time, as in a `SessionRecord`. */
  readonly now: number;
}

/** What has become of a write. `conflict` gives what is there instead; nothing was written unless it is `written`. */
export type Written =
  | {readonly state: 'written'; readonly revision: number}
  | {readonly state: 'conflict'; readonly current: StoredComponent | undefined}
  | {readonly state: 'superseded'}
  | {readonly state: 'gone'};

/** That a visitor signs in. */
export interface SignIn {
  readonly user: string;
  /** How many sessions they may have; past that the one signed in first is replaced. */
  readonly limit: number;
  /** How long the session lasts from now on, and whether they are remembered, where that is to change. */
  readonly lifetime?: Lifetime & Pick<SessionRecord, 'isRemembered'>;
}

/** A change of uid. */
export interface Renewal {
  /** The uid that the visitor came with. */
  readonly from: string;
  /** The uid that they get. */
  readonly to: string;
  /** How long the uids of before go on, in milliseconds: after a renewal, from when `to` is first seen; after a sign-in, from now. */
  readonly grace: number;
  /** Whether `from` was never sent to anybody. Then it is forgotten at once. */
  readonly isUnsent?: boolean;
  /** Who signs in with it. */
  readonly signIn?: SignIn;
}

/** Which sessions to list: at most so many, with the components of these names, after those of the page before. */
export interface ListPage {
  readonly most: number;
  /** Names, or all of them. */
  readonly components: readonly string[] | 'all';
  /** The `next` of the page before. */
  readonly after?: string;
}

/** A page of a user's sessions. */
export interface ListedPage {
  readonly records: readonly SessionRecord[];
  /** Where the next page begins, if there may be one. */
  readonly next: string | undefined;
}

/** Which sessions to end: at most so many, of those that were there when the first page was asked for. */
export interface EndPage {
  readonly most: number;
  /** The `next` of the page before. */
  readonly after?: string;
}

/** What has come of a page of ends. */
export interface EndedPage {
  /** How many were ended by it. */
  readonly count: number;
  /** Where the next page begins, if there may be one. */
  readonly next: string | undefined;
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

/** That a session has ended, as the log of ends has it. */
export interface LoggedEnd {
  readonly key: string;
  readonly reason: EndReason;
}

/** A portion of the log of ends. */
export interface EndsSince {
  readonly ends: readonly LoggedEnd[];
  /** Where to go on from. */
  readonly mark: string;
  /** Whether there may be more by now. */
  readonly hasMore: boolean;
}

/** How many ends wait to be told, those handed out included, and how many were set aside. */
export interface EndCounts {
  readonly waiting: number;
  readonly parked: number;
}

/** How long a store remembers a `FormerId` at least, in milliseconds: five minutes, as long as Node lets a request take to arrive. */
export const formerIdsFor = 5 * 60 * 1000;

/** By how many uids a session is found at most. */
export const mostIds = 4;

/** How many sessions a sign-in ends at most, in one step, for being past the user's limit. */
export const mostReplaced = 20;

const day = 24 * 60 * 60 * 1000;

/** How long a `keepEnds()` is remembered, in milliseconds: a week. */
export const keepsEndsFor = 7 * day;

/** A `keepEnds()` that is remembered for so many milliseconds from now need not be written down again: six days. */
export const keepsEndsLongEnough = 6 * day;

/**
 * Where sessions rest. Every store keeps these laws, which the specs hold it to: only `create` brings a session into
 * being, and nothing revives an ended one; past its deadline a session is gone for every caller, swept or not; a deadline
 * moves only forward, unless `setIdleTimeout` or a sign-in asks for less, and never past the absolute one; of two writes to one
 * component, the second sees the first; a session ends once, for one reason; a list of a user's sessions lacks none. The
 * time is the store's own. Each call is one atomic step, whoever else calls, in this process or in another.
 *
 * Calls by a key take `asOf`: the `authenticatedAt` of the session as the caller knows it, 0 for a session without a user. When
 * somebody has signed in since, the call does nothing: a request that came before a sign-in has no part in what follows it.
 * Without `asOf` the call is for the session whoever has signed in.
 *
 * A store rejects with `SESSION_CORRUPT` for a record that it can't read; it never takes one for absent. Of a call that
 * fails in any other way nobody can say whether it took effect, so a store never makes one twice by itself, unless twice is
 * the same as once, as with `find`.
 */
export interface SessionStore {
  /**
   * Bring a session into being, begun and seen now, its key the uid. Fails with `SESSION_TAKEN` when a live session has
   * this uid or key.
   */
  create(session: NewSession): Awaitable<SessionRecord>;

  /**
   * The live session by one of its uids; a `FormerId` for a uid that found one until less than `formerIdsFor` ago;
   * `undefined` for any other. With `isSeen` it counts as seen now, as by `touch`. When a uid is found, the grace begins of those
   * that were given before it. But of several that were given for one, whose answers may arrive in any order, one that is found in
   * its grace lasts, and for as long as its grace is long no later one makes that begin again.
   */
  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined>;

  /**
   * The live session by this key, seen now: its idle timeout begins anew, where that gains more than a twentieth of it, or an hour.
   */
  touch(key: string, asOf?: number): Awaitable<SessionRecord | undefined>;

  /**
   * Put `text` in place of a component, or take it out when there is none, provided that its revision still is `expected`:
   * 0 means that it is not there. It changes no deadline. `superseded` is for a call as of another sign-in.
   */
  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Awaitable<Written>;

  /**
   * Give the session a further uid; it is seen now, as by `touch`. `from` must find it, and goes on until `grace` after `to` is
   * first seen. A session has `mostIds` uids: past that the oldest goes, provided that `from` is the newest or that the oldest
   * was given more than `grace` ago; otherwise the session keeps the uids that it has, and is given as it is.
   *
   * With `signIn` the visitor is that user from now on. Their absolute timeout begins anew, and `to` is the session's only uid:
   * those of before are a `FormerId` at once. The user's sessions past the limit end as `replaced` in the same step, those signed
   * in first coming first, `mostReplaced` at most. With `lifetime` the session has these timeouts from now on, and counts as seen
   * now, however little that gains. A session that has another user is given back as it is.
   *
   * A uid of before that sign-in gets the same user a further uid until its `FormerId.until`: the answer may have been lost. This
   * is no new sign-in. Past `mostIds` the oldest goes that was never found, or else the oldest; it is a `FormerId` for `grace`,
   * by which the same user gets a further one too. In all other cases in which `from` does not find the session, nothing changes, and a `FormerId` comes back.
   * Fails with `SESSION_TAKEN` when another live session has the uid `to`.
   */
  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | FormerId | undefined>;

  /**
   * Whether the session by this key can be given this uid: where sessions rest in several places, a uid tells in which. Whoever
   * renews one draws a uid that it can have; `renew` refuses another with `SESSION_TAKEN`. Without this method all will do.
   */
  canHave?(key: string, uid: string): boolean;

  /** Give the session an idle timeout of its own, and count it as seen now. */
  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Awaitable<SessionRecord | undefined>;

  /** End a session. True for the one caller who ended it, false when there was none to end. */
  end(key: string, reason: EndReason, asOf?: number): Awaitable<boolean>;

  /**
   * A page of the live sessions of a user, those signed in first coming first, with those of their components that are asked
   * for. Records that can't be read are left out.
   */
  list(user: string, page: ListPage): Awaitable<ListedPage>;

  /**
   * End a page of the sessions of a user, those signed in first coming first, but spare the one by the key `except`. Of sessions
   * that sign in while page after page is ended, some may be ended too.
   */
  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Awaitable<EndedPage>;

  /** End a page of all sessions, with a user or without, in any order. Records that can't be read are left out. */
  endEveryone(reason: EndReason, page: EndPage): Awaitable<EndedPage>;

  /**
   * The sessions that have ended since a mark, in whichever process, in the order of their ends, a portion at a time. Without a mark
   * there are none, and the mark is for those to come. Ends are in the log for a minute at least: who asks less often may miss some.
   * A mark that the store does not know, since it was emptied, is one of before all that it has.
   */
  endsSince(mark: string | undefined): Awaitable<EndsSince>;

  /**
   * End sessions that are past their deadline, and forget what has been remembered for long enough: a portion, so that nobody waits for
   * long. True where there may be more to do. Until then such a session is gone for every caller, but nobody is told.
   */
  sweep(): Awaitable<boolean>;

  /** How many sessions are there; those past their deadline count until they are swept. */
  count(): Awaitable<number>;

  /** The live session by this key, which does not count as seen by it. */
  read(key: string): Awaitable<SessionRecord | undefined>;

  /**
   * A page of all live sessions, with a user or without, each of them once, in an order of the store's own, with those of their
   * components that are asked for. Records that can't be read are left out. Of sessions that begin or end meanwhile some may be there.
   */
  listEveryone(page: ListPage): Awaitable<ListedPage>;

  /** Let go of connections and files. Ends no session. */
  close(): Awaitable<void>;
}

/**
 * A store that keeps ends until they are told, whatever happens to processes meanwhile. A site with `@OnExpire` needs one; a site
 * without does not. It keeps the same laws: an end is kept in the step in which its session ends.
 */
export interface EndStore {
  /**
   * From now on keep each end, of whichever process, until it is told. This is remembered for a week. A site asks for it again
   * each second, since the store may have been emptied; so where it is remembered for long, this writes nothing.
   */
  keepEnds(): Awaitable<void>;

  /**
   * Hand out ends that were kept, the first of them first, and none of them again before `lease` milliseconds have passed or
   * `settleEnd` says otherwise.
   */
  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]>;

  /** Say what has come of an end that was handed out. */
  settleEnd(key: string, outcome: EndOutcome): Awaitable<void>;

  /** Have so many of the ends that were set aside handed out again, at most; gives how many. Fewer than asked for are the last. */
  releaseEnds(most: number): Awaitable<number>;

  /** How many ends are kept. */
  countEnds(): Awaitable<EndCounts>;

  /** Forget ends of this user's sessions, told or not: a portion of them, gives how many. Fewer than `most` are the last. */
  eraseEnds(user: string, most: number): Awaitable<number>;
}

/** Whether what a uid stands for is a live session. */
export function isLive(found: SessionRecord | FormerId | undefined): found is SessionRecord {
  return found !== undefined && !('isFormer' in found);
}

/** Whether a store keeps ends until they are told. */
export function keepsEnds<T extends object>(store: T): store is T & EndStore {
  return 'keepEnds' in store;
}

/** What a container finds a `SessionStore` by. */
export const SessionStore = serviceToken<SessionStore>('SessionStore');
