import type {Logger} from '../logger.ts';
import {sessionTaken} from '../session/refusals.ts';
import {OutageLog} from './outage-log.ts';
import {inTime, type RedisClient, type RedisConnection} from './redis-connection.ts';
import {plain, unreadable, type Reply} from './redis-record.ts';
import type {RedisScript} from './redis-script.ts';

type Answer = readonly [time: string, state: 'done' | 'late' | 'corrupt' | 'taken', result: Reply];

/** Has scripts run, each in one round trip, and in `timeout` milliseconds at most. */
export class RedisCaller {
  readonly #connection: RedisConnection;
  readonly #keys: string[];
  readonly #log: OutageLog;
  readonly #timeout: number;
  /** What the server's clock was ahead of `performance.now()` by when it last answered. */
  #ahead: number | undefined;

  constructor(connection: RedisConnection, base: string, timeout: number, logger: Logger) {
    this.#connection = connection;
    this.#keys = [base];
    this.#log = new OutageLog(logger);
    this.#timeout = timeout;
  }

  /** What has come of an operation. `now` is the time that takes the place of the server's, if any. */
  async call(script: RedisScript, now: string, args: readonly string[]): Promise<Reply> {
    const until = performance.now() + this.#timeout;
    const act = (client: RedisClient) => this.#ask(client, script, [script.operation, now], args, until);
    const [, state, result] = await this.#watched(act);
    if (state === 'done') return result;
    if (state === 'corrupt') throw unreadable();
    if (state === 'taken') throw sessionTaken();
    throw new Error('Redis came to this call too late to run it.');
  }

  async #watched(act: (client: RedisClient) => Promise<Answer>): Promise<Answer> {
    let client: RedisClient | undefined;
    try {
      const found = Promise.resolve(this.#connection.get()).then(connected => act((client = connected)));
      const answer = await inTime(found, this.#timeout);
      this.#log.recover('Redis, where sessions rest, works again.');
      return answer;
    } catch (error) {
      if (client && isLate(error)) this.#connection.giveUp(client);
      this.#log.fail(
        `Redis, where sessions rest, does not work (${kindOf(error)}): until it does, whoever needs one gets a 503.`,
      );
      throw error;
    }
  }

  /**
   * A call carries the moment after which nobody waits for it, by the server's clock, so that one that was held up on its way
   * is not run when its caller has long been told that it failed. Where that moment was wrong, as the server's clock was set
   * or another server took over, nothing has been run, and the call is made again by the clock that the answer tells of.
   */
  async #ask(client: RedisClient, script: RedisScript, head: string[], args: readonly string[], until: number) {
    const send = async () => {
      const latest = this.#ahead === undefined ? '' : String(Math.floor(until + this.#ahead));
      const answer = plain(await this.#run(client, script, [...head, latest, ...args], until)) as unknown as Answer;
      this.#ahead = Number(answer[0]) - performance.now();
      return answer;
    };
    const answer = await send();
    return answer[1] === 'late' && performance.now() < until ? send() : answer;
  }

  async #run(client: RedisClient, {source, sha1}: RedisScript, args: string[], until: number): Promise<unknown> {
    const options = {keys: this.#keys, arguments: args};
    try {
      return await client.evalSha(sha1, options);
    } catch (error) {
      // Redis has forgotten the script, as it may at any time, and so nothing has been run.
      const isForgotten = error instanceof Error && error.message.startsWith('NOSCRIPT');
      if (!isForgotten || performance.now() > until) throw error;
      return client.eval(source, options);
    }
  }
}

function isLate(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Redis gave no answer');
}

/** What kind of failure it is, without anything that was configured or sent: `ECONNREFUSED`, `WRONGPASS`, `OOM`. */
function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.cause instanceof Error) return kindOf(error.cause);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return /^[A-Z]{3,}(?= )/.exec(error.message)?.[0] ?? (isLate(error) ? 'no answer' : error.constructor.name);
}
