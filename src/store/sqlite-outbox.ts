import type {FiledEnd} from '../session/store/cabinet.ts';
import type {EndCounts, EndReason} from '../session/store/contract.ts';
import {userOfEnd} from './sqlite-database.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';
import {decodeEnded, encodeEnded} from './sqlite-record.ts';

interface Row {
  readonly key: string;
  readonly reason: EndReason;
  readonly endedAt: number;
  readonly attempts: number;
  readonly dueAt: number | null;
  readonly session: string;
}

/** The ends that are still to be told of. */
export class SqliteOutbox {
  readonly #keep: SqliteStatement;
  readonly #keptUntil: SqliteStatement;
  readonly #put: SqliteStatement;
  readonly #due: SqliteStatement;
  readonly #get: SqliteStatement;
  readonly #move: SqliteStatement;
  readonly #drop: SqliteStatement;
  readonly #parked: SqliteStatement;
  readonly #of: SqliteStatement;
  readonly #count: SqliteStatement;

  constructor(file: SqliteFile) {
    const ends = 'SELECT key, reason, ended_at AS endedAt, attempts, due_at AS dueAt, session FROM outbox';
    this.#keep = file.prepare(`INSERT INTO setting VALUES ('keep_ends_until', ?)
      ON CONFLICT DO UPDATE SET value = max(value, excluded.value)`);
    this.#keptUntil = file.prepare("SELECT value FROM setting WHERE name = 'keep_ends_until'");
    this.#put = file.prepare('INSERT OR REPLACE INTO outbox VALUES (NULL, ?, ?, ?, ?, ?, ?)');
    this.#due = file.prepare(`${ends} WHERE due_at IS NOT NULL AND due_at <= ? ORDER BY id LIMIT ?`);
    this.#get = file.prepare(`${ends} WHERE key = ?`);
    this.#move = file.prepare('UPDATE outbox SET due_at = ?, attempts = ? WHERE key = ?');
    this.#drop = file.prepare('DELETE FROM outbox WHERE key = ?');
    this.#parked = file.prepare('SELECT key FROM outbox WHERE due_at IS NULL ORDER BY id LIMIT ?');
    this.#of = file.prepare(`SELECT key FROM outbox WHERE ${userOfEnd} = ? LIMIT ?`);
    this.#count = file.prepare(`SELECT (SELECT count(*) FROM outbox WHERE due_at IS NOT NULL) AS waiting,
      (SELECT count(*) FROM outbox WHERE due_at IS NULL) AS parked`);
  }

  keptUntil(): number {
    return Number(this.#keptUntil.get()?.['value'] ?? 0);
  }

  keepUntil(moment: number): void {
    this.#keep.run(moment);
  }

  put({key, reason, endedAt, attempts, dueAt, session}: FiledEnd): void {
    this.#put.run(key, reason, endedAt, attempts, dueAt ?? null, encodeEnded(session));
  }

  due(now: number, most: number): FiledEnd[] {
    return (this.#due.all(now, most) as unknown as Row[]).map(decode);
  }

  get(key: string): FiledEnd | undefined {
    const row = this.#get.get(key);
    return row && decode(row as unknown as Row);
  }

  move(key: string, dueAt: number | undefined, attempts: number): void {
    this.#move.run(dueAt ?? null, attempts, key);
  }

  drop(key: string): void {
    this.#drop.run(key);
  }

  parked(most: number): string[] {
    return this.#parked.all(most).map(row => String(row['key']));
  }

  of(user: string, most: number): string[] {
    return this.#of.all(JSON.stringify(user), most).map(row => String(row['key']));
  }

  counts(): EndCounts {
    return {...(this.#count.get() as unknown as EndCounts)};
  }
}

function decode({dueAt, session, ...end}: Row): FiledEnd {
  return {...end, dueAt: dueAt ?? undefined, session: decodeEnded(session)};
}
