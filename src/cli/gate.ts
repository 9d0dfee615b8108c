import {createServer, type AddressInfo, type Server, type Socket} from 'node:net';
import type {Run} from './run.ts';

/** A connection, and the first bytes that have come over it. */
interface Connection {
  readonly socket: Socket;
  readonly head: Uint8Array;
}

type Take = (socket: Socket, port: number) => void;

/** How long a connection may bring nothing, in milliseconds. */
const silence = 60_000;

/** Who takes connections: a server of a run, by its number there. */
interface Taker {
  readonly run: Run;
  readonly id: number;
}

/**
 * The ports that programs listen on. They are opened here and stay open while one run follows another: what comes meanwhile waits.
 * A connection is handed over with the first bytes that it has brought, so the program knows its client, and speaks TLS or HTTP/2 with it by itself.
 */
export class Gate {
  readonly #ports = new Map<string, Port>();
  #elsewhere: Take | undefined;

  /** Whether any port is open. */
  get isOpen(): boolean {
    return this.#ports.size > 0;
  }

  /** Give a server of a run the connections to an address, once it is told of the port. Rejects as the system does. */
  async open(run: Run, id: number, address: string, port: number): Promise<void> {
    // A port that may be any is the same again the next time.
    const wanted = `${address} ${port}`;
    const own = [...this.#ports.values()].filter(one => one.isOf(run) && one.wanted === wanted);
    const key = `${wanted} ${own.length}`;
    const free = [...this.#ports.values()].filter(one => !one.isOf(run));
    const known = this.#ports.get(key) ?? free.find(one => one.is(address, port));
    const opened = known ?? (await Port.open(wanted, address, port, this.#elsewhere));
    if (!known) this.#ports.set(key, opened);
    run.tell({espalier: 'done', id, value: opened.number});
    opened.add({run, id});
  }

  /** A server of a run takes no more. */
  close(run: Run, id: number): void {
    for (const port of this.#ports.values()) port.remove(taker => taker.run === run && taker.id === id);
  }

  /** A run takes no more. */
  leave(run: Run): void {
    for (const port of this.#ports.values()) port.remove(taker => taker.run === run);
  }

  /** Close the ports that nobody takes anything from. */
  tidy(): void {
    for (const [key, port] of this.#ports) {
      if (port.isTaken) continue;
      port.close();
      this.#ports.delete(key);
    }
  }

  /** From now on `take` gets what nobody else takes, and what waits; without it, that waits. */
  divert(take?: Take): void {
    this.#elsewhere = take;
    for (const port of this.#ports.values()) port.divert(take);
  }

  /** Open a port that no run has asked for. */
  async openFor(address: string, port: number): Promise<number> {
    const opened = await Port.open(`${address} ${port}`, address, port, this.#elsewhere);
    this.#ports.set(`${address} ${port} 0`, opened);
    return opened.number;
  }

  closeAll(): void {
    for (const port of this.#ports.values()) port.close();
    this.#ports.clear();
  }
}

/** One address that is listened on. */
class Port {
  readonly wanted: string;
  readonly number: number;
  readonly #address: string;
  readonly #server: Server;
  readonly #silent = new Set<Socket>();
  readonly #waiting = new Set<Connection>();
  #takers: readonly Taker[] = [];
  #next = 0;
  #elsewhere: Take | undefined;

  static async open(wanted: string, address: string, port: number, elsewhere: Take | undefined): Promise<Port> {
    // One read at a time: what follows the first bytes stays with the system.
    const server = createServer({pauseOnConnect: true, noDelay: true, highWaterMark: 1});
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    server.once('error', reject).listen({port, host: address}, resolve);
    await promise;
    server.off('error', reject);
    const opened = new Port(wanted, address, server);
    opened.divert(elsewhere);
    return opened;
  }

  private constructor(wanted: string, address: string, server: Server) {
    this.wanted = wanted;
    this.#address = address;
    this.#server = server;
    this.number = (server.address() as AddressInfo).port;
    server.on('connection', (socket: Socket) => this.#open(socket));
  }

  get divertTo(): Take | undefined {
    return this.#elsewhere;
  }

  get isTaken(): boolean {
    return this.#takers.length > 0;
  }

  is(address: string, port: number): boolean {
    return this.#address === address && this.number === port;
  }

  isOf(run: Run): boolean {
    return this.#takers.some(taker => taker.run === run);
  }

  add(taker: Taker): void {
    this.#takers = [...this.#takers, taker];
    this.#release();
  }

  remove(goes: (taker: Taker) => boolean): void {
    this.#takers = this.#takers.filter(taker => !goes(taker));
  }

  divert(take: Take | undefined): void {
    this.#elsewhere = take;
    this.#release();
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#silent) socket.destroy();
    for (const {socket} of this.#waiting) socket.destroy();
    this.#waiting.clear();
  }

  #release(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const connection of waiting) this.#come(connection);
  }

  /** Wait for its first bytes: browsers open connections ahead of any request, and a program that ends would cut those off. */
  #open(socket: Socket): void {
    this.#silent.add(socket);
    socket.setTimeout(silence, () => socket.destroy());
    socket.once('close', () => this.#silent.delete(socket));
    socket.on('error', () => undefined);
    socket.once('readable', () => {
      this.#silent.delete(socket);
      socket.setTimeout(0);
      // What else comes is for the program; read here it would be lost.
      socket._read = () => undefined;
      const head = socket.read() as Buffer | null;
      if (head === null) socket.destroy();
      else this.#come({socket, head});
    });
  }

  #come(connection: Connection): void {
    const taker = this.#takerOfNext();
    const {socket, head} = connection;
    if (taker) taker.run.tell({espalier: 'connection', id: taker.id, head}, socket);
    else if (this.#elsewhere) this.#elsewhere(restored(connection), this.number);
    else this.#waiting.add(connection);
  }

  /** Each in turn. */
  #takerOfNext(): Taker | undefined {
    const there = this.#takers.filter(({run}) => run.isThere);
    this.#next = (this.#next + 1) % Math.max(1, there.length);
    return there[this.#next];
  }
}

/** The socket as it was before its first bytes were read. */
function restored({socket, head}: Connection): Socket {
  Reflect.deleteProperty(socket, '_read');
  socket.unshift(head);
  return socket;
}
