/** How many calls are made together at most. The event loop has its turn between so many and those that are left. */
const most = 128;

/** Calls that come in one turn of the event loop, and are made together at its end, in the order in which they came. */
export class Turn<T> {
  readonly #make: (calls: readonly T[]) => void;
  readonly #calls: T[] = [];

  constructor(make: (calls: readonly T[]) => void) {
    this.#make = make;
  }

  add(call: T): void {
    if (this.#calls.push(call) === 1) this.#await();
  }

  /** Make all that have come, without waiting for the end of the turn. */
  end(): void {
    while (this.#calls.length > 0) this.#make(this.#calls.splice(0, most));
  }

  // What waits for sockets has had its turn then, and the answers have not.
  #await(): void {
    setImmediate(() => {
      if (this.#calls.length > 0) this.#make(this.#calls.splice(0, most));
      if (this.#calls.length > 0) this.#await();
    });
  }
}
