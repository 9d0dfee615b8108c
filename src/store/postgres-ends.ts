import type {EndReason, StoreListener} from '../session/session-store.ts';

type Ask = (text: string, values: readonly unknown[]) => Promise<string | undefined>;

interface Heard {
  readonly seen: string;
  readonly ends: readonly (readonly [key: string, reason: EndReason])[];
}

/** Those who want to be told of ends, and how far the log of ends has been read. */
export class PostgresEnds {
  readonly #text: string;
  readonly #ask: Ask;
  readonly #listeners = new Set<StoreListener>();
  /** Listeners that wait for the first look since they came; what it finds was before them. */
  readonly #coming = new Set<StoreListener>();
  #looking: Promise<void> | undefined;
  /** What was committed when it was last looked. */
  #seen: string | undefined;

  constructor(schema: string, ask: Ask) {
    this.#text = hearing(schema);
    this.#ask = ask;
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
      const {seen, ends} = JSON.parse((await this.#ask(this.#text, [this.#seen]))!) as Heard;
      this.#seen = seen;
      for (const [key, reason] of ends) for (const tell of this.#listeners) tell(key, reason);
      for (const tell of coming) if (this.#coming.delete(tell)) this.#listeners.add(tell);
    } finally {
      this.#looking = undefined;
    }
  }
}

/*
 * An end's number says nothing of when it was committed, so it goes by what the transactions then and now can see. This is one
 * statement, so that the snapshot which is given is the one that the ends were read in.
 */
function hearing(schema: string): string {
  return `SELECT json_build_object('seen', pg_current_snapshot()::text, 'ends', coalesce((
    SELECT json_agg(json_build_array(key, reason) ORDER BY id) FROM "${schema}".ended
    WHERE transaction >= pg_snapshot_xmin($1::pg_snapshot) AND NOT pg_visible_in_snapshot(transaction, $1::pg_snapshot)
  ), '[]'))`;
}
