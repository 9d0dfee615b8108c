import type {EndReason} from '../session/store/contract.ts';

type StoreListener = (key: string, reason: EndReason) => void;

/** Gives the ends since a mark, and the mark to go on from. Without one there are no ends. */
type Hear = (seen: string | undefined) => Promise<string>;

interface Heard {
  readonly seen: string;
  readonly ends: readonly (readonly [key: string, reason: EndReason])[];
}

/** Those who want to be told of ends, and how far the log of ends has been read. */
export class PostgresEnds {
  readonly #hear: Hear;
  readonly #listeners = new Set<StoreListener>();
  /** Listeners that wait for the first look since they came; what it finds was before them. */
  readonly #coming = new Set<StoreListener>();
  #looking: Promise<void> | undefined;
  /** What was committed when it was last looked. */
  #seen: string | undefined;

  constructor(hear: Hear) {
    this.#hear = hear;
  }

  /** `listener` hears of what ends once it has begun. */
  listen(listener: StoreListener): () => void {
    const tell: StoreListener = (key, reason) => listener(key, reason);
    this.#coming.add(tell);
    return () => this.#coming.delete(tell) || this.#listeners.delete(tell);
  }

  /** Have everybody who has come hear of what ends from now on. */
  async begin(): Promise<void> {
    while (this.#coming.size > 0) await (this.#looking ??= this.#look());
  }

  /** Tell of the ends since the last time. */
  async hear(): Promise<void> {
    if (this.#listeners.size > 0) await (this.#looking ??= this.#look());
  }

  async #look(): Promise<void> {
    try {
      const coming = [...this.#coming];
      const {seen, ends} = JSON.parse(await this.#hear(this.#seen)) as Heard;
      this.#seen = seen;
      for (const [key, reason] of ends) for (const tell of this.#listeners) tell(key, reason);
      for (const tell of coming) if (this.#coming.delete(tell)) this.#listeners.add(tell);
    } finally {
      this.#looking = undefined;
    }
  }
}
