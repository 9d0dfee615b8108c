import {proceed, promised} from '../awaitable.ts';
import {systemClock} from '../clock.ts';
import type {Logger} from '../logger.ts';
import {sessionTaken} from '../session/refusals.ts';
import {TimeLimit} from '../time-limit.ts';
import {OutageLog} from './outage-log.ts';
import type {RedisClient, RedisConnection} from './redis-connection.ts';
import {plain, unreadable, type Reply} from './redis-record.ts';
import type {RedisScript} from './redis-script.ts';

type Answer = readonly [time: string, state: 'done' | 'late' | 'corrupt' | 'taken', result: Reply];

/** Has scripts run, each in one round trip, and in `timeout` milliseconds at most. */
export class RedisCaller {
  readonly #connection: RedisConnection;
  readonly #keys: string[];
  readonly #log: OutageLog;
  readonly #timeout: number;
  readonly #limit: TimeLimit;
  /** Keeps the process alive while calls are under way, as a connection that nothing comes from does not. */
  readonly #alive = setInterval(() => {}, 2 ** 30).unref();
  #underWay = 0;
  /** What the server's clock was ahead of `performance.now()` by when it last answered. */
  #ahead: number | undefined;

  constructor(connection: RedisConnection, base: string, timeout: number, logger: Logger) {
    this.#connection = connection;
    this.#keys = [base];
    this.#log = new OutageLog(logger);
    this.#timeout = timeout;
    this.#limit = new TimeLimit(systemClock, timeout, () => new NoAnswer(`Redis gave no answer in ${timeout} ms.`));
  }

  /** What has come of an operation. `now` is the time that takes the place of the server's, if any. */
  call(script: RedisScript, now: string, args: readonly string[]): Promise<Reply> {
    const until = performance.now() + this.#timeout;
    let client: RedisClient | undefined;
    const ask = (connected: RedisClient) => {
      client = connected;
      return this.#ask(connected, script, [script.operation, now], args, until);
    };
    this.#begin();
    return this.#limit.keep(promised(() => proceed(this.#connection.get(), ask))).then(
      answer => {
        this.#end();
        this.#log.recover('Redis, where sessions rest, works again.');
        return resultOf(answer);
      },
      (error: unknown) => {
        this.#end();
        this.#fail(error, client);
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

  #fail(error: unknown, client: RedisClient | undefined): void {
    if (client && error instanceof NoAnswer) this.#connection.giveUp(client);
    this.#log.fail(
      `Redis, where sessions rest, does not work (${kindOf(error)}): until it does, whoever needs one gets a 503.`,
    );
  }

  /**
   * A call carries the moment after which nobody waits for it, by the server's clock, so that one that was held up on its way
   * is not run when its caller has long been told that it failed. Where that moment was wrong, as the server's clock was set
   * or another server took over, nothing has been run, and the call is made again by the clock that the answer tells of.
   */
  #ask(
    client: RedisClient,
    script: RedisScript,
    head: readonly string[],
    args: readonly string[],
    until: number,
    isAgain = false,
  ): Promise<Answer> {
    const latest = this.#ahead === undefined ? '' : String(Math.floor(until + this.#ahead));
    const options = {keys: this.#keys, arguments: [...head, latest, ...args]};
    const hear = (reply: unknown) => {
      const answer = plain(reply) as unknown as Answer;
      this.#ahead = Number(answer[0]) - performance.now();
      const isWorthAnother = answer[1] === 'late' && !isAgain && performance.now() < until;
      return isWorthAnother ? this.#ask(client, script, head, args, until, true) : answer;
    };
    return client.evalSha(script.sha1, options).then(hear, (error: unknown) => {
      // Redis has forgotten the script, as it may at any time, and so nothing has been run.
      const isForgotten = error instanceof Error && error.message.startsWith('NOSCRIPT');
      if (!isForgotten || performance.now() > until) throw error;
      return client.eval(script.source, options).then(hear);
    });
  }
}

class NoAnswer extends Error {}

function resultOf([, state, result]: Answer): Reply {
  if (state === 'done') return result;
  if (state === 'corrupt') throw unreadable();
  if (state === 'taken') throw sessionTaken();
  throw new Error('Redis came to this call too late to run it.');
}

/** What kind of failure it is, without anything that was configured or sent: `ECONNREFUSED`, `WRONGPASS`, `OOM`. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.cause instanceof Error) return kindOf(error.cause);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return (
    /^[A-Z]{3,}(?= )/.exec(error.message)?.[0] ?? (error instanceof NoAnswer ? 'no answer' : error.constructor.name)
  );
}
