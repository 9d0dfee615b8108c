import type {Cabinet, FiledSession, SessionOrder, SessionChange} from './cabinet.ts';
import {
  formerIdsFor,
  keepsEndsFor,
  keepsEndsLongEnough,
  mostReplaced,
  type EndCounts,
  type EndedPage,
  type EndedSession,
  type EndOutcome,
  type EndPage,
  type EndReason,
  type EndsSince,
  type EndStore,
  type FormerId,
  type ListedPage,
  type ListPage,
  type NewSession,
  type Renewal,
  type SessionRecord,
  type SessionStore,
  type SignIn,
  type Written,
} from './contract.ts';
import {
  finds,
  idsAfterRenewal,
  idsAfterSight,
  idsAfterSignIn,
  leavesFormerIds,
  newId,
  type ChangedIds,
  type SessionId,
} from './ids.ts';
import {gainsEnough, idleDeadline, nextSignIn, timeoutReason} from './lifetime.ts';
import {sessionTaken, unlessCorrupt} from './refusals.ts';

const minute = 60_000;
/** How many entries of the log of ends, or former ids, are read or forgotten in one step: a millisecond's worth. */
const portion = 500;
/** How often it is looked for what has been remembered for long enough, in milliseconds. */
const tidyEvery = minute / 2;

/** Says that a rule has to write, where it was to change nothing. */
export const hasToWrite = new Error('This step writes.');

/**
 * The rules of the laws that stores keep, over a cabinet. Each call is to be made inside of one step of it, and answers at once.
 */
export class SessionRules<S extends FiledSession> implements SessionStore, EndStore {
  protected readonly cabinet: Cabinet<S>;
  #isReading = false;
  /** How far the sweep has come. */
  #swept: string | undefined;
  #tidyAt = 0;

  constructor(cabinet: Cabinet<S>) {
    this.cabinet = cabinet;
  }

  /** What `act` gives; or `hasToWrite`, where it would write something. Then nothing has happened. */
  reading<T>(act: () => T): T | typeof hasToWrite {
    this.#isReading = true;
    try {
      return act();
    } catch (error) {
      if (error === hasToWrite) return hasToWrite;
      throw error;
    } finally {
      this.#isReading = false;
    }
  }

  create(session: NewSession): SessionRecord {
    const now = this.cabinet.now();
    this.#refuseTaken(session.uid, now);
    return this.#record(this.#writing.add(session, now), now);
  }

