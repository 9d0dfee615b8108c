import {spawn, spawnSync, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {connect, createServer, type AddressInfo, type Server, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';

const program = process.env['REDIS_SERVER'] ?? 'redis-server';

/** Whether there is a Redis, or Valkey, to start. */
export const hasRedis = spawnSync(program, ['--version']).status === 0;

/** A server of its own, on a free port and with a folder of its own, which ends with this process at the latest. */
export class RedisServer {
  readonly port: number;
  readonly #options: readonly string[];
  readonly #folder = mkdtempSync(join(tmpdir(), 'espalier-redis-'));
  readonly #stop = () => this.#child?.kill('SIGKILL');
  #child: ChildProcess | undefined;

  private constructor(port: number, options: readonly string[]) {
    this.port = port;
    this.#options = options;
    process.on('exit', this.#stop);
  }

  /** Start one, with options like `--appendonly`, `yes`. Nothing is saved unless they say so. */
  static async start(...options: string[]): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), options);
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Start it again, with the data that it had saved. */
  async start(): Promise<void> {
    const settings = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#folder, '--save', ''];
    const isSentinel = this.#options.includes('--sentinel');
    const own = isSentinel ? settings.slice(0, 6) : [...settings, '--enable-debug-command', 'local'];
    // A sentinel writes down what it learns.
    const file = join(this.#folder, 'redis.conf');
    writeFileSync(file, '');
    const child = spawn(program, [file, ...own, ...this.#options]);
    this.#child = child;
    for await (const line of createInterface(child.stdout)) {
      if (line.includes('Ready to accept connections') || line.includes('Sentinel ID')) break;
    }
    child.stdout.resume();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child!.kill(signal);
  }

  /** End it, and wait for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  }

  async dispose(): Promise<void> {
    process.off('exit', this.#stop);
    await this.stop('SIGKILL');
    rmSync(this.#folder, {recursive: true, force: true});
  }
}

/** A port that nobody uses. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A way to a server that can be cut, or led to another. */
export class Wire {
  /** Where new connections are led to. */
  target: number;
  /** The next reply is not passed on: the connection is cut instead. Asked of each chunk that was sent. */
  cutsReplyOf: (sent: string) => boolean = () => false;
  /** What becomes of a reply on its way. */
  rewritten: (reply: string) => string = reply => reply;
  /** What was sent to the server, chunk by chunk. */
  readonly sent: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.target = target;
    this.#server = createServer(socket => this.#lead(socket));
  }

  static async to(target: number): Promise<Wire> {
    const wire = new Wire(target);
    wire.#server.listen(0, '127.0.0.1');
    await once(wire.#server, 'listening');
    return wire;
  }

  get url(): string {
    return `redis://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async dispose(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #lead(near: Socket): void {
    const far = connect(this.target, '127.0.0.1');
    let isCut = false;
    near.on('data', chunk => {
      this.sent.push(chunk.toString('latin1'));
      isCut ||= this.cutsReplyOf(this.sent.at(-1)!);
      far.write(chunk);
    });
    far.on('data', chunk => (isCut ? near.destroy() : near.write(this.rewritten(chunk.toString('latin1')), 'latin1')));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => {}).on('close', () => (this.#sockets.delete(socket), other.destroy()));
    }
  }
}
