import {proceed, promised, type Awaitable} from '../awaitable.ts';
import {systemClock} from '../clock.ts';
import type {Logger} from '../logger.ts';
import {sessionTaken} from '../session/store/refusals.ts';
import {OutageLog} from '../outage-log.ts';
import {TimeLimit} from '../time-limit.ts';
import type {RedisClient, RedisConnection} from './redis-connection.ts';
import type {RedisEviction} from './redis-eviction.ts';
import {demoted, NoAnswer, reasonOf, replyKindOf} from './redis-failure.ts';
import {plain, unreadable, type Reply} from './redis-record.ts';
import type {RedisScript} from './redis-script.ts';

type Answer = readonly [time: string, state: 'done' | 'late' | 'corrupt' | 'taken' | 'evicting', result: Reply];

/** A call on its way. */
interface Call {
  readonly script: RedisScript;
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
  readonly #keys: string[];
  readonly #log: OutageLog;
  readonly #eviction: RedisEviction;
  readonly #timeout: number;
  readonly #limit: TimeLimit;
  /** Keeps the process alive while calls are under way, as a connection that nothing comes from does not. */
  readonly #alive = setInterval(() => {}, 2 ** 30).unref();
  #underWay = 0;
  /** What the server's clock was ahead of `performance.now()` by when it last answered. */
  #ahead: number | undefined;

  constructor(
    parts: {connection: RedisConnection; logger: Logger; eviction: RedisEviction},
    base: string,
    timeout: number,
  ) {
    const {connection, logger, eviction} = parts;
    this.#connection = connection;
    this.#keys = [base];
    this.#log = new OutageLog(logger);
    this.#eviction = eviction;
    this.#timeout = timeout;
    this.#limit = new TimeLimit(systemClock, timeout, () => new NoAnswer(timeout));
  }

  /** What has come of an operation. `now` is the time that takes the place of the server's, if any. */
  call(script: RedisScript, now: string, args: readonly string[]): Promise<Reply> {
    const until = performance.now() + this.#timeout;
    const call: Call = {script, head: [script.operation, now], args, until, client: undefined, isAgain: false};
    this.#begin();
    return this.#limit.keep(promised(() => this.#connected(call))).then(
      answer => {
        this.#end();
        this.#log.recover(`${this.#connection.name}, where sessions rest, works again.`);
        return this.#resultOf(answer);
      },
      (error: unknown) => {
        this.#end();
        this.#fail(error, call);
        throw error;
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

  #resultOf([, state, result]: Answer): Reply {
    if (state === 'done') return result;
    if (state === 'corrupt') throw unreadable();
    if (state === 'taken') throw sessionTaken();
    if (state === 'evicting') throw this.#eviction.refuse(result as string);
    throw new Error('Redis came to this call too late to run it.');
  }

  #fail(error: unknown, {client}: Call): void {
    if (client && error instanceof NoAnswer) this.#connection.giveUp(client);
    const outage = `${this.#connection.name}, where sessions rest, does not work`;
    this.#log.fail(`${outage}: ${reasonOf(error)}. Until it does, whoever needs a session gets a 503.`, error);
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
    const {script, head, args, until} = call;
    const latest = this.#ahead === undefined ? '' : String(Math.floor(until + this.#ahead));
    const options = {keys: this.#keys, arguments: [...head, latest, ...args]};
    const hear = (reply: unknown) => {
      const answer = plain(reply) as unknown as Answer;
      this.#ahead = Number(answer[0]) - performance.now();
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
    throw error;
  }
}

/** A call is made twice at most. */
function mayBeMadeAgain(call: Call): boolean {
  const isFirst = !call.isAgain;
  call.isAgain = true;
  return isFirst && performance.now() < call.until;
}
