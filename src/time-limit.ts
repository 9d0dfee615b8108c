import type {Clock} from './clock.ts';

/** Something that is waited for, between what was begun before it and after. */
interface Wait {
  readonly due: number;
  readonly giveUp: () => void;
  before: Wait | undefined;
  after: Wait | undefined;
}

/**
 * Gives up on what takes longer than a time. One timer serves all that is waited for: with one for each call, here and in the
 * client, a fifth of the time of a request that reads from Redis went to the garbage collector.
 */
export class TimeLimit {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #failure: () => Error;
  #first: Wait | undefined;
  #last: Wait | undefined;
  #cancel: (() => void) | undefined;

  /** `limit` is in milliseconds. `failure` makes the error that what takes longer fails with. */
  constructor(clock: Clock, limit: number, failure = () => new Error(`No answer in ${limit} ms.`)) {
    this.#clock = clock;
    this.#limit = limit;
    this.#failure = failure;
  }

  /** What `answer` gives, provided that it comes in time. Its `then()` is called once: a foreign one may do its work each time. */
  keep<T>(answer: PromiseLike<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const wait = this.#begin(() => reject(this.#failure()));
      answer.then(
        value => {
          this.#end(wait);
          return resolve(value);
        },
        (error: unknown) => {
          this.#end(wait);
          return reject(error);
        },
      );
    });
  }

  #begin(giveUp: () => void): Wait {
    const wait: Wait = {due: this.#clock.now() + this.#limit, giveUp, before: this.#last, after: undefined};
    if (this.#last) this.#last.after = wait;
    else this.#first = wait;
    this.#last = wait;
    if (!this.#cancel) this.#lookIn(this.#limit);
    return wait;
  }

  #end(wait: Wait): void {
    const {before, after} = wait;
    if (!before && this.#first !== wait) return;
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
    wait.before = wait.after = undefined;
    if (!this.#first) this.#stop();
  }

  #stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  // It may be this process that was busy: an answer that has come meanwhile is read first.
  #lookIn(delay: number): void {
    this.#cancel = this.#clock.after(delay, () => setImmediate(() => this.#look()));
  }

  #look(): void {
    this.#stop();
    const now = this.#clock.now();
    for (let wait = this.#first; wait && this.#isLate(wait, now); wait = this.#first) {
      this.#end(wait);
      wait.giveUp();
    }
    if (this.#first) this.#lookIn(this.#first.due - now);
  }

  // By a clock that has stepped back it would be waited for too long.
  #isLate({due}: Wait, now: number): boolean {
    return due <= now || due > now + this.#limit;
  }
}
