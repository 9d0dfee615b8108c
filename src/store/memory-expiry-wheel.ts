/** Something that is due at a moment which may move on. The wheel alone writes to it. */
export interface Due {
  slot: number;
  place: number;
}

const second = 1000;
/** How many looks before other work gets a turn: about a millisecond's worth. */
const chunk = 500;

/**
 * Everything that is due some time. Entries wait in a slot for each second; that a deadline has moved on is
 * noticed only when its slot comes up, so moving it costs nothing here. Each entry is looked at once in each of its
 * timeouts at most: finding it costs O(1), amortised.
 */
export class ExpiryWheel<T extends Due> {
  readonly #slots = new Map<number, T[]>();
  readonly #deadline: (entry: T) => number;
  /** The last slot known to be empty, and every one before it. */
  #swept = 0;
  #size = 0;

  constructor(deadline: (entry: T) => number) {
    this.#deadline = deadline;
  }

  add(entry: T, now: number): void {
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

  /** So many at most of those whose deadline was in a second that is over; and whether there may be more. They are to be removed. */
  due(now: number, most: number): {readonly entries: readonly T[]; readonly hasMore: boolean} {
    const entries: T[] = [];
    for (let looks = 0; this.#size > entries.length && this.#swept < slotOf(now) - 1; looks += 1) {
      if (looks === chunk) return {entries, hasMore: true};
      const slot = this.#slots.get(this.#swept + 1);
      const entry = slot?.at(-1 - entries.length);
      if (entry && this.#deadline(entry) > now) this.#move(entry);
      else if (entry) entries.push(entry);
      // Those that were found are still in there.
      else if (slot) return {entries, hasMore: true};
      else this.#swept += 1;
      if (entries.length === most) return {entries, hasMore: true};
    }
    return {entries, hasMore: false};
  }

  #move(entry: T): void {
    this.remove(entry);
    this.#size += 1;
    this.#place(entry);
  }

  #place(entry: T): void {
    entry.slot = Math.max(slotOf(this.#deadline(entry)), this.#swept + 1);
    const entries = this.#slots.get(entry.slot);
    entry.place = entries?.length ?? 0;
    if (entries) entries.push(entry);
    else this.#slots.set(entry.slot, [entry]);
  }
}

function slotOf(moment: number): number {
  return Math.floor(moment / second);
}
