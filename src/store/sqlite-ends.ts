import type {EndReason, StoreListener} from '../session/session-store.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';

interface End {
  readonly id: number;
  readonly key: string;
  readonly reason: EndReason;
}

const minute = 60_000;

/**
 * The log of ends by which each process hears of all of them. Writers come one after the other, so an end's number is
 * given in the order of the commits: who has read up to one number misses none by going on from there.
 */
export class SqliteEnds {
  readonly #listeners = new Set<StoreListener>();
  readonly #add: SqliteStatement;
  readonly #last: SqliteStatement;
  readonly #since: SqliteStatement;
  readonly #trim: SqliteStatement;
  #heard = 0;
  #trimAt = 0;

  constructor(file: SqliteFile) {
    this.#add = file.prepare('INSERT INTO ended VALUES (NULL, ?, ?, ?)');
    this.#last = file.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'ended'");
    this.#since = file.prepare('SELECT id, key, reason FROM ended WHERE id > ? ORDER BY id');
    this.#trim = file.prepare('DELETE FROM ended WHERE ended_at <= ?');
  }

  add(key: string, reason: EndReason, now: number): void {
    this.#add.run(key, reason, now);
  }

  /** `listener` hears of what ends from now on; the others hear of what ended before at once. */
  listen(listener: StoreListener): () => void {
    if (this.#listeners.size > 0) this.hear();
    else this.skip();
    const tell: StoreListener = (key, reason) => listener(key, reason);
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }

  /** Tell of none of the ends so far. */
  skip(): void {
    this.#heard = Number(this.#last.get()?.['seq'] ?? 0);
  }

  /** Tell of the ends since the last time. */
  hear(): void {
    if (this.#listeners.size === 0) return;
    for (const {id, key, reason} of this.#since.all(this.#heard) as unknown as End[]) {
      this.#heard = id;
      for (const listener of this.#listeners) listener(key, reason);
    }
  }

  /** Whether to `trim`. It reads the whole log, so it is done now and then. */
  isLong(now: number): boolean {
    return now >= this.#trimAt;
  }

  /** Forget ends that everybody has heard of. */
  trim(now: number): void {
    this.#trim.run(now - minute);
    this.#trimAt = now + minute / 2;
  }
}
