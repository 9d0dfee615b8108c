import {proceed, type Awaitable} from '../awaitable.ts';
import {systemClock, type Clock} from '../clock.ts';
import type {Logger} from '../logger.ts';
import * as kinds from '../options.ts';
import {gainsEnough, idleDeadline, nextSignIn, timeoutReason} from '../session/store/lifetime.ts';
import {sessionTaken, unlessCorrupt} from '../session/store/refusals.ts';
import {finds, idsAfterRenewal, idsAfterSignIn, leavesFormerIds, type ChangedIds} from '../session/store/ids.ts';
import {
  keepsEndsLongEnough,
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
} from '../session/store/contract.ts';
import {OutageLog} from '../outage-log.ts';
import {SqliteEnds} from './sqlite-ends.ts';
import {SqliteFile, type SqliteStatement, type Sync} from './sqlite-file.ts';
import {isBusy} from './sqlite-line.ts';
import {SqliteIds} from './sqlite-ids.ts';
import {SqliteOutbox} from './sqlite-outbox.ts';
import {nextOf, SqlitePages, type Order, type Placed} from './sqlite-pages.ts';
import {SqliteTime} from './sqlite-time.ts';
import {
  componentColumns,
  decodeComponent,
  decodeSession,
  decodeWhole,
  encodeName,
  readable,
  recordOf,
  sessionColumns,
  type SqliteSession,
} from './sqlite-record.ts';

/** How an `SqliteStore` is set up. */
export interface SqliteStoreOptions {
  /** The file. It is made if it is not there, for its owner alone to read; its folder has to be there. */
  readonly path: string;
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Where it is told that the file is lost, and that it is back. Default: `console`. */
  readonly logger?: Logger;
  /**
   * What an answered write of a component survives: the end of the process (`process`), or the machine's power being cut
   * as well (`power`), for which each waits for the disk. An answered end and an answered renewal survive both in either
   * case. Default: `power`.
   */
  readonly durability?: 'process' | 'power';
}

const optionKinds: kinds.Kinds<SqliteStoreOptions> = {
  path: kinds.anything,
  clock: kinds.clock,
  logger: kinds.logger,
  durability: kinds.oneOf('process', 'power'),
};

/** How many sessions are ended in one transaction at most: two milliseconds' worth. */
const batch = 10;
/** Where a sweep begins: before the first deadline. */
const beginning = {deadline: 0, id: 0};

/**
 * Sessions in an SQLite file: they outlive the process, and all processes of one machine may share them. Only what is
 * read is held in memory. A call holds up the event loop for as long as it takes, some ten microseconds; where it waits
 * for the disk, for as long as that takes; but not while it waits for other processes.
 */
export class SqliteStore implements SessionStore, EndStore {
  /** What holds where `SqliteStoreOptions` are silent. */
  static readonly defaults = {durability: 'power'} as const;

  readonly #file: SqliteFile;
  readonly #sql: Statements;
  readonly #ids: SqliteIds;
  readonly #pages: SqlitePages;
  readonly #outbox: SqliteOutbox;
  readonly #time: SqliteTime;
  readonly #sync: Sync;
  readonly #ends: SqliteEnds;
  /** How far the sweep has come. */
  #swept = beginning;
  /** Whether there may be former uids to forget. */
  #hasFormer = false;

  /**
   * Opens the file, or fails with `OPTION_INVALID` when that can't be done: it is not one of ours, it is damaged, or this
   * process may not write it.
   */
  constructor(options: SqliteStoreOptions) {
    kinds.checkOptions('SqliteStore', options, optionKinds);
    const {path, clock = systemClock, logger = console, durability = SqliteStore.defaults.durability} = options;
    this.#sync = durability === 'power' ? 'FULL' : 'NORMAL';
    this.#file = new SqliteFile(path, new OutageLog(logger));
    this.#time = new SqliteTime(this.#file, clock);
    this.#sql = prepareStatements(this.#file);
    this.#ids = new SqliteIds(this.#file);
    this.#pages = new SqlitePages(this.#file);
    this.#outbox = new SqliteOutbox(this.#file);
    this.#ends = new SqliteEnds(this.#file);
  }

