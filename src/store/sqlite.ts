import {proceed, type Awaitable} from '../awaitable.ts';
import {systemClock, type Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {report, type Logger} from '../logger.ts';
import {gainsEnough, idleDeadline, timeoutReason} from '../session/lifetime.ts';
import {sessionTaken, unlessCorrupt} from '../session/refusals.ts';
import type {
  EndedSession,
  EndOutcome,
  EndReason,
  NewSession,
  Renewal,
  SessionRecord,
  SessionStore,
  StoreListener,
  Written,
} from '../session/session-store.ts';
import {OutageLog} from './outage-log.ts';
import {SqliteEnds} from './sqlite-ends.ts';
import {SqliteFile, type SqliteStatement, type Sync} from './sqlite-file.ts';
import {isBusy} from './sqlite-line.ts';
import {SqliteOutbox} from './sqlite-outbox.ts';
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
  /** Where a sweep that fails is told of. Default: `console`. */
  readonly logger?: Logger;
  /**
   * What an answered write of a component survives: the end of the process (`process`), or the machine's power being cut
   * as well (`power`), for which each waits for the disk. An answered end and an answered renewal survive both in either
   * case. Default: `power`.
   */
  readonly durability?: 'process' | 'power';
}

const lookEvery = 500;
/** How many sessions a sweep ends in one transaction: a millisecond's worth. */
const batch = 50;
/** Where a sweep begins: before the first deadline. */
const beginning = {deadline: 0, id: 0};

/**
 * Sessions in an SQLite file: they outlive the process, and all processes of one machine may share them. Only what is
 * read is held in memory. A call holds up the event loop for as long as it takes, some ten microseconds; where it waits
 * for the disk, for as long as that takes; but not while it waits for other processes.
 */
export class SqliteStore implements SessionStore {
  /** What holds where `SqliteStoreOptions` are silent. */
  static readonly defaults = {durability: 'power'} as const;

  readonly #file: SqliteFile;
  readonly #sql: Statements;
  readonly #outbox: SqliteOutbox;
  readonly #clock: Clock;
  readonly #time: SqliteTime;
  readonly #logger: Logger;
  readonly #sync: Sync;
  readonly #ends: SqliteEnds;
  #cancelLook: () => void;
  /** How far the sweep has come. */
  #swept = beginning;
  #isFailing = false;
  #isClosed = false;

  /**
   * Opens the file, or fails with `OPTION_INVALID` when that can't be done: it is not one of ours, it is damaged, or this
   * process may not write it.
   */
  constructor(options: SqliteStoreOptions) {
    const {path, clock = systemClock, logger = console, durability = SqliteStore.defaults.durability} = options ?? {};
    if (durability !== 'process' && durability !== 'power')
      throw new EspalierError('OPTION_INVALID', `The SQLite store's durability must be 'process' or 'power'.`);
    this.#clock = clock;
    this.#logger = logger;
    this.#sync = durability === 'power' ? 'FULL' : 'NORMAL';
    this.#file = new SqliteFile(path, new OutageLog(logger));
    this.#time = new SqliteTime(this.#file, clock);
    this.#sql = prepareStatements(this.#file);
    this.#outbox = new SqliteOutbox(this.#file);
    this.#ends = new SqliteEnds(this.#file);
    this.#cancelLook = clock.after(lookEvery, () => this.#look());
  }

