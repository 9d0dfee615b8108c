/** Something that has a place in the order of a `SpreadMap`. The map alone writes to it. */
export interface Numbered {
  number: number;
}

/** How many entries of a part are looked at for the first of all. */
const few = 8;

/**
 * A map for very many entries, which knows their order. A `Map` is copied whole whenever it grows or shrinks: with a million
 * entries that holds up the event loop for 30 ms. Here it is done for one of many parts at a time.
 */
export class SpreadMap<T extends Numbered> {
  readonly #parts = Array.from({length: 128}, () => new Map<string, T>());
  #size = 0;
  #count = 0;

  /** The next that come before all others, the first of them last; some may have gone, or moved, since they were noted. */
  #heads: {readonly key: string; readonly number: number}[] = [];

  get size(): number {
    return this.#size;
  }

  get(key: string): T | undefined {
    return this.#partOf(key).get(key);
  }

  /** Put a value there. What is there already keeps its place in the order. */
  set(key: string, value: T): void {
    const part = this.#partOf(key);
    const {size} = part;
    part.set(key, value);
    if (part.size === size) return;
    this.#size += 1;
    this.#number(value);
  }

  /** Have a value come after all others, be it there already or not. */
  moveToEnd(key: string, value: T): void {
    const part = this.#partOf(key);
    if (!part.delete(key)) this.#size += 1;
    part.set(key, value);
    this.#number(value);
  }

  #number(value: T): void {
    this.#count += 1;
    value.number = this.#count;
  }

  delete(key: string): void {
    if (this.#partOf(key).delete(key)) this.#size -= 1;
  }

  /** What came before all others. */
  first(): T | undefined {
    if (this.#size === 0) return undefined;
    const head = this.#heads.pop();
    const value = head && this.get(head.key);
    if (value && value.number === head.number) {
      this.#heads.push(head);
      return value;
    }
    // A map leads through all that was deleted to its first entry, so the way is made for many at once.
    if (this.#heads.length === 0) this.#heads = this.#firstOfAll().toReversed();
    return this.first();
  }

  /** Some that came before all others, in their order. One at least, if there is one. */
  #firstOfAll(): {key: string; number: number}[] {
    const heads = this.#parts.map(part => part.entries().take(few).toArray());
    // Of a part that has more, nobody knows how soon after the last of these it came.
    const ends = heads.filter(head => head.length === few).map(head => head.at(-1)![1].number);
    const last = Math.min(...ends);
    return heads
      .flat()
      .filter(([, {number}]) => number <= last)
      .map(([key, {number}]) => ({key, number}))
      .toSorted((one, other) => one.number - other.number);
  }

  /** How many parts it has, for those who go through it step by step. */
  get parts(): number {
    return this.#parts.length;
  }

  /** The keys of those in one part that are wanted: behind one, in the order of texts, so many at most. */
  keysInPart(place: number, after: string, most: number, isWanted: (value: T) => boolean): string[] {
    let keys: string[] = [];
    // Of a part that has thousands few are sorted.
    let last: string | undefined;
    for (const [key, value] of this.#parts[place]!) {
      if (key <= after || (last !== undefined && key > last) || !isWanted(value)) continue;
      keys.push(key);
      if (keys.length < 2 * most) continue;
      keys = keys.toSorted().slice(0, most);
      last = keys.at(-1);
    }
    return keys.toSorted().slice(0, most);
  }

  // By two characters of what is a hash already.
  #partOf(key: string): Map<string, T> {
    return this.#parts[(key.charCodeAt(0) ^ (key.charCodeAt(1) << 2)) & 127]!;
  }
}
