import type {Clock} from '../clock.ts';

/** Something that is due at a moment which may move on. The wheel alone writes to it. */
export interface Due {
  slot: number;
  place: number;
}

const second = 1000;
/** How many looks before other work gets a turn: about a millisecond's worth. */
const chunk = 500;

/**
 * What is due some time, for who looks now and then. Entries wait in a slot for each second; that a deadline has moved on is
 * noticed only when its slot comes up, so moving it costs nothing here. Each entry is looked at once in each of its
 * timeouts at most: ending it costs O(1), amortised.
 */
export class ExpiryWheel<T extends Due> {
  readonly #slots = new Map<number, T[]>();
  readonly #clock: Clock;
  readonly #deadline: (entry: T) => number;
  readonly #expire: (entry: T) => void;
  /** The last slot known to be empty, and every one before it. */
  #swept = 0;
  #size = 0;

  /** `expire` hears of each entry, off the wheel by then, by the first look a second after its `deadline`. */
  constructor(clock: Clock, deadline: (entry: T) => number, expire: (entry: T) => void) {
    this.#clock = clock;
    this.#deadline = deadline;
    this.#expire = expire;
  }

  add(entry: T, now = this.#clock.now()): void {
    const past = slotOf(now) - 1;
    // A clock that has stepped back comes through the same seconds once more.
    if (this.#size === 0 || past < this.#swept) this.#swept = past;
    this.#size += 1;
    this.#place(entry);
  }

  remove(entry: T): void {
    const entries = this.#slots.get(entry.slot)!;
    // The last one takes its place, so that nothing else has to move.
    const last = entries.pop()!;
    if (last !== entry) {
      entries[entry.place] = last;
      last.place = entry.place;
    }
    if (entries.length === 0) this.#slots.delete(entry.slot);
    this.#size -= 1;
  }

  /** Look at what may be due, a second or an entry at a time. True when there is more than fits into one turn. */
  sweep(now: number): boolean {
    for (let looks = 0; this.#size > 0 && this.#swept < slotOf(now) - 1; looks += 1) {
      if (looks === chunk) return true;
      const entry = this.#slots.get(this.#swept + 1)?.at(-1);
      if (entry) this.#look(entry, now);
      else this.#swept += 1;
    }
    return false;
  }

  #place(entry: T): void {
    entry.slot = Math.max(slotOf(this.#deadline(entry)), this.#swept + 1);
    const entries = this.#slots.get(entry.slot);
    entry.place = entries?.length ?? 0;
    if (entries) entries.push(entry);
    else this.#slots.set(entry.slot, [entry]);
  }

  #look(entry: T, now: number): void {
    this.remove(entry);
    if (this.#deadline(entry) <= now) return this.#expire(entry);
    this.#size += 1;
    this.#place(entry);
  }
}

function slotOf(moment: number): number {
  return Math.floor(moment / second);
}
