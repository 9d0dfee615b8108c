import type {Pool, PoolClient} from 'pg';
import {codeOf, tooMany} from './postgres-error.ts';

/** How long no further connection is asked for when the server has refused one, in milliseconds. */
const rest = 1000;
/** After how many milliseconds one is asked for again where there is none at all. */
const pause = 100;

/** Who waits for a connection. */
interface Waiting {
  readonly ticket: number;
  readonly call: () => void;
}

/**
 * The connections of a pool, first come, first served. Where the server allows fewer than the pool would have, those that are
 * there are waited for.
 */
export class PostgresConnections {
  readonly #pool: Pool;
  readonly #most: number;
  /** In the order of their tickets. */
  readonly #line: Waiting[] = [];
  #tickets = 0;
  /** How many calls have a connection, or are about to have one. */
  #entered = 0;
  /** How many calls have one. */
  #held = 0;
  #allowed: number;
  #refusedAt = -Infinity;

  constructor(pool: Pool) {
    this.#pool = pool;
    this.#most = this.#allowed = pool.options.max;
  }

  /** A connection, which has to be given back. Fails when `late` does before there is one. */
  async take(late: Promise<never>): Promise<PoolClient> {
    const ticket = (this.#tickets += 1);
    let refusal: unknown;
    for (;;) {
      try {
        if (refusal && this.#there === 0) await atLeast(pause, late);
        await this.#enter(ticket, late);
        return await this.#connect(late);
      } catch (error) {
        // Who has waited in vain is told why there was nothing to be had.
        if (codeOf(error) !== tooMany) throw codeOf(error) === undefined ? (refusal ?? error) : error;
        refusal = error;
        this.#makeDo();
      }
    }
  }

  /** `isBroken` when nothing more can be asked over it. */
  giveBack(client: PoolClient, isBroken: boolean): void {
    this.#held -= 1;
    client.release(isBroken);
    this.#leave();
  }

  get #there(): number {
    return this.#held + this.#pool.idleCount;
  }

  // A connection that comes too late goes back unused: what it was for has been given up.
  async #connect(late: Promise<never>): Promise<PoolClient> {
    const connecting = this.#pool.connect();
    try {
      const client = await Promise.race([connecting, late]);
      this.#held += 1;
      return client;
    } catch (error) {
      connecting.then(client => client.release(), ignore);
      this.#leave();
      throw error;
    }
  }

  /** The server has refused a further one: those that are there have to do for a while. */
  #makeDo(): void {
    this.#allowed = Math.max(1, this.#there);
    this.#refusedAt = performance.now();
  }

  async #enter(ticket: number, late: Promise<never>): Promise<void> {
    this.#allowMore();
    if (this.#entered < this.#allowed) {
      this.#entered += 1;
      return;
    }
    const {promise: turn, resolve: call} = Promise.withResolvers<void>();
    const waiting = {ticket, call};
    const next = this.#line.findIndex(other => other.ticket > ticket);
    this.#line.splice(next === -1 ? this.#line.length : next, 0, waiting);
    try {
      await Promise.race([turn, late]);
    } catch (error) {
      this.#giveUp(waiting);
      throw error;
    }
  }

  // Who gives up in the moment in which it is their turn passes it on.
  #giveUp(waiting: Waiting): void {
    const place = this.#line.indexOf(waiting);
    if (place === -1) this.#leave();
    else this.#line.splice(place, 1);
  }

  #allowMore(): void {
    if (this.#allowed >= this.#most || performance.now() - this.#refusedAt < rest) return;
    this.#allowed += 1;
    this.#refusedAt = performance.now();
  }

  #leave(): void {
    const next = this.#entered <= this.#allowed ? this.#line.shift() : undefined;
    if (next) next.call();
    else this.#entered -= 1;
  }
}

async function atLeast(milliseconds: number, late: Promise<never>): Promise<void> {
  const {promise, resolve} = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {}
