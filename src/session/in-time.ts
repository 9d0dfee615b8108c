import type {Clock} from '../clock.ts';

/** What is promised, provided that it comes within so many milliseconds; otherwise rejects. */
export function inTime<T>(clock: Clock, timeout: number, answer: PromiseLike<T>): Promise<T> {
  // A foreign then() may do its work each time it is called.
  const once = Promise.resolve(answer);
  const {promise, resolve, reject} = Promise.withResolvers<T>();
  const cancel = clock.after(timeout, () => reject(new Error(`No answer in ${timeout} ms.`)));
  once.then(resolve, reject);
  once.then(cancel, cancel);
  return promise;
}
