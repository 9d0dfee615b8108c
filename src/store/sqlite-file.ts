import {accessSync, closeSync, constants, openSync} from 'node:fs';
import {resolve} from 'node:path';
import {DatabaseSync, type StatementSync} from 'node:sqlite';
import type {Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import {busy, codeOf, isBusy, SqliteLine} from './sqlite-line.ts';

/** What a commit waits for: for nothing but the operating system, or for the disk. */
export type Sync = 'NORMAL' | 'FULL';

/** For how long SQLite waits for other processes while a file is opened, which is no part of a request, in milliseconds. */
const patienceToOpen = 5000;
/** For how long what is read belongs to one moment, in milliseconds. */
const moment = 1;
/** Says of an SQLite file that it is one of ours. */
const applicationId = 0x45_53_50_4c;
const version = 1;

const schema = `
  CREATE TABLE session (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    uid TEXT NOT NULL,
    is_secure INTEGER NOT NULL CHECK (is_secure IN (0, 1)),
    idle_timeout REAL NOT NULL CHECK (idle_timeout > 0),
    absolute_timeout REAL NOT NULL CHECK (absolute_timeout > 0),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN 0 AND 9007199254740991),
    last_seen_at INTEGER NOT NULL CHECK (last_seen_at BETWEEN 0 AND 9007199254740991),
    authenticated_at INTEGER CHECK (authenticated_at BETWEEN 0 AND 9007199254740991),
    user TEXT,
    sign_in INTEGER,
    deadline REAL NOT NULL GENERATED ALWAYS AS (
      min(last_seen_at + idle_timeout, coalesce(authenticated_at, created_at) + absolute_timeout)
    ) VIRTUAL
  ) STRICT;
  CREATE INDEX session_deadline ON session (deadline);
  CREATE INDEX session_user ON session (user, sign_in) WHERE user IS NOT NULL;
  CREATE TABLE alias (
    uid TEXT PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    until REAL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX alias_session ON alias (session);
  CREATE TABLE component (
    session INTEGER NOT NULL REFERENCES session ON DELETE CASCADE,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision BETWEEN 1 AND 9007199254740991),
    text TEXT,
    PRIMARY KEY (session, name)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ended (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    reason TEXT NOT NULL,
    ended_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    reason TEXT NOT NULL,
    ended_at INTEGER NOT NULL CHECK (ended_at BETWEEN 0 AND 9007199254740991),
    attempts INTEGER NOT NULL CHECK (attempts BETWEEN 0 AND 9007199254740991),
    due_at REAL,
    session TEXT NOT NULL
  ) STRICT;
  CREATE INDEX outbox_order ON outbox (id, due_at) WHERE due_at IS NOT NULL;
  CREATE TABLE setting (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${version};
`;

/** The SQLite file of a store, which several processes may have open. It is made if it is not there. */
export class SqliteFile {
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #beginToWrite: StatementSync;
  readonly #commit: StatementSync;
  /** Those of this process in which reading has begun. */
  static readonly #reading = new Set<SqliteFile>();

  readonly #readers = new SqliteLine();
  readonly #writers = new SqliteLine();
  #readingSince = 0;
  #sync: Sync = 'NORMAL';
  #isOpen = true;

  constructor(path: string) {
    this.#database = open(path);
    this.#begin = this.prepare('BEGIN');
    this.#beginToWrite = this.prepare('BEGIN IMMEDIATE');
    this.#commit = this.prepare('COMMIT');
  }

  prepare(sql: string): StatementSync {
    return this.#database.prepare(sql);
  }

  /** One whose rows are the values of their columns, without the names, where Node can do that. */
  prepareRows(sql: string): StatementSync {
    const statement = this.prepare(sql);
    (statement as Partial<StatementSync>).setReturnArrays?.(true);
    return statement;
  }

  /** What `act` reads belongs to one moment, of this turn of the event loop and a millisecond ago at most. */
  read<T>(act: () => T): Awaitable<T> {
    return this.#readers.join(() => {
      this.#beginToRead();
      return act();
    });
  }

  /** What `act` writes is written as a whole, after others' writes; or not at all when it throws. */
  write<T>(sync: Sync, act: () => T): Awaitable<T> {
    return this.#writers.join(() => this.writeNow(sync, act));
  }

  /** The same, but it throws at once when another process goes on writing. See `isBusy`. */
  writeNow<T>(sync: Sync, act: () => T): T {
    // Also of another store in this process, which is to see what is written here.
    for (const file of SqliteFile.#reading) file.#endReading();
    // It can't be changed inside a transaction.
    if (sync !== this.#sync) this.#database.exec(`PRAGMA synchronous = ${sync}`);
    this.#sync = sync;
    return this.#transact(act);
  }

  close(): void {
    this.#endReading();
    if (this.#isOpen) this.#database.close();
    this.#isOpen = false;
  }

  // The locks take SQLite four times as long as finding a session. So what is read in one turn of the event loop is read
  // under the same ones: whatever those who ask can know of has been written before that turn began. A long turn is several.
  #beginToRead(): void {
    const now = performance.now();
    if (SqliteFile.#reading.has(this) && now < this.#readingSince + moment) return;
    this.#endReading();
    this.#begin.run();
    SqliteFile.#reading.add(this);
    this.#readingSince = now;
    setImmediate(() => this.#endReading());
  }

  #endReading(): void {
    if (!SqliteFile.#reading.delete(this)) return;
    try {
      this.#commit.run();
    } catch {
      this.#rollBack();
    }
  }

  #transact<T>(act: () => T): T {
    this.#beginToWrite.run();
    try {
      const result = act();
      this.#commit.run();
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    try {
      this.#database.exec('ROLLBACK');
    } catch {
      // After some failures SQLite has done so by itself.
    }
  }
}

function open(path: string): DatabaseSync {
  if (typeof path !== 'string' || path === '' || path.startsWith(':'))
    throw new EspalierError(
      'OPTION_INVALID',
      `The SQLite store's path is ${JSON.stringify(path)}. It must name a file.`,
    );
  const file = resolve(path);
  let database: DatabaseSync | undefined;
  try {
    makeFile(file);
    // SQLite would go on, and only read.
    accessSync(file, constants.R_OK | constants.W_OK);
    database = new DatabaseSync(file);
    setUp(database);
    return database;
  } catch (error) {
    database?.close();
    throw unusable(file, error);
  }
}

/** Nobody else may read it; SQLite gives the files beside it the same permissions. */
function makeFile(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    // One that is there must not be opened here: closing it again would let go of the locks of this process on it.
    if ((error as {code?: string}).code !== 'EEXIST') throw error;
  }
}

function setUp(database: DatabaseSync): void {
  database.exec(`PRAGMA busy_timeout = ${patienceToOpen}`);
  becomeWal(database, performance.now() + patienceToOpen);
  // A Mac's disk keeps what it was told to write only when it is asked twice. Elsewhere this does nothing.
  database.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA synchronous = NORMAL');
  // What is deleted is overwritten.
  database.exec('PRAGMA secure_delete = ON');
  if (!hasSchema(database)) {
    database.exec('BEGIN IMMEDIATE');
    // Another process may have been first.
    if (!hasSchema(database)) database.exec(schema);
    database.exec('COMMIT');
  }
  // From here on whoever waits does so off the event loop.
  database.exec('PRAGMA busy_timeout = 0');
}

// SQLite does not wait for others here: of two who do it at once, one is refused.
function becomeWal(database: DatabaseSync, until: number): void {
  try {
    database.exec('PRAGMA journal_mode = WAL');
  } catch (error) {
    if (!isBusy(error) || performance.now() >= until) throw error;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    becomeWal(database, until);
  }
}

/** False for a file that is new. */
function hasSchema(database: DatabaseSync): boolean {
  const number = (sql: string) => Number(Object.values(database.prepare(sql).get()!)[0]);
  const isEmpty = number('SELECT count(*) FROM sqlite_schema') === 0;
  const found = number('PRAGMA user_version');
  // Last, since another process may be making it ours meanwhile, in one step.
  const isOurs = number('PRAGMA application_id') === applicationId;
  if (!isOurs && !(isEmpty && found === 0)) throw new Error('It is the database of another application.');
  if (found > version) throw new Error(`It was written by a later version, and has the format ${found}.`);
  return isOurs;
}

function unusable(file: string, error: unknown): EspalierError {
  const message = `The SQLite store can't use ${file}. ${explain(error)}`;
  return new EspalierError('OPTION_INVALID', message, {cause: error});
}

const reasons: Readonly<Record<number | string, string>> = {
  ENOENT: 'Its folder does not exist.',
  ENOTDIR: 'A folder on the way there is none.',
  EACCES: 'This process may not write to it.',
  EPERM: 'This process may not write to it.',
  EROFS: 'It is in a place that can only be read.',
  [busy]: 'Other processes kept it busy.',
  8: 'It can only be read.',
  11: 'It is damaged. Nothing was changed; bring back a backup, or move the file away.',
  14: "It can't be opened. Is it a file, and may this process write there?",
  26: 'It is not an SQLite database. Nothing was changed; bring back a backup, or move the file away.',
};

function explain(error: unknown): string {
  const {code, message} = error as Error & {code?: string};
  return reasons[codeOf(error)] ?? reasons[code ?? ''] ?? message;
}
