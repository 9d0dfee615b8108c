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
    this.#count += 1;
    value.number = this.#count;
  }

  delete(key: string): void {
    if (this.#partOf(key).delete(key)) this.#size -= 1;
  }

  /** The keys of some that came before all others, in their order. Of one at least, if there is one. */
  firstKeys(): string[] {
    const heads = this.#parts.map(part => part.entries().take(few).toArray());
    // Of a part that has more, nobody knows how soon after the last of these it came.
    const ends = heads.filter(head => head.length === few).map(head => head.at(-1)![1].number);
    const last = Math.min(...ends);
    return heads
      .flat()
      .filter(([, {number}]) => number <= last)
      .toSorted(([, one], [, other]) => one.number - other.number)
      .map(([key]) => key);
  }

  // By two characters of what is a hash already.
  #partOf(key: string): Map<string, T> {
    return this.#parts[(key.charCodeAt(0) ^ (key.charCodeAt(1) << 2)) & 127]!;
  }
}
