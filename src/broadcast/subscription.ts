import {EspalierError} from '../errors.ts';

/** So many values may wait for who has subscribed. */
const mostWaiting = 1000;

/** What is told to one who has subscribed. */
export class Subscription<T> implements AsyncIterableIterator<T> {
  readonly #onEnd: () => void;
  readonly #texts: string[] = [];
  readonly #waiting: PromiseWithResolvers<IteratorResult<T>>[] = [];
  #failure: EspalierError | undefined;
  #isOver = false;

  /** `onEnd` is called once, when nothing more is to be told. */
  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
  }

  /** A value as JSON. Who asks for it gets one of their own. */
  tell(text: string): void {
    if (this.#isOver) return;
    const waiting = this.#waiting.shift();
    if (waiting) return waiting.resolve({done: false, value: JSON.parse(text) as T});
    if (this.#texts.length < mostWaiting) return void this.#texts.push(text);
    this.#failure = new EspalierError(
      'SUBSCRIBER_TOO_SLOW',
      `${mostWaiting} values wait for one who has subscribed, and no more are kept. Take them faster, or begin anew.`,
    );
    this.end();
  }

  /** Tell nothing more. What waits is not told either. */
  end = (): void => {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#texts.length = 0;
    for (const {resolve} of this.#waiting.splice(0)) resolve(done);
    this.#onEnd();
  };

  async next(): Promise<IteratorResult<T>> {
    const text = this.#texts.shift();
    if (text !== undefined) return {done: false, value: JSON.parse(text) as T};
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure;
    if (this.#isOver) return done;
    const waiting = Promise.withResolvers<IteratorResult<T>>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }

  async return(): Promise<IteratorResult<T>> {
    this.end();
    return done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const done: IteratorResult<never> = {done: true, value: undefined};
