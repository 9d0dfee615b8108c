import {keepsEndsFor, type EndCounts, type EndedSession, type EndOutcome} from '../session/store/contract.ts';

interface Kept extends Omit<EndedSession, 'attempts' | 'endedAt' | 'session'> {
  readonly session: NonNullable<EndedSession['session']>;
  /** How many bytes it takes, about. */
  readonly bytes: number;
}

interface Waiting extends Kept {
  attempts: number;
  /** The turn at which it is handed out next. */
  turn: Turn;
}

/** When something is handed out; of two at the same moment, the one with the lower number first. */
interface Turn {
  readonly due: number;
  readonly number: number;
  readonly key: string;
}

/** The ends that are still to be told of. Handing one out costs O(log n), however many wait and whatever they wait for. */
export class MemoryOutbox {
  readonly #waiting = new Map<string, Waiting>();
  readonly #parked = new Map<string, Waiting>();
  readonly #queue = new DueQueue();
  #count = 0;
  #parkedBytes = 0;
  #keepUntil = 0;

  keep(now: number): void {
    this.#keepUntil = now + keepsEndsFor;
  }

  /** Whether an end at this moment is to be kept. */
  isKept(now: number): boolean {
    return now < this.#keepUntil;
  }

  add(end: Kept): void {
    if (this.isKept(end.session.now)) this.#await(end);
  }

  take(count: number, lease: number, now: number): EndedSession[] {
    const taken: Waiting[] = [];
    while (taken.length < count) {
      const next = this.#next(now);
      if (!next) break;
      taken.push(next);
    }
    return taken.map(waiting => {
      waiting.attempts += 1;
      waiting.turn = this.#turnOf(waiting.key, now + lease);
      const {key, reason, attempts, session} = waiting;
      return {key, reason, endedAt: session.now, attempts, session};
    });
  }

  settle(key: string, outcome: EndOutcome, now: number): void {
    const waiting = this.#waiting.get(key);
    if (!waiting) return;
    if (typeof outcome === 'object') waiting.turn = this.#turnOf(key, now + outcome.retryIn);
    else this.#waiting.delete(key);
    if (outcome === 'parked') this.#park(waiting);
  }

  release(most: number): number {
    const released = this.#parked.values().take(most).toArray();
    for (const end of released) {
      this.#unpark(end);
      this.#await(end);
    }
    return released.length;
  }

  count(): EndCounts {
    return {waiting: this.#waiting.size, parked: this.#parked.size};
  }

  /** Forget ends of this user's sessions, so many at most; gives how many. */
  erase(user: string, most: number): number {
    const isTheirs = ({session}: Waiting) => session.user === user;
    const parked = this.#parked.values().filter(isTheirs).take(most).toArray();
    const waiting = this.#waiting
      .values()
      .filter(isTheirs)
      .take(most - parked.length)
      .toArray();
    for (const end of parked) this.#unpark(end);
    for (const {key} of waiting) this.#waiting.delete(key);
    return parked.length + waiting.length;
  }

  /** How many bytes those take that were set aside. Nobody may ever ask for them. */
  get parkedBytes(): number {
    return this.#parkedBytes;
  }

  /** Forget the one that was set aside first, if there is one. */
  forgetParked(): boolean {
    const [first] = this.#parked.values();
    if (first) this.#unpark(first);
    return first !== undefined;
  }

  #park(waiting: Waiting): void {
    const former = this.#parked.get(waiting.key);
    if (former) this.#unpark(former);
    this.#parked.set(waiting.key, waiting);
    this.#parkedBytes += waiting.bytes;
  }

  #unpark({key, bytes}: Waiting): void {
    this.#parked.delete(key);
    this.#parkedBytes -= bytes;
  }

  #await(end: Kept): void {
    this.#waiting.set(end.key, {...end, attempts: 0, turn: this.#turnOf(end.key, 0)});
  }

  #turnOf(key: string, due: number): Turn {
    this.#count += 1;
    return this.#queue.add({due, number: this.#count, key});
  }

  #next(now: number): Waiting | undefined {
    for (;;) {
      const turn = this.#queue.take(now);
      if (!turn) return undefined;
      const waiting = this.#waiting.get(turn.key);
      // What was told, or put off, meanwhile has another turn or none.
      if (waiting?.turn === turn) return waiting;
    }
  }
}

/** What waits to be handed out, the first that is due before the others: a binary heap. */
class DueQueue {
  readonly #heap: Turn[] = [];

  add(turn: Turn): Turn {
    let at = this.#heap.length;
    for (let above = (at - 1) >> 1; at > 0 && isBefore(turn, this.#heap[above]!); above = (at - 1) >> 1) {
      this.#heap[at] = this.#heap[above]!;
      at = above;
    }
    this.#heap[at] = turn;
    return turn;
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
