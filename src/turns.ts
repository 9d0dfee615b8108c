import {isPromised, type Awaitable} from './awaitable.ts';
import type {TimeLimit} from './time-limit.ts';

/**
 * What is done one after the other, in the order it came: at once, as long as nothing before takes its time. Each has an answer
 * within a time, its wait for those before it included.
 */
export class Turns {
  readonly #limit: TimeLimit;
  /** When this is settled all is done that came. */
  #last: Promise<unknown> | undefined;
  /** When this is settled, whoever asked has an answer. */
  #lastAnswer: Promise<unknown> | undefined;

  constructor(limit: TimeLimit) {
    this.#limit = limit;
  }

  /**
   * Do this when all that came before is done, or has failed. What waits still when its time is up is not done any more. With
   * `isLong` it may take any time, as what is done step by step.
   */
  take<T>(act: () => Awaitable<T>, isLong = false): Promise<T> {
    if (this.#last) return this.#takeAfter(this.#last, act, isLong);
    try {
      const done = act();
      return isPromised(done) ? this.#wait(Promise.resolve(done), isLong) : Promise.resolve(done);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Do this when everybody has an answer, also to what has come meanwhile. It is no turn itself: nothing waits for it. */
  after<T>(act: () => Awaitable<T>): Awaitable<T> {
    const last = this.#lastAnswer;
    if (!last) return act();
    const go = () => (this.#lastAnswer === last ? act() : this.after(act));
    return last.then(go, go);
  }

  #takeAfter<T>(last: Promise<unknown>, act: () => Awaitable<T>, isLong: boolean): Promise<T> {
    let isOver = false;
    const go = (): Awaitable<T> => (isOver ? Promise.reject(new Error('The time is up.')) : act());
    const answer = this.#wait(last.then(go, go), isLong);
    answer.catch(() => (isOver = true));
    return answer;
  }

  #wait<T>(turn: Promise<T>, isLong: boolean): Promise<T> {
    this.#last = turn;
    const answer = isLong ? turn : this.#limit.keep(turn);
    this.#lastAnswer = answer;
    return answer;
  }
}
