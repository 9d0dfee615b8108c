import {proceed, type Awaitable} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import type {Logger} from '../logger.ts';
import * as kinds from '../options.ts';
import {
  isLive,
  type EndCounts,
  type EndedPage,
  type EndedSession,
  type EndOutcome,
  type EndPage,
  type EndReason,
  type EndsSince,
  type EndStore,
  type FormerId,
  type ListedPage,
  type ListPage,
  type NewSession,
  type Renewal,
  type SessionRecord,
  type SessionStore,
  type SignIn,
  type Written,
} from '../session/store/contract.ts';
import {sessionTaken} from '../session/store/refusals.ts';
import {RedisCaller} from './redis-caller.ts';
import {
  BroughtConnection,
  isRedisUrl,
  OwnConnection,
  type RedisClient,
  type RedisConnection,
} from './redis-connection.ts';
import {RedisEviction} from './redis-eviction.ts';
import {RedisPartitions, type Partition} from './redis-partitions.ts';
import {
  componentOf,
  encodeName,
  endOf,
  foundOf,
  isAfter,
  logOf,
  recordOf,
  recordsOf,
  type Reply,
} from './redis-record.ts';
import {scripts} from './redis-script.ts';
import {RedisUsers, type Ask} from './redis-users.ts';

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
  /** What the names of all keys begin with, in braces. Default: `espalier`. */
  readonly prefix?: string;
  /**
   * In how many parts a new store is divided, 256 at most. A cluster keeps each part on one node. A store that is there already
   * keeps its number, whatever is said here. Default: 64 with the client of a cluster, otherwise 1.
   */
  readonly partitions?: number;
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
  partitions: kinds.kind(
    'an integer from 1 to 256',
    count => Number.isInteger(count) && Number(count) >= 1 && Number(count) <= 256,
  ),
  timeout: kinds.delay,
  clock: kinds.clock,
  logger: kinds.logger,
};

const defaults = {url: 'redis://127.0.0.1:6379', prefix: 'espalier', timeout: 1500};

/** The format in which sessions are kept. A later one is refused. */
const format = 1;

/** How many ends a portion of the log has at most. */
const mostLogged = 1000;

/**
 * Sessions in Redis 7, Valkey 7.2, or later: shared by any number of processes, and there as long as Redis keeps them. Each call is one
 * step for whoever else calls, and one round trip, unless it is about sessions in several partitions. The time is the server's.
 */
export class RedisStore implements SessionStore, EndStore {
  /** What holds where `RedisStoreOptions` are silent. */
  static readonly defaults = defaults;

  readonly #connection: RedisConnection;
  readonly #caller: RedisCaller;
  readonly #eviction: RedisEviction;
  readonly #clock: Clock | undefined;
  readonly #prefix: string;
  readonly #timeout: number;
  readonly #wanted: number;
  /** How the store is kept, once that is known. */
  #partitions: RedisPartitions | undefined;
  #opening: Promise<RedisPartitions> | undefined;
  #users: RedisUsers | undefined;
  /** The partition whose server is next to be asked for its policy. */
  #asked = 0;

  /** Connects in the background. Fails with `OPTION_INVALID` for what can't be a url, a prefix or a timeout. */
  constructor(options: RedisStoreOptions = {}) {
    kinds.checkOptions('RedisStore', options, optionKinds);
    const {prefix = defaults.prefix, timeout = defaults.timeout, clock, logger = console} = options;
    const connection = connectionFor(options, timeout);
    this.#connection = connection;
    this.#eviction = new RedisEviction(connection.name, logger);
    this.#caller = new RedisCaller({connection, logger, eviction: this.#eviction}, timeout);
    this.#clock = clock;
    this.#prefix = prefix;
    this.#timeout = timeout;
    this.#wanted = options.partitions ?? (connection.isCluster ? 64 : 1);
  }

