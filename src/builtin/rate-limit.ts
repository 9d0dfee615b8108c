import {createHash} from 'node:crypto';
import {isIPv6} from 'node:net';
import createError from 'http-errors';
import type {Awaitable} from '../awaitable.ts';
import {Clock} from '../clock.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {Logger} from '../logger.ts';
import {checkOptions, count, delay, kind, method, oneOf, required, type Kinds} from '../options.ts';
import {OutageLog} from '../outage-log.ts';
import {inject} from '../inject.ts';
import type {Middleware, MiddlewareAnswer, MiddlewareClass, Next} from '../resource/middleware.ts';
import {TimeLimit} from '../time-limit.ts';
import {refusable} from './refusable.ts';

/** What counts requests: each limiter of `rate-limiter-flexible` is one. */
export interface Limiter {
  /** Count one. Rejects with the same, which is no `Error`, where it is one too many. */
  consume(key: string): Promise<LimiterState>;
}

/** How much of its limit a key has left. */
interface LimiterState {
  readonly remainingPoints: number;
  readonly msBeforeNext: number;
}

/** What a limiter of `rate-limiter-flexible` is made with. */
export interface LimiterSettings {
  readonly points: number;
  /** In seconds. */
  readonly duration: number;
  readonly keyPrefix: string;
}

/** How many requests are let through. */
export interface RateLimitOptions {
  /** The most requests by one key in the time that `per` says. */
  readonly limit: number;
  /** How long requests are counted from the first one on, in milliseconds: whole seconds, 24 days at most. */
  readonly per: number;
  /** Gives, or promises, the key that a request counts for; nothing, and it does not count. Default: `addressKey`. */
  readonly by?: (request: Request) => Awaitable<string | undefined>;
  /** What the limit is called in the headers and in a store that several share. Default: `default`. */
  readonly name?: string;
  /** Makes what counts: `options => new RateLimiterRedis({...options, storeClient})`. Default: this process counts, in its memory. */
  readonly store?: (options: LimiterSettings) => Limiter;
  /** What is done when the store does not answer. Default: `pass`. */
  readonly whenDown?: 'pass' | 'refuse';
  /** How many milliseconds the store has to answer. Default: 1000. */
  readonly timeout?: number;
  /** How many keys are in memory at most, where this process counts; past that the oldest is forgotten. Default: 100,000. */
  readonly memoryLimit?: number;
}

const rateLimitKinds: Kinds<RateLimitOptions> = {
  limit: required(kind('a whole number, 1 or more', value => Number.isInteger(value) && (value as number) >= 1)),
  per: required(
    kind(
      'a number of milliseconds that makes whole seconds, 24 days at most',
      value => delay.fits(value) && (value as number) % 1000 === 0,
    ),
  ),
  by: method,
  name: kind('a name of letters, digits, "_" and "-"', value => typeof value === 'string' && /^[\w-]+$/.test(value)),
  store: method,
  whenDown: oneOf('pass', 'refuse'),
  timeout: delay,
  memoryLimit: count,
};

/** What holds where `RateLimitOptions` are silent. */
export const rateLimitDefaults = {name: 'default', whenDown: 'pass', timeout: 1000, memoryLimit: 100_000} as const;

const retryAfter = 'In how many seconds the client may come back.';

const tooMany: MiddlewareAnswer = {
  status: 429,
  headers: {
    'Retry-After': retryAfter,
    RateLimit: 'How many requests are left, `r`, and in how many seconds there are more, `t`.',
    'RateLimit-Policy': 'How many requests, `q`, are let through in how many seconds, `w`.',
  },
};

/**
 * Lets so many requests through in a time, and answers the others with a 429 and `Retry-After`, before anything behind it is asked.
 * All answers say in `RateLimit` and `RateLimit-Policy` what is left (draft-ietf-httpapi-ratelimit-headers-10). The same class in two
 * places counts for both together. Where the store does not answer, requests pass unless `whenDown` is `refuse`: a 503.
 */
export const rateLimit = refusable(makeRateLimit);

function makeRateLimit(options: RateLimitOptions): MiddlewareClass {
  checkOptions('rateLimit()', options, rateLimitKinds);
  const {limit, per, by = addressKey, store, ...settings} = options;
  const {name, whenDown, timeout, memoryLimit} = {...rateLimitDefaults, ...settings};
  const duration = per / 1000;
  class RateLimit implements Middleware {
    static readonly answers: readonly MiddlewareAnswer[] =
      whenDown === 'refuse' ? [tooMany, {status: 503, headers: {'Retry-After': retryAfter}}] : [tooMany];

    readonly #counter: Counter;

    constructor(@inject(Logger) logger: Logger, @inject(Clock) clock: Clock) {
      const settled = {points: limit, duration, keyPrefix: `rate-limit:${name}`};
      const limiter = store ? store(settled) : new MemoryLimiter(settled, memoryLimit, clock);
      this.#counter = new Counter(
        limiter,
        store && new TimeLimit(clock, timeout),
        new OutageLog(logger),
        name,
        whenDown,
      );
    }

    async handle(request: Request, response: Response, next: Next): Promise<unknown> {
      const key = await by(request);
      const state = key === undefined ? undefined : await this.#counter.count(short(key));
      if (!state) return next();
      const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1000));
      response.appendHeader('RateLimit-Policy', `"${name}";q=${limit};w=${duration}`);
      response.appendHeader('RateLimit', `"${name}";r=${state.remainingPoints};t=${seconds}`);
      if (state.isPassed) return next();
      const text = `There were too many requests. Come back in ${seconds} s.`;
      throw createError(429, text, {headers: {'Retry-After': String(seconds)}});
    }
  }
  return RateLimit;
}

