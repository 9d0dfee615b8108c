import type {Awaitable} from '../../awaitable.ts';
import type {EndCounts, EndReason, LoggedEnd, NewSession, SessionRecord, StoredComponent} from './contract.ts';
import type {SessionId} from './ids.ts';
import type {Lived} from './lifetime.ts';

/** A session as it lies in a cabinet. */
export interface FiledSession extends Omit<NewSession, 'uid'>, Lived {
  /** The uid that it was begun with. */
  readonly key: string;
  readonly user: string | undefined;
  readonly isRemembered: boolean;
  /** Its uids in the order in which they were given. `undefined` as long as it has had none but its key. */
  readonly ids: readonly SessionId[] | undefined;
}

/** What becomes different in a session; all else stays. With a `user` the session comes last in the order of that user. */
export type SessionChange = Partial<
  Pick<
    FiledSession,
    'idleTimeout' | 'absoluteTimeout' | 'lastSeenAt' | 'authenticatedAt' | 'user' | 'isRemembered' | 'ids'
  >
>;

/** A component as it lies in a cabinet. One that was taken out keeps its revision, and has no text. */
export interface FiledComponent {
  readonly revision: number;
  readonly text: string | undefined;
}

/** A uid that finds no session any more. */
export interface FiledFormerId {
  /** The key of the session that it found. */
  readonly key: string;
  readonly until: number;
  /** When it is to be forgotten. */
  readonly forgetAt: number;
}

/** An end that is kept until it is told. */
export interface FiledEnd {
  readonly key: string;
  readonly reason: EndReason;
  readonly endedAt: number;
  /** How many times it was handed out. */
  readonly attempts: number;
  /** When it is handed out next; `undefined` for one that was set aside. */
  readonly dueAt: number | undefined;
  /** The session as it was, or nothing where that can't be read any more. */
  readonly session: SessionRecord | undefined;
}

/** Which sessions of an order are meant: so many at most, behind one place in it, up to another. */
export interface OrderRange {
  readonly most: number;
  readonly after?: string | undefined;
  readonly upTo?: string | undefined;
}

/** The keys of some sessions in their order. */
export interface OrderPage {
  readonly keys: readonly string[];
  /** The place behind which the next page begins, if there may be one. */
  readonly next: string | undefined;
}

/** An order of sessions, those past their deadline among them. A session keeps its place until it is removed, or signed in. */
export interface SessionOrder {
  /** The place of the last one that is there now. */
  last(): string;
  page(range: OrderRange): OrderPage;
}

/**
 * What a step writes, for a cabinet that may wait for its disk or leave that to the operating system:
 * `light` is what may be undone when the power is cut, as that a session was seen; `component` is what a program has put into a
 * session; `firm` is what has to survive, a renewal or a sign-in; `end` is the end of a session, which has to survive too, and
 * makes room on a disk that is full; `tidying` ends many, or forgets something: it makes room, and may be undone; `sweep` is the same
 * for what is due, for which nobody waits: it may fail where others are writing, who sweep as well.
 */
export type StepKind = 'light' | 'component' | 'firm' | 'end' | 'tidying' | 'sweep';

/** How the calls of a store are made one after the other, and each of them as a whole or not at all. */
export interface CabinetSteps {
  /**
   * What `act` gives. All that it looks up is as it was at one moment. It writes nothing, and may be called twice.
   */
  read<T>(act: () => T): Awaitable<T>;

  /**
   * What `act` gives, once that is written. What it looks up is as the writes before it have left it, of whichever process,
   * and nobody writes meanwhile. When it throws, nothing of it is written, and the error is passed on.
   */
  write<T>(kind: StepKind, act: () => T): Awaitable<T>;

  /** The disk has all that was written before, when this is done. Left out where nothing is ever undone. */
  flush?(): Awaitable<void>;

  close(): Awaitable<void>;
}

/**
 * Where a `RuledStore` has its sessions: look-ups, writes and a clock. It decides nothing. All of it is called inside of a step, and
 * answers at once. What has been written in a step is found in that step.
 *
 * A look-up throws `sessionCorrupt()` for a record that can't be read. Texts may have any character, also U+0000 and
 * a half of a surrogate pair; moments and timeouts are numbers of milliseconds, which need not be whole.
 */
