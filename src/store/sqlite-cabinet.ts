import type {Awaitable} from '../awaitable.ts';
import {
  pageOf,
  type Cabinet,
  type FiledComponent,
  type FiledEnd,
  type FiledFormerId,
  type SessionOrder,
  type OrderPage,
  type OrderRange,
  type SessionChange,
  type StepKind,
  type CabinetSteps,
} from '../session/store/cabinet.ts';
import type {EndCounts, LoggedEnd, NewSession, StoredComponent} from '../session/store/contract.ts';
import {SqliteEnds} from './sqlite-ends.ts';
import type {SqliteFile, SqliteStatement, Sync} from './sqlite-file.ts';
import {SqliteIds} from './sqlite-ids.ts';
import {SqliteKnown} from './sqlite-known.ts';
import {SqliteOutbox} from './sqlite-outbox.ts';
import type {SqliteTime} from './sqlite-time.ts';
import {
  componentColumns,
  componentsOf,
  decodeComponent,
  decodeComponents,
  decodeSession,
  encodeText,
  encodeUser,
  readable,
  sessionColumns,
  type SqliteSession,
} from './sqlite-record.ts';

/** A session's place in an order, and its key. */
interface Placed {
  readonly key: string;
  readonly place: number;
}

const farthest = Number.MAX_SAFE_INTEGER;

/** The sessions in an SQLite file. */
export class SqliteCabinet implements Cabinet<SqliteSession>, CabinetSteps {
  /** Two milliseconds' worth. */
  readonly batch = 10;
  readonly #file: SqliteFile;
  readonly #time: SqliteTime;
  readonly #sync: Sync;
  readonly #sql: ReturnType<typeof prepareStatements>;
  readonly #ids: SqliteIds;
  readonly #outbox: SqliteOutbox;
  readonly #ends: SqliteEnds;
  readonly #known: SqliteKnown;

