import {DatabaseError, type Pool, type PoolClient} from 'pg';
import type {Logger} from '../logger.ts';
import {OutageLog} from './outage-log.ts';

/** How long one call may take, in milliseconds, waiting for a connection included. */
export const callTimeout = 1800;

/** Serialization failure and deadlock: the server has undone the whole call, so it may be made again. */
const undone = new Set(['40001', '40P01']);
const mostTries = 4;
/** What is told here is said in names of tables and roles; other messages may show what is in a row. */
const tellable = /^(?:08|25|28|3D|3F|42|53|54|55|57|58|P0|XX)/;
/** The server is not there, is going, is full, or only reads. */
const unreachable = /^(?:08|28|3D|53|57P|25006|58)/;

/** What PostgreSQL refused, or did not answer. It says nothing of what is in a row, nor how the server is reached. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  /** An SQLSTATE, a code of Node's, or nothing for a call that took too long. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** The connections to one server: each question is answered within a time, or fails. None is asked again unless undone. */
export class PostgresLink {
  readonly #pool: Pool;
  readonly #log: OutageLog;
  #isClosed = false;
  readonly #onIdleError = (error: unknown) => this.#noteFailure(error);

  constructor(pool: Pool, logger: Logger) {
    this.#pool = pool;
    this.#log = new OutageLog(logger);
    pool.on('error', this.#onIdleError);
  }

  /** The one value that a statement gives, as the server writes it. Without `values`, `text` may be several statements. */
  async ask(text: string, values?: readonly unknown[]): Promise<string | undefined> {
    const until = performance.now() + callTimeout;
    for (let tries = 1; ; tries += 1) {
      try {
        const answer = await this.#tryOnce(text, values, until);
        this.#log.recover('The PostgreSQL store is back.');
        return answer;
      } catch (error) {
        const mayRepeat = undone.has(codeOf(error) ?? '') && tries < mostTries && performance.now() < until;
        if (!mayRepeat) throw this.#refusal(error);
      }
    }
  }

  /** Forget the pool, and tell of no outage any more. It is not ended. */
  close(): void {
    this.#isClosed = true;
    this.#pool.off('error', this.#onIdleError);
  }

  async #tryOnce(text: string, values: readonly unknown[] | undefined, until: number): Promise<string | undefined> {
    const {promise: late, reject} = Promise.withResolvers<never>();
    const giveUp = () => reject(new PostgresError(`PostgreSQL gave no answer in ${callTimeout} ms.`));
    const timer = setTimeout(giveUp, until - performance.now());
    try {
      const client = await this.#connect(late);
      return await answerOf(client, text, values, late);
    } finally {
      clearTimeout(timer);
    }
  }

  // A connection that comes too late goes back unused: what it was for has been given up.
  async #connect(late: Promise<never>): Promise<PoolClient> {
    const connecting = this.#pool.connect();
    try {
      return await Promise.race([connecting, late]);
    } catch (error) {
      connecting.then(client => client.release(), ignore);
      throw error;
    }
  }

  #refusal(error: unknown): PostgresError {
    this.#noteFailure(error);
    if (error instanceof PostgresError) return error;
    const code = codeOf(error);
    const isTellable = error instanceof DatabaseError && tellable.test(code ?? '');
    return new PostgresError(
      `PostgreSQL failed: ${isTellable ? error.message : (code ?? 'the connection broke')}.`,
      code,
    );
  }

  #noteFailure(error: unknown): void {
    if (this.#isClosed || !isUnreachable(error)) return;
    this.#log.fail(`The PostgreSQL store is out of reach (${codeOf(error) ?? 'no answer'}). It will be tried again.`);
  }
}

function ignore(): void {}

async function answerOf(
  client: PoolClient,
  text: string,
  values: readonly unknown[] | undefined,
  late: Promise<never>,
): Promise<string | undefined> {
  // The rejection of the query says the same; but an error that nobody listens to would end the process.
  client.on('error', ignore);
  const answering = client.query({text, ...(values && {values: [...values]}), rowMode: 'array', types: asWritten});
  let isBroken = false;
  try {
    const {rows} = await Promise.race([answering, late]);
    return (rows as (string | null)[][] | undefined)?.[0]?.[0] ?? undefined;
  } catch (error) {
    answering.catch(ignore);
    isBroken = isUnreachable(error) || values === undefined;
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(isBroken);
  }
}

// Whatever the application has had its own types parsed to.
const asWritten = {getTypeParser: () => (value: unknown) => value};

function isUnreachable(error: unknown): boolean {
  return !(error instanceof DatabaseError) || unreachable.test(error.code ?? '');
}

/** The code of an error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const {code} = Object(error) as {code?: unknown};
  return typeof code === 'string' ? code : undefined;
}
