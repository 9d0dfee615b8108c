import {warn, type Logger} from './logger.ts';

const minute = 60_000;
const told = new WeakSet<Error>();

/** Whether an operator knows of the outage that made this error, or its cause. Nobody needs to log it once more. */
export function isOutageTold(error: unknown): boolean {
  try {
    return error instanceof Error && (told.has(error) || (error.cause instanceof Error && told.has(error.cause)));
  } catch {
    // It can't be looked at, so it is none of ours.
    return false;
  }
}

/**
 * Tells an operator of a server that is out of reach, and that it is back: once a minute at most, however often it comes and
 * goes, and however many calls fail meanwhile.
 */
export class OutageLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  #isTold = false;
  #toldAt = -Infinity;

  constructor(logger: Logger, now = () => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  /**
   * A call has failed with `error`. `message` says so, unless that was said, of this outage or of one a moment ago; either way
   * the error is known from now on.
   */
  fail(message: string, error: unknown): void {
    if (error instanceof Error) told.add(error);
    // Also when the clock has been put back, however far.
    if (this.#isTold || Math.abs(this.#now() - this.#toldAt) < minute) return;
    this.#isTold = true;
    this.#toldAt = this.#now();
    warn(this.#logger, message);
  }

  /** A call has gone well. `message` says so to an operator who was told that it does not. */
  recover(message: string): void {
    if (this.#isTold) warn(this.#logger, message);
    this.#isTold = false;
  }
}
