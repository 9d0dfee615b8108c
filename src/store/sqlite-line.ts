import {setImmediate as nextTurn, setTimeout as sleep} from 'node:timers/promises';
import type {Awaitable} from '../awaitable.ts';

/** For how long a call waits for other processes, in milliseconds. */
const patience = 1500;
/** The longest pause between two tries, in milliseconds. */
const longestPause = 20;
/** For how long calls that have waited are made one after the other before the event loop has its turn, in milliseconds. */
const stretch = 5;
/** SQLite's code for a lock that another process holds. */
export const busy = 5;
/** Its codes for a disk that is full, and for one on which this user or this file may take no more. */
const full = 13;
const notWritten = 778;

interface Waiting {
  readonly act: () => void;
  readonly fail: (error: unknown) => void;
  readonly until: number;
}

/**
 * Calls that other processes' locks keep waiting. One try is made for all of them, and none holds up the event loop: with a
 * hundred that waited by themselves nothing else had its turn.
 */
export class SqliteLine {
  readonly #waiting: Waiting[] = [];
  /** How the last try failed. */
  #refusal: unknown;

  /** What `act` gives: at once, or after those who wait already. */
  join<T>(act: () => T): Awaitable<T> {
    try {
      if (this.#waiting.length === 0) return act();
    } catch (error) {
      this.#refuse(error);
    }
    return new Promise((give, fail) => this.#wait({act: () => give(act()), fail}));
  }

  #wait(call: Omit<Waiting, 'until'>): void {
    this.#waiting.push({...call, until: performance.now() + patience});
    if (this.#waiting.length === 1) void this.#move();
  }

  // At uneven moments, so that processes do not try in step.
  async #move(): Promise<void> {
    for (let pause = 1; this.#waiting.length > 0; pause = Math.min(2 * pause, longestPause)) {
      await sleep(pause * (0.5 + Math.random() / 2));
      while (this.#advance()) await nextTurn();
    }
  }

  /** Make one call after the other, for a while. Whether the next can be made at once. */
  #advance(): boolean {
    const now = performance.now();
    // One a turn: each is answered, and told of, in the same.
    if (this.#waiting[0]!.until <= now) {
      this.#waiting.shift()!.fail(this.#refusal);
      return this.#waiting.length > 0;
    }
    while (this.#waiting.length > 0 && performance.now() < now + stretch) {
      if (!this.#try(this.#waiting[0]!)) return false;
      this.#waiting.shift();
    }
    return this.#waiting.length > 0;
  }

  /** False when others are still writing. */
  #try({act, fail}: Waiting): boolean {
    try {
      act();
    } catch (error) {
      if (isBusy(error)) this.#refusal = error;
      else fail(error);
      return !isBusy(error);
    }
    return true;
  }

  #refuse(error: unknown): void {
    if (!isBusy(error)) throw error;
    this.#refusal = error;
  }
}

/** Whether a call failed because others were writing. Nothing has happened then. */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === busy;
}

/** Whether a call failed for want of room on the disk. Nothing has happened then. */
export function isFull(error: unknown): boolean {
  const {errcode} = error as {errcode?: number};
  return errcode === full || errcode === notWritten;
}

// An extended code has the plain one in its lowest byte.
export function codeOf(error: unknown): number {
  return ((error as {errcode?: number}).errcode ?? 0) & 0xff;
}