  find(uid: string, isSeen: boolean): SessionRecord | FormerId | undefined {
    const now = this.cabinet.now();
    const session = this.cabinet.byUid(uid);
    if (!session || !this.#lives(session, now)) return this.#forgotten(uid, now);
    const {ids} = session;
    if (!ids) return this.#seen(session, undefined, isSeen, now);
    const id = ids.find(each => each.uid === uid);
    if (!id || !finds(id, now)) return id && this.#over(session, id, now);
    return this.#seen(session, idsAfterSight(ids, uid, now), isSeen, now);
  }

  touch(key: string, asOf?: number): SessionRecord | undefined {
    const now = this.cabinet.now();
    const session = this.#live(key, now);
    return session && isAsOf(session, asOf) ? this.#seen(session, undefined, true, now) : undefined;
  }

  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Written {
    const session = this.#live(key, this.cabinet.now());
    if (!session) return {state: 'gone'};
    if (!isAsOf(session, asOf)) return {state: 'superseded'};
    const filed = this.cabinet.component(session, name);
    const isThere = filed?.text !== undefined;
    if ((isThere ? filed.revision : 0) !== expected) {
      return {state: 'conflict', current: isThere ? {revision: filed.revision, text: filed.text} : undefined};
    }
    if (!isThere && text === undefined) return {state: 'written', revision: 0};
    // What was taken out keeps its revision, so that none is given twice.
    const revision = (filed?.revision ?? 0) + 1;
    this.#writing.putComponent(session, name, {revision, text});
    return {state: 'written', revision: text === undefined ? 0 : revision};
  }

  renew(key: string, renewal: Renewal): SessionRecord | FormerId | undefined {
    const now = this.cabinet.now();
    const session = this.#live(key, now);
    if (!session) return undefined;
    const {from, signIn} = renewal;
    const ids = idsOf(session);
    if (!ids.some(id => id.uid === from && finds(id, now))) return this.#renewFormer(session, renewal, now);
    if (signIn && session.user !== undefined && session.user !== signIn.user) return this.#record(session, now);
    const changed = signIn ? idsAfterSignIn(ids, renewal, now) : idsAfterRenewal(ids, renewal, now);
    const renewed = this.#rename(session, changed, signIn ? signedIn(session, signIn, now) : {}, now);
    if (signIn) this.#replace(signIn, now);
    return this.#record(renewed, now);
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): SessionRecord | undefined {
    const now = this.cabinet.now();
    const session = this.#live(key, now);
    if (!session || !isAsOf(session, asOf)) return undefined;
    const lastSeenAt = Math.max(session.lastSeenAt, now);
    return this.#record(this.#writing.change(session, {idleTimeout, lastSeenAt}), now);
  }

  end(key: string, reason: EndReason, asOf?: number): boolean {
    const now = this.cabinet.now();
    const session = this.#live(key, now);
    if (!session || !isAsOf(session, asOf)) return false;
    this.conclude(session, reason, now);
    return true;
  }

  list(user: string, page: ListPage): ListedPage {
    return this.#list(this.cabinet.ofUser(user), page);
  }

  listEveryone(page: ListPage): ListedPage {
    return this.#list(this.cabinet.all(), page);
  }

  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): EndedPage {
    return this.#endPage(this.cabinet.ofUser(user), reason, page);
  }

  endEveryone(reason: EndReason, page: EndPage): EndedPage {
    return this.#endPage(this.cabinet.all(), reason, page);
  }

  endsSince(mark: string | undefined): EndsSince {
    const found = this.cabinet.logged(mark, portion);
    return {ends: found.ends, mark: found.mark, hasMore: found.ends.length === portion};
  }

  sweep(): boolean {
    const now = this.cabinet.now();
    const {keys, next} = this.cabinet.due(now, {after: this.#swept, most: this.cabinet.batch});
    for (const key of keys) unlessCorrupt(() => this.#live(key, now));
    // One that can't be read stays where it is, and the others come behind it.
    const hasMore = this.#tidy(now) || next !== undefined;
    this.#swept = next;
    return hasMore;
  }

  count(): number {
    return this.cabinet.count();
  }

  read(key: string): SessionRecord | undefined {
    return this.#look(key, this.cabinet.now(), 'all');
  }

  keepEnds(): void {
    const now = this.cabinet.now();
    if (this.cabinet.keptUntil() <= now + keepsEndsLongEnough) this.#writing.keepUntil(now + keepsEndsFor);
  }

  takeEnds(count: number, lease: number): readonly EndedSession[] {
    const now = this.cabinet.now();
    return this.cabinet.dueEnds(now, count).map(({key, reason, endedAt, session, ...end}) => {
      const attempts = end.attempts + 1;
      this.#writing.moveEnd(key, now + lease, attempts);
      return {key, reason, endedAt, attempts, session};
    });
  }

  settleEnd(key: string, outcome: EndOutcome): void {
    const end = this.cabinet.keptEnd(key);
    if (end?.dueAt === undefined) return;
    if (outcome === 'told') return this.#writing.dropEnd(key);
    const dueAt = outcome === 'parked' ? undefined : this.cabinet.now() + outcome.retryIn;
    this.#writing.moveEnd(key, dueAt, end.attempts);
  }

  releaseEnds(most: number): number {
    const keys = this.cabinet.parkedEnds(most);
    for (const key of keys) this.#writing.moveEnd(key, 0, 0);
    return keys.length;
  }

  countEnds(): EndCounts {
    return this.cabinet.countEnds();
  }

  eraseEnds(user: string, most: number): number {
    const keys = this.cabinet.endsOf(user, most);
    for (const key of keys) this.#writing.dropEnd(key);
    return keys.length;
  }

  close(): void {
    // There is nothing to let go of.
  }

  /** End a session that is there, whether or not its deadline has come. */
  protected conclude(session: S, reason: EndReason, now: number): void {
    const {key} = session;
    const kept = now < this.cabinet.keptUntil() ? this.#record(session, now) : undefined;
    if (leavesFormerIds(reason)) {
      for (const {uid, until = now} of idsOf(session)) this.#remember(uid, key, Math.min(until, now), now);
    }
    // First, since it makes the room that the others need.
    this.#writing.remove(session);
    if (kept) this.#writing.putEnd({key, reason, endedAt: now, attempts: 0, dueAt: 0, session: kept});
    this.#writing.log({key, reason}, now);
  }

  get #writing(): Cabinet<S> {
    if (this.#isReading) throw hasToWrite;
    return this.cabinet;
  }

  #live(key: string, now: number): S | undefined {
    const session = this.cabinet.byKey(key);
    return session && this.#lives(session, now) ? session : undefined;
  }

  /** Whether a session lives. Past its deadline it ends here, before a sweep comes to it. */
  #lives(session: S, now: number): boolean {
    const isLive = now < idleDeadline(session);
    if (!isLive) this.conclude(session, timeoutReason(session), now);
    return isLive;
  }

  /** A live session for somebody who only looks. */
  #look(key: string, now: number, components: readonly string[] | 'all'): SessionRecord | undefined {
    const session = this.cabinet.byKey(key);
    return session && now < idleDeadline(session) ? this.#record(session, now, components) : undefined;
  }

