import {mostReplaced} from '../session/store/contract.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';

/** A session, and its place in the order in which pages are made. */
export interface Placed {
  readonly key: string;
  readonly place: number;
}

/** An order of sessions: the last place in it, and so many of them behind one place, up to another. */
export interface Order {
  last(): number;
  page(first: number, last: number, most: number): readonly Placed[];
}

/** Sessions in orders that can be gone through page by page, each of which is read by an index. Those past their deadline are among them. */
export class SqlitePages {
  readonly #ofUser: SqliteStatement;
  readonly #lastOfUser: SqliteStatement;
  readonly #ofAll: SqliteStatement;
  readonly #lastOfAll: SqliteStatement;
  readonly #isPast: SqliteStatement;
  readonly #firstPast: SqliteStatement;
  readonly #past: SqliteStatement;

  constructor(file: SqliteFile) {
    this.#ofUser = file.prepare(`SELECT key, sign_in AS place FROM session
      WHERE user = ? AND sign_in > ? AND sign_in <= ? ORDER BY sign_in LIMIT ?`);
    this.#lastOfUser = file.prepare('SELECT coalesce(max(sign_in), 0) AS place FROM session WHERE user = ?');
    this.#ofAll = file.prepare('SELECT key, id AS place FROM session WHERE id > ? AND id <= ? ORDER BY id LIMIT ?');
    this.#lastOfAll = file.prepare('SELECT coalesce(max(id), 0) AS place FROM session');
    // The index alone says whether there are so many, dead ones included; who lives, the sessions themselves.
    this.#isPast = file.prepare('SELECT 1 FROM session WHERE user = ? ORDER BY sign_in DESC LIMIT 1 OFFSET ?');
    this.#firstPast = file.prepare(`SELECT sign_in AS place FROM session WHERE user = ? AND deadline > ?
      ORDER BY sign_in DESC LIMIT 1 OFFSET ?`);
    this.#past = file.prepare(`SELECT key, sign_in AS place FROM session
      WHERE user = ? AND sign_in <= ? AND deadline > ? ORDER BY sign_in LIMIT ?`);
  }

  /** Those of a user, in the order of their sign-ins. */
  of(user: string): Order {
    return {
      last: () => (this.#lastOfUser.get(user) as unknown as Placed).place,
      page: (first, last, most) => this.#ofUser.all(user, first, last, most) as unknown as Placed[],
    };
  }

  /** Everybody's, in the order in which they began. */
  ofAll(): Order {
    return {
      last: () => (this.#lastOfAll.get() as unknown as Placed).place,
      page: (first, last, most) => this.#ofAll.all(first, last, most) as unknown as Placed[],
    };
  }

  /** The live sessions of a user past a limit, those signed in first coming first, as many as a sign-in may replace. */
  past(user: string, limit: number, now: number): readonly Placed[] {
    if (limit === Infinity || !this.#isPast.get(user, limit)) return [];
    const newest = this.#firstPast.get(user, now, limit) as Placed | undefined;
    return newest ? (this.#past.all(user, newest.place, now, mostReplaced) as unknown as Placed[]) : [];
  }
}

/** Where the page after this one begins, if there may be one. */
export function nextOf(page: readonly Placed[], most: number): string | undefined {
  return page.length < most ? undefined : String(page.at(-1)!.place);
}
