import {execFile, spawn} from 'node:child_process';
import {setTimeout} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import anyTest, {type ExecutionContext} from 'ava';
import {Pool} from 'pg';
import {PostgresStore, type PostgresStoreOptions} from 'espalier/store/postgres';
import type {SessionStore} from '../../src/session/store/contract.ts';
import {until} from '../until.ts';
import {PostgresServer, postgresBin} from './postgres-server.ts';

const child = fileURLToPath(new URL('postgres-child.js', import.meta.url));
export const lifetime = {isSecure: false, idleTimeout: 60_000, absoluteTimeout: 600_000, device: undefined};
export const quiet = {error: () => {}, warn: () => {}};

if (postgresBin === undefined) {
  const title = 'these specs were left out: install PostgreSQL, or say in POSTGRES_BIN where its programs are';
  anyTest(title, t => t.pass());
}

/** Takes turns, three specs at a time: a call has only two seconds, however many specs there are. */
const turns = {
  free: 3,
  waiting: [] as (() => void)[],
  async take(): Promise<void> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>(resolve => this.waiting.push(resolve));
  },
  pass(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free += 1;
  },
};

/** `test`, where there is a PostgreSQL to test with. */
export function test(title: string, run: (t: ExecutionContext) => Promise<void>): void {
  (postgresBin === undefined ? anyTest.skip : anyTest)(title, async t => {
    await turns.take();
    try {
      await run(t);
    } finally {
      turns.pass();
    }
  });
}

/** The same, one after another, for those that stop the server that they share. */
export const testAlone = postgresBin === undefined ? anyTest.serial.skip : anyTest.serial;

/** See that a call fails, and that it does in time: in four seconds on a busy machine too. */
export async function fails(t: ExecutionContext, call: Promise<unknown>, message: RegExp): Promise<void> {
  const late = setTimeout(4000, 'late', {ref: false});
  const error = await Promise.race([call, late]).catch((reason: unknown) => reason);
  t.true(error instanceof Error, `${String(error)} is no failure`);
  t.regex(String(error), message);
}

/** Hears from now on of what ends: each call gives all that has been heard, in the order of the ends. */
export async function listen(store: SessionStore): Promise<() => Promise<readonly string[]>> {
  let {mark} = await store.endsSince(undefined);
  const heard: string[] = [];
  return async () => {
    const since = await store.endsSince(mark);
    ({mark} = since);
    heard.push(...since.ends.map(({key, reason}) => `${key} ${reason}`));
    return heard;
  };
}

/** A server that a file's specs share, with a schema for each of them. */
export async function share(options: {isDurable?: boolean} = {}) {
  const server = postgresBin === undefined ? undefined : await PostgresServer.start(options);
  anyTest.after.always(() => server?.dispose());
  let schemas = 0;
  const freshSchema = () => `sessions_${(schemas += 1)}`;

  /** Connections that end with the test. */
  const connect = (t: ExecutionContext, url = server!.url) => {
    const pool = new Pool({connectionString: url, max: 4});
    pool.on('error', () => {});
    t.teardown(() => pool.end());
    return pool;
  };

  /** A store by the server's clock, in a schema of its own, what it has warned of, and somebody who looks on from beside it. */
  const world = (t: ExecutionContext, given: PostgresStoreOptions = {}) => {
    const pool = connect(t);
    const {schema = freshSchema()} = given;
    const lines: string[] = [];
    const line = (...words: unknown[]) => lines.push(words.map(String).join(' '));
    const store = new PostgresStore({
      schema,
      logger: {error: line, warn: line},
      ...(given.url ? {} : {pool}),
      ...given,
    });
    t.teardown(() => store.close());
    const rows = async (sql: string) =>
      (await pool.query(sql.replaceAll('@', schema))).rows as Record<string, unknown>[];
    /** Waits until the schema is made, which takes longer than a call may on a busy machine. */
    const made = () => until(async () => (await store.find('nobody', false), true));
    const begin = async (uid: string) => {
      await made();
      return store.create({uid, ...lifetime});
    };
    const signIn = async (uid: string, user: string) => {
      await begin(uid);
      await store.renew(uid, {from: uid, to: `${uid}'`, grace: 0, signIn: {user, limit: 10}});
    };
    return {schema, pool, store, lines, rows, made, begin, signIn};
  };

  /** What comes of a task in a process of its own. */
  const inChild = async (schema: string, task: string, given: unknown): Promise<unknown> => {
    const args = [child, server!.url, schema, task, JSON.stringify(given)];
    const {stdout} = await promisify(execFile)(process.execPath, args);
    return JSON.parse(stdout);
  };

  /** A task in a process of its own, under way. */
  const startChild = (schema: string, task: string, given: unknown) =>
    spawn(process.execPath, [child, server!.url, schema, task, JSON.stringify(given)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });

  return {server: server!, freshSchema, connect, world, inChild, startChild};
}
