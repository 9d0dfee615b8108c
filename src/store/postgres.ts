import type {Pool} from 'pg';
import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {Logger} from '../logger.ts';
import * as kinds from '../options.ts';
import {OutageLog} from '../outage-log.ts';
import {sessionTaken} from '../session/store/refusals.ts';
import {
  keepsEndsFor,
  type EndCounts,
  type EndedPage,
  type EndedSession,
  type EndOutcome,
  type EndPage,
  type EndReason,
  type EndsSince,
  type EndStore,
  type FormerId,
  type ListedPage,
  type ListPage,
  type NewSession,
  type Renewal,
  type SessionRecord,
  type SessionStore,
  type Written,
} from '../session/store/contract.ts';
import {pg} from './postgres-driver.ts';
import {codeOf, isOutage, PostgresError} from './postgres-error.ts';
import {callTimeout, PostgresLink, soon, type Answer} from './postgres-link.ts';
import {encodeName, toEndedPage, toEnds, toFound, toPage, toRecord} from './postgres-record.ts';
import {checkSchema, schemaRelease, schemaSql, schemaVersion, tableNames, tooLate} from './postgres-schema.ts';
import {PostgresTurn, type Deadlines} from './postgres-turn.ts';

/** How a `PostgresStore` is set up: with a `url` or a `pool`. */
export interface PostgresStoreOptions {
  /** Where the server is: `postgres://user:password@host:port/database`. The store has connections of its own then. */
  readonly url?: string;
  /** Connections of the application's, which stay when the store is closed. They have to read what is committed, as is usual. */
  readonly pool?: Pool;
  /** How many connections the store has at most with a `url`: as many as there are calls at once, and one at least. Default: 10. */
  readonly connections?: number;
  /** The schema that the tables are in, a plain word. It is made at the first call. Default: `espalier`. */
  readonly schema?: string;
  /** What time it is. Default: the server's clock, so that those of the machines may be wrong. */
  readonly clock?: Clock;
  /** Where it is told that the server is out of reach, or back. Default: `console`. */
  readonly logger?: Logger;
}

const optionKinds: kinds.Kinds<PostgresStoreOptions> = {
  url: kinds.secret(kinds.kind('of the form postgres://host/database', isPostgresUrl)),
  pool: kinds.objectWith('a Pool of pg', 'connect', 'query'),
  connections: kinds.kind('a whole number, 1 or more', value => Number.isInteger(value) && (value as number) >= 1),
  schema: kinds.text,
  clock: kinds.clock,
  logger: kinds.logger,
};

/** How many ends are read at once, at most. */
const portion = 1000;
/** By how much a call may come to the server later than it should have, for clocks that do not run alike. */
const slack = 500;
/** What is not there yet, or any more: a table, a schema, a function. */
const unmade = new Set(['42P01', '3F000', '42883']);
/** A role without a right that it needs. */
const forbidden = '42501';

/**
 * Sessions in PostgreSQL, 13 or later: shared between processes, and still there after all of them, or the server, began
 * anew. Each call is one round trip and one transaction, which the calls of one turn of the event loop share. A call fails within two seconds when the server is out of reach, and
 * works again when it is back.
 */
export class PostgresStore implements SessionStore, EndStore {
  /** What holds where `PostgresStoreOptions` are silent. */
  static readonly defaults = {schema: 'espalier', connections: 10};

