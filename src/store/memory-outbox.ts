import type {FiledEnd} from '../session/store/cabinet.ts';
import type {EndCounts} from '../session/store/contract.ts';

/** When something is handed out; of two at the same moment, the one with the lower number first. */
interface Turn {
  readonly due: number;
  readonly number: number;
  readonly key: string;
}

interface Waiting {
  readonly end: FiledEnd;
  readonly turn: Turn;
}

/** The ends that are still to be told of. Handing one out costs O(log n), however many wait and whatever they wait for. */
export class MemoryOutbox {
  readonly #waiting = new Map<string, Waiting>();
  readonly #parked = new Map<string, FiledEnd>();
  readonly #queue = new DueQueue();
  readonly #bytesOf: (end: FiledEnd) => number;
  #count = 0;
  #parkedBytes = 0;

  /** `bytesOf` says how many bytes an end takes, about. */
  constructor(bytesOf: (end: FiledEnd) => number) {
    this.#bytesOf = bytesOf;
  }

  /** How many bytes those take that were set aside. Nobody may ever ask for them. */
  get parkedBytes(): number {
    return this.#parkedBytes;
  }

  counts(): EndCounts {
    return {waiting: this.#waiting.size, parked: this.#parked.size};
  }

  put(end: FiledEnd): void {
    this.drop(end.key);
    if (end.dueAt === undefined) {
      this.#parked.set(end.key, end);
      this.#parkedBytes += this.#bytesOf(end);
    } else {
      this.#count += 1;
      const turn = {due: end.dueAt, number: this.#count, key: end.key};
      this.#queue.add(turn);
      this.#waiting.set(end.key, {end, turn});
    }
  }

  get(key: string): FiledEnd | undefined {
    return this.#waiting.get(key)?.end ?? this.#parked.get(key);
  }

  drop(key: string): void {
    this.#waiting.delete(key);
    const parked = this.#parked.get(key);
    if (!parked) return;
    this.#parked.delete(key);
    this.#parkedBytes -= this.#bytesOf(parked);
  }

  due(now: number, most: number): FiledEnd[] {
    const found: Waiting[] = [];
    while (found.length < most) {
      const turn = this.#queue.take(now);
      if (!turn) break;
      const waiting = this.#waiting.get(turn.key);
      // What was told, or put off, meanwhile has another turn or none.
      if (waiting?.turn === turn) found.push(waiting);
    }
    for (const {turn} of found) this.#queue.add(turn);
    return found.map(({end}) => end);
  }

  parked(most: number): string[] {
    return this.#parked.keys().take(most).toArray();
  }

  of(user: string, most: number): string[] {
    const waiting = this.#waiting.values().map(({end}) => end);
    return [waiting, this.#parked.values()]
      .flatMap(ends =>
        ends
          .filter(({session}) => session?.user === user)
          .take(most)
          .toArray(),
      )
      .slice(0, most)
      .map(({key}) => key);
  }
}

/** What waits to be handed out, the first that is due before the others: a binary heap. */
class DueQueue {
  readonly #heap: Turn[] = [];

  add(turn: Turn): void {
    let at = this.#heap.length;
    for (let above = (at - 1) >> 1; at > 0 && isBefore(turn, this.#heap[above]!); above = (at - 1) >> 1) {
      this.#heap[at] = this.#heap[above]!;
      at = above;
    }
    this.#heap[at] = turn;
  }

  /** Take out the first, provided that it is due. */
  take(now: number): Turn | undefined {
    const [first] = this.#heap;
    if (!first || first.due > now) return undefined;
    const last = this.#heap.pop()!;
    if (last !== first) this.#sink(last);
    return first;
  }

  #sink(turn: Turn): void {
    let at = 0;
    for (let below = this.#below(at); below && isBefore(this.#heap[below]!, turn); below = this.#below(at)) {
      this.#heap[at] = this.#heap[below]!;
      at = below;
    }
    this.#heap[at] = turn;
  }

  /** The place of the first of the two below. */
  #below(at: number): number | undefined {
    const [left, right] = [2 * at + 1, 2 * at + 2];
    const {length} = this.#heap;
    if (right < length && isBefore(this.#heap[right]!, this.#heap[left]!)) return right;
    return left < length ? left : undefined;
  }
}

function isBefore(one: Turn, other: Turn): boolean {
  return one.due === other.due ? one.number < other.number : one.due < other.due;
}
