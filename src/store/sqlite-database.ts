import {accessSync, closeSync, constants, openSync, statSync} from 'node:fs';
import type {DatabaseSync} from 'node:sqlite';
import {EspalierError} from '../errors.ts';
import {busy, codeOf, isBusy} from './sqlite-line.ts';

// Not by an import, which would fail on a Node without it before that is told in one line.
const sqlite = process.getBuiltinModule('node:sqlite');

/** A file that is open, and which files those are that SQLite then has open. */
export interface Opened {
  readonly database: DatabaseSync;
  /** What the database was given when it was made: a file that is made anew may get the number of the one that was deleted. */
  readonly identity: number;
  readonly main: string | undefined;
  readonly log: string | undefined;
}

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

/** The user whose session a row of `outbox` is, as JSON: 0.1.0 gives that table no more columns. */
export const userOfEnd = "CASE WHEN json_valid(session) THEN session -> '$.user' END";

/**
 * What was added since 0.1.0, step by step, and what is there when a step was done. Processes that are a step behind may have the
 * file open as well: they know nothing of it, and it does them no harm.
 */
const additions = [
  {
    mark: "SELECT 1 FROM sqlite_schema WHERE name = 'former'",
    sql: `
  ALTER TABLE session ADD COLUMN ids TEXT;
  CREATE TABLE former (
    uid TEXT PRIMARY KEY,
    key TEXT NOT NULL,
    until REAL NOT NULL,
    forget_at REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX former_forget_at ON former (forget_at);
`,
  },
  {
    mark: "SELECT 1 FROM sqlite_schema WHERE name = 'outbox_parked'",
    sql: 'CREATE INDEX outbox_parked ON outbox (id) WHERE due_at IS NULL',
  },
  {
    mark: "SELECT 1 FROM pragma_table_info('session') WHERE name = 'is_remembered'",
    sql: 'ALTER TABLE session ADD COLUMN is_remembered INTEGER NOT NULL DEFAULT 0',
  },
  {
    mark: "SELECT 1 FROM pragma_table_info('session') WHERE name = 'device'",
    sql: 'ALTER TABLE session ADD COLUMN device TEXT',
  },
  {
    mark: "SELECT 1 FROM sqlite_schema WHERE name = 'outbox_user'",
    sql: `CREATE INDEX outbox_user ON outbox (${userOfEnd})`,
  },
  {
    // By chance, and a whole number that REAL can have.
    mark: "SELECT 1 FROM setting WHERE name = 'identity'",
    sql: "INSERT INTO setting VALUES ('identity', random() & 9007199254740991)",
  },
];

/** Open a file of ours, or a new one. SQLite waits for other processes meanwhile, for `patience` milliseconds. */
export function open(path: string, patience: number): Opened {
  let database: DatabaseSync | undefined;
  try {
    // SQLite would go on, and only read.
    accessSync(path, constants.R_OK | constants.W_OK);
    const main = identityOf(path);
    database = new sqlite.DatabaseSync(path);
    setUp(database, patience);
    if (identityOf(path) !== main) throw new Error('Another one was put in its place just now.');
    return {database, identity: identityIn(database), main, log: identityOf(logOf(path))};
  } catch (error) {
    database?.close();
    throw unusable(path, error);
  }
}

/** Make a file if it is not there. Nobody else may read it; SQLite gives the files beside it the same permissions. */
export function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600));
  } catch (error) {
    // One that is there must not be opened here: closing it again would let go of the locks of this process on it.
    if ((error as {code?: string}).code !== 'EEXIST') throw unusable(path, error);
  }
}

/** Which file is at a path: one that is put in the place of another that is open is never the same. */
export function identityOf(path: string): string | undefined {
  const found = statSync(path, {throwIfNoEntry: false});
  return found && `${found.dev}:${found.ino}`;
}

/** The file in which SQLite keeps what it has not worked into the other yet. */
export function logOf(path: string): string {
  return `${path}-wal`;
}

function setUp(database: DatabaseSync, patience: number): void {
  database.exec(`PRAGMA busy_timeout = ${patience}`);
  becomeWal(database, performance.now() + patience);
  // A Mac's disk keeps what it was told to write only when it is asked twice. Elsewhere this does nothing.
  database.exec('PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA synchronous = NORMAL');
  // What is deleted is overwritten.
  database.exec('PRAGMA secure_delete = ON');
  // The log is worked in by `SqliteLog`, and by no commit. One that became too long is cut when it begins anew.
  database.exec(`PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${16 * 1024 * 1024}`);
  if (!hasSchema(database) || missingFrom(database).length > 0) {
    database.exec('BEGIN IMMEDIATE');
    // Another process may have been first.
    if (!hasSchema(database)) database.exec(schema);
    for (const {sql} of missingFrom(database)) database.exec(sql);
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

function identityIn(database: DatabaseSync): number {
  return Number(database.prepare("SELECT value FROM setting WHERE name = 'identity'").get()!['value']);
}

function missingFrom(database: DatabaseSync): typeof additions {
  return additions.filter(({mark}) => database.prepare(mark).get() === undefined);
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
