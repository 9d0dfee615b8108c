import type {LoggedEnd} from '../session/store/contract.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';

/**
 * The log of ends by which each process hears of all of them. Writers come one after the other, so an end's number is
 * given in the order of the commits: who has read up to one number misses none by going on from there.
 */
export class SqliteEnds {
  readonly #file: SqliteFile;
  readonly #add: SqliteStatement;
  readonly #last: SqliteStatement;
  readonly #since: SqliteStatement;
  readonly #forget: SqliteStatement;

  constructor(file: SqliteFile) {
    this.#file = file;
    this.#add = file.prepare('INSERT INTO ended VALUES (NULL, ?, ?, ?)');
    this.#last = file.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'ended'");
    this.#since = file.prepare('SELECT id, key, reason FROM ended WHERE id > ? ORDER BY id LIMIT ?');
    // By the first of them: whoever comes later has a later moment, as far as the clock goes forward.
    this.#forget = file.prepare(`DELETE FROM ended WHERE ended_at <= ?
      AND id IN (SELECT id FROM ended ORDER BY id LIMIT ?)`);
  }

  add({key, reason}: LoggedEnd, now: number): void {
    this.#add.run(key, reason, now);
  }

  /** A mark names the file too: another one that was put in its place has ends of its own. */
  since(mark: string | undefined, most: number): {readonly ends: readonly LoggedEnd[]; readonly mark: string} {
    const {identity} = this.#file;
    const last = Number(this.#last.get()?.['seq'] ?? 0);
    const [whose, number] = mark?.split(' ').map(Number) ?? [identity, last];
    const first = whose === identity && number! <= last ? number! : 0;
    const found = this.#since.all(first, most) as unknown as (LoggedEnd & {readonly id: number})[];
    return {ends: found.map(({key, reason}) => ({key, reason})), mark: `${identity} ${found.at(-1)?.id ?? last}`};
  }

  forget(before: number, most: number): number {
    return Number(this.#forget.run(before, most).changes);
  }
}