  create({uid, isSecure, idleTimeout, absoluteTimeout, device}: NewSession): Awaitable<SessionRecord> {
    return this.#file.write('NORMAL', () => {
      const now = this.#now();
      this.#refuseTaken(uid, now);
      const encoded = device === undefined ? null : encodeName(device);
      this.#sql.create.run(uid, uid, Number(isSecure), idleTimeout, absoluteTimeout, now, now, encoded);
      return this.#record(this.#byKey(uid)!, now);
    });
  }

  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined> {
    const found = this.#file.read(() => this.#look(uid));
    return proceed(found, ({session, record, former}) => {
      if (!session) return former;
      const isGain = isSeen && gainsEnough(session, record.now);
      return isGain || this.#ids.isNews(session, uid, record.now) ? this.#foundNow(uid, isSeen) : record;
    });
  }

  touch(key: string, asOf?: number): Awaitable<SessionRecord | undefined> {
    const found = this.#file.read(() => this.#whole(this.#sql.wholeByKey, key));
    return proceed(found, ({session, record}) => {
      if (!session || !isAsOf(session, asOf)) return undefined;
      return gainsEnough(session, record.now) ? this.#touchNow(key, asOf) : record;
    });
  }

  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Awaitable<Written> {
    return this.#file.write(this.#sync, () => {
      const session = this.#live(key, this.#now());
      if (!session) return {state: 'gone'};
      return isAsOf(session, asOf) ? this.#put(session, encodeName(name), expected, text) : {state: 'superseded'};
    });
  }

  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | FormerId | undefined> {
    return this.#file.write('FULL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      if (!session) return undefined;
      const {from, signIn} = renewal;
      const ids = this.#ids.of(session);
      if (!ids.some(id => id.uid === from && finds(id, now))) return this.#renewFormer(session, renewal, now);
      const {user} = session;
      if (signIn && user !== undefined && user !== signIn.user) return this.#record(session, now);
      const change = signIn ? idsAfterSignIn : idsAfterRenewal;
      const changed = change(ids, renewal, now);
      if (changed) this.#rename(session, changed, now);
      if (signIn) this.#signIn(session, signIn, now);
      return this.#seen(this.#byKey(key)!, now);
    });
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.#file.write('FULL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      if (!session || !isAsOf(session, asOf)) return undefined;
      this.#sql.setIdleTimeout.run(idleTimeout, now, session.id);
      return this.#record(this.#byKey(key)!, now);
    });
  }

  end(key: string, reason: EndReason, asOf?: number): Awaitable<boolean> {
    return this.#file.erase('FULL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      if (!session || !isAsOf(session, asOf)) return false;
      return this.#conclude(session, reason, now);
    });
  }

  list(user: string, {most, components, after}: ListPage): Awaitable<ListedPage> {
    return this.#file.read(() => {
      const now = this.#now();
      const page = this.#pages.of(user).page(Number(after ?? 0), Number.MAX_SAFE_INTEGER, most);
      const records = page.flatMap(({key}) => unlessCorrupt(() => this.#listed(key, components, now)) ?? []);
      return {records, next: nextOf(page, most)};
    });
  }

  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Awaitable<EndedPage> {
    return this.#endPage(this.#pages.of(user), reason, page);
  }

  endEveryone(reason: EndReason, page: EndPage): Awaitable<EndedPage> {
    return this.#endPage(this.#pages.ofAll(), reason, page);
  }

  endsSince(mark: string | undefined): Awaitable<EndsSince> {
    return this.#file.read(() => this.#ends.since(mark));
  }

  sweep(): boolean {
    try {
      // What is not there says so when it is asked.
      this.#file.restore();
      this.#time.follow();
      const hasMore = this.#sweep(this.#now());
      this.#file.reserve();
      this.#file.workIn();
      return hasMore;
    } catch (error) {
      // Others who are writing just now may well be doing it.
      if (isBusy(error)) return false;
      throw error;
    }
  }

  count(): Awaitable<number> {
    return this.#file.read(() => Number(this.#sql.count.get()!['count']));
  }

  read(key: string): Awaitable<SessionRecord | undefined> {
    return this.#file.read(() => this.#whole(this.#sql.wholeByKey, key).record);
  }

  listEveryone({most, components, after}: ListPage): Awaitable<ListedPage> {
    return this.#file.read(() => {
      const now = this.#now();
      const page = this.#pages.ofAll().page(Number(after ?? 0), Number.MAX_SAFE_INTEGER, most);
      const records = page.flatMap(({key}) => unlessCorrupt(() => this.#listed(key, components, now)) ?? []);
      return {records, next: nextOf(page, most)};
    });
  }

  keepEnds(): Awaitable<void> {
    if (this.#outbox.isKept(this.#now() + keepsEndsLongEnough)) return;
    return this.#file.write('NORMAL', () => this.#outbox.keep(this.#now()));
  }

  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]> {
    if (!this.#outbox.hasDue(this.#now())) return [];
    return this.#file.write('NORMAL', () => this.#outbox.take(count, lease, this.#now()));
  }

  settleEnd(key: string, outcome: EndOutcome): Awaitable<void> {
    return this.#file.erase('NORMAL', () => this.#outbox.settle(key, outcome, this.#now()));
  }

  releaseEnds(most: number): Awaitable<number> {
    return this.#file.write('NORMAL', () => this.#outbox.release(most));
  }

  countEnds(): Awaitable<EndCounts> {
    return this.#file.read(() => this.#outbox.count());
  }

  eraseEnds(user: string, most: number): Awaitable<number> {
    return this.#file.erase('FULL', () => this.#outbox.erase(user, most));
  }

  close(): Awaitable<void> {
    return this.#file.close();
  }

  #now(): number {
    return this.#time.now();
  }

  #look(uid: string): Found {
    const found = this.#whole(this.#sql.wholeByUid, uid, uid);
    if (found.session) return found;
    const now = this.#now();
    const other = this.#whole(this.#sql.wholeByAlias, uid, now);
    return other.session ? other : {former: this.#ids.former(uid, now)};
  }

  #whole(statement: SqliteStatement, ...values: (string | number)[]): Found {
    const rows = readable(() => statement.all(...values));
    const now = this.#now();
    const found = rows.length > 0 ? decodeWhole(rows, now) : undefined;
    return found && now < idleDeadline(found.session) ? found : {};
  }

  // What gains nothing by being seen is read alone, and waits for nobody who writes.
  #foundNow(uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined> {
    return this.#file.write('NORMAL', () => {
      const now = this.#now();
      const session = this.#byUid(uid, now);
      if (!session || now >= idleDeadline(session)) return this.#ids.former(uid, now);
      this.#ids.see(session, uid, now);
      return isSeen ? this.#seen(session, now) : this.#record(session, now);
    });
  }

  #touchNow(key: string, asOf: number | undefined): Awaitable<SessionRecord | undefined> {
    return this.#file.write('NORMAL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      return session && isAsOf(session, asOf) ? this.#seen(session, now) : undefined;
    });
  }

  #seen(session: SqliteSession, now: number): SessionRecord {
    if (!gainsEnough(session, now)) return this.#record(session, now);
    this.#sql.see.run(now, session.id);
    return this.#record({...session, lastSeenAt: now}, now);
  }

  #byUid(uid: string, now: number): SqliteSession | undefined {
    return this.#read(this.#sql.byUid, uid, uid) ?? this.#read(this.#sql.byAlias, uid, now);
  }

  #byKey(key: string): SqliteSession | undefined {
    return this.#read(this.#sql.byKey, key);
  }

  #read(statement: SqliteStatement, ...values: (string | number)[]): SqliteSession | undefined {
    const row = readable(() => statement.get(...values));
    return row && decodeSession(row);
  }

  /** The session, unless its deadline has passed; then it ends here, before a sweep comes to it. */
  #live(key: string, now: number): SqliteSession | undefined {
    const session = this.#byKey(key);
    if (!session || now < idleDeadline(session)) return session;
    this.#conclude(session, timeoutReason(session), now);
    return undefined;
  }

  #refuseTaken(uid: string, now: number): void {
    const found = this.#live(uid, now) ?? this.#byUid(uid, now);
    if (!found || now >= idleDeadline(found)) return;
    throw sessionTaken();
  }

  #put({id, key}: SqliteSession, name: string, expected: number, text: string | undefined): Written {
    const row = readable(() => this.#sql.component.get(id, name));
    const [, current] = row ? decodeComponent(key, row) : [];
    // What was taken out keeps its revision, so that none is given twice.
    const isThere = current !== undefined && current.text !== null;
    if ((isThere ? current.revision : 0) !== expected)
      return {state: 'conflict', current: isThere ? current : undefined};
    const revision = (current?.revision ?? 0) + 1;
    if (isThere || text !== undefined) this.#sql.put.run(id, name, revision, text ?? null);
    return {state: 'written', revision: text === undefined ? 0 : revision};
  }

  /** By a uid of before a sign-in the same user gets a further one. */
  #renewFormer(session: SqliteSession, renewal: Renewal, now: number): SessionRecord | FormerId {
    const {key, user} = session;
    const former = this.#ids.former(renewal.from, now) ?? {isFormer: true, key, until: now, now};
    const isSame = former.key === key && user !== undefined && user === renewal.signIn?.user;
    const changed = isSame && now < former.until ? idsAfterRenewal(this.#ids.of(session), renewal, now) : undefined;
    if (!changed) return former;
    this.#rename(session, changed, now);
    return this.#seen(this.#byKey(key)!, now);
  }

  #rename(session: SqliteSession, changed: ChangedIds, now: number): void {
    this.#refuseTaken(changed.ids.at(-1)!.uid, now);
    this.#ids.put(session, changed, now);
  }

  #signIn(session: SqliteSession, {user, limit, lifetime}: SignIn, now: number): void {
    this.#sql.signIn.run(user, nextSignIn(session, now), user, session.id);
    if (lifetime) {
      const {idleTimeout, absoluteTimeout, isRemembered} = lifetime;
      this.#sql.setLifetime.run(idleTimeout, absoluteTimeout, Number(isRemembered), now, session.id);
    }
    this.#endLive(this.#pages.past(user, limit, now), 'replaced', now);
  }

  #listed(key: string, names: ListPage['components'], now: number): SessionRecord | undefined {
    const session = this.#byKey(key);
    if (!session || now >= idleDeadline(session)) return undefined;
    if (names === 'all') return this.#record(session, now);
    const rows = names.map(name => readable(() => this.#sql.component.get(session.id, encodeName(name))));
    const isThere = (row: (typeof rows)[number]) => row !== undefined && decodeComponent(key, row)[1].text !== null;
    return recordOf(session, rows.filter(isThere) as NonNullable<(typeof rows)[number]>[], now);
  }

  /**
   * The mark of a page is where it begins, and the last place of those that were there when the first one was asked for. The last
   * page waits for the disk, which then has all of them; the event loop does not.
   */
  #endPage(
    order: Order,
    reason: EndReason,
    {most, after, except}: EndPage & {readonly except?: string},
  ): Awaitable<EndedPage> {
    const ended = this.#file.erase('NORMAL', () => {
      const [first, last] = after?.split(' ').map(Number) ?? [0, order.last()];
      const size = Math.min(most, batch);
      const page = order.page(first!, last!, size);
      const ending = page.filter(({key}) => key !== except);
      const next = nextOf(page, size);
      return {count: this.#endLive(ending, reason, this.#now()), next: next && `${next} ${last}`};
    });
    return proceed(ended, page => (page.next === undefined ? this.#file.flush().then(() => page) : page));
  }

  /** Those that live and can be read; gives how many. */
  #endLive(page: readonly Placed[], reason: EndReason, now: number): number {
    const end = ({key}: Placed) => {
      const session = this.#live(key, now);
      return session !== undefined && this.#conclude(session, reason, now);
    };
    return page.filter(placed => unlessCorrupt(() => end(placed))).length;
  }

  #conclude(session: SqliteSession, reason: EndReason, now: number): boolean {
    const kept = this.#outbox.isKept(now) ? this.#record(session, now) : undefined;
    if (leavesFormerIds(reason)) this.#ids.leave(session, now);
    // First, since it makes the room that the others need.
    this.#sql.drop.run(session.id);
    if (kept) this.#outbox.add(reason, kept);
    this.#ends.add(session.key, reason, now);
    return true;
  }

  #record(session: SqliteSession, now: number): SessionRecord {
    const components = readable(() => this.#sql.components.all(session.id));
    return recordOf(session, components, now);
  }

  #sweep(now: number): boolean {
    const {deadline, id} = this.#swept;
    const due = this.#sql.due.all(deadline, now, deadline, id, batch) as unknown as Due[];
    const isTidy = !this.#ends.isLong(now) && !this.#time.isSet() && !this.#hasFormer;
    if (due.length > 0 || !isTidy) this.#file.eraseNow('NORMAL', () => this.#tidy(due, now));
    const hasMore = due.length === batch;
    // One that can't be read stays where it is, and the others come behind it.
    this.#swept = hasMore ? due.at(-1)! : beginning;
    return hasMore || this.#hasFormer || this.#ends.isLong(now);
  }

  #tidy(due: readonly Due[], now: number): void {
    for (const {key} of due) unlessCorrupt(() => this.#live(key, now));
    const isLong = this.#ends.isLong(now);
    if (isLong) this.#ends.trim(now);
    if (isLong || this.#hasFormer) this.#hasFormer = this.#ids.forget(now, batch) === batch;
    this.#time.note();
  }
}