  readonly #link: PostgresLink;
  readonly #own: Pool | undefined;
  readonly #log: OutageLog;
  readonly #schema: string;
  /** Gives the moment to go by. Without it the server's clock does. */
  readonly #now: () => number | null;
  readonly #finds = new PostgresTurn<Find>({
    alone: ({uid, isSeen}, until) => this.#callOne({first: until, last: until}, 'look_up', uid, isSeen, this.#now()),
    together: (finds, until) => {
      const [uids, areSeen] = [finds.map(({uid}) => uid), finds.map(({isSeen}) => isSeen)];
      return this.#callAll(until, 'find_all', uids, areSeen, this.#now());
    },
  });
  readonly #changes = new PostgresTurn<Change>({
    alone: ({act, values}, until) => this.#callOne({first: until, last: until}, act, ...values, this.#now()),
    together: (changes, until) => this.#callAll(until, 'change_all', JSON.stringify(changes.map(toCall)), this.#now()),
  });
  #made: Promise<void> | undefined;
  /** Whether something was found to be gone from the schema. */
  #lacksSomething = false;
  /** How far the server's time is ahead of this process's running time. */
  #ahead = 0;
  #isClosed = false;

  constructor(options: PostgresStoreOptions = {}) {
    kinds.checkOptions('PostgresStore', options, optionKinds);
    const {url, pool, connections, schema = PostgresStore.defaults.schema, clock, logger = console} = options;
    checkSchema(schema);
    if ((url === undefined) === (pool === undefined)) throw invalid('url', 'given, or else a pool');
    if (pool && connections !== undefined)
      throw invalid('connections', 'left out beside a pool, which has its own number');
    if (url !== undefined) this.#own = poolFor(url, connections);
    this.#link = new PostgresLink(pool ?? this.#own!);
    this.#log = new OutageLog(logger);
    this.#schema = schema;
    this.#now = clock ? () => clock.now() : () => null;
  }

  /**
   * The statements that the store makes its schema with. Who does not let the application make tables runs them beforehand,
   * and grants its role all on the tables and sequences in that schema. They may be run again.
   */
  static sql(schema: string = PostgresStore.defaults.schema): string {
    return schemaSql(schema);
  }

  async create({uid, isSecure, idleTimeout, absoluteTimeout, device}: NewSession): Promise<SessionRecord> {
    const values = [uid, isSecure, idleTimeout, absoluteTimeout, encoded(device)];
    return toRecord((await claimed(this.#changes.join({act: 'create', values})))!);
  }

  async find(uid: string, isSeen: boolean): Promise<SessionRecord | FormerId | undefined> {
    return found(await this.#finds.join({uid, isSeen}));
  }

  async touch(key: string, asOf?: number): Promise<SessionRecord | undefined> {
    return read(await this.#call('touch', key, asOf, this.#now()));
  }

  async write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Promise<Written> {
    const values = [key, encodeName(name), expected, text, asOf];
    const answer = await this.#changes.join({act: 'write', values});
    const {current, ...written} = JSON.parse(answer!) as Written & {current?: null};
    return written.state === 'conflict' ? {...written, current: current ?? undefined} : written;
  }

  async renew(
    key: string,
    {from, to, grace, isUnsent = false, signIn}: Renewal,
  ): Promise<SessionRecord | FormerId | undefined> {
    const {user, limit, lifetime} = signIn ?? {};
    const who = [encoded(user), limit];
    const howLong = [lifetime?.idleTimeout, lifetime?.absoluteTimeout, lifetime?.isRemembered];
    const renewing = this.#call('renew', key, from, to, grace, isUnsent, ...who, ...howLong, this.#now());
    return found(await claimed(renewing));
  }

  async setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Promise<SessionRecord | undefined> {
    return read(await this.#call('set_idle_timeout', key, idleTimeout, asOf, this.#now()));
  }

  async end(key: string, reason: EndReason, asOf?: number): Promise<boolean> {
    return (await this.#changes.join({act: 'end', values: [key, reason, asOf]}))!.startsWith('t');
  }

  async list(user: string, {most, components, after}: ListPage): Promise<ListedPage> {
    return toPage((await this.#call('list', encodeName(user), most, namesOf(components), after, this.#now()))!);
  }

  async endAll(
    user: string,
    reason: EndReason,
    {most, except, after}: EndPage & {readonly except?: string},
  ): Promise<EndedPage> {
    return toEndedPage((await this.#call('end_all', encodeName(user), reason, except, most, after, this.#now()))!);
  }

  async endEveryone(reason: EndReason, {most, after}: EndPage): Promise<EndedPage> {
    return toEndedPage((await this.#call('end_everyone', reason, most, after, this.#now()))!);
  }

  async endsSince(mark: string | undefined): Promise<EndsSince> {
    return JSON.parse((await this.#call('ends_since', mark, portion))!) as EndsSince;
  }

  async sweep(): Promise<boolean> {
    return (await this.#call('sweep', this.#now())) === 't';
  }

  async count(): Promise<number> {
    return Number(await this.#call('count'));
  }

  async read(key: string): Promise<SessionRecord | undefined> {
    return read(await this.#call('read', key, this.#now()));
  }

  async listEveryone({most, components, after}: ListPage): Promise<ListedPage> {
    return toPage((await this.#call('list_everyone', most, namesOf(components), after, this.#now()))!);
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

  async releaseEnds(most: number): Promise<number> {
    return Number(await this.#call('release_ends', most));
  }

  async countEnds(): Promise<EndCounts> {
    return JSON.parse((await this.#call('count_ends'))!) as EndCounts;
  }

  async eraseEnds(user: string, most: number): Promise<number> {
    return Number(await this.#call('erase_ends', encodeName(user), most));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // A connection may break while it is ended.
    await this.#own?.end();
    this.#link.close();
  }

  #call(name: string, ...values: readonly unknown[]): Promise<Answer> {
    return this.#callOne(undefined, name, ...values);
  }

  async #callOne(until: Deadlines | undefined, name: string, ...values: readonly unknown[]): Promise<Answer> {
    return (await this.#callAll(until, name, ...values))[0];
  }

  #callAll(given: Deadlines | undefined, name: string, ...values: readonly unknown[]): Promise<readonly Answer[]> {
    return this.#told(async () => {
      await (this.#made ??= this.#make());
      const until = given ?? {first: soon(), last: soon()};
      try {
        return await this.#callOnce(name, values, until);
      } catch (error) {
        const code = codeOf(error) ?? '';
        if (code !== tooLate && !unmade.has(code)) throw error;
        // The server did nothing: its clock was set, or this machine slept; or the schema was taken away.
        await (this.#made ??= this.#make());
        return this.#callOnce(name, values, until);
      }
    });
  }

  // A server that was held up finds the call much later, when it has long failed here. It must not be done then.
  async #callOnce(name: string, values: readonly unknown[], until: Deadlines): Promise<readonly Answer[]> {
    const places = values.map((_, i) => `$${i + 1}`);
    const inTime = `"${this.#schema}".is_in_time($${values.length + 1})`;
    const text = `SELECT "${this.#schema}"."${name}"(${places.join(', ')}) WHERE ${inTime}`;
    const made = this.#made;
    try {
      return await this.#link.askAll(text, [...values, this.#ahead + until.first + slack], until.last);
    } catch (error) {
      if (made === this.#made) this.#doubt(codeOf(error) ?? '');
      throw error;
    }
  }

  /** Look again, before the next call, whether all is as it was: the server's clock, or the schema. */
  #doubt(code: string): void {
    if (unmade.has(code)) this.#lacksSomething = true;
    if (unmade.has(code) || code === tooLate) this.#made = undefined;
  }

  /** What `act` gives. An operator is told when no call can be made any more, and when they can again. */
  async #told<T>(act: () => Promise<T>): Promise<T> {
    try {
      const answer = await act();
      this.#log.recover(`${this.#link.name}, keeps sessions again.`);
      return answer;
    } catch (error) {
      if (!this.#isClosed && isOutage(error)) this.#log.fail(this.#complaint(error), error);
      throw error;
    }
  }

  #complaint({reason}: PostgresError): string {
    return `${this.#link.name}, keeps no sessions: ${reason}. Until it does, whoever needs one gets a 503.`;
  }

  async #make(): Promise<void> {
    const lacksSomething = this.#lacksSomething;
    this.#lacksSomething = false;
    try {
      if (lacksSomething || !(await this.#isMade())) await this.#link.ask(schemaSql(this.#schema));
      if (!(await this.#isMade())) throw new PostgresError(`the schema ${this.#schema} is not whole`);
    } catch (error) {
      this.#made = undefined;
      throw codeOf(error) === forbidden ? this.#unmakeable(error as PostgresError) : error;
    }
  }

  #unmakeable({reason, code}: PostgresError): PostgresError {
    const todo = `Have its owner run what PostgresStore.sql('${this.#schema}') gives`;
    return new PostgresError(
      `the schema ${this.#schema} lacks something that this role may not make: ${reason}. ${todo}`,
      code,
    );
  }

  async #isMade(): Promise<boolean> {
    try {
      const answer = await this.#link.ask(state(this.#schema), []);
      const {version, release, lacking, now, isolation} = JSON.parse(answer ?? '{}') as State;
      if (isolation !== undefined && isolation !== 'read committed')
        throw new PostgresError(`the pool's transactions are ${isolation}. They must be read committed, as is usual`);
      if (version !== undefined && version > schemaVersion)
        throw new PostgresError(`the schema ${this.#schema} was made by a later release`);
      this.#ahead = (now ?? 0) - performance.now();
      return version === schemaVersion && release! >= schemaRelease && lacking === 0;
    } catch (error) {
      if (unmade.has(codeOf(error) ?? '')) return false;
      throw error;
    }
  }
}

interface Find {
  readonly uid: string;
  readonly isSeen: boolean;
}

/** A call that writes, by the name of its function. */
interface Change {
  readonly act: keyof typeof parameters;
  readonly values: readonly unknown[];
}

const parameters = {
  create: ['key', 'isSecure', 'idleTimeout', 'absoluteTimeout', 'device'],
  write: ['key', 'name', 'expected', 'text', 'asOf'],
  end: ['key', 'reason', 'asOf'],
} as const;

function toCall({act, values}: Change): object {
  return {act, ...Object.fromEntries(parameters[act].map((name, i) => [name, values[i]]))};
}

/** What a call gives that asks for a uid, which may be taken. */
async function claimed(asking: Promise<Answer>): Promise<Answer> {
  try {
    return await asking;
  } catch (error) {
    if (!(error instanceof PostgresError && error.code === '23505')) throw error;
    throw sessionTaken();
  }
}

interface State {
  readonly version?: number;
  readonly release?: number;
  /** How many tables are not there. */
  readonly lacking?: number;
  /** The server's own time. */
  readonly now?: number;
  readonly isolation?: string;
}

// The lock is for a server that takes no writes: it refuses this too.
function state(schema: string): string {
  const tables = tableNames.map(name => `to_regclass('"${schema}".${name}')`);
  return `SELECT json_build_object('version', version, 'release', "${schema}".release(), 'lacking', num_nulls(${tables.join(', ')}),
    'now', floor(extract(epoch FROM clock_timestamp()) * 1000), 'isolation', current_setting('transaction_isolation'))
    FROM "${schema}".state FOR KEY SHARE`;
}

function encoded(name: string | undefined): string | undefined {
  return name === undefined ? undefined : encodeName(name);
}

function namesOf(components: ListPage['components']): readonly string[] | undefined {
  return components === 'all' ? undefined : components.map(encodeName);
}

function found(answer: Answer): SessionRecord | FormerId | undefined {
  return answer === undefined ? undefined : toFound(answer);
}

function read(answer: Answer): SessionRecord | undefined {
  return answer === undefined ? undefined : toRecord(answer);
}

function invalid(option: string, expected: string): EspalierError {
  return new EspalierError('OPTION_INVALID', `The PostgreSQL store's ${option} must be ${expected}.`);
}

function isPostgresUrl(url: unknown): boolean {
  return typeof url === 'string' && /^postgres(?:ql)?:/.test(url) && URL.canParse(url);
}

function poolFor(url: string, connections = PostgresStore.defaults.connections): Pool {
  return new pg.Pool({
    connectionString: url,
    connectionTimeoutMillis: callTimeout,
    statement_timeout: callTimeout,
    max: connections,
    // What is not needed is soon free for another process, where the server allows few.
    idleTimeoutMillis: 1000,
    keepAlive: true,
    allowExitOnIdle: true,
  });
}
