import {formerIdsFor, type FormerId} from '../session/store/contract.ts';
import {idsAfterSight, isOpen, newId, type ChangedIds, type SessionId} from '../session/store/ids.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';
import {decodeIds, encodeIds, type SqliteSession} from './sqlite-record.ts';

interface Alias {
  readonly uid: string;
  readonly until: number | null;
}

type Former = Pick<FormerId, 'key' | 'until'>;

/**
 * The uids of sessions. Those that find one are with its row, and each has a row in `alias`, by which it is looked up; those
 * that do not any more are in `former` for a while. Each method that writes is to be called in a transaction of the file.
 */
export class SqliteIds {
  readonly #aliases: SqliteStatement;
  readonly #change: SqliteStatement;
  readonly #unname: SqliteStatement;
  readonly #name: SqliteStatement;
  readonly #former: SqliteStatement;
  readonly #remember: SqliteStatement;
  readonly #forget: SqliteStatement;

  constructor(file: SqliteFile) {
    this.#aliases = file.prepare('SELECT uid, until FROM alias WHERE session = ?');
    this.#change = file.prepare('UPDATE session SET uid = ?, ids = ?, is_waiting = ? WHERE id = ?');
    this.#unname = file.prepare('DELETE FROM alias WHERE session = ?');
    this.#name = file.prepare(`INSERT INTO alias VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET session = excluded.session, until = excluded.until`);
    this.#former = file.prepare(`SELECT key, until FROM former WHERE uid = ? AND forget_at > ?
      UNION ALL SELECT key, until FROM alias JOIN session ON id = session
      WHERE alias.uid = ? AND until > ?
      AND deadline > ? LIMIT 1`);
    this.#remember = file.prepare('INSERT OR REPLACE INTO former VALUES (?, ?, ?, ?)');
    this.#forget = file.prepare(`DELETE FROM former
      WHERE uid IN (SELECT uid FROM former WHERE forget_at <= ? ORDER BY forget_at LIMIT ?)`);
  }

  /** Those of a session, in the order in which they were given. */
  of(session: SqliteSession): readonly SessionId[] {
    const {uid, key, createdAt} = session;
    const ids = decodeIds(session);
    const last = ids.at(-1)?.uid ?? key;
    if (last !== uid) return this.#asRenewedByOthers(session, ids);
    return ids.length > 0 ? ids : [newId(key, createdAt)];
  }

  /** Whether it would change anything that a visitor has come with this uid. */
  isNews(session: SqliteSession, uid: string, now: number): boolean {
    return session.isOpen && idsAfterSight(decodeIds(session), uid, now) !== undefined;
  }

  /** A visitor has come with this uid, so it has reached their browser. */
  see(session: SqliteSession, uid: string, now: number): void {
    const ids = idsAfterSight(this.of(session), uid, now);
    if (ids) this.put(session, {ids, former: []}, now);
  }

  put({id, key}: SqliteSession, {ids, former}: ChangedIds, now: number): void {
    this.#change.run(ids.at(-1)!.uid, encodeIds(ids), Number(isOpen(ids)), id);
    this.#unname.run(id);
    for (const {uid, until} of ids) this.#name.run(uid, id, until ?? null);
    for (const {uid, until} of former) this.#leave(uid, key, until, now);
  }

  /** The session ends, and each of its uids is remembered. */
  leave(session: SqliteSession, now: number): void {
    for (const {uid, until = now} of this.of(session)) this.#leave(uid, session.key, Math.min(until, now), now);
  }

  /** A uid that found a session until a while ago. */
  former(uid: string, now: number): FormerId | undefined {
    const found = this.#former.get(uid, now, uid, now - formerIdsFor, now) as Former | undefined;
    return found && {isFormer: true, key: found.key, until: found.until, now};
  }

  /** Forget some of those that were remembered for long enough. Gives how many. */
  forget(now: number, most: number): number {
    return Number(this.#forget.run(now, most).changes);
  }

  #leave(uid: string, key: string, until: number, now: number): void {
    this.#remember.run(uid, key, until, Math.max(until, now) + formerIdsFor);
  }

  /** A process of 0.1.0 has renewed the session: it writes to `alias` alone. */
  #asRenewedByOthers({id, uid, createdAt}: SqliteSession, known: readonly SessionId[]): readonly SessionId[] {
    const place = (alias: Alias) => known.findIndex(each => each.uid === alias.uid);
    const aliases = this.#aliases.all(id) as unknown as Alias[];
    const before = aliases.filter(alias => alias.uid !== uid).toSorted((one, other) => place(one) - place(other));
    const ids = before.map(alias => ({
      ...(known[place(alias)] ?? {uid: alias.uid, issuedAt: createdAt, grace: 0, seenAt: 0}),
      until: alias.until ?? undefined,
    }));
    return [...ids, newId(uid, createdAt)];
  }
}
