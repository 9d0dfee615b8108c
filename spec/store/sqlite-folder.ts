import {spawn, type ChildProcess, type ChildProcessByStdio} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {DatabaseSync, StatementSync} from 'node:sqlite';
import type {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import type {ExecutionContext} from 'ava';
import type {Clock, Logger} from 'espalier';
import {SqliteStore, type SqliteStoreOptions} from 'espalier/store/sqlite';
import {TestClock} from 'espalier/testing';
import {watched} from './watched.ts';

const child = fileURLToPath(new URL('sqlite-child.js', import.meta.url));

/** A file of sessions in a folder of its own, with stores that are closed, and processes that are killed, in the end. */
export class SqliteFolder {
  readonly path: string;
  readonly clock = new TestClock();
  readonly errors: string[] = [];
  readonly warnings: string[] = [];
  readonly logger: Logger = {
    error: message => this.errors.push(message),
    warn: message => this.warnings.push(message),
  };
  readonly #folder = mkdtempSync(join(tmpdir(), 'espalier-sqlite-'));
  readonly #opened: {close(): void}[] = [];
  readonly #children: ChildProcess[] = [];

  constructor(t: ExecutionContext) {
    this.path = join(this.#folder, 'sessions.db');
    t.teardown(() => this.#dispose());
  }

  /** A store on the file that lives by `clock`. */
  open(options: Partial<SqliteStoreOptions> = {}): SqliteStore {
    const given = {clock: this.clock, logger: this.logger, ...options};
    return this.#keep(watched(new SqliteStore({path: this.path, ...given}), given));
  }

  /** The file as any other program would open it. */
  look(): DatabaseSync {
    return this.#keep(new DatabaseSync(this.path));
  }

  /** A process that does one of the things in sqlite-child.ts to the file. */
  run(act: string, ...args: (string | number)[]): ChildProcessByStdio<null, Readable, null> {
    const program = ['--disable-warning=ExperimentalWarning', child, act, this.path, ...args.map(String)];
    const started = spawn(process.execPath, program, {stdio: ['ignore', 'pipe', 'inherit']});
    this.#children.push(started);
    return started;
  }

  /** What such a process has said when it was done. */
  async outcome(act: string, ...args: (string | number)[]): Promise<string> {
    return said(this.run(act, ...args), act);
  }

  /** The same on a disk of its own with so much room, which no process but that one sees. */
  async outcomeOnDisk(megabytes: number, act: string, ...args: (string | number)[]): Promise<string> {
    const mount = `mount -t tmpfs -o size=${megabytes}m none ${this.#folder} && exec "$@"`;
    const program = [
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      child,
      act,
      this.path,
      ...args.map(String),
    ];
    const started = spawn('unshare', ['-rm', 'sh', '-c', mount, 'sh', ...program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(started);
    return said(started, act);
  }

  #keep<T extends {close(): void}>(opened: T): T {
    this.#opened.push(opened);
    return opened;
  }

  #dispose(): void {
    for (const started of this.#children) started.kill('SIGKILL');
    for (const opened of this.#opened) ignore(() => opened.close());
    rmSync(this.#folder, {recursive: true, force: true});
  }
}

async function said(started: ChildProcessByStdio<null, Readable, null>, act: string): Promise<string> {
  const [words, [code]] = await Promise.all([text(started.stdout), once(started, 'exit')]);
  if (code !== 0) throw new Error(`The process that was to ${act} ended with ${String(code)}.`);
  return words.trim();
}

export const lifetime = {isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000};

/** A text of fifteen pages, each of which is another one each time: SQLite does not write what is there already. */
export function long(revision: number): string {
  return JSON.stringify(String(revision % 10).repeat(59_998));
}

/** What a store tells of from now on, as `key reason`, when somebody looks each half a second. */
export function listen(store: SqliteStore, clock: Clock): string[] {
  const told: string[] = [];
  watched(store, {clock, logger: console}, ends => told.push(...ends.map(({key, reason}) => `${key} ${reason}`)));
  return told;
}

function ignore(act: () => void): void {
  try {
    act();
  } catch {
    // It was closed before.
  }
}

/** Hear of each statement that is run, of whichever store in this process, until the spec is over. */
export function statements(t: ExecutionContext): string[] {
  const ran: string[] = [];
  const {prototype} = StatementSync;
  for (const name of ['run', 'get', 'all'] as const) {
    const act = Reflect.get(prototype, name) as (...values: unknown[]) => unknown;
    const hearing = function (this: StatementSync, ...values: unknown[]) {
      ran.push(this.sourceSQL.trim().replace(/\s+/g, ' '));
      return act.apply(this, values);
    };
    Object.assign(prototype, {[name]: hearing});
    t.teardown(() => Object.assign(prototype, {[name]: act}));
  }
  return ran;
}