  /** `sync` is what the write of a component waits for. */
  constructor(file: SqliteFile, time: SqliteTime, sync: Sync) {
    this.#file = file;
    this.#time = time;
    this.#sync = sync;
    this.#sql = prepareStatements(file);
    this.#ids = new SqliteIds(file);
    this.#outbox = new SqliteOutbox(file);
    this.#ends = new SqliteEnds(file);
    this.#known = new SqliteKnown(file);
    file.watch({begin: () => this.#known.follow(), undo: () => this.#known.clear()});
  }

  read<T>(act: () => T): Awaitable<T> {
    return this.#file.read(act);
  }

  write<T>(kind: StepKind, act: () => T): Awaitable<T> {
    if (kind === 'end') return this.#file.erase('FULL', act);
    if (kind === 'sweep') return this.#file.eraseNow('NORMAL', act);
    if (kind === 'tidying') return this.#file.erase('NORMAL', act);
    if (kind === 'component') return this.#file.write(this.#sync, act);
    return this.#file.write(kind === 'firm' ? 'FULL' : 'NORMAL', act);
  }

  flush(): Awaitable<void> {
    return this.#file.flush();
  }

  close(): Awaitable<void> {
    return this.#file.close();
  }

  now(): number {
    return this.#time.now();
  }

  add({uid, isSecure, device, idleTimeout, absoluteTimeout}: NewSession, now: number): SqliteSession {
    const text = device === undefined ? null : encodeText(device);
    this.#sql.create.run(uid, uid, Number(isSecure), text, idleTimeout, absoluteTimeout, now, now);
    return this.byKey(uid)!;
  }

  byKey(key: string): SqliteSession | undefined {
    const known = this.#known.byKey(key);
    if (known) return known;
    const row = readable(() => this.#sql.byKey.get(key));
    return row && this.#decode(row);
  }

  byUid(uid: string): SqliteSession | undefined {
    const known = this.#known.byUid(uid);
    if (known) return known;
    const rows = readable(() => this.#sql.byUid.all(uid, uid, uid));
    if (rows.length === 0) return undefined;
    const session = this.#decode(rows[0]!);
    const whole = {...session, components: componentsOf(session.key, rows)};
    this.#known.add(whole);
    return whole;
  }

  change(session: SqliteSession, change: SessionChange): SqliteSession {
    const {id} = session;
    const {ids, user, authenticatedAt, lastSeenAt, idleTimeout} = change;
    const changed = {...session, ...change};
    if (lastSeenAt !== undefined) this.#sql.see.run(lastSeenAt, id);
    if (idleTimeout !== undefined) {
      this.#sql.setLifetime.run(idleTimeout, changed.absoluteTimeout, Number(changed.isRemembered), id);
    }
    if (user !== undefined) this.#sql.signIn.run(encodeUser(user), authenticatedAt!, encodeUser(user), id);
    if (ids) this.#ids.put(id, ids);
    this.#known.delete(session);
    if (changed.components) this.#known.add(changed);
    return changed;
  }

  remove(session: SqliteSession): void {
    this.#known.delete(session);
    this.#sql.drop.run(session.id);
  }

  count(): number {
    return Number(this.#sql.count.get()!['count']);
  }

  countLive(user: string, now: number, most: number): number {
    return Number(this.#sql.countLive.get(encodeUser(user), now, most)!['count']);
  }

  all(): SessionOrder {
    return orderOf(this.#sql.lastOfAll, this.#sql.ofAll);
  }

  ofUser(user: string): SessionOrder {
    return orderOf(this.#sql.lastOfUser, this.#sql.ofUser, encodeUser(user));
  }

  due(now: number, {after = '0 0', most}: OrderRange): OrderPage {
    const [deadline, id] = after.split(' ').map(Number);
    const found = this.#sql.due.all(deadline!, now, deadline!, id!, most) as unknown as (Placed & {deadline: number})[];
    return pageOf(
      found.map(({key, ...due}) => ({key, place: `${due.deadline} ${due.place}`})),
      most,
    );
  }

  component({id, key, components}: SqliteSession, name: string): FiledComponent | undefined {
    const known = components?.get(name);
    if (known) return known;
    const row = readable(() => this.#sql.component.get(id, encodeText(name)));
    return row && decodeComponent(key, row)[1];
  }

  components(
    {id, key, components}: SqliteSession,
    names: readonly string[] | 'all',
  ): ReadonlyMap<string, StoredComponent> {
    if (components && names === 'all') return new Map(components);
    const rows =
      names === 'all'
        ? readable(() => this.#sql.components.all(id))
        : names.map(name => readable(() => this.#sql.component.get(id, encodeText(name))));
    const found = decodeComponents(
      key,
      rows.filter(row => row !== undefined),
    );
    for (const [name, {text}] of found) if (text === undefined) found.delete(name);
    return found;
  }

  putComponent({id, components}: SqliteSession, name: string, {revision, text}: FiledComponent): void {
    this.#sql.put.run(id, encodeText(name), revision, text ?? null);
    if (text === undefined) components?.delete(name);
    else components?.set(name, Object.freeze({revision, text}));
    this.#known.grow(text?.length ?? 0);
  }

  former(uid: string): FiledFormerId | undefined {
    return this.#ids.former(uid);
  }

  remember(uid: string, former: FiledFormerId): void {
    this.#ids.remember(uid, former);
  }

  forget(now: number, most: number): number {
    return this.#ids.forget(now, most);
  }

  log(end: LoggedEnd, now: number): void {
    this.#ends.add(end, now);
  }

  logged(mark: string | undefined, most: number): {readonly ends: readonly LoggedEnd[]; readonly mark: string} {
    return this.#ends.since(mark, most);
  }

  forgetLogged(before: number, most: number): number {
    return this.#ends.forget(before, most);
  }

  keptUntil(): number {
    return this.#outbox.keptUntil();
  }

  keepUntil(moment: number): void {
    this.#outbox.keepUntil(moment);
  }

  putEnd(end: FiledEnd): void {
    this.#outbox.put(end);
  }

  dueEnds(now: number, most: number): readonly FiledEnd[] {
    return this.#outbox.due(now, most);
  }

  keptEnd(key: string): FiledEnd | undefined {
    return this.#outbox.get(key);
  }

  moveEnd(key: string, dueAt: number | undefined, attempts: number): void {
    this.#outbox.move(key, dueAt, attempts);
  }

  dropEnd(key: string): void {
    this.#outbox.drop(key);
  }

  parkedEnds(most: number): readonly string[] {
    return this.#outbox.parked(most);
  }

  endsOf(user: string, most: number): readonly string[] {
    return this.#outbox.of(user, most);
  }

  countEnds(): EndCounts {
    return this.#outbox.counts();
  }

  #decode(row: Parameters<typeof decodeSession>[0]): SqliteSession {
    const {session, uid} = decodeSession(row);
    return this.#ids.whole(session, uid);
  }
}

/** An order of those that are chosen by some values. */
function orderOf(last: SqliteStatement, page: SqliteStatement, ...chosen: readonly string[]): SessionOrder {
  return {
    last: () => String((last.get(...chosen) as unknown as Placed).place),
    page({most, after = 0, upTo = farthest}) {
      return pageOf(page.all(...chosen, Number(after), Number(upTo), most) as unknown as Placed[], most);
    },
  };
}

function prepareStatements(file: SqliteFile) {
  const session = `SELECT ${sessionColumns} FROM session`;
  const whole = `SELECT ${sessionColumns}, ${componentColumns}
    FROM session LEFT JOIN component ON component.session = session.id AND text IS NOT NULL`;
  return {
    create: file.prepare(`INSERT INTO session
      (key, uid, is_secure, device, idle_timeout, absolute_timeout, created_at, last_seen_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`),
    byKey: file.prepareRows(`${session} WHERE key = ?`),
    byUid: file.prepareRows(`${whole} WHERE id = coalesce(
      (SELECT id FROM session WHERE key = ? AND uid = ?), (SELECT session FROM alias WHERE uid = ?))`),
    count: file.prepare('SELECT count(*) AS count FROM session'),
    countLive: file.prepare(`SELECT count(*) AS count FROM
      (SELECT 1 FROM session WHERE user = ? AND deadline > ? LIMIT ?)`),
    ofUser: file.prepare(`SELECT key, sign_in AS place FROM session
      WHERE user = ? AND sign_in > ? AND sign_in <= ? ORDER BY sign_in LIMIT ?`),
    lastOfUser: file.prepare('SELECT coalesce(max(sign_in), 0) AS place FROM session WHERE user = ?'),
    ofAll: file.prepare('SELECT key, id AS place FROM session WHERE id > ? AND id <= ? ORDER BY id LIMIT ?'),
    lastOfAll: file.prepare('SELECT coalesce(max(id), 0) AS place FROM session'),
    due: file.prepare(`SELECT id AS place, key, deadline FROM session
      WHERE deadline >= ? AND deadline <= ? AND (deadline > ? OR id > ?) ORDER BY deadline, id LIMIT ?`),
    components: file.prepareRows(`SELECT ${componentColumns} FROM component WHERE session = ? AND text IS NOT NULL`),
    component: file.prepareRows(`SELECT ${componentColumns} FROM component WHERE session = ? AND name = ?`),
    put: file.prepare(`INSERT INTO component VALUES (?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET revision = excluded.revision, text = excluded.text`),
    see: file.prepare('UPDATE session SET last_seen_at = ? WHERE id = ?'),
    setLifetime: file.prepare(
      'UPDATE session SET idle_timeout = ?, absolute_timeout = ?, is_remembered = ? WHERE id = ?',
    ),
    signIn: file.prepare(`UPDATE session SET user = ?, authenticated_at = ?,
      sign_in = (SELECT coalesce(max(sign_in), 0) + 1 FROM session WHERE user = ?) WHERE id = ?`),
    drop: file.prepare('DELETE FROM session WHERE id = ?'),
  };
}
