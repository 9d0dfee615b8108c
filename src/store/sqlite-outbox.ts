import {
  keepsEndsFor,
  type EndCounts,
  type EndedSession,
  type EndOutcome,
  type EndReason,
  type SessionRecord,
} from '../session/store/contract.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';
import {decodeEnded, encodeEnded} from './sqlite-record.ts';

type Handed = Omit<EndedSession, 'session'> & {readonly id: number; readonly session: string};

/** The ends that are still to be told of. Each method is to be called in a transaction of its file. */
export class SqliteOutbox {
  readonly #keep: SqliteStatement;
  readonly #isKept: SqliteStatement;
  readonly #add: SqliteStatement;
  readonly #hasDue: SqliteStatement;
  readonly #take: SqliteStatement;
  readonly #drop: SqliteStatement;
  readonly #defer: SqliteStatement;
  readonly #release: SqliteStatement;
  readonly #count: SqliteStatement;
  readonly #all: SqliteStatement;
  readonly #erase: SqliteStatement;

  constructor(file: SqliteFile) {
    const due = 'FROM outbox WHERE due_at IS NOT NULL AND due_at <= ?';
    this.#keep = file.prepare(`INSERT INTO setting VALUES ('keep_ends_until', ?)
      ON CONFLICT DO UPDATE SET value = max(value, excluded.value)`);
    this.#isKept = file.prepare("SELECT 1 FROM setting WHERE name = 'keep_ends_until' AND value > ?");
    this.#add = file.prepare('INSERT OR REPLACE INTO outbox VALUES (NULL, ?, ?, ?, 0, 0, ?)');
    this.#hasDue = file.prepare(`SELECT 1 ${due} LIMIT 1`);
    this.#take = file.prepare(`UPDATE outbox SET attempts = attempts + 1, due_at = ?
      WHERE id IN (SELECT id ${due} ORDER BY id LIMIT ?)
      RETURNING id, key, reason, ended_at AS endedAt, attempts, session`);
    this.#drop = file.prepare('DELETE FROM outbox WHERE key = ? AND due_at IS NOT NULL');
    this.#defer = file.prepare('UPDATE outbox SET due_at = ? WHERE key = ? AND due_at IS NOT NULL');
    this.#release = file.prepare(`UPDATE outbox SET due_at = 0, attempts = 0
      WHERE id IN (SELECT id FROM outbox WHERE due_at IS NULL ORDER BY id LIMIT ?)`);
    this.#count = file.prepare('SELECT count(due_at) AS waiting, count(*) - count(due_at) AS parked FROM outbox');
    this.#all = file.prepare('SELECT id, session FROM outbox');
    this.#erase = file.prepare('DELETE FROM outbox WHERE id = ?');
  }

  keep(now: number): void {
    this.#keep.run(now + keepsEndsFor);
  }

  isKept(now: number): boolean {
    return this.#isKept.get(now) !== undefined;
  }

  add(reason: EndReason, session: SessionRecord): void {
    this.#add.run(session.key, reason, session.now, encodeEnded(session));
  }

  hasDue(now: number): boolean {
    return this.#hasDue.get(now) !== undefined;
  }

  take(count: number, lease: number, now: number): EndedSession[] {
    const taken = this.#take.all(now + lease, now, count) as unknown as Handed[];
    return taken
      .toSorted((a, b) => a.id - b.id)
      .map(({key, reason, endedAt, attempts, session}) => ({
        key,
        reason,
        endedAt,
        attempts,
        session: decodeEnded(session),
      }));
  }

  settle(key: string, outcome: EndOutcome, now: number): void {
    if (outcome === 'told') this.#drop.run(key);
    else this.#defer.run(outcome === 'parked' ? null : now + outcome.retryIn, key);
  }

  release(most: number): number {
    return Number(this.#release.run(most).changes);
  }

  count(): EndCounts {
    return {...this.#count.get()} as unknown as EndCounts;
  }

  erase(user: string, most: number): number {
    const all = this.#all.all() as {id: number; session: string}[];
    const theirs = all.filter(({session}) => decodeEnded(session)?.user === user).slice(0, most);
    for (const {id} of theirs) this.#erase.run(id);
    return theirs.length;
  }
}
