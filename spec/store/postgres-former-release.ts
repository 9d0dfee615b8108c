import {readFileSync} from 'node:fs';
import type {Pool} from 'pg';

/** What `PostgresStore.sql()` of 0.1.0 gave, for a schema of this name. */
export function formerSql(schema: string): string {
  return readFileSync('spec/store/fixtures/postgres-0.1.0.sql', 'utf8').replaceAll('"espalier"', `"${schema}"`);
}

/** A process of 0.1.0, by what it asks of the server. */
export class FormerProcess {
  readonly #pool: Pool;
  readonly #schema: string;

  constructor(pool: Pool, schema: string) {
    this.#pool = pool;
    this.#schema = schema;
  }

  /** Whether it takes the schema for made. */
  async isMade(): Promise<boolean> {
    const {rows} = await this.#pool.query<{version: number}>(`SELECT version FROM "${this.#schema}".state`);
    return rows[0]!.version === 1;
  }

  async create(uid: string): Promise<unknown> {
    return this.#call('create', uid, false, 60_000, 600_000, null);
  }

  async find(uid: string): Promise<Record<string, unknown> | null> {
    return this.#call('find', uid, true, null);
  }

  async renew(key: string, from: string, to: string, user: string | null = null, limit = 10): Promise<unknown> {
    return this.#call('renew', key, from, to, 30_000, user, user === null ? null : limit, null);
  }

  /** Whatever else it calls, each as it does. */
  async callAll(key: string, user: string): Promise<unknown[]> {
    return [
      await this.#call('touch', key, null),
      await this.#call('set_idle_timeout', key, 50_000, null),
      await this.#call('write', key, 'cart', 0, '"pear"', null),
      await this.#call('list', user, null),
      await this.#call('keep_ends', 1000, null),
      await this.#call('end_all', user, 'revoked', key, null),
      await this.#call('end', key, 'logout', null),
      await this.#call('take_ends', 10, 1000, null),
      await this.#call('settle_end', key, true, null, null),
      await this.#call('release_ends'),
      await this.#call('sweep', 200, null),
    ];
  }

  /** The keys of what has ended, as it hears of that. */
  async heard(): Promise<string[]> {
    const {rows} = await this.#pool.query<{
      key: string;
    }>(`SELECT json_build_object('seen', pg_current_snapshot()::text), key, reason
      FROM "${this.#schema}".ended ORDER BY id`);
    return rows.map(({key}) => key);
  }

  async #call<T>(name: string, ...values: unknown[]): Promise<T> {
    const places = values.map((_, i) => `$${i + 1}`);
    const inTime = `"${this.#schema}".is_in_time($${values.length + 1})`;
    const text = `SELECT "${this.#schema}"."${name}"(${places.join(', ')}) AS answer WHERE ${inTime}`;
    const {rows} = await this.#pool.query<{answer: T}>(text, [...values, Date.now() + 10_000]);
    return rows[0]!.answer;
  }
}
