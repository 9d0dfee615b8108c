import {setTimeout as sleep} from 'node:timers/promises';
import {proceed, promised, type Awaitable} from '../awaitable.ts';
import {systemClock} from '../clock.ts';
import type {Logger} from '../logger.ts';
import {sessionTaken} from '../session/store/refusals.ts';
import {OutageLog} from '../outage-log.ts';
import {TimeLimit} from '../time-limit.ts';
import type {RedisClient, RedisConnection} from './redis-connection.ts';
import type {RedisEviction} from './redis-eviction.ts';
import {demoted, NoAnswer, reasonOf, replyKindOf} from './redis-failure.ts';
import type {Partition} from './redis-partitions.ts';
import {plain, unreadable, type Reply} from './redis-record.ts';
import {placed, type RedisScript} from './redis-script.ts';

type Answer = readonly [time: string, state: 'done' | 'late', result: Reply];

/** A call on its way. */
interface Call {
  readonly script: RedisScript;
  readonly partition: Partition;
  readonly head: readonly [operation: string, now: string];
  readonly args: readonly string[];
  /** When it is given up, by `performance.now()`. */
  readonly until: number;
  client: RedisClient | undefined;
  isAgain: boolean;
}

/** Has scripts run, each in one round trip, and in `timeout` milliseconds at most. */
export class RedisCaller {
  readonly #connection: RedisConnection;
  readonly #log: OutageLog;
  readonly #eviction: RedisEviction;
  readonly #timeout: number;
  readonly #limit: TimeLimit;
  /** Keeps the process alive while calls are under way, as a connection that nothing comes from does not. */
  readonly #alive = setInterval(() => {}, 2 ** 30).unref();
  /** Where the last call has failed. */
  readonly #failing = new Set<Partition>();
  #underWay = 0;

  constructor(
    {connection, logger, eviction}: {connection: RedisConnection; logger: Logger; eviction: RedisEviction},
    timeout: number,
  ) {
    this.#connection = connection;
    this.#log = new OutageLog(logger);
    this.#eviction = eviction;
    this.#timeout = timeout;
    this.#limit = new TimeLimit(systemClock, timeout, () => new NoAnswer(timeout));
  }

  /**
   * What has come of an operation. `now` is the time that takes the place of the server's, if any; after `latest`, by
   * `performance.now()`, it is not run any more.
   */
  call(
    script: RedisScript,
    partition: Partition,
    now: string,
    args: readonly string[],
    latest = Infinity,
  ): Promise<Reply> {
    const until = Math.min(performance.now() + this.#timeout, latest);
    const head = [script.operation, now] as const;
    const call: Call = {script, partition, head, args, until, client: undefined, isAgain: false};
    this.#begin();
    return this.#limit.keep(promised(() => this.#connected(call))).then(
      ([, state, result]) => {
        this.#end();
        if (this.#failing.size > 0) this.#recoverFrom(partition);
        if (state === 'done') return result;
        throw new Error('Redis came to this call too late to run it.');
      },
      (error: unknown) => {
        this.#end();
        throw this.#refusalOf(error) ?? this.#failed(error, call);
      },
    );
  }

  /** No call keeps the process alive any longer. */
  close(): void {
    clearInterval(this.#alive);
  }

  #begin(): void {
    this.#underWay += 1;
    if (this.#underWay === 1) this.#alive.ref();
  }

  #end(): void {
    this.#underWay -= 1;
    if (this.#underWay === 0) this.#alive.unref();
  }

  /** What a script refuses by the rules. */
  #refusalOf(error: unknown): Error | undefined {
    const kind = replyKindOf(error);
    if (kind === 'CORRUPT') return unreadable();
    if (kind === 'TAKEN') return sessionTaken();
    return kind === 'EVICTING' ? this.#eviction.refuse(String(error).split(' ')[2]!) : undefined;
  }

  /** It works again once all does that did not. */
  #recoverFrom(partition: Partition): void {
    this.#failing.delete(partition);
    if (this.#failing.size === 0) this.#log.recover(`${this.#connection.name}, where sessions rest, works again.`);
  }

  #failed(error: unknown, {client, partition}: Call): unknown {
    this.#failing.add(partition);
    if (client && error instanceof NoAnswer) this.#connection.giveUp(client);
    if (error instanceof Error) error.message = placed(error.message);
    const outage = `${this.#connection.name}, where sessions rest, does not work`;
    this.#log.fail(`${outage}: ${reasonOf(error)}. Until it does, whoever needs a session gets a 503.`, error);
    return error;
  }

  #connected(call: Call): Awaitable<Answer> {
    return proceed(this.#connection.get(), client => this.#ask(call, client));
  }

  /**
   * A call carries the moment after which nobody waits for it, by the server's clock, so that one that was held up on its way
   * is not run when its caller has long been told that it failed. Where that moment was wrong, as the server's clock was set
   * or another server took over, nothing has been run, and the call is made again by the clock that the answer tells of.
   */
  #ask(call: Call, client: RedisClient): Promise<Answer> {
    call.client = client;
    const {script, partition, head, args, until} = call;
    const latest = partition.ahead === undefined ? '' : String(Math.floor(until + partition.ahead));
    const options = {keys: partition.keys, arguments: [...head, latest, ...args]};
    const hear = (reply: unknown) => {
      const answer = plain(reply) as unknown as Answer;
      partition.ahead = Number(answer[0]) - performance.now();
      return answer[1] === 'late' && mayBeMadeAgain(call) ? this.#ask(call, client) : answer;
    };
    const fail = (error: unknown) => this.#recover(call, client, error);
    return client.evalSha(script.sha1, options).then(hear, (error: unknown) => {
      // Redis has forgotten the script, as it may at any time, and so nothing has been run.
      const isForgotten = replyKindOf(error) === 'NOSCRIPT' && performance.now() < until;
      return isForgotten ? client.eval(script.source, options).then(hear, fail) : fail(error);
    });
  }

  #recover(call: Call, client: RedisClient, error: unknown): Awaitable<Answer> {
    if (demoted.has(replyKindOf(error))) this.#connection.giveUp(client);
    const isLost = client.isReady === false;
    if (isLost && call.script.isRepeatable && mayBeMadeAgain(call)) return this.#connected(call);
    // The slot is on its way to another node, and nothing has been run.
    if (replyKindOf(error) === 'TRYAGAIN' && performance.now() < call.until)
      return sleep(tryAgainAfter).then(() => this.#connected(call));
    throw error;
  }
}

/** How many milliseconds a call waits whose slot is being moved, before it is made again. */
const tryAgainAfter = 20;

/** A call is made twice at most. */
function mayBeMadeAgain(call: Call): boolean {
  const isFirst = !call.isAgain;
  call.isAgain = true;
  return isFirst && performance.now() < call.until;
}
