import type {Pool, PoolClient} from 'pg';
import {PostgresConnections} from './postgres-connections.ts';
import {pg} from './postgres-driver.ts';
import {breaksConnection, codeOf, PostgresError, readOnly, toPostgresError} from './postgres-error.ts';

/** How long one call may take, in milliseconds, waiting for a connection included. */
export const callTimeout = 1800;

/** Until when a call that is made now has to be answered, by this process's running time. */
export function soon(): number {
  return performance.now() + callTimeout;
}

/** Serialization failure and deadlock: the server has undone the whole call, so it may be made again. */
const undone = new Set(['40001', '40P01']);
const mostTries = 4;

/** What a call of one of our functions gives. */
export type Answer = string | undefined;

/** The connections to one server: each question is answered within a time, or fails. None is asked again unless undone. */
export class PostgresLink {
  readonly #pool: Pool;
  readonly #connections: PostgresConnections;
  #name: string | undefined;
  /** Those over which something was answered. */
  readonly #proven = new WeakSet<PoolClient>();

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#connections = new PostgresConnections(pool);
    pool.on('error', ignore);
  }

  /** Which server and database it is, in words that may be told to an operator. */
  get name(): string {
    return (this.#name ??= nameOf(this.#pool));
  }

  /**
   * The one value that a statement gives, as the server writes it. Without `values`, `text` may be several statements. Fails
   * when there is no answer by the moment `until`.
   */
  async ask(text: string, values?: readonly unknown[], until?: number): Promise<Answer> {
    return (await this.askAll(text, values, until))[0];
  }

  /** The same, where a statement gives several rows of one value each. */
  async askAll(text: string, values?: readonly unknown[], until = soon()): Promise<readonly Answer[]> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#askInTime(text, values, until);
      } catch (error) {
        const mayRepeat = undone.has(codeOf(error) ?? '') && tries < mostTries && performance.now() < until;
        if (!mayRepeat) throw toPostgresError(error);
      }
    }
  }

  /** Forget the pool. It is not ended. */
  close(): void {
    this.#pool.off('error', ignore);
  }

  async #askInTime(text: string, values: readonly unknown[] | undefined, until: number): Promise<readonly Answer[]> {
    const remaining = until - performance.now();
    if (remaining <= 0) throw noAnswer();
    const {promise: late, reject} = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(noAnswer()), remaining);
    try {
      return await this.#askOver(text, values, late);
    } finally {
      clearTimeout(timer);
    }
  }

  async #askOver(
    text: string,
    values: readonly unknown[] | undefined,
    late: Promise<never>,
  ): Promise<readonly Answer[]> {
    for (;;) {
      const client = await this.#connections.take(late);
      const wasProven = this.#proven.has(client);
      let isBroken = false;
      try {
        const answer = await answerOf(client, text, values, late);
        this.#proven.add(client);
        return answer;
      } catch (error) {
        isBroken = breaksConnection(error) || values === undefined;
        // It was the right server once, and has done nothing now. By now another one may be: that is dialled.
        if (!(wasProven && codeOf(error) === readOnly)) throw error;
      } finally {
        this.#connections.giveBack(client, isBroken);
      }
    }
  }
}

// The driver itself says what a url, its own defaults and the environment come to.
function nameOf({options}: Pool): string {
  try {
    const {host, port, database} = new pg.Client(options);
    return `PostgreSQL at ${host}:${port}, database ${database}`;
  } catch {
    return 'PostgreSQL';
  }
}

function noAnswer(): PostgresError {
  return new PostgresError(`it gave no answer in ${callTimeout} ms`);
}

// What breaks while nothing is asked is no outage yet: the next call dials anew.
function ignore(): void {}

async function answerOf(
  client: PoolClient,
  text: string,
  values: readonly unknown[] | undefined,
  late: Promise<never>,
): Promise<readonly Answer[]> {
  // The rejection of the query says the same; but an error that nobody listens to would end the process.
  client.on('error', ignore);
  const answering = client.query({text, ...(values && {values: [...values]}), rowMode: 'array', types: asWritten});
  try {
    const {rows} = await Promise.race([answering, late]);
    return ((rows ?? []) as (string | null)[][]).map(([value]) => value ?? undefined);
  } catch (error) {
    answering.catch(ignore);
    throw error;
  } finally {
    client.off('error', ignore);
  }
}

// Whatever the application has had its own types parsed to.
const asWritten = {getTypeParser: () => (value: unknown) => value};