/** Asks a limiter, which may be out of reach. */
class Counter {
  constructor(
    private readonly limiter: Limiter,
    private readonly time: TimeLimit | undefined,
    private readonly outages: OutageLog,
    private readonly name: string,
    private readonly whenDown: 'pass' | 'refuse',
  ) {}

  /** Count one more. Gives nothing where the store does not answer; throws a 503 where that is no way to pass. */
  async count(key: string): Promise<State | undefined> {
    const state = await this.#ask(key);
    if (state) this.outages.recover(`The store of rateLimit() "${this.name}" is back.`);
    if (state || this.whenDown === 'pass') return state;
    const headers = {'Retry-After': '5'};
    throw createError(503, 'Nobody can count requests at the moment.', {headers, expose: true});
  }

  async #ask(key: string): Promise<State | undefined> {
    try {
      const consumed = this.limiter.consume(key);
      const state = await (this.time?.keep(consumed) ?? consumed);
      return {...known(state), isPassed: true};
    } catch (error) {
      if (isState(error)) return {...known(error), isPassed: false};
      const done = this.whenDown === 'pass' ? 'pass without being counted' : 'are refused';
      const message = `The store of rateLimit() "${this.name}" does not answer. Requests ${done}: ${String(error)}`;
      this.outages.fail(message, error);
      return undefined;
    }
  }
}

interface State extends LimiterState {
  readonly isPassed: boolean;
}

function known({remainingPoints, msBeforeNext}: LimiterState): LimiterState {
  return {remainingPoints, msBeforeNext};
}

function isState(value: unknown): value is LimiterState {
  return typeof (value as LimiterState | undefined)?.msBeforeNext === 'number';
}

/** A key may be as long as a name that somebody sends. */
function short(key: string): string {
  return key.length <= 64 ? key : createHash('sha256').update(key).digest('base64url');
}

/** Counts in memory, by the site's clock and for so many keys at most. */
class MemoryLimiter implements Limiter {
  readonly #points: number;
  readonly #duration: number;
  readonly #limit: number;
  readonly #clock: Clock;
  /** Those that were first counted longest ago come first, and end first. */
  readonly #counts = new Map<string, {points: number; readonly endsAt: number}>();

  constructor({points, duration}: LimiterSettings, limit: number, clock: Clock) {
    this.#points = points;
    this.#duration = duration * 1000;
    this.#limit = limit;
    this.#clock = clock;
  }

  async consume(key: string): Promise<LimiterState> {
    const now = this.#clock.now();
    this.#forgetEnded(now);
    const counted = this.#counts.get(key) ?? this.#begin(key, now);
    counted.points += 1;
    const state = {remainingPoints: Math.max(0, this.#points - counted.points), msBeforeNext: counted.endsAt - now};
    if (counted.points > this.#points) throw state;
    return state;
  }

  #begin(key: string, now: number) {
    if (this.#counts.size >= this.#limit) this.#counts.delete(this.#counts.keys().next().value!);
    const counted = {points: 0, endsAt: now + this.#duration};
    this.#counts.set(key, counted);
    return counted;
  }

  #forgetEnded(now: number): void {
    for (const [key, {endsAt}] of this.#counts) {
      if (now < endsAt) return;
      this.#counts.delete(key);
    }
  }
}

/**
 * The visitor's address as a key for `by`; of IPv6 the first 64 bits, since everybody who has one has as many as they like of the others.
 * An address of IPv4 that is written as one of IPv6 (RFC 4291, section 2.5.5.2) is one key with it. Without an address it is empty.
 */
export function addressKey({ip}: Request): string {
  if (!isIPv6(ip)) return ip;
  const groups = groupsOf(ip);
  if (groups.slice(0, 5).every(group => group === 0) && groups[5] === 0xffff) return dotted(groups.slice(6));
  const network = groups.slice(0, 4).map(group => group.toString(16));
  return `${network.join(':')}::/64`;
}

/** The eight groups of an address of IPv6. */
function groupsOf(ip: string): number[] {
  const [head = [], tail = []] = ip
    .replace(/%.*/, '')
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes) => pairs(bytes.slice(0, 4).map(Number)))
    .split('::')
    .map(part => (part === '' ? [] : part.split(':')));
  const zeros = Array.from({length: 8 - head.length - tail.length}, () => '0');
  return [...head, ...zeros, ...tail].map(group => Number.parseInt(group, 16));
}

function pairs([a = 0, b = 0, c = 0, d = 0]: readonly number[]): string {
  return [256 * a + b, 256 * c + d].map(group => group.toString(16)).join(':');
}

function dotted(groups: readonly number[]): string {
  return groups.flatMap(group => [group >> 8, group & 0xff]).join('.');
}