  async create({uid, isSecure, idleTimeout, absoluteTimeout, device}: NewSession): Promise<SessionRecord> {
    const named = device === undefined ? [] : [encodeName(device)];
    const lifetime = [String(idleTimeout), String(absoluteTimeout)];
    return recordOf(await this.#call('create', uid, isSecure ? '1' : '0', ...lifetime, ...named));
  }

  async find(uid: string, isSeen: boolean): Promise<SessionRecord | FormerId | undefined> {
    return this.#enlisted(foundOf(await this.#call('find', uid, isSeen ? '1' : '0')));
  }

  async touch(key: string, asOf?: number): Promise<SessionRecord | undefined> {
    return this.#enlisted(sessionOf(await this.#call('touch', key, textOf(asOf))));
  }

  async read(key: string): Promise<SessionRecord | undefined> {
    return sessionOf(await this.#call('read', key));
  }

  async write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Promise<Written> {
    const content = text === undefined ? [] : [text];
    const answer = await this.#call('write', key, encodeName(name), String(expected), textOf(asOf), ...content);
    const [state, value] = answer as readonly string[];
    if (state === 'gone' || state === 'superseded') return {state};
    if (state === 'written') return {state, revision: Number(value)};
    return {state: 'conflict', current: value ? componentOf(value) : undefined};
  }

  /** Where there are several partitions, `canHave` tells which uids a session can be given; another is refused as taken. */
  async renew(
    key: string,
    {from, to, grace, isUnsent = false, signIn}: Renewal,
  ): Promise<SessionRecord | FormerId | undefined> {
    if (!this.canHave(key, to)) throw sessionTaken();
    const renewal = [from, to, String(grace), isUnsent ? '1' : '0'];
    if (!signIn) return foundOf(await this.#call('renew', key, ...renewal));
    const {user, limit, lifetime} = signInOf(signIn);
    const users = await this.#usersApart();
    if (users) return foundOf(await users.signIn({user, key, limit}, renewal, lifetime));
    return foundOf(await this.#call('renew', key, ...renewal, user, limit, ...lifetime));
  }

  canHave(key: string, uid: string): boolean {
    return this.#partitions === undefined || this.#partitions.of(key) === this.#partitions.of(uid);
  }

  async setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Promise<SessionRecord | undefined> {
    return sessionOf(await this.#call('setIdleTimeout', key, String(idleTimeout), textOf(asOf)));
  }

  async end(key: string, reason: EndReason, asOf?: number): Promise<boolean> {
    return (await this.#call('endOne', key, reason, textOf(asOf))) === '1';
  }

  async list(user: string, {most, components, after = ''}: ListPage): Promise<ListedPage> {
    const [name, names] = [encodeName(user), fieldsOf(components)];
    const users = await this.#usersApart();
    if (users) return users.list(name, names, most, after);
    const [next, records] = (await this.#call('list', name, String(most), after, ...names)) as [string, Reply[]];
    return {records: recordsOf(records), next: next || undefined};
  }

  async endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Promise<EndedPage> {
    const {most, after = '', except} = page;
    const users = await this.#usersApart();
    if (users) return users.endAll(encodeName(user), reason, page, except);
    const spared = except === undefined ? [] : [except];
    const reply = await this.#call('endAll', encodeName(user), reason, String(most), after, ...spared);
    const [next, count] = reply as [string, string];
    return {count: Number(count), next: next || undefined};
  }

  async listEveryone({components, ...page}: ListPage): Promise<ListedPage> {
    const {found, next} = await this.#page('listEveryone', page, fieldsOf(components));
    return {records: recordsOf(found.flat()), next};
  }

  async endEveryone(reason: EndReason, page: EndPage): Promise<EndedPage> {
    const {found, next} = await this.#page('endEveryone', page, [reason]);
    return {count: sum(found), next};
  }

  async endsSince(mark: string | undefined): Promise<EndsSince> {
    const {all} = await this.#opened();
    const known = mark?.split(' ') ?? [];
    // A mark of another number of partitions is one of before the store was emptied.
    const marks = all.map((_, i) => (known.length === all.length ? known[i]! : '0-0'));
    const replies = await this.#each('endsSince', i => (mark === undefined ? [] : [marks[i]!]), mark === undefined);
    const logs = replies.map((reply = [], i) => logOf(reply, marks[i]!));
    const entries = logs.flatMap(log => log.entries).toSorted((one, other) => inOrder(one.id, other.id));
    // What is later than the end of a full portion waits for what comes after that.
    const full = [entries, ...logs.map(log => log.entries)].flatMap(some => some[mostLogged - 1]?.id ?? []);
    const last = full.toSorted(inOrder)[0];
    const isInTime = ({id}: {id: string}) => last === undefined || !isAfter(id, last);
    return {
      ends: entries.filter(isInTime).map(({end}) => end),
      mark: logs.map(log => log.entries.findLast(isInTime)?.id ?? log.mark).join(' '),
      hasMore: last !== undefined,
    };
  }

  async sweep(): Promise<boolean> {
    const {all} = await this.#opened();
    const most = Math.min(100, Math.floor(640 / all.length));
    this.#asked = (this.#asked + 1) % all.length;
    // The store may have been emptied, and begun anew by a process that wants another number of partitions.
    const sweeps = this.#each('sweep', i => [String(most), i === this.#asked ? '1' : '0']);
    const [replies] = await Promise.all([sweeps, this.#open()]);
    const swept = replies.map((reply = ['0', '', []]) => reply as readonly [string, string, readonly string[]]);
    if (replies[this.#asked]) this.#eviction.hear(swept[this.#asked]![1], this.#asked);
    await this.#users?.clear(swept.flatMap(([, , listed]) => listed));
    return swept.some(([count, , listed]) => Math.max(Number(count), listed.length) >= most);
  }

  async count(): Promise<number> {
    return sum(await this.#each('count', () => [], true));
  }

  async keepEnds(): Promise<void> {
    await this.#each('keepEnds', () => [], true);
  }

  async takeEnds(count: number, lease: number): Promise<readonly EndedSession[]> {
    const shares = await this.#shares(count);
    const taken = await this.#each('takeEnds', i => shares[i] && [String(shares[i]), String(lease)]);
    const ends = taken.flatMap(reply => reply ?? []) as Reply[][];
    return ends.toSorted((end, other) => inOrder(end[4] as string, other[4] as string)).map(endOf);
  }

  async settleEnd(key: string, outcome: EndOutcome): Promise<void> {
    const words = typeof outcome === 'string' ? [outcome] : ['retry', String(outcome.retryIn)];
    await this.#call('settleEnd', key, ...words);
  }

  async releaseEnds(most: number): Promise<number> {
    return this.#untilEnough(most, async (partition, rest) =>
      Number(await this.#ask('releaseEnds', partition, [String(rest)])),
    );
  }

  async countEnds(): Promise<EndCounts> {
    const counts = (await this.#each('countEnds', () => [], true)) as [string, string][];
    return {waiting: sum(counts.map(([waiting]) => waiting)), parked: sum(counts.map(([, parked]) => parked))};
  }

  async eraseEnds(user: string, most: number): Promise<number> {
    return this.#untilEnough(most, async (partition, rest) => {
      let erased = 0;
      for (let mark = '0-0'; mark !== '' && erased < rest;) {
        const reply = await this.#ask('eraseEnds', partition, [encodeName(user), String(rest - erased), mark]);
        const [next, count] = reply as [string, string];
        erased += Number(count);
        mark = next;
      }
      return erased;
    });
  }

  /** Closes the connection, unless the application has brought the client; then it is the application's to close. */
  async close(): Promise<void> {
    await this.#connection.close();
    this.#caller.close();
  }

  /** Run an operation where what has this name lies, its first argument. */
  #call(operation: string, name: string, ...args: string[]): Awaitable<Reply> {
    return proceed(this.#opened(), partitions => this.#ask(operation, partitions.of(name), [name, ...args]));
  }

  readonly #ask: Ask = (operation, partition, args, latest) => {
    const now = this.#clock ? String(this.#clock.now()) : '';
    return this.#caller.call(scripts.get(operation)!, partition, now, args, latest);
  };

  /**
   * Run an operation in all partitions; in those for which there are arguments. Where one has failed there is nothing, so that a
   * node that is away does not keep the others waiting; unless all are needed, or none has answered.
   */
  async #each(
    operation: string,
    argsOf: (i: number) => string[] | 0 | undefined,
    needsAll = false,
  ): Promise<(Reply | undefined)[]> {
    const {all} = await this.#opened();
    const calls = all.map(async (partition, i) => {
      const args = argsOf(i);
      return args ? this.#ask(operation, partition, args) : undefined;
    });
    if (needsAll || calls.length === 1) return Promise.all(calls);
    const results = await Promise.allSettled(calls);
    if (results.every(({status}) => status === 'rejected')) await calls[0];
    return results.map(result => (result.status === 'fulfilled' ? result.value : undefined));
  }

  /** How many ends to take from each partition, so that the first of all are taken. */
  async #shares(count: number): Promise<readonly number[]> {
    const {all} = await this.#opened();
    if (all.length === 1) return [count];
    const ids = (await this.#each('endsToTake', () => [String(count)])) as (string[] | undefined)[];
    const first = ids
      .flatMap((own = [], i) => own.map(id => ({id, i})))
      .toSorted((one, other) => inOrder(one.id, other.id))
      .slice(0, count);
    return all.map((_, i) => first.filter(share => share.i === i).length);
  }

  /** Go from partition to partition until `act` has done something so many times, in all. */
  async #untilEnough(most: number, act: (partition: Partition, rest: number) => Promise<number>): Promise<number> {
    const {all} = await this.#opened();
    let done = 0;
    for (const partition of all) if (done < most) done += await act(partition, most - done);
    return done;
  }

  /** A page of what is in all partitions, one after the other, each from a mark of its own. What each gives is a number or a list. */
  async #page(operation: string, {most, after}: EndPage, args: readonly string[]) {
    const {all} = await this.#opened();
    const begun = async () => (all.length === 1 ? ['-'] : ((await this.#each('bound', () => [], true)) as string[]));
    const marks = after?.split(',') ?? (await begun());
    const found: Reply[] = [];
    let rest = most;
    for (const [i, partition] of all.entries()) {
      if (!marks[i] || rest === 0) continue;
      const [mark, some] = (await this.#ask(operation, partition, [String(rest), marks[i], ...args])) as [
        string,
        Reply,
      ];
      marks[i] = mark;
      found.push(some);
      rest -= typeof some === 'string' ? Number(some) : some.length;
    }
    return {found, next: marks.some(mark => mark !== '') ? marks.join(',') : undefined};
  }

  #opened(): Awaitable<RedisPartitions> {
    return this.#partitions ?? (this.#opening ??= this.#open().finally(() => (this.#opening = undefined)));
  }

  /** How the store is kept is written in it. */
  async #open(): Promise<RedisPartitions> {
    const {isCluster} = this.#connection;
    const [root] = new RedisPartitions(this.#prefix, 1, isCluster).all;
    let [written, count, mark] = ['', '', '0'];
    while (mark !== '') {
      const reply = await this.#ask('open', root!, [String(format), String(this.#wanted), mark]);
      [written, count, mark] = reply as [string, string, string];
    }
    if (Number(written) > format) {
      this.#partitions = undefined;
      throw new Error(`The sessions with the prefix ${this.#prefix} are kept by a later release.`);
    }
    if (this.#partitions?.all.length !== Number(count)) {
      this.#partitions = new RedisPartitions(this.#prefix, Number(count), isCluster);
      this.#users = this.#partitions.areMany
        ? new RedisUsers(this.#ask, this.#partitions, this.#timeout / 2)
        : undefined;
    }
    return this.#partitions;
  }

  /** Those who know the sessions of a user, where the list lies apart from them. */
  async #usersApart(): Promise<RedisUsers | undefined> {
    await this.#opened();
    return this.#users;
  }

  /** A session that was seen now has its place in the list of its user, should a node that took over not have got that. */
  #enlisted<T extends SessionRecord | FormerId | undefined>(found: T): T {
    if (this.#users && isLive(found) && found.lastSeenAt === found.now) this.#users.enlist(found);
    return found;
  }
}

function sessionOf(reply: Reply): SessionRecord | undefined {
  return reply.length > 0 ? recordOf(reply) : undefined;
}

function signInOf({user, limit, lifetime}: SignIn) {
  const changed = lifetime && [
    String(lifetime.idleTimeout),
    String(lifetime.absoluteTimeout),
    lifetime.isRemembered ? '1' : '0',
  ];
  return {user: encodeName(user), limit: Number.isFinite(limit) ? String(limit) : '', lifetime: changed ?? []};
}

function fieldsOf(components: ListPage['components']): string[] {
  return components === 'all' ? ['all'] : components.map(name => `c:${encodeName(name)}`);
}

function inOrder(id: string, other: string): number {
  return isAfter(id, other) ? 1 : -1;
}

function sum(numbers: readonly (Reply | undefined)[]): number {
  return numbers.reduce((total: number, number) => total + Number(number), 0);
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
