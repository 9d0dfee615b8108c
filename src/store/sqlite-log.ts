import {once} from 'node:events';
import {closeSync, openSync, readSync} from 'node:fs';
import type {DatabaseSync} from 'node:sqlite';
import {Worker} from 'node:worker_threads';
import type {Awaitable} from '../awaitable.ts';
import {ownFolder} from '../place.ts';
import {logOf} from './sqlite-database.ts';

/** How many pages make a log long: as many as SQLite by itself lets come together. */
const long = 1000;
/** How many writes go by before the log is looked at. */
const portion = 32;
/** The first SQLite in which a thread may work a log in while another one writes: those before can damage the file. */
const safe = [3, 51, 3] as const;

/** What is in the place of a log's length while the thread works it in, and where those who write left it no pause to do so. */
export const atWork = -1;
export const behind = -2;

/**
 * Has SQLite's log worked into its file when it is long; whoever writes next begins it anew. It waits for the disk several times, so a
 * thread does it, which takes no lock that others wait for. The thread begins when the log is long for the first time, keeps no
 * process from ending, and has the file open only while it works.
 */
export class SqliteLog {
  readonly #path: string;
  /** How long the log was when it was last worked in. */
  readonly #done = new Int32Array(new SharedArrayBuffer(4));
  /** Which log that was. */
  #mark = '';
  #thread: Worker | 'none' | undefined;
  #writes = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Something was written. */
  grow(database: DatabaseSync): void {
    this.#writes += 1;
    if (this.#writes % portion === 0 || Atomics.load(this.#done, 0) === behind) this.shorten(database);
  }

  /** Have it worked in if it is long, whoever has made it so. Not to be called in a transaction. */
  shorten(database: DatabaseSync): void {
    const done = Atomics.load(this.#done, 0);
    if (done === atWork) return;
    // What little was written since.
    if (done === behind) return this.#workIn(database);
    const mark = markOf(this.#path);
    const limit = long + (mark === this.#mark ? done : 0);
    if (mark === '' || mark !== markOf(this.#path, limit)) return;
    this.#mark = mark;
    this.#thread ??= isSafe(database) ? this.#begin() : 'none';
    if (this.#thread === 'none') return this.#workIn(database);
    this.#tell(atWork);
    this.#thread.postMessage(this.#path);
  }

  /** The thread ends, when it has done what it was asked for. */
  close(): Awaitable<void> {
    const thread = this.#thread;
    this.#thread = 'none';
    if (thread === undefined || thread === 'none') return;
    // Whoever waits for it must not be gone before.
    thread.ref();
    thread.postMessage('end');
    return once(thread, 'exit').then(() => undefined);
  }

  #begin(): Worker | 'none' {
    try {
      const thread = new Worker(new URL('store/sqlite-log-thread.js', ownFolder), {
        name: 'espalier-sqlite-log',
        workerData: this.#done,
        // What the program has its own threads do and say is not for this one.
        env: {},
        execArgv: ['--disable-warning=ExperimentalWarning'],
      });
      thread.on('error', () => this.#doWithout());
      thread.unref();
      return thread;
    } catch {
      // The process may have none.
      return 'none';
    }
  }

  #workIn(database: DatabaseSync): void {
    this.#tell(0);
    try {
      this.#tell(workIn(database).pages);
    } catch {
      // The disk is full, or somebody reads in this turn: what was written is in the log.
    }
  }

  #doWithout(): void {
    this.#thread = 'none';
    this.#tell(0);
  }

  #tell(done: number): void {
    Atomics.store(this.#done, 0, done);
  }
}

/** Work a log into its file, as far as nobody reads what is old. Gives how long it is, and whether all of it was worked in. */
export function workIn(database: DatabaseSync): {readonly pages: number; readonly isDone: boolean} {
  const found = database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get() as {log: number; checkpointed: number};
  // Less than nothing where somebody else is at it.
  return {pages: Math.max(found.log, 0), isDone: found.log === found.checkpointed};
}

/**
 * What the log at its beginning, or behind so many pages, bears in common with all its pages. Behind the last one there may be some of
 * another log, or nothing, which is an empty text.
 */
function markOf(path: string, pages?: number): string {
  try {
    const file = openSync(logOf(path), 'r');
    try {
      const head = Buffer.alloc(32);
      const mark = Buffer.alloc(8);
      readSync(file, head, 0, head.length, 0);
      const place = pages === undefined ? 16 : head.length + pages * (24 + head.readUInt32BE(8)) + 8;
      return mark.toString('hex', 0, readSync(file, mark, 0, mark.length, place));
    } finally {
      closeSync(file);
    }
  } catch {
    // There is no log.
    return '';
  }
}

function isSafe(database: DatabaseSync): boolean {
  const {version} = database.prepare('SELECT sqlite_version() AS version').get() as {version: string};
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  return (major - safe[0] || minor - safe[1] || patch - safe[2]) >= 0;
}
