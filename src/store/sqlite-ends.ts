import type {EndReason, StoreListener} from '../session/store/contract.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';

interface End {
  readonly id: number;
  readonly key: string;
  readonly reason: EndReason;
}

const minute = 60_000;
/** How many ends are read, or forgotten, in one step: a millisecond's worth. */
const portion = 500;

/**
 * The log of ends by which each process hears of all of them. Writers come one after the other, so an end's number is
 * given in the order of the commits: who has read up to one number misses none by going on from there.
 */
export class SqliteEnds {
  readonly #listeners = new Set<StoreListener>();
  readonly #add: SqliteStatement;
  readonly #last: SqliteStatement;
  readonly #since: SqliteStatement;
  readonly #oldest: SqliteStatement;
  readonly #trim: SqliteStatement;
  #heard = 0;
  #trimAt = 0;

  constructor(file: SqliteFile) {
    this.#add = file.prepare('INSERT INTO ended VALUES (NULL, ?, ?, ?)');
    this.#last = file.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'ended'");
    this.#since = file.prepare(`SELECT id, key, reason FROM ended WHERE id > ? ORDER BY id LIMIT ${portion}`);
    this.#oldest = file.prepare(`SELECT id, ended_at AS endedAt FROM ended ORDER BY id LIMIT ${portion}`);
    this.#trim = file.prepare('DELETE FROM ended WHERE id <= ?');
  }

  add(key: string, reason: EndReason, now: number): void {
    this.#add.run(key, reason, now);
  }

  /** `listener` hears of what ends from now on; the others hear of what ended before at once. */
  listen(listener: StoreListener): () => void {
    if (this.#listeners.size > 0) while (this.hear());
    else this.skip();
    const tell: StoreListener = (key, reason) => listener(key, reason);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Tell of none of the ends so far. */
  skip(): void {
    this.#heard = this.#count();
  }

  /** The file is back, and may have fewer ends than before: those to come are told of. */
  goBack(): void {
    this.#heard = Math.min(this.#heard, this.#count());
  }

  #count(): number {
    return Number(this.#last.get()?.['seq'] ?? 0);
  }

  /** Tell of ends since the last time. Whether there are more. */
  hear(): boolean {
    if (this.#listeners.size === 0) return false;
    const ends = this.#since.all(this.#heard) as unknown as End[];
    for (const {id, key, reason} of ends) {
      this.#heard = id;
      for (const listener of this.#listeners) listener(key, reason);
    }
    return ends.length === portion;
  }

  /** Whether to `trim`, which is done now and then. */
  isLong(now: number): boolean {
    return now >= this.#trimAt;
  }

  /** Forget ends that everybody has heard of, some at a time. */
  trim(now: number): void {
    const oldest = this.#oldest.all() as {id: number; endedAt: number}[];
    const last = oldest.findLast(({endedAt}) => endedAt <= now - minute);
    if (last) this.#trim.run(last.id);
    if (last?.id !== oldest.at(-1)?.id || oldest.length < portion) this.#trimAt = now + minute / 2;
  }
}
