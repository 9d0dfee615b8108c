import {isPromised, type Awaitable} from '../awaitable.ts';

/** What is done one after the other, in the order it came: at once, as long as nothing before takes its time. */
export class Turns {
  #last: Promise<unknown> | undefined;

  /** Do this when all that came before is done, or has failed. */
  take<T>(act: () => Awaitable<T>): Promise<T> {
    if (this.#last) return this.#wait(this.#last.then(act, act));
    try {
      const done = act();
      return isPromised(done) ? this.#wait(Promise.resolve(done)) : Promise.resolve(done);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Do this when all is done, also what has come meanwhile. It is no turn itself: nothing waits for it. */
  after<T>(act: () => T): Awaitable<T> {
    const last = this.#last;
    if (!last) return act();
    const go = () => (this.#last === last ? act() : this.after(act));
    return last.then(go, go);
  }

  #wait<T>(turn: Promise<T>): Promise<T> {
    this.#last = turn;
    return turn;
  }
}
