import type {EndReason, EndsSince} from '../session/store/contract.ts';
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
  readonly #add: SqliteStatement;
  readonly #last: SqliteStatement;
  readonly #identity: SqliteStatement;
  readonly #since: SqliteStatement;
  readonly #oldest: SqliteStatement;
  readonly #trim: SqliteStatement;
  #trimAt = 0;

  constructor(file: SqliteFile) {
    this.#add = file.prepare('INSERT INTO ended VALUES (NULL, ?, ?, ?)');
    this.#last = file.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'ended'");
    this.#identity = file.prepare("SELECT value FROM setting WHERE name = 'identity'");
    this.#since = file.prepare(`SELECT id, key, reason FROM ended WHERE id > ? ORDER BY id LIMIT ${portion}`);
    this.#oldest = file.prepare(`SELECT id, ended_at AS endedAt FROM ended ORDER BY id LIMIT ${portion}`);
    this.#trim = file.prepare('DELETE FROM ended WHERE id <= ?');
  }

  add(key: string, reason: EndReason, now: number): void {
    this.#add.run(key, reason, now);
  }

  /** The file may be another one by now, or one of before: then all that it has is new. */
  since(mark: string | undefined): EndsSince {
    const identity = String(this.#identity.get()!['value']);
    const last = this.#count();
    const [of, heard] = mark?.split(' ') ?? [identity, last];
    const isKnown = of === identity && Number(heard) <= last;
    const ends = this.#since.all(isKnown ? Number(heard) : 0) as unknown as End[];
    const next = ends.at(-1)?.id ?? last;
    return {
      ends: ends.map(({key, reason}) => ({key, reason})),
      mark: `${identity} ${next}`,
      hasMore: ends.length === portion,
    };
  }

  #count(): number {
    return Number(this.#last.get()?.['seq'] ?? 0);
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
