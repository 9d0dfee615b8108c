import type {FiledFormerId} from '../session/store/cabinet.ts';

/** How many uids are remembered at most; past that the first of them are forgotten. */
const most = 100_000;

/** The uids in this process's memory that do not find a session any more. */
export class FormerIds {
  /** In the order in which they are to be forgotten, as far as the clock goes forward. */
  readonly #entries = new Map<string, FiledFormerId>();

  get(uid: string): FiledFormerId | undefined {
    return this.#entries.get(uid);
  }

  set(uid: string, former: FiledFormerId): void {
    this.#entries.delete(uid);
    this.#entries.set(uid, former);
    if (this.#entries.size > most) this.#entries.delete(this.#entries.keys().next().value!);
  }

  /** Forget so many at most of those that are to be forgotten by now; gives how many. */
  forget(now: number, count: number): number {
    let forgotten = 0;
    for (const [uid, {forgetAt}] of this.#entries) {
      if (now < forgetAt || forgotten === count) break;
      this.#entries.delete(uid);
      forgotten += 1;
    }
    return forgotten;
  }
}