  create({uid, isSecure, idleTimeout, absoluteTimeout}: NewSession): Awaitable<SessionRecord> {
    return this.#file.write('NORMAL', () => {
      const now = this.#now();
      this.#refuseTaken(uid, now);
      this.#sql.create.run(uid, uid, Number(isSecure), idleTimeout, absoluteTimeout, now, now);
      return this.#record(this.#byKey(uid)!, now);
    });
  }

  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | undefined> {
    return this.#found(isSeen, () => {
      const rows = this.#sql.wholeByUid.all(uid, uid);
      return rows.length > 0 ? rows : this.#sql.wholeByAlias.all(uid, this.#now());
    });
  }

  touch(key: string): Awaitable<SessionRecord | undefined> {
    return this.#found(true, () => this.#sql.wholeByKey.all(key));
  }

  write(key: string, name: string, expected: number, text: string | undefined): Awaitable<Written> {
    return this.#file.write(this.#sync, () => {
      const session = this.#live(key, this.#now());
      return session ? this.#put(session, encodeName(name), expected, text) : {state: 'gone'};
    });
  }

  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | undefined> {
    const {from, signIn} = renewal;
    return this.#file.write('FULL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      if (!session) return undefined;
      const {user} = session;
      if (signIn && user !== undefined && user !== signIn.user) return this.#record(session, now);
      const isFirst = session.uid === from || (signIn !== undefined && user === undefined);
      if (isFirst) this.#rename(session, renewal, now);
      if (signIn) this.#signIn(session, signIn, now);
      return this.#seen(this.#byKey(key)!, now);
    });
  }

  setIdleTimeout(key: string, idleTimeout: number): Awaitable<SessionRecord | undefined> {
    return this.#file.write('FULL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      if (!session) return undefined;
      this.#sql.setIdleTimeout.run(idleTimeout, now, session.id);
      return this.#record(this.#byKey(key)!, now);
    });
  }

  end(key: string, reason: EndReason): Awaitable<boolean> {
    return this.#file.erase('FULL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      if (session) this.#drop(session, reason, now);
      return session !== undefined;
    });
  }

  list(user: string): Awaitable<readonly SessionRecord[]> {
    return this.#file.read(() => {
      const now = this.#now();
      const sessions = this.#sessionsOf(user).filter(session => now < idleDeadline(session));
      return sessions.flatMap(session => unlessCorrupt(() => this.#record(session, now)) ?? []);
    });
  }

  endAll(user: string, reason: EndReason, except?: string): Awaitable<number> {
    return this.#file.erase('FULL', () => {
      const now = this.#now();
      const ending = this.#liveOf(user, now).filter(({key}) => key !== except);
      return ending.filter(session => this.#dropIfReadable(session, reason, now)).length;
    });
  }

  onEnd(listener: StoreListener): () => void {
    return this.#ends.listen(listener);
  }

  keepEnds(): Awaitable<void> {
    return this.#file.write('NORMAL', () => this.#outbox.keep(this.#now()));
  }

  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]> {
    if (!this.#outbox.hasDue(this.#now())) return [];
    return this.#file.write('NORMAL', () => this.#outbox.take(count, lease, this.#now()));
  }

  settleEnd(key: string, outcome: EndOutcome): Awaitable<void> {
    return this.#file.erase('NORMAL', () => this.#outbox.settle(key, outcome, this.#now()));
  }

  releaseEnds(): Awaitable<number> {
    return this.#file.write('NORMAL', () => this.#outbox.release());
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelLook();
    this.#file.close();
  }

  #now(): number {
    return this.#time.now();
  }

  /** Only what gains enough by being seen is written; all else reads alone, and waits for nobody. */
  #found(isSeen: boolean, read: () => ReturnType<SqliteStatement['all']>): Awaitable<SessionRecord | undefined> {
    const found = this.#file.read(() => {
      const rows = readable(read);
      const record = rows.length > 0 ? decodeWhole(rows, this.#now()) : undefined;
      return record && record.now < idleDeadline(record) ? record : undefined;
    });
    return isSeen ? proceed(found, record => this.#seenIfWorth(record)) : found;
  }

  #seenIfWorth(record: SessionRecord | undefined): Awaitable<SessionRecord | undefined> {
    return record && gainsEnough(record, record.now) ? this.#seenByKey(record.key) : record;
  }

  #seenByKey(key: string): Awaitable<SessionRecord | undefined> {
    return this.#file.write('NORMAL', () => {
      const now = this.#now();
      const session = this.#live(key, now);
      return session && this.#seen(session, now);
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
    this.#drop(session, timeoutReason(session), now);
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

  #rename({id, uid}: SqliteSession, {to, grace}: Renewal, now: number): void {
    this.#refuseTaken(to, now);
    this.#sql.forget.run(id, now);
    this.#sql.name.run(uid, id, now + grace);
    this.#sql.name.run(to, id, null);
    this.#sql.rename.run(to, id);
  }

  #signIn(session: SqliteSession, {user, limit}: NonNullable<Renewal['signIn']>, now: number): void {
    const at = Math.max(now, session.authenticatedAt ?? session.createdAt);
    this.#sql.signIn.run(user, at, user, session.id);
    for (const oldest of this.#liveOf(user, now).slice(0, -limit)) this.#dropIfReadable(oldest, 'replaced', now);
  }

  /** Those that can be read. */
  #sessionsOf(user: string): SqliteSession[] {
    const keys = this.#sql.keysOf.all(user) as {key: string}[];
    return keys.flatMap(({key}) => unlessCorrupt(() => this.#byKey(key)) ?? []);
  }

  /** Those of them that live; the others end here. */
  #liveOf(user: string, now: number): SqliteSession[] {
    return this.#sessionsOf(user).filter(session => {
      const isLive = now < idleDeadline(session);
      if (!isLive) this.#dropIfReadable(session, timeoutReason(session), now);
      return isLive;
    });
  }

  #dropIfReadable(session: SqliteSession, reason: EndReason, now: number): boolean {
    return unlessCorrupt(() => this.#drop(session, reason, now)) ?? false;
  }

  #drop(session: SqliteSession, reason: EndReason, now: number): boolean {
    const kept = this.#outbox.isKept(now) ? this.#record(session, now) : undefined;
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

  #look(): void {
    const hasMore = this.#lookAfterAll();
    if (!this.#isClosed) this.#cancelLook = this.#clock.after(hasMore ? 0 : lookEvery, () => this.#look());
  }

  /** Whether there is more to do. Others who are writing just now may well be doing it. */
  #lookAfterAll(): boolean {
    try {
      const found = this.#file.restore();
      if (found === 'nothing') return false;
      if (found === 'another') this.#ends.skip();
      this.#time.follow();
      const hasMore = this.#sweep(this.#now());
      this.#ends.hear();
      this.#file.reserve();
      this.#isFailing = false;
      return hasMore;
    } catch (error) {
      if (!isBusy(error)) this.#reportOnce(error);
      return false;
    }
  }

  #reportOnce(error: unknown): void {
    if (!this.#isFailing) report(this.#logger, 'The SQLite store could not look for sessions that are due.', error);
    this.#isFailing = true;
  }

  #sweep(now: number): boolean {
    const {deadline, id} = this.#swept;
    const due = this.#sql.due.all(deadline, now, deadline, id, batch) as unknown as Due[];
    const isTidy = !this.#ends.isLong(now) && !this.#time.isSet();
    if (due.length > 0 || !isTidy) this.#file.eraseNow('NORMAL', () => this.#endAllDue(due, now));
    const hasMore = due.length === batch;
    // One that can't be read stays where it is, and the others come behind it.
    this.#swept = hasMore ? due.at(-1)! : beginning;
    return hasMore;
  }

  #endAllDue(due: readonly Due[], now: number): void {
    for (const {key} of due) unlessCorrupt(() => this.#live(key, now));
    if (this.#ends.isLong(now)) this.#ends.trim(now);
    this.#time.note();
  }
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
      (key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at) VALUES (?, ?, ?, ?, ?, ?, ?)`),
    byKey: file.prepareRows(`${session} ${hasKey}`),
    byUid: file.prepareRows(`${session} ${hasUid}`),
    byAlias: file.prepareRows(`${session} ${hasAlias}`),
    wholeByKey: file.prepareRows(`${whole} ${hasKey}`),
    wholeByUid: file.prepareRows(`${whole} ${hasUid}`),
    wholeByAlias: file.prepareRows(`${whole} ${hasAlias}`),
    keysOf: file.prepare('SELECT key FROM session WHERE user = ? ORDER BY sign_in'),
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
    signIn: file.prepare(`UPDATE session SET user = ?, authenticated_at = ?,
      sign_in = (SELECT coalesce(max(sign_in), 0) + 1 FROM session WHERE user = ?) WHERE id = ?`),
    rename: file.prepare('UPDATE session SET uid = ? WHERE id = ?'),
    name: file.prepare(`INSERT INTO alias VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET session = excluded.session, until = excluded.until`),
    forget: file.prepare('DELETE FROM alias WHERE session = ? AND until <= ?'),
    drop: file.prepare('DELETE FROM session WHERE id = ?'),
  };
}
