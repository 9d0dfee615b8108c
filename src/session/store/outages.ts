import type {Clock} from '../../clock.ts';
import {describe, EspalierError} from '../../errors.ts';
import type {Logger} from '../../logger.ts';
import {isOutageTold, OutageLog} from '../../outage-log.ts';
import {storeDown} from './refusals.ts';

/** That the store of a site fails or takes too long: a `SESSION_STORE_DOWN` for who asked, and one line in the log. */
export class StoreOutages {
  readonly #log: OutageLog;
  #isClosed = false;

  constructor(logger: Logger, clock: Clock) {
    this.#log = new OutageLog(logger, () => clock.now());
  }

  /** The error for who asked. An operator is told of its cause, unless the store has done so. */
  down(cause: unknown): EspalierError {
    const error = storeDown(cause);
    if (!this.#isClosed && !isOutageTold(error))
      this.#log.fail(`The session store does not work (${reasonOf(cause)}).`, error);
    return error;
  }

  /** Tell of nothing any more: the store is closed, and what it is still asked has to fail. */
  close(): void {
    this.#isClosed = true;
  }

  /** Throws what a store has failed with as an outage; what it refuses by the rules is none. */
  readonly fail = (cause: unknown): never => {
    throw cause instanceof EspalierError ? cause : this.down(cause);
  };

  /** Takes an answer as a sign that the store works. */
  readonly recover = <T>(answer: T): T => {
    this.#log.recover('The session store works again.');
    return answer;
  };
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message.split('\n', 1)[0]! : describe(cause);
}
