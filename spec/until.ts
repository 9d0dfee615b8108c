import {setTimeout} from 'node:timers/promises';
import type {Awaitable} from 'espalier';

type Found<T> = Exclude<T, undefined | null | false>;

/** Wait until something is so, or is found, for so many milliseconds at most. Who fails to look looks again. */
export async function until<T>(find: () => Awaitable<T>, what = String(find), time = 20_000): Promise<Found<T>> {
  let cause: unknown;
  for (const last = Date.now() + time; Date.now() <= last; await setTimeout(10)) {
    try {
      const found = await find();
      if (found !== undefined && found !== null && found !== false) return found as Found<T>;
    } catch (error) {
      cause = error;
    }
  }
  throw new Error(`It did not come in time: ${what}`, {cause});
}
