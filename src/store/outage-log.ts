import {warn, type Logger} from '../logger.ts';

const minute = 60_000;

/** Tells an operator of a server that is out of reach, and that it is back: once a minute at most, however often it comes and goes. */
export class OutageLog {
  readonly #logger: Logger;
  readonly #now: () => number;
  #isTold = false;
  #toldAt = -Infinity;

  constructor(logger: Logger, now = () => performance.now()) {
    this.#logger = logger;
    this.#now = now;
  }

  /** A call has failed. `message` says so, unless that was said, of this outage or of one a moment ago. */
  fail(message: string): void {
    if (this.#isTold || this.#now() - this.#toldAt < minute) return;
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
