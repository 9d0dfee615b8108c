import {randomUUID} from 'node:crypto';
import type {EndReason, EndsSince, LoggedEnd} from '../session/store/contract.ts';

interface Noted extends LoggedEnd {
  readonly at: number;
}

const minute = 60_000;
/** How many ends are given at once. */
const portion = 500;

/** The log of ends: those of the last minute, by which whoever asks hears of all of them. */
export class MemoryEnds {
  /** No mark of another store's is taken for one of this. */
  readonly #name = randomUUID();
  #ends: Noted[] = [];
  /** How many have been forgotten: the number of the first that is there. */
  #forgotten = 0;
  /** How many of those that are there may go already. */
  #old = 0;

  add(key: string, reason: EndReason, now: number): void {
    this.#ends.push({key, reason, at: now});
    this.trim(now);
  }

  since(mark: string | undefined): EndsSince {
    const last = this.#forgotten + this.#ends.length;
    const [name, number] = mark?.split(' ') ?? [this.#name, last];
    const first = name === this.#name ? Math.max(Number(number) - this.#forgotten, 0) : 0;
    const ends = this.#ends.slice(first, first + portion);
    const next = this.#forgotten + first + ends.length;
    return {ends: ends.map(({key, reason}) => ({key, reason})), mark: `${this.#name} ${next}`, hasMore: next < last};
  }

  /** Forget those of more than a minute ago. */
  trim(now: number): void {
    while (this.#old < this.#ends.length && this.#ends[this.#old]!.at <= now - minute) this.#old += 1;
    // So that each is moved once at most.
    if (this.#old < this.#ends.length / 2 || this.#old === 0) return;
    this.#ends = this.#ends.slice(this.#old);
    this.#forgotten += this.#old;
    this.#old = 0;
  }
}
