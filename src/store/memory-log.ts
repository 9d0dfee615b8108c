import {randomUUID} from 'node:crypto';
import type {LoggedEnd} from '../session/store/contract.ts';

/** The ends of the last minute or two. */
export class MemoryLog {
  /** No mark of another store is taken for one of this. */
  readonly #name = randomUUID();
  readonly #ends: {readonly end: LoggedEnd; readonly at: number}[] = [];
  /** How many have been forgotten, which came before all these. */
  #forgotten = 0;

  add(end: LoggedEnd, at: number): void {
    this.#ends.push({end, at});
  }

  since(mark: string | undefined, most: number): {readonly ends: readonly LoggedEnd[]; readonly mark: string} {
    const [name, number] = mark?.split(' ') ?? [this.#name, this.#forgotten + this.#ends.length];
    const first = name === this.#name ? Math.max(Number(number) - this.#forgotten, 0) : 0;
    const ends = this.#ends.slice(first, first + most).map(({end}) => end);
    return {ends, mark: `${this.#name} ${this.#forgotten + first + ends.length}`};
  }

  /** Forget so many at most of those that came until then; gives how many. */
  forget(until: number, most: number): number {
    const staying = this.#ends.findIndex(({at}, place) => at > until || place === most);
    const {length} = this.#ends.splice(0, staying < 0 ? this.#ends.length : staying);
    this.#forgotten += length;
    return length;
  }
}
