import {Pool} from 'pg';
import {systemClock, type Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {Logger} from '../logger.ts';
import {sessionTaken} from '../session/refusals.ts';
import {
  keepsEndsFor,
  type EndedSession,
  type EndOutcome,
  type EndReason,
  type NewSession,
  type Renewal,
  type SessionRecord,
  type SessionStore,
  type StoreListener,
  type Written,
} from '../session/session-store.ts';
import {PostgresEnds} from './postgres-ends.ts';
import {tooLate} from './postgres-functions.ts';
import {PostgresLink, PostgresError, callTimeout, codeOf} from './postgres-link.ts';
import {toColumn, toEnds, toRecord, toRecords} from './postgres-record.ts';
import {checkSchema, schemaSql, schemaVersion} from './postgres-schema.ts';

/** How a `PostgresStore` is set up: with a `url` or a `pool`. */
export interface PostgresStoreOptions {
  /** Where the server is: `postgres://user:password@host:port/database`. The store has connections of its own then. */
  readonly url?: string;
  /** Connections of the application's, which stay when the store is closed. They have to read what is committed, as is usual. */
  readonly pool?: Pool;
  /** The schema that the tables are in, a plain word. It is made at the first call. Default: `espalier`. */
  readonly schema?: string;
  /** What time it is. Default: the server's clock, so that those of the machines may be wrong. */
  readonly clock?: Clock;
  /** Where it is told that the server is out of reach, or back. Default: `console`. */
  readonly logger?: Logger;
}

/** How often is looked what has ended, in milliseconds. */
const interval = 500;
/** How many sessions are swept in one transaction. */
const batch = 200;
/** By how much a call may come to the server later than it should have, for clocks that do not run alike. */
const slack = 500;
/** What is not there yet, or any more: a table, a schema, a function. */
const unmade = new Set(['42P01', '3F000', '42883']);

/**
 * Sessions in PostgreSQL, 13 or later: shared between processes, and still there after all of them, or the server, began
 * anew. Each call is one round trip and one transaction. A call fails within two seconds when the server is out of reach, and
 * works again when it is back.
 */
export class PostgresStore implements SessionStore {
  /** What holds where `PostgresStoreOptions` are silent. */
  static readonly defaults = {schema: 'espalier'};

  readonly #link: PostgresLink;
  readonly #own: Pool | undefined;
  readonly #schema: string;
  /** Gives the moment to go by. Without it the server's clock does. */
  readonly #now: () => number | null;
  readonly #clock: Clock;
  readonly #ends: PostgresEnds;
  #made: Promise<void> | undefined;
  /** How far the server's time is ahead of this process's running time. */
  #ahead = 0;
  #cancel: (() => void) | undefined;
  #isClosed = false;
  #looking: Promise<void> | undefined;

  constructor(options: PostgresStoreOptions = {}) {
    const {url, pool, schema = PostgresStore.defaults.schema, clock, logger = console} = options;
    checkSchema(schema);
    if ((url === undefined) === (pool === undefined))
      throw new EspalierError('OPTION_INVALID', 'A PostgresStore needs either a url or a pool.');
    if (url !== undefined) this.#own = poolFor(url);
    this.#link = new PostgresLink(pool ?? this.#own!, logger);
    this.#schema = schema;
    this.#ends = new PostgresEnds(schema, (text, values) => this.#ask(text, values));
    this.#now = clock ? () => clock.now() : () => null;
    this.#clock = clock ?? systemClock;
  }

  /**
   * The statements that the store makes its schema with. Who does not let the application make tables runs them beforehand,
   * and grants its role all on the tables and sequences in that schema. They may be run again.
   */
  static sql(schema: string = PostgresStore.defaults.schema): string {
    return schemaSql(schema);
  }

  async create({uid, isSecure, idleTimeout, absoluteTimeout}: NewSession): Promise<SessionRecord> {
    return toRecord((await this.#claim('create', uid, isSecure, idleTimeout, absoluteTimeout, this.#now()))!);
  }

  async find(uid: string, isSeen: boolean): Promise<SessionRecord | undefined> {
    return read(await this.#call('find', uid, isSeen, this.#now()));
  }

  async touch(key: string): Promise<SessionRecord | undefined> {
    return read(await this.#call('touch', key, this.#now()));
  }

  async write(key: string, name: string, expected: number, text: string | undefined): Promise<Written> {
    const answer = await this.#call('write', key, toColumn(name), expected, text, this.#now());
    const {current, ...written} = JSON.parse(answer!) as Written & {current?: null};
    return written.state === 'conflict' ? {...written, current: current ?? undefined} : written;
  }

  async renew(key: string, {from, to, grace, signIn}: Renewal): Promise<SessionRecord | undefined> {
    const user = signIn && toColumn(signIn.user);
    return read(await this.#claim('renew', key, from, to, grace, user, signIn?.limit, this.#now()));
  }

  async setIdleTimeout(key: string, idleTimeout: number): Promise<SessionRecord | undefined> {
    return read(await this.#call('set_idle_timeout', key, idleTimeout, this.#now()));
  }

  async end(key: string, reason: EndReason): Promise<boolean> {
    return (await this.#call('end', key, reason, this.#now())) === 't';
  }

  async list(user: string): Promise<readonly SessionRecord[]> {
    return toRecords((await this.#call('list', toColumn(user), this.#now()))!);
  }

  async endAll(user: string, reason: EndReason, except?: string): Promise<number> {
    return Number(await this.#call('end_all', toColumn(user), reason, except, this.#now()));
  }

  onEnd(listener: StoreListener): () => void {
    const takeBack = this.#ends.listen(listener);
    // What fails is told by the link, and begun again with the next call, or the next look.
    this.#begin().catch(() => {});
    return takeBack;
  }

  async keepEnds(): Promise<void> {
    await this.#call('keep_ends', keepsEndsFor, this.#now());
  }

  async takeEnds(count: number, lease: number): Promise<readonly EndedSession[]> {
    return toEnds((await this.#call('take_ends', count, lease, this.#now()))!);
  }

  async settleEnd(key: string, outcome: EndOutcome): Promise<void> {
    const retryIn = typeof outcome === 'object' ? outcome.retryIn : undefined;
    await this.#call('settle_end', key, outcome === 'told', retryIn, this.#now());
  }

  async releaseEnds(): Promise<number> {
    return Number(await this.#call('release_ends'));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cancel?.();
    await this.#looking;
    this.#link.close();
    await this.#own?.end();
  }

  /** A call that asks for a uid, which may be taken. */
  async #claim(name: string, ...values: readonly unknown[]): Promise<string | undefined> {
    try {
      return await this.#call(name, ...values);
    } catch (error) {
      if (!(error instanceof PostgresError && error.code === '23505')) throw error;
      throw sessionTaken();
    }
  }

  async #call(name: string, ...values: readonly unknown[]): Promise<string | undefined> {
    await this.#begin();
    try {
      return await this.#callOnce(name, values);
    } catch (error) {
      if (codeOf(error) !== tooLate) throw error;
      // The server did nothing: its clock was set, or this machine slept.
      this.#made = undefined;
      await this.#begin();
      return this.#callOnce(name, values);
    }
  }

  // A server that was held up finds the call much later, when it has long failed here. It must not be done then.
  #callOnce(name: string, values: readonly unknown[]): Promise<string | undefined> {
    const places = values.map((_, i) => `$${i + 1}`);
    const inTime = `"${this.#schema}".is_in_time($${values.length + 1})`;
    const until = this.#ahead + performance.now() + callTimeout + slack;
    return this.#ask(`SELECT "${this.#schema}"."${name}"(${places.join(', ')}) WHERE ${inTime}`, [...values, until]);
  }

  async #ask(text: string, values: readonly unknown[]): Promise<string | undefined> {
    try {
      return await this.#link.ask(text, values);
    } catch (error) {
      if (unmade.has(codeOf(error) ?? '')) this.#made = undefined;
      throw error;
    }
  }

  /** All that has to be before anything is asked: the schema, the timer, and the point from which ends are heard of. */
  async #begin(): Promise<void> {
    if (!this.#isClosed) this.#cancel ??= this.#clock.after(interval, () => this.#look());
    await (this.#made ??= this.#make());
    await this.#ends.begin();
  }

  async #make(): Promise<void> {
    try {
      if (!(await this.#isMade())) await this.#link.ask(schemaSql(this.#schema));
      if (!(await this.#isMade())) throw new PostgresError(`The schema ${this.#schema} is not whole.`);
    } catch (error) {
      this.#made = undefined;
      throw error;
    }
  }

  async #isMade(): Promise<boolean> {
    try {
      const {version, now, isolation} = JSON.parse((await this.#link.ask(state(this.#schema), [])) ?? '{}') as State;
      if (isolation !== undefined && isolation !== 'read committed')
        throw new PostgresError(`The pool's transactions are ${isolation}. They must be read committed, as is usual.`);
      if (version !== undefined && version > schemaVersion)
        throw new PostgresError(`The schema ${this.#schema} was made by a later release.`);
      this.#ahead = (now ?? 0) - performance.now();
      return version === schemaVersion;
    } catch (error) {
      if (unmade.has(codeOf(error) ?? '')) return false;
      throw error;
    }
  }

  #look(): void {
    this.#looking = this.#sweepAndHear();
  }

  async #sweepAndHear(): Promise<void> {
    try {
      await this.#begin();
      while (!this.#isClosed && Number(await this.#call('sweep', batch, this.#now())) === batch);
      await this.#ends.hear();
    } catch {
      // The operator has been told.
    }
    if (!this.#isClosed) this.#cancel = this.#clock.after(interval, () => this.#look());
  }
}

interface State {
  readonly version?: number;
  /** The server's own time. */
  readonly now?: number;
  readonly isolation?: string;
}

function state(schema: string): string {
  return `SELECT json_build_object('version', version, 'now', floor(extract(epoch FROM clock_timestamp()) * 1000),
    'isolation', current_setting('transaction_isolation')) FROM "${schema}".state`;
}

function read(answer: string | undefined): SessionRecord | undefined {
  return answer === undefined ? undefined : toRecord(answer);
}

// What is wrong with a url is not said by repeating it: it may have a password.
function poolFor(url: string): Pool {
  if (!/^postgres(?:ql)?:/.test(url) || !URL.canParse(url))
    throw new EspalierError(
      'OPTION_INVALID',
      `The PostgreSQL store's url is none of the form postgres://host/database.`,
    );
  return new Pool({
    connectionString: url,
    connectionTimeoutMillis: callTimeout,
    statement_timeout: callTimeout,
    keepAlive: true,
    allowExitOnIdle: true,
  });
}
