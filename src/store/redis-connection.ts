import {setTimeout as sleep} from 'node:timers/promises';
import {createClient} from 'redis';

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
}

/** The way to Redis. */
export interface RedisConnection {
  /** The client. Fails when it is not connected. */
  get(): RedisClient | Promise<RedisClient>;
  /** Told of a client that owes an answer for too long. */
  giveUp(client: RedisClient): void;
  close(): Promise<void>;
}

/** What `promise` gives, unless that takes longer than so many milliseconds. `isAwaited` keeps the process alive meanwhile. */
export async function inTime<T>(promise: Promise<T>, time: number, isAwaited = true): Promise<T> {
  const {promise: late, reject} = Promise.withResolvers<never>();
  const refuse = () => reject(new Error(`Redis gave no answer in ${time} ms.`));
  // It may be this process that was busy: an answer that has come meanwhile is read first.
  const timer = setTimeout(() => setImmediate(refuse), time);
  if (!isAwaited) timer.unref();
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ignore(): void {
  // Each call that fails tells of it; without a listener an error of the connection would end the process.
}

function unconnected(cause?: unknown): Error {
  return new Error('There is no connection to Redis.', {cause});
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

/** A connection of our own: made anew whenever it is lost. Meanwhile calls are refused at once. */
export class OwnConnection implements RedisConnection {
  readonly #url: string;
  readonly #timeout: number;
  readonly #first = Promise.withResolvers<void>();
  readonly #closing = new AbortController();
  #client: ReturnType<typeof clientFor> | undefined;
  #failure: unknown;

  /** `timeout` is in milliseconds: for what is under way when it is closed, and half of that for a new connection. */
  constructor(url: string, timeout: number) {
    this.#url = url;
    this.#timeout = timeout;
    void this.#stay();
  }

  // What is asked before the first attempt has come to something, as by a site that begins, waits for that.
  get(): RedisClient | Promise<RedisClient> {
    return this.#client ?? this.#first.promise.then(() => this.#connected());
  }

  giveUp(client: RedisClient): void {
    if (client === this.#client) this.#client.destroy();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const client = this.#client;
    this.#client = undefined;
    if (!client) return;
    await inTime(client.close(), this.#timeout).catch(ignore);
    client.destroy();
  }

  #connected(): RedisClient {
    if (!this.#client) throw unconnected(this.#failure);
    return this.#client;
  }

  async #stay(): Promise<void> {
    const {signal} = this.#closing;
    while (!signal.aborted) {
      await this.#connect();
      this.#first.resolve();
      // A while, and not all processes at once.
      await sleep(100 + Math.random() * 200, undefined, {ref: false, signal}).catch(ignore);
    }
  }

  async #connect(): Promise<void> {
    const client = clientFor(this.#url, 2 * this.#timeout);
    const {promise: lost, resolve} = Promise.withResolvers<unknown>();
    client.on('error', resolve).on('end', () => resolve(undefined));
    client.unref();
    try {
      await inTime(client.connect(), 2 * this.#timeout, false);
      if (!this.#closing.signal.aborted) await this.#use(client, lost);
    } catch (error) {
      this.#failure = error;
    }
    client.destroy();
  }

  async #use(client: ReturnType<typeof clientFor>, lost: Promise<unknown>): Promise<void> {
    this.#client = client;
    this.#first.resolve();
    this.#failure = await lost;
    this.#client = undefined;
  }
}

/** The application's own client: it connects it, and closes it. */
export class BroughtConnection implements RedisConnection {
  readonly #client: RedisClient;

  constructor(client: RedisClient) {
    this.#client = client;
    client.on('error', ignore);
  }

  get(): RedisClient {
    if (this.#client.isReady === false) throw unconnected();
    return this.#client;
  }

  giveUp(): void {
    // How to go on is for its owner to say.
  }

  async close(): Promise<void> {
    this.#client.off('error', ignore);
  }
}
