import {spawn, execFileSync, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer, type AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {Client} from 'pg';

/** Where PostgreSQL's programs are, if anywhere: in `POSTGRES_BIN`, or where Debian puts them. */
export const postgresBin: string | undefined = [
  process.env['POSTGRES_BIN'] ?? '',
  ...globSync('/usr/lib/postgresql/*/bin').toSorted().toReversed(),
].find(folder => existsSync(join(folder, 'initdb')));

/** PostgreSQL refuses to run as root; Debian's package brings a user for it. */
function unprivileged(): {uid?: number; gid?: number} {
  if (process.getuid?.() !== 0) return {};
  const id = (which: string) => Number(execFileSync('id', [which, 'postgres'], {encoding: 'utf8'}));
  return {uid: id('-u'), gid: id('-g')};
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  server.close();
  return port;
}

/** A PostgreSQL of our own, on loopback, in a temporary folder. */
export class PostgresServer {
  readonly port: number;
  readonly #folder: string;
  readonly #user = unprivileged();
  readonly #isDurable: boolean;
  #child: ChildProcess | undefined;

  private constructor(port: number, isDurable: boolean) {
    this.port = port;
    this.#isDurable = isDurable;
    this.#folder = mkdtempSync(join(tmpdir(), 'espalier-postgres-'));
    const {uid, gid} = this.#user;
    if (uid !== undefined) chownSync(this.#folder, uid, gid!);
    // Should the specs be cut off, nothing of it stays.
    process.once('exit', () => this.#child?.kill('SIGQUIT'));
  }

  /** Without `isDurable` what it holds may be lost with the machine, and it is quicker. */
  static async start({isDurable = false} = {}): Promise<PostgresServer> {
    const server = new PostgresServer(await freePort(), isDurable);
    const options = ['--username', 'espalier', '--auth', 'trust', '--no-sync', '-E', 'UTF8'];
    server.run('initdb', ['--pgdata', server.#folder, ...options]);
    await server.restart();
    return server;
  }

  /** A standby of this server, which follows it. */
  async standby(): Promise<PostgresServer> {
    const standby = new PostgresServer(await freePort(), this.#isDurable);
    const source = ['--host', '127.0.0.1', '--port', `${this.port}`, '--username', 'espalier'];
    standby.run('pg_basebackup', [
      ...source,
      '--pgdata',
      standby.#folder,
      '-R',
      '-X',
      'stream',
      '-c',
      'fast',
      '--no-sync',
    ]);
    await standby.restart();
    return standby;
  }

  /** Have a line of its `pg_hba.conf` hold before all others. */
  async admit(line: string): Promise<void> {
    const file = join(this.#folder, 'pg_hba.conf');
    writeFileSync(file, `${line}\n${readFileSync(file, 'utf8')}`);
    await this.ask('SELECT pg_reload_conf()');
  }

  /** What a statement gives, asked over a connection of its own. */
  async ask(text: string): Promise<Record<string, unknown>[]> {
    const client = new Client({connectionString: this.url, connectionTimeoutMillis: 1000});
    client.on('error', () => {});
    await client.connect();
    try {
      return ((await client.query(text)) as {rows: Record<string, unknown>[]}).rows;
    } finally {
      await client.end();
    }
  }

  /** The url of the database; it has a password, which must be seen nowhere. */
  get url(): string {
    return `postgres://espalier:kept-secret@127.0.0.1:${this.port}/postgres`;
  }

  /** The process id of the server, which is the parent of those for each connection. */
  get pid(): number {
    return this.#child!.pid!;
  }

  /** Start it on what it held, and wait until it answers. */
  async restart(): Promise<void> {
    const settings = {
      listen_addresses: '127.0.0.1',
      port: this.port,
      unix_socket_directories: '',
      max_connections: 200,
      shared_buffers: '32MB',
      fsync: this.#isDurable ? 'on' : 'off',
      synchronous_commit: this.#isDurable ? 'on' : 'off',
      log_min_messages: 'panic',
    };
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    this.#child = spawn(join(postgresBin!, 'postgres'), ['-D', this.#folder, ...args], {
      ...this.#user,
      stdio: 'ignore',
    });
    for (let tries = 0; !(await this.#answers()); tries += 1) {
      if (tries > 200 || this.#child.exitCode !== null) throw new Error('PostgreSQL did not start.');
      await setTimeout(50);
    }
  }

  /** Stop it at once, as a crash would: nothing is written down that was not yet. */
  async crash(): Promise<void> {
    await this.#stop('SIGQUIT');
  }

  /** Kill it with all its processes, as the machine does when its memory is full. */
  async kill(): Promise<void> {
    const pids = (await this.ask('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()')).map(({pid}) =>
      Number(pid),
    );
    const exit = once(this.#child!, 'exit');
    for (const pid of [this.pid, ...pids]) kill(pid);
    await exit;
  }

  async dispose(): Promise<void> {
    await this.#stop('SIGQUIT');
    rmSync(this.#folder, {recursive: true, force: true});
  }

  /** What one of PostgreSQL's programs says. */
  run(program: string, args: readonly string[]): string {
    return execFileSync(join(postgresBin!, program), args, {...this.#user, cwd: this.#folder, encoding: 'utf8'});
  }

  async #stop(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGCONT');
    child.kill(signal);
    await exit;
  }

  async #answers(): Promise<boolean> {
    try {
      await this.ask('SELECT 1');
      return true;
    } catch {
      return false;
    }
  }
}

/** One that has ended meanwhile has nothing more to be killed for. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
