import {systemClock, type Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {Logger} from '../logger.ts';
import * as kinds from '../options.ts';
import {unlessCorrupt} from '../session/store/refusals.ts';
import type {
  EndedPage,
  EndedSession,
  EndOutcome,
  EndPage,
  EndReason,
  FormerId,
  ListedPage,
  ListPage,
  NewSession,
  Renewal,
  SessionRecord,
  SessionStore,
  SignIn,
  Written,
} from '../session/store/contract.ts';
import {RedisCaller} from './redis-caller.ts';
import {
  BroughtConnection,
  isRedisUrl,
  OwnConnection,
  type RedisClient,
  type RedisConnection,
} from './redis-connection.ts';
import {RedisEviction} from './redis-eviction.ts';
import {isAfter, RedisEnds} from './redis-ends.ts';
import {componentOf, encodeName, endOf, foundOf, recordOf, type Reply} from './redis-record.ts';
import {scripts} from './redis-script.ts';

export type {RedisClient};

/** How a `RedisStore` is set up. */
export interface RedisStoreOptions {
  /**
   * Where Redis is: `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS. The store connects by itself, and
   * again whenever the connection is lost. Default: `redis://127.0.0.1:6379`.
   */
  readonly url?: string;
  /**
   * A client, cluster or sentinel of node-redis in place of `url`. The application configures it, connects it and closes it.
   * Docs: `docs/reference/store.md` says what it must be configured with.
   */
  readonly client?: RedisClient;
  /** What the names of all keys begin with, in braces, so that a cluster keeps them in one place. Default: `espalier`. */
  readonly prefix?: string;
  /**
   * How long Redis has for an answer, in milliseconds; then the call fails. Keep it below the site's `storeTimeout`. Default:
   * 1500.
   */
  readonly timeout?: number;
  /** Takes the place of the server's clock. For specs: with a clock of each machine's own, sessions would live as it goes. */
  readonly clock?: Clock;
  /** Where it is told that Redis does not work, and that it works again. Default: `console`. */
  readonly logger?: Logger;
}

const optionKinds: kinds.Kinds<RedisStoreOptions> = {
  // What it is instead is not said: a url may hold a password.
  url: kinds.secret(kinds.kind('a redis: or rediss: url', url => typeof url === 'string' && isRedisUrl(url))),
  client: kinds.objectWith('a client of node-redis', 'eval', 'evalSha'),
  prefix: kinds.kind('one character or more, none of them a brace', prefix => /^[^{}]+$/.test(prefix as string)),
  timeout: kinds.delay,
  clock: kinds.clock,
  logger: kinds.logger,
};

const defaults = {url: 'redis://127.0.0.1:6379', prefix: 'espalier', timeout: 1500};

/** How often it is looked for sessions past their deadline, and for ends to tell of. */
const lookEvery = 500;

/**
 * Sessions in Redis 7, Valkey 7.2, or later: shared by any number of processes, and there as long as Redis keeps them. Each call is one
 * round trip, and one step for whoever else calls. The time is the server's.
 */
export class RedisStore implements SessionStore {
  /** What holds where `RedisStoreOptions` are silent. */
  static readonly defaults = defaults;

  readonly #connection: RedisConnection;
  readonly #caller: RedisCaller;
  readonly #eviction: RedisEviction;
  readonly #clock: Clock | undefined;
  readonly #ends = new RedisEnds();
  #cancelTick: () => void;
  #isClosed = false;

  /** Connects in the background. Fails with `OPTION_INVALID` for what can't be a url, a prefix or a timeout. */
  constructor(options: RedisStoreOptions = {}) {
    kinds.checkOptions('RedisStore', options, optionKinds);
    const {prefix = defaults.prefix, timeout = defaults.timeout, clock, logger = console} = options;
    this.#connection = connectionFor(options, timeout);
    this.#eviction = new RedisEviction(this.#connection.name, logger);
    const parts = {connection: this.#connection, logger, eviction: this.#eviction};
    this.#caller = new RedisCaller(parts, `{${prefix}}:`, timeout);
    this.#clock = clock;
    this.#cancelTick = this.#tickLater();
  }

  async create({uid, isSecure, idleTimeout, absoluteTimeout}: NewSession): Promise<SessionRecord> {
    return recordOf(
      await this.#call('create', uid, isSecure ? '1' : '0', String(idleTimeout), String(absoluteTimeout)),
    );
  }

  async find(uid: string, isSeen: boolean): Promise<SessionRecord | FormerId | undefined> {
    return foundOf(await this.#call('find', uid, isSeen ? '1' : '0'));
  }

  async touch(key: string, asOf?: number): Promise<SessionRecord | undefined> {
    return sessionOf(await this.#call('touch', key, textOf(asOf)));
  }

  async write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Promise<Written> {
    const content = text === undefined ? [] : [text];
    const answer = await this.#call('write', key, encodeName(name), String(expected), textOf(asOf), ...content);
    const [state, value] = answer as readonly string[];
    if (state === 'gone' || state === 'superseded') return {state};
    if (state === 'written') return {state, revision: Number(value)};
    return {state: 'conflict', current: value ? componentOf(value) : undefined};
  }

  async renew(
    key: string,
    {from, to, grace, isUnsent = false, signIn}: Renewal,
  ): Promise<SessionRecord | FormerId | undefined> {
    const change = [from, to, String(grace), isUnsent ? '1' : '0'];
    return foundOf(await this.#call('renew', key, ...change, ...(signIn ? signInOf(signIn) : [])));
  }

  async setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Promise<SessionRecord | undefined> {
    return sessionOf(await this.#call('setIdleTimeout', key, String(idleTimeout), textOf(asOf)));
  }

  async end(key: string, reason: EndReason, asOf?: number): Promise<boolean> {
    return (await this.#call('endOne', key, reason, textOf(asOf))) === '1';
  }

  async list(user: string, {most, components, after = ''}: ListPage): Promise<ListedPage> {
    const names = (components as readonly string[]).map(encodeName);
    const [next, page] = (await this.#call('list', encodeName(user), String(most), after, ...names)) as [
      string,
      Reply[],
    ];
    const records = page.map(record => unlessCorrupt(() => recordOf(record))).filter(record => record !== undefined);
    return {records, next: next || undefined};
  }

  async endAll(
    user: string,
    reason: EndReason,
    {most, after = '', except}: EndPage & {readonly except?: string},
  ): Promise<EndedPage> {
    const spared = except === undefined ? [] : [except];
    return endedOf(await this.#call('endAll', encodeName(user), reason, String(most), after, ...spared));
  }

  async endEveryone(reason: EndReason, {most, after = ''}: EndPage): Promise<EndedPage> {
    return endedOf(await this.#call('endEveryone', reason, String(most), after));
  }

  // To be written.
  endsSince(): never {
    throw new Error('not yet');
  }
  sweep(): never {
    throw new Error('not yet');
  }
  count(): never {
    throw new Error('not yet');
  }
  read(): never {
    throw new Error('not yet');
  }
  listEveryone(): never {
    throw new Error('not yet');
  }
  countEnds(): never {
    throw new Error('not yet');
  }
  eraseEnds(): never {
    throw new Error('not yet');
  }

  onEnd(listener: (key: string, reason: EndReason) => void): () => void {
    return this.#ends.listen(listener, () => this.#findMark());
  }

  async keepEnds(): Promise<void> {
    await this.#call('keepEnds');
  }

  async takeEnds(count: number, lease: number): Promise<readonly EndedSession[]> {
    const ends = (await this.#call('takeEnds', String(count), String(lease))) as readonly Reply[][];
    return ends.toSorted((end, other) => (isAfter(end[4] as string, other[4] as string) ? 1 : -1)).map(endOf);
  }

  async settleEnd(key: string, outcome: EndOutcome): Promise<void> {
    await this.#call(
      'settleEnd',
      key,
      ...(typeof outcome === 'string' ? [outcome] : ['retry', String(outcome.retryIn)]),
    );
  }

  async releaseEnds(most: number): Promise<number> {
    return Number(await this.#call('releaseEnds', String(most)));
  }

  /** Closes the connection, unless the application has brought the client; then it is the application's to close. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelTick();
    await this.#connection.close();
    this.#caller.close();
  }

  #call(operation: string, ...args: string[]): Promise<Reply> {
    const now = this.#clock ? String(this.#clock.now()) : '';
    return this.#caller.call(scripts.get(operation)!, now, args);
  }

  async #findMark(): Promise<string> {
    return (await this.#call('mark')) as string;
  }

  #tickLater(): () => void {
    return (this.#clock ?? systemClock).after(lookEvery, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    try {
      await this.#ends.markAll(() => this.#findMark());
      while (!this.#isClosed && (await this.#look()));
    } catch {
      // The next one makes up for it; an operator has been told.
    }
    if (!this.#isClosed) this.#cancelTick = this.#tickLater();
  }

  /** End what is past its deadline, and hear of what has ended. Whether there is more of either. */
  async #look(): Promise<boolean> {
    const {mark} = this.#ends;
    const answer = await this.#call('tick', ...(mark === undefined ? [] : [mark]));
    const [swept, policy, [entries = [], isAnew]] = answer as [string, string, [Reply[]?, string?]];
    this.#eviction.hear(policy);
    if (isAnew) this.#ends.beginAnew();
    for (const entry of entries) this.#ends.hear(entry);
    return swept !== '0' || entries.length > 0;
  }
}

function sessionOf(reply: Reply): SessionRecord | undefined {
  return reply.length > 0 ? recordOf(reply) : undefined;
}

function signInOf({user, limit, lifetime}: SignIn): string[] {
  const signIn = [encodeName(user), Number.isFinite(limit) ? String(limit) : ''];
  if (!lifetime) return signIn;
  const {idleTimeout, absoluteTimeout, isRemembered} = lifetime;
  return [...signIn, String(idleTimeout), String(absoluteTimeout), isRemembered ? '1' : '0'];
}

function endedOf(reply: Reply): EndedPage {
  const [next, count] = reply as readonly [string, string];
  return {count: Number(count), next: next || undefined};
}

function textOf(asOf: number | undefined): string {
  return asOf === undefined ? '' : String(asOf);
}

function connectionFor({url, client}: RedisStoreOptions, timeout: number): RedisConnection {
  if (client && url !== undefined)
    throw new EspalierError('OPTION_INVALID', 'A RedisStore takes either a url or a client, not both.');
  if (client) return new BroughtConnection(client);
  return new OwnConnection(url ?? defaults.url, timeout);
}
