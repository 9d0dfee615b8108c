import {setTimeout as sleep} from 'node:timers/promises';
import type * as Redis from 'redis';
import {peer} from '../peer.ts';
import {NoAnswer} from './redis-failure.ts';

const {createClient} = peer('redis', 'espalier/store/redis') as typeof Redis;

interface ScriptOptions {
  readonly keys: string[];
  readonly arguments: string[];
}

/** What the store needs of a client: `createClient`, `createCluster` and `createSentinel` of node-redis give one. */
export interface RedisClient {
  evalSha(sha1: string, options: ScriptOptions): Promise<unknown>;
  eval(source: string, options: ScriptOptions): Promise<unknown>;
  on(event: 'error', listener: (error: unknown) => void): unknown;
  off(event: 'error', listener: (error: unknown) => void): unknown;
  readonly isReady?: boolean;
  /** Of a cluster. */
  readonly nodeByAddress?: unknown;
}

/** The way to Redis. */
export interface RedisConnection {
  /** How a log line names the server, without a password. */
  readonly name: string;
  /** Whether it leads to the nodes of a cluster. */
  readonly isCluster: boolean;
  /** The client. Fails when it is not connected. */
  get(): RedisClient | Promise<RedisClient>;
  /** Told of a client that owes an answer for too long, or whose server is no primary any more. */
  giveUp(client: RedisClient): void;
  close(): Promise<void>;
}

/** What `promise` gives, unless that takes longer than so many milliseconds. `isAwaited` keeps the process alive meanwhile. */
export async function inTime<T>(promise: Promise<T>, time: number, isAwaited = true): Promise<T> {
  const {promise: late, reject} = Promise.withResolvers<never>();
  const refuse = () => reject(new NoAnswer(time));
  // It may be this process that was busy: an answer that has come meanwhile is read first.
  const timer = setTimeout(() => setImmediate(refuse), time);
  if (!isAwaited) timer.unref();
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const defaultPort = 6379;

function ignore(): void {
  // Each call that fails tells of it; without a listener an error of the connection would end the process.
}

class Unconnected extends Error {
  constructor(cause?: unknown) {
    super('There is no connection to Redis.', {cause});
  }
}

// The client's own way to connect again waits without end for a server that accepts and then says nothing.
function clientFor(url: string, connectTimeout?: number) {
  const socket = {reconnectStrategy: false, ...(connectTimeout && {connectTimeout})} as const;
  // The time of a call is limited by who makes it, for all calls at once.
  return createClient({
    url,
    disableOfflineQueue: true,
    maintNotifications: 'disabled',
    commandOptions: {timeout: 0},
    socket,
  });
}

/** Whether a client can make anything of a url. */
export function isRedisUrl(url: string): boolean {
  try {
    clientFor(url);
    return true;
  } catch {
    return false;
  }
}

/**
 * A connection of our own: made anew whenever it is lost, at once the first time. Calls wait for that one attempt; when it has
 * come to nothing they are refused at once, until a later one succeeds.
 */
export class OwnConnection implements RedisConnection {
  readonly name: string;
  readonly isCluster = false;
  readonly #url: string;
  readonly #timeout: number;
  readonly #closing = new AbortController();
  #client: ReturnType<typeof clientFor> | undefined;
  /** What calls wait for while there is no client: the first attempt to connect since the beginning, or since it was lost. */
  #attempt = Promise.withResolvers<void>();
  #failure: unknown;

  /** `timeout` is in milliseconds: for what is under way when it is closed, and half of that for a new connection. */
  constructor(url: string, timeout: number) {
    const {hostname, port} = new URL(url);
    this.name = `Redis at ${hostname}:${port || defaultPort}`;
    this.#url = url;
    this.#timeout = timeout;
    void this.#stay();
  }

  get(): RedisClient | Promise<RedisClient> {
    return this.#client ?? this.#attempt.promise.then(() => this.#connected());
  }

  giveUp(client: RedisClient): void {
    if (client !== this.#client) return;
    this.#client.destroy();
    this.#lose(client);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#attempt.resolve();
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    await inTime(client.close(), this.#timeout).catch(ignore);
    client.destroy();
  }

  #connected(): RedisClient {
    if (!this.#client) throw new Unconnected(this.#failure);
    return this.#client;
  }

  async #stay(): Promise<void> {
    const {signal} = this.#closing;
    while (!signal.aborted) {
      // Attempts begin so far apart, and not those of all processes at once. One that held for longer is not waited for.
      const next = performance.now() + 100 + Math.random() * 200;
      await this.#connect();
      const rest = next - performance.now();
      if (rest > 0) await sleep(rest, undefined, {ref: false, signal}).catch(ignore);
    }
  }

  async #connect(): Promise<void> {
    const client = clientFor(this.#url, 2 * this.#timeout);
    const {promise: lost, resolve} = Promise.withResolvers<unknown>();
    const lose = (error?: unknown) => {
      this.#lose(client);
      resolve(error);
    };
    client.on('error', lose).on('end', lose);
    client.unref();
    try {
      await inTime(client.connect(), 2 * this.#timeout, false);
      if (!this.#closing.signal.aborted) this.#client = client;
      this.#attempt.resolve();
      if (this.#client) this.#failure = await lost;
    } catch (error) {
      this.#failure = error;
      this.#attempt.resolve();
    }
    this.#lose(client);
    client.destroy();
  }

  // Before whoever was answered by this connection's end can ask for another.
  #lose(client: RedisClient): void {
    if (client !== this.#client) return;
    this.#client = undefined;
    this.#attempt = Promise.withResolvers();
  }
}

/** The application's own client: it connects it, and closes it. */
export class BroughtConnection implements RedisConnection {
  readonly name = 'Redis';
  readonly isCluster: boolean;
  readonly #client: RedisClient;

  constructor(client: RedisClient) {
    this.#client = client;
    this.isCluster = client.nodeByAddress !== undefined;
    client.on('error', ignore);
  }

  get(): RedisClient {
    if (this.#client.isReady === false) throw new Unconnected();
    return this.#client;
  }

  giveUp(): void {
    // How to go on is for its owner to say.
  }

  async close(): Promise<void> {
    this.#client.off('error', ignore);
  }
}