export interface Cabinet<S extends FiledSession = FiledSession> {
  /** The time, in milliseconds since the epoch. All processes that share a cabinet should have the same. */
  now(): number;

  /** How many sessions are ended in one step at most, so that nobody waits for long. */
  readonly batch: number;

  /** File a session, begun and seen now. Its key is the uid; it has no user, no components, and is not remembered. */
  add(session: NewSession, now: number): S;

  byKey(key: string): S | undefined;

  /** The session that has this uid among its `ids`; or whose key it is, as long as it has no `ids`. */
  byUid(uid: string): S | undefined;

  /** Gives the session as it is then. It is found by its new `ids`, and no more by those that are not among them. */
  change(session: S, change: SessionChange): S;

  /** Take a session out, with its components, and its place in each order. */
  remove(session: S): void;

  /** How many sessions there are. */
  count(): number;

  /** How many sessions of a user have their idle deadline after `now`. Past `most` nobody need count. */
  countLive(user: string, now: number, most: number): number;

  /** All sessions, in an order of the cabinet's own. */
  all(): SessionOrder;

  /** The sessions of a user, those signed in first coming first. */
  ofUser(user: string): SessionOrder;

  /** Sessions whose idle deadline has come, some of which may have been missed for a second. */
  due(now: number, range: OrderRange): OrderPage;

  /** What lies by this name, taken out or not. */
  component(session: S, name: string): FiledComponent | undefined;

  /** The components that are there, of these names or all. The map belongs to whoever has asked. */
  components(session: S, names: readonly string[] | 'all'): ReadonlyMap<string, StoredComponent>;

  /** Put this in place of what lies by that name. */
  putComponent(session: S, name: string, component: FiledComponent): void;

  former(uid: string): FiledFormerId | undefined;

  /** Remember a former id, in place of one that is there. */
  remember(uid: string, former: FiledFormerId): void;

  /** Forget former ids whose `forgetAt` has come, so many at most; gives how many. */
  forget(now: number, most: number): number;

  /** Put an end into the log, behind those that are there. */
  log(end: LoggedEnd, now: number): void;

  /**
   * So many ends of the log at most, those behind a mark, and the mark of the last of them. Without a mark none, and the mark of the last
   * there is. A mark that is of no end in this log is one of before them all.
   */
  logged(mark: string | undefined, most: number): {readonly ends: readonly LoggedEnd[]; readonly mark: string};

  /** Take ends out of the log that came at this moment or before, the first of them first, so many at most; gives how many. */
  forgetLogged(before: number, most: number): number;

  /** Until when ends are kept; 0 where nobody has asked for it. */
  keptUntil(): number;

  keepUntil(moment: number): void;

  /** Keep an end, in place of one by the same key. */
  putEnd(end: FiledEnd): void;

  /** Kept ends that are due, so many at most. Of those with the same `dueAt`, the first that was put comes first. */
  dueEnds(now: number, most: number): readonly FiledEnd[];

  /** The kept end by this key. */
  keptEnd(key: string): FiledEnd | undefined;

  /** Have a kept end be handed out at another time, or be set aside, which begins where `dueAt` is nothing. */
  moveEnd(key: string, dueAt: number | undefined, attempts: number): void;

  /** Keep an end no longer. */
  dropEnd(key: string): void;

  /** The keys of ends that were set aside, so many at most, the first of them first. */
  parkedEnds(most: number): readonly string[];

  /** The keys of kept ends of a user's sessions, set aside or not, so many at most. */
  endsOf(user: string, most: number): readonly string[];

  countEnds(): EndCounts;
}

/** A page of what was found in an order: of so many at most, each with its key and its place. */
export function pageOf(
  found: readonly {readonly key: string; readonly place: string | number}[],
  most: number,
): OrderPage {
  const next = found.length < most ? undefined : String(found.at(-1)!.place);
  return {keys: found.map(({key}) => key), next};
}
