import type {FiledFormerId} from '../session/store/cabinet.ts';
import {newId, type SessionId} from '../session/store/ids.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';
import {encodeIds, type SqliteSession} from './sqlite-record.ts';

interface Alias {
  readonly uid: string;
  readonly until: number | null;
}

/**
 * The uids of sessions. Those of one are with its row, and each has a row in `alias`, by which it is looked up; those
 * that find none any more are in `former` for a while.
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
    this.#change = file.prepare('UPDATE session SET uid = ?, ids = ? WHERE id = ?');
    this.#unname = file.prepare('DELETE FROM alias WHERE session = ?');
    this.#name = file.prepare(`INSERT INTO alias VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET session = excluded.session, until = excluded.until`);
    this.#former = file.prepare('SELECT key, until, forget_at AS forgetAt FROM former WHERE uid = ?');
    this.#remember = file.prepare('INSERT OR REPLACE INTO former VALUES (?, ?, ?, ?)');
    this.#forget = file.prepare(`DELETE FROM former
      WHERE uid IN (SELECT uid FROM former WHERE forget_at <= ? ORDER BY forget_at LIMIT ?)`);
  }

  put(session: number, ids: readonly SessionId[]): void {
    this.#change.run(ids.at(-1)!.uid, encodeIds(ids), session);
    this.#unname.run(session);
    for (const {uid, until} of ids) this.#name.run(uid, session, until ?? null);
  }

  former(uid: string): FiledFormerId | undefined {
    return this.#former.get(uid) as unknown as FiledFormerId | undefined;
  }

  remember(uid: string, {key, until, forgetAt}: FiledFormerId): void {
    this.#remember.run(uid, key, until, forgetAt);
  }

  forget(now: number, most: number): number {
    return Number(this.#forget.run(now, most).changes);
  }

  /** The session with all its uids: a process of 0.1.0 that has renewed it writes to `alias` alone, and names the last in `uid`. */
  whole(session: SqliteSession, uid: string): SqliteSession {
    const {ids: known = [], key, id, createdAt} = session;
    if (uid === (known.at(-1)?.uid ?? key)) return session;
    const place = (alias: Alias) => known.findIndex(each => each.uid === alias.uid);
    const aliases = this.#aliases.all(id) as unknown as Alias[];
    const before = aliases.filter(alias => alias.uid !== uid).toSorted((one, other) => place(one) - place(other));
    const ids = before.map(alias => ({
      ...(known[place(alias)] ?? {uid: alias.uid, issuedAt: createdAt, grace: 0, seenAt: 0}),
      until: alias.until ?? undefined,
    }));
    return {...session, ids: [...ids, newId(uid, createdAt)]};
  }
}