  /** The session, come for with a uid that changes its `ids`, or with none; and seen, where that is so and gains enough. */
  #seen(session: S, ids: readonly SessionId[] | undefined, isSeen: boolean, now: number): SessionRecord {
    const isGain = isSeen && gainsEnough(session, now);
    if (!ids && !isGain) return this.#record(session, now);
    return this.#record(this.#writing.change(session, {...(ids && {ids}), ...(isGain && {lastSeenAt: now})}), now);
  }

  /** A uid that is still among those of a session, and does not find it any more. */
  #over({key}: S, {until = 0}: SessionId, now: number): FormerId | undefined {
    return now < until + formerIdsFor ? {isFormer: true, key, until, now} : undefined;
  }

  #forgotten(uid: string, now: number): FormerId | undefined {
    const former = this.cabinet.former(uid);
    return former && now < former.forgetAt ? {isFormer: true, key: former.key, until: former.until, now} : undefined;
  }

  #remember(uid: string, key: string, until: number, now: number): void {
    this.#writing.remember(uid, {key, until, forgetAt: Math.max(until, now) + formerIdsFor});
  }

  /** A live session may have this uid, or this key. */
  #refuseTaken(uid: string, now: number): void {
    if (this.#live(uid, now)) throw sessionTaken();
    const session = this.cabinet.byUid(uid);
    if (session && this.#lives(session, now)) throw sessionTaken();
  }

  /** By a uid of before a sign-in the same user gets a further one. */
  #renewFormer(session: S, renewal: Renewal, now: number): SessionRecord | FormerId {
    const {key, user} = session;
    const over = session.ids?.find(({uid}) => uid === renewal.from);
    const former = (over ? this.#over(session, over, now) : this.#forgotten(renewal.from, now)) ?? {
      isFormer: true,
      key,
      until: now,
      now,
    };
    const isSame = former.key === key && user !== undefined && user === renewal.signIn?.user;
    const changed = isSame && now < former.until ? idsAfterRenewal(idsOf(session), renewal, now) : undefined;
    return changed ? this.#record(this.#rename(session, changed, {}, now), now) : former;
  }

  /** Give a session other uids, where there are any, and count it as seen. */
  #rename(session: S, changed: ChangedIds | undefined, more: SessionChange, now: number): S {
    if (changed) {
      this.#refuseTaken(changed.ids.at(-1)!.uid, now);
      for (const {uid, until} of changed.former) this.#remember(uid, session.key, until, now);
    }
    const isGain = gainsEnough(session, now);
    if (!changed && !isGain) return session;
    return this.#writing.change(session, {
      ...(isGain && {lastSeenAt: now}),
      ...(changed && {ids: changed.ids}),
      ...more,
    });
  }

  /** End a user's sessions past the limit, those signed in first coming first. */
  #replace({user, limit}: SignIn, now: number): void {
    const order = this.cabinet.ofUser(user);
    if (limit === Infinity) return;
    let surplus = Math.min(this.cabinet.countLive(user, now, limit + mostReplaced) - limit, mostReplaced);
    for (let after: string | undefined; surplus > 0;) {
      const {keys, next} = order.page({after, most: mostReplaced});
      for (const key of keys) {
        const isReplaced = surplus > 0 && unlessCorrupt(() => this.#endLive(key, 'replaced', now));
        if (isReplaced) surplus -= 1;
      }
      if (next === undefined) return;
      after = next;
    }
  }

  #list(order: SessionOrder, {most, components, after}: ListPage): ListedPage {
    const now = this.cabinet.now();
    const {keys, next} = order.page({after, most});
    return {records: keys.flatMap(key => unlessCorrupt(() => this.#look(key, now, components)) ?? []), next};
  }

  /** The mark of a page is where it begins, and the last place of those that were there when the first one was asked for. */
  #endPage(
    order: SessionOrder,
    reason: EndReason,
    {most, after, except}: EndPage & {readonly except?: string},
  ): EndedPage {
    const now = this.cabinet.now();
    const [first, upTo] = after === undefined ? [undefined, order.last()] : (JSON.parse(after) as string[]);
    const {keys, next} = order.page({most: Math.min(most, this.cabinet.batch), after: first, upTo});
    const ended = keys.filter(key => key !== except && unlessCorrupt(() => this.#endLive(key, reason, now)));
    return {count: ended.length, next: next === undefined ? undefined : JSON.stringify([next, upTo])};
  }

  #endLive(key: string, reason: EndReason, now: number): boolean {
    const session = this.#live(key, now);
    if (session) this.conclude(session, reason, now);
    return session !== undefined;
  }

  /** Forget some of what was remembered for long enough, now and then. Whether there is more. */
  #tidy(now: number): boolean {
    if (now < this.#tidyAt) return false;
    const ends = this.#writing.forgetLogged(now - minute, portion);
    const hasMore = this.#writing.forget(now, portion) + ends >= portion;
    if (!hasMore) this.#tidyAt = now + tidyEvery;
    return hasMore;
  }

  #record(session: S, now: number, components: readonly string[] | 'all' = 'all'): SessionRecord {
    return {
      key: session.key,
      uid: session.ids?.at(-1)?.uid ?? session.key,
      isSecure: session.isSecure,
      device: session.device,
      idleTimeout: session.idleTimeout,
      absoluteTimeout: session.absoluteTimeout,
      createdAt: session.createdAt,
      lastSeenAt: session.lastSeenAt,
      authenticatedAt: session.authenticatedAt,
      user: session.user,
      isRemembered: session.isRemembered,
      components: this.cabinet.components(session, components),
      now,
    };
  }
}

function idsOf({ids, key, createdAt}: FiledSession): readonly SessionId[] {
  return ids ?? [newId(key, createdAt)];
}

function isAsOf({authenticatedAt = 0}: FiledSession, asOf: number | undefined): boolean {
  return asOf === undefined || asOf === authenticatedAt;
}

/** What a sign-in changes in a session. */
function signedIn(session: FiledSession, {user, lifetime}: SignIn, now: number): SessionChange {
  const change = {user, authenticatedAt: nextSignIn(session, now)};
  if (!lifetime) return change;
  const {idleTimeout, absoluteTimeout, isRemembered} = lifetime;
  return {...change, idleTimeout, absoluteTimeout, isRemembered, lastSeenAt: Math.max(session.lastSeenAt, now)};
}
