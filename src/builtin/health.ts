import {promised} from '../awaitable.ts';
import {Clock} from '../clock.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {inject} from '../inject.ts';
import {Logger} from '../logger.ts';
import {checkOptions, delay, kind, object, type Kinds} from '../options.ts';
import {OutageLog} from '../outage-log.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {Child, Resource} from '../resource/resource.ts';
import {Get} from '../resource/verbs.ts';
import {SessionService} from '../session/session-service.ts';
import {TimeLimit} from '../time-limit.ts';
import {refusable} from './refusable.ts';

/** What a site needs to be ready. */
export interface HealthOptions {
  /**
   * What is looked at besides the store of the sessions, by name: `{database: () => pool.query('SELECT 1')}`. It is down where that
   * throws, rejects, gives `false` or takes too long. Default: nothing.
   */
  readonly checks?: Readonly<Record<string, () => unknown>>;
  /** How many milliseconds each of them may take. The store has the `storeTimeout` of the sessions. Default: 2000. */
  readonly timeout?: number;
  /** For how many milliseconds an answer holds, however often it is asked for. Default: 1000. */
  readonly maxAge?: number;
}

const healthKinds: Kinds<HealthOptions> = {
  checks: kind(
    'an object of functions',
    value => object.fits(value) && Object.values(value as object).every(each => typeof each === 'function'),
  ),
  timeout: delay,
  maxAge: delay,
};

/** What holds where `HealthOptions` are silent. */
export const healthDefaults = {timeout: 2000, maxAge: 1000} as const;

type State = 'up' | 'down';

/** What is answered. */
interface Report {
  readonly status: State;
  readonly checks?: Readonly<Record<string, State>>;
}

/**
 * A resource that says how the site is, to load balancers and their like, as JSON. `live` below it is a 200 as long as the process answers.
 * `ready`, and the resource itself, ask the store and the checks, and are a 503 where one of them is down. When `close()` has begun all are
 * a 503, as everything else is. Nothing of it may be stored, it begins no session, and why a check has failed is told to the log
 * alone. Throws `OPTION_INVALID`.
 */
export const health = refusable(makeHealth);

function makeHealth(options: HealthOptions = {}): ResourceClass {
  checkOptions('health()', options, healthKinds);
  const {checks = {}, timeout, maxAge} = {...healthDefaults, ...options};

  @Resource()
  class Health {
    readonly #readiness: Readiness;

    constructor(
      @inject(SessionService) sessions: SessionService,
      @inject(Clock) clock: Clock,
      @inject(Logger) logger: Logger,
    ) {
      const limit = new TimeLimit(clock, timeout);
      const watched = Object.entries(checks).map(([name, check]) => watch(name, check, limit, logger));
      this.#readiness = new Readiness([['store', () => isKept(sessions.checkStore())], ...watched], clock, maxAge);
    }

    @Get()
    show(_request: Request, response: Response): Promise<Report> {
      return show(response, () => this.#readiness.report());
    }

    @Child('ready', () => Told)
    ready(): Told {
      return new Told(() => this.#readiness.report());
    }

    @Child('live', () => Told)
    live(): Told {
      return new Told(async () => ({status: 'up'}));
    }
  }
  return Health;
}

@Resource()
class Told {
  constructor(private readonly report: () => Promise<Report>) {}

  @Get()
  show(_request: Request, response: Response): Promise<Report> {
    return show(response, this.report);
  }
}

async function show(response: Response, ask: () => Promise<Report>): Promise<Report> {
  const report = await ask();
  response.setHeader('Cache-Control', 'no-store');
  if (report.status === 'down') response.status = 503;
  return report;
}

type Check = readonly [name: string, isUp: () => Promise<boolean>];

/** One report for all who ask within a time: whoever asks often asks the store no more than that. */
class Readiness {
  readonly #checks: readonly Check[];
  readonly #clock: Clock;
  readonly #maxAge: number;
  #latest: {readonly report: Promise<Report>; at: number} | undefined;

  constructor(checks: readonly Check[], clock: Clock, maxAge: number) {
    this.#checks = checks;
    this.#clock = clock;
    this.#maxAge = maxAge;
  }

  report(): Promise<Report> {
    const now = this.#clock.now();
    if (this.#latest && Math.abs(now - this.#latest.at) < this.#maxAge) return this.#latest.report;
    this.#latest = {report: this.#ask(), at: now};
    return this.#latest.report;
  }

  async #ask(): Promise<Report> {
    const states = this.#checks.map(async ([name, isUp]) => [name, (await isUp()) ? 'up' : 'down'] as const);
    const checks = Object.fromEntries(await Promise.all(states));
    return {status: Object.values(checks).includes('down') ? 'down' : 'up', checks};
  }
}

/** Whether a promise is kept. */
async function isKept(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    value => value !== false,
    () => false,
  );
}

/** A check of the application's, within its time. Why it fails is told to the operator, once. */
function watch(name: string, check: () => unknown, limit: TimeLimit, logger: Logger): Check {
  const outages = new OutageLog(logger);
  const isUp = async () => {
    try {
      if ((await limit.keep(promised(check))) === false) throw new Error('It gave false.');
      outages.recover(`The check "${name}" of health() is well again.`);
      return true;
    } catch (error) {
      outages.fail(`The check "${name}" of health() fails: ${String(error)}`, error);
      return false;
    }
  };
  return [name, isUp];
}
