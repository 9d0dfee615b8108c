import {open as openFile} from 'node:fs/promises';
import {resolve} from 'node:path';
import type {DatabaseSync, SQLInputValue, StatementSync} from 'node:sqlite';
import {promised, type Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import type {OutageLog} from '../outage-log.ts';
import {identityOf, logOf, makeFile, open, type Opened} from './sqlite-database.ts';
import {isBusy, isFull, SqliteLine} from './sqlite-line.ts';
import {SqliteLog} from './sqlite-log.ts';
import {SqliteReserve} from './sqlite-reserve.ts';
import {Turn} from './turn.ts';

/** What a commit waits for: for nothing but the operating system, or for the disk. */
export type Sync = 'NORMAL' | 'FULL';

/** Something to be written. */
interface Call {
  readonly sync: Sync;
  readonly isErasing: boolean;
  readonly act: () => unknown;
  readonly give: (result: unknown) => void;
  readonly fail: (error: unknown) => void;
}

/** Who is told when a transaction has begun, and when something that was written is undone. */
interface Witness {
  readonly begin: () => void;
  readonly undo: () => void;
}

/** For how long SQLite waits for other processes while a store begins, which is no part of a request, in milliseconds. */
const patienceToOpen = 5000;
/** For how long what is read belongs to one moment, in milliseconds. */
const moment = 1;

/** A statement of a file. It is compiled when it is first run, and again when the file was opened anew. */
export class SqliteStatement {
  readonly #file: SqliteFile;
  readonly #sql: string;
  readonly #isOfRows: boolean;
  #database: DatabaseSync | undefined;
  #compiled: StatementSync | undefined;

  constructor(file: SqliteFile, sql: string, isOfRows: boolean) {
    this.#file = file;
    this.#sql = sql;
    this.#isOfRows = isOfRows;
  }

  run(...values: SQLInputValue[]): {readonly changes: number | bigint} {
    return this.#current().run(...values);
  }

  get(...values: SQLInputValue[]): ReturnType<StatementSync['get']> {
    return this.#current().get(...values);
  }

  all(...values: SQLInputValue[]): ReturnType<StatementSync['all']> {
    return this.#current().all(...values);
  }

  #current(): StatementSync {
    const {database} = this.#file;
    if (this.#compiled && this.#database === database) return this.#compiled;
    this.#database = database;
    this.#compiled = database.prepare(this.#sql);
    // Not every Node that we run on can do it.
    if (this.#isOfRows) (this.#compiled as Partial<StatementSync>).setReturnArrays?.(true);
    return this.#compiled;
  }
}

/**
 * The SQLite file of a store, which several processes may have open. It is made if it is not there when the store begins.
 * When it is deleted, or another one put in its place, calls fail until `restore` has opened what is there then.
 */
export class SqliteFile {
  /** Those of this process in which reading has begun. */
  static readonly #reading = new Set<SqliteFile>();

  readonly #path: string;
  readonly #outages: OutageLog;
  readonly #begin: SqliteStatement;
  readonly #beginToWrite: SqliteStatement;
  readonly #commit: SqliteStatement;
  readonly #save: SqliteStatement;
  readonly #release: SqliteStatement;
  readonly #undo: SqliteStatement;
  readonly #reserve: SqliteReserve;
  readonly #log: SqliteLog;
  readonly #readers = new SqliteLine();
  readonly #writers = new SqliteLine();
  readonly #turn = new Turn<Call>(calls => this.#writeAll(calls));
  #witness: Witness | undefined;
  #opened: Opened | undefined;
  /** What was opened last. */
  #last: Pick<Opened, 'main' | 'identity'>;
  /** Why it is not open. */
  #failure = '';
  /** Whether the file was deleted or replaced, and none was opened since. */
  #isLost = false;
  #readingSince = 0;
  #sync: Sync = 'NORMAL';

  constructor(path: string, outages: OutageLog) {
    this.#outages = outages;
    this.#path = pathOf(path);
    makeFile(this.#path);
    this.#reserve = new SqliteReserve(this.#path);
    this.#log = new SqliteLog(this.#path);
    this.#opened = open(this.#path, patienceToOpen);
    this.#last = this.#opened;
    this.#begin = this.prepare('BEGIN');
    this.#beginToWrite = this.prepare('BEGIN IMMEDIATE');
    this.#commit = this.prepare('COMMIT');
    this.#save = this.prepare('SAVEPOINT call');
    this.#release = this.prepare('RELEASE call');
    this.#undo = this.prepare('ROLLBACK TO call');
  }

  get database(): DatabaseSync {
    if (this.#opened) return this.#opened.database;
    throw this.#refusal();
  }

  /** Which database it is, of those that have been at its path. */
  get identity(): number {
    return this.#last.identity;
  }

  watch(witness: Witness): void {
    this.#witness = witness;
  }

  prepare(sql: string): SqliteStatement {
    return new SqliteStatement(this, sql, false);
  }

  /** One whose rows are the values of their columns, without the names, where Node can do that. */
  prepareRows(sql: string): SqliteStatement {
    return new SqliteStatement(this, sql, true);
  }

  /**
   * Notice that the file is not there any more, and open what is there then. Gives what it works with: `again` is the same file that is
   * back, be it as it was some time ago.
   */
  restore(): 'same' | 'again' | 'another' | 'nothing' {
    this.#notice();
    if (this.#opened && identityOf(logOf(this.#path)) !== this.#opened.log)
      this.#lose('The log beside it was deleted while it was open.');
    if (this.#opened) return 'same';
    // It is not made again: somebody may put it back.
    if (identityOf(this.#path) === undefined) return 'nothing';
    return this.#openAgain();
  }

  /** What `act` reads belongs to one moment, of this turn of the event loop and a millisecond ago at most. */
  read<T>(act: () => T): Awaitable<T> {
    return this.#readers.join(() => {
      this.#beginToRead();
      return act();
    });
  }

  /**
   * What `act` writes is written as a whole, after others' writes; or not at all when it throws. All that is to be written in one turn
   * of the event loop is written at its end, by one commit, which waits for the disk if any of it has to.
   */
  write<T>(sync: Sync, act: () => T): Promise<T> {
    return this.#join(sync, act, false);
  }

  /** The same, but it throws at once when another process goes on writing. See `isBusy`. */
  writeNow<T>(sync: Sync, act: () => T): T {
    // Also of another store in this process, which is to see what is written here.
    for (const file of SqliteFile.#reading) file.#endReading();
    this.#notice();
    // It can't be changed inside a transaction.
    if (sync !== this.#sync) this.database.exec(`PRAGMA synchronous = ${sync}`);
    this.#sync = sync;
    const result = this.#transact(act);
    this.#log.grow(this.database);
    return result;
  }

  /** The same for what makes room: where the disk is full it is written in the room that was kept for it. */
  erase<T>(sync: Sync, act: () => T): Promise<T> {
    return this.#join(sync, act, true);
  }

  /** The same, as `writeNow`. */
  eraseNow<T>(sync: Sync, act: () => T): T {
    try {
      return this.writeNow(sync, act);
    } catch (error) {
      if (!isFull(error)) throw error;
      this.#makeRoom();
      return this.writeNow(sync, act);
    }
  }

  /** Keep a portion of the disk for `erase`, if it is not kept yet. */
  reserve(): void {
    this.#reserve.hold();
  }

  /** The disk has what was written before, when this is done. Nothing else waits for it. */
  async flush(): Promise<void> {
    const log = await openFile(logOf(this.#path), 'r+');
    try {
      await log.datasync();
    } finally {
      await log.close();
    }
  }

  /** Have what was written by whomever worked into the file, if there is much of it. */
  workIn(): void {
    this.#log.shorten(this.database);
  }

  close(): Awaitable<void> {
    this.#turn.end();
    this.#isLost = false;
    this.#letGo('The SQLite store is closed.');
    return this.#log.close();
  }

  /** Where the file was deleted or replaced, what is written to it nobody else would ever see. */
  #notice(): void {
    if (!this.#opened) return;
    const main = identityOf(this.#path);
    if (main === undefined) this.#lose('It was deleted while it was open.');
    else if (main !== this.#last.main) this.#lose('Another one was put in its place while it was open.');
  }

  #lose(why: string): void {
    this.#letGo(`The SQLite store can't use ${this.#path}. ${why}`);
    this.#isLost = true;
    this.#refusal();
  }

  /** The error for a call while there is no file to ask. An operator is told once. */
  #refusal(): Error {
    const error = new Error(this.#failure);
    const wayOn = 'Until there is a file, every call fails: put it back, or begin a process anew, which makes one.';
    if (this.#isLost) this.#outages.fail(`${this.#failure} ${wayOn}`, error);
    return error;
  }

  #letGo(failure: string): void {
    this.#endReading();
    this.#failure = failure;
    // SQLite itself sees that it is another one, and leaves those files alone that belong to that.
    this.#opened?.database.close();
    this.#opened = undefined;
    this.#sync = 'NORMAL';
  }

  #openAgain(): 'again' | 'another' | 'nothing' {
    try {
      this.#opened = open(this.#path, 0);
    } catch (error) {
      this.#failure = (error as Error).message;
      return 'nothing';
    }
    const {main, identity} = this.#opened;
    const isAnother = main !== this.#last.main || identity !== this.#last.identity;
    this.#last = {main, identity};
    this.#isLost = false;
    const which = isAnother ? 'another file, with the sessions that are in it' : 'the file of before';
    this.#outages.recover(`The SQLite store works again: ${this.#path} is ${which}.`);
    return isAnother ? 'another' : 'again';
  }

  // The locks take SQLite four times as long as finding a session. So what is read in one turn of the event loop is read
  // under the same ones: whatever those who ask can know of has been written before that turn began. A long turn is several.
  #beginToRead(): void {
    const now = performance.now();
    if (SqliteFile.#reading.has(this) && now < this.#readingSince + moment) return;
    this.#endReading();
    this.#begin.run();
    try {
      this.#witness?.begin();
    } catch (error) {
      // Whether others have written is not known, so nothing is read.
      this.#rollBack();
      throw error;
    }
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

  #join<T>(sync: Sync, act: () => T, isErasing: boolean): Promise<T> {
    return new Promise((give, fail) => this.#turn.add({sync, act, isErasing, give: give as Call['give'], fail}));
  }

  #writeAll(calls: readonly Call[]): void {
    if (calls.length === 1) return this.#writeAlone(calls[0]!);
    const failAll = (error: unknown) => calls.forEach(({fail}) => fail(error));
    promised(() => this.#writers.join(() => this.#writeTogether(calls))).catch(failAll);
  }

  #writeAlone({sync, act, isErasing, give, fail}: Call): void {
    const write = () => (isErasing ? this.eraseNow(sync, act) : this.writeNow(sync, act));
    promised(() => this.#writers.join(write)).then(give, fail);
  }

  /** Nobody is answered before all is written. What keeps all from being written, as a full disk does, need not keep each. */
  #writeTogether(calls: readonly Call[]): void {
    const sync = calls.some(call => call.sync === 'FULL') ? 'FULL' : 'NORMAL';
    try {
      const answers = this.writeNow(sync, () => calls.map(call => this.#apart(call)));
      for (const answer of answers) answer();
    } catch (error) {
      if (isBusy(error)) throw error;
      for (const call of calls) this.#writeAlone(call);
    }
  }

  /** Gives the answer. When a call throws nothing of it is written, and what others write stays. */
  #apart({act, give, fail}: Call): () => void {
    this.#save.run();
    try {
      const result = act();
      this.#release.run();
      return () => give(result);
    } catch (error) {
      if (isFull(error)) throw error;
      this.#witness?.undo();
      // Fails where SQLite has undone the whole transaction.
      this.#undo.run();
      this.#release.run();
      return () => fail(error);
    }
  }

  // What is in the log and can be worked into the file makes room in the log. From now on each commit sees to that: the thread
  // may come too late.
  #makeRoom(): void {
    this.#reserve.release();
    this.database.exec('PRAGMA wal_autocheckpoint = 1000; PRAGMA wal_checkpoint(PASSIVE)');
  }

  #transact<T>(act: () => T): T {
    this.#beginToWrite.run();
    try {
      this.#witness?.begin();
      const result = act();
      this.#commit.run();
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #rollBack(): void {
    this.#witness?.undo();
    try {
      this.database.exec('ROLLBACK');
    } catch {
      // After some failures SQLite has done so by itself.
    }
  }
}

function pathOf(path: string): string {
  if (typeof path === 'string' && path !== '' && !path.startsWith(':')) return resolve(path);
  throw new EspalierError('OPTION_INVALID', `The SQLite store's path is ${JSON.stringify(path)}. It must name a file.`);
}