/** What is there by a uid or a key: a live session, read whole; a uid that found one; or nothing. */
type Found =
  | {readonly session: SqliteSession; readonly record: SessionRecord; readonly former?: undefined}
  | {readonly session?: undefined; readonly record?: undefined; readonly former?: FormerId | undefined};

function isAsOf({authenticatedAt = 0}: SqliteSession, asOf: number | undefined): boolean {
  return asOf === undefined || asOf === authenticatedAt;
}

interface Due {
  readonly id: number;
  readonly key: string;
  readonly deadline: number;
}

type Statements = ReturnType<typeof prepareStatements>;

function prepareStatements(file: SqliteFile) {
  const session = `SELECT ${sessionColumns} FROM session`;
  const whole = `SELECT ${sessionColumns}, ${componentColumns}
    FROM session LEFT JOIN component ON component.session = session.id AND text IS NOT NULL`;
  const hasKey = 'WHERE key = ?';
  const hasUid = 'WHERE key = ? AND uid = ?';
  const hasAlias = 'WHERE id = (SELECT session FROM alias WHERE uid = ? AND (until IS NULL OR until > ?))';
  return {
    create: file.prepare(`INSERT INTO session
      (key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at, device) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    byKey: file.prepareRows(`${session} ${hasKey}`),
    byUid: file.prepareRows(`${session} ${hasUid}`),
    byAlias: file.prepareRows(`${session} ${hasAlias}`),
    wholeByKey: file.prepareRows(`${whole} ${hasKey}`),
    wholeByUid: file.prepareRows(`${whole} ${hasUid}`),
    wholeByAlias: file.prepareRows(`${whole} ${hasAlias}`),
    due: file.prepare(`SELECT id, key, deadline FROM session
      WHERE deadline >= ? AND deadline <= ? AND (deadline > ? OR id > ?) ORDER BY deadline, id LIMIT ?`),
    components: file.prepareRows(`SELECT ${componentColumns} FROM component WHERE session = ? AND text IS NOT NULL`),
    component: file.prepareRows(`SELECT ${componentColumns} FROM component WHERE session = ? AND name = ?`),
    put: file.prepare(`INSERT INTO component VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET revision = excluded.revision, text = excluded.text`),
    see: file.prepare('UPDATE session SET last_seen_at = ? WHERE id = ?'),
    setIdleTimeout: file.prepare(
      'UPDATE session SET idle_timeout = ?, last_seen_at = max(last_seen_at, ?) WHERE id = ?',
    ),
    setLifetime: file.prepare(`UPDATE session SET idle_timeout = ?, absolute_timeout = ?, is_remembered = ?,
      last_seen_at = max(last_seen_at, ?) WHERE id = ?`),
    signIn: file.prepare(`UPDATE session SET user = ?, authenticated_at = ?,
      sign_in = (SELECT coalesce(max(sign_in), 0) + 1 FROM session WHERE user = ?) WHERE id = ?`),
    count: file.prepare('SELECT count(*) AS count FROM session'),
    drop: file.prepare('DELETE FROM session WHERE id = ?'),
  };
}
