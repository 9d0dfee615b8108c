import type {DatabaseSync} from 'node:sqlite';
import type {SqliteFile} from './sqlite-file.ts';
import type {SqliteSession} from './sqlite-record.ts';

/** How many sessions are held at most, and how many characters of what is in them, about. */
const most = 10_000;
const longest = 4_000_000;

/**
 * Sessions as they were read last, or written from here: decoding a row takes SQLite and Node several times as long as finding it. SQLite
 * says at the beginning of each transaction whether somebody else has written meanwhile; then all are forgotten.
 */
export class SqliteKnown {
  readonly #file: SqliteFile;
  readonly #version;
  readonly #byKey = new Map<string, SqliteSession>();
  readonly #byUid = new Map<string, SqliteSession>();
  #length = 0;
  #database: DatabaseSync | undefined;
  #seen: unknown;

  constructor(file: SqliteFile) {
    this.#file = file;
    this.#version = file.prepareRows('PRAGMA data_version');
  }

  /** A transaction has begun. */
  follow(): void {
    const [version] = Object.values(this.#version.get()!);
    if (version !== this.#seen || this.#file.database !== this.#database) this.clear();
    this.#seen = version;
    this.#database = this.#file.database;
  }

  clear(): void {
    this.#byKey.clear();
    this.#byUid.clear();
    this.#length = 0;
  }

  byKey(key: string): SqliteSession | undefined {
    return this.#byKey.get(key);
  }

  byUid(uid: string): SqliteSession | undefined {
    return this.#byUid.get(uid);
  }

  /** From now on a session that was read whole is known, by all its uids. */
  add(session: SqliteSession): void {
    if (this.#byKey.size >= most || this.#length > longest) this.clear();
    this.#byKey.set(session.key, session);
    for (const uid of uidsOf(session)) this.#byUid.set(uid, session);
    for (const {text} of session.components!.values()) this.grow(text.length);
  }

  /** So many characters more rest in one that is known. */
  grow(length: number): void {
    this.#length += length;
  }

  delete(session: SqliteSession): void {
    this.#byKey.delete(session.key);
    for (const uid of uidsOf(session)) this.#byUid.delete(uid);
  }
}

function uidsOf({ids, key}: SqliteSession): readonly string[] {
  return ids ? ids.map(({uid}) => uid) : [key];
}
