import type {ExecutionContext} from 'ava';
import type {Broadcast} from 'espalier';
import {until} from '../until.ts';

export const quiet = {error: () => undefined, warn: () => undefined};

/** Two processes' broadcasts that hear each other, and what is told in each. */
export async function pair(t: ExecutionContext, open: () => Broadcast) {
  const [here, there] = [open(), open()];
  t.teardown(async () => {
    await here.close();
    await there.close();
  });
  await until(() => areJoined(here, there), 'the two hear each other');
  await until(() => areJoined(there, here), 'the two hear each other');
  return {here, there};
}

let beats = 0;

/** Whether what is published by the one comes to the other. */
export async function areJoined(from: Broadcast, to: Broadcast): Promise<boolean> {
  const leaving = new AbortController();
  const topic = `beat ${(beats += 1)}`;
  const heard = to.subscribe(topic, leaving.signal);
  const timer = setTimeout(() => leaving.abort(), 100);
  await from.publish(topic, 'beat');
  const {done} = await heard.next();
  clearTimeout(timer);
  leaving.abort();
  return done !== true;
}

/** The next so many values. */
export async function take<T>(values: AsyncIterableIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const {done, value} = await values.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}
