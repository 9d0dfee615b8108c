import {formerIdsFor, type FormerId} from '../session/store/contract.ts';

interface Entry {
  readonly key: string;
  readonly until: number;
  readonly forgetAt: number;
}

/** How many uids are remembered at most; past that the first of them are forgotten. */
const most = 100_000;

/** The uids in this process's memory that do not find a session any more. */
export class FormerIds {
  /** In the order in which they are to be forgotten, as far as the clock goes forward. */
  readonly #entries = new Map<string, Entry>();

  add(uid: string, key: string, until: number, now: number): void {
    this.#entries.delete(uid);
    this.#entries.set(uid, {key, until, forgetAt: Math.max(until, now) + formerIdsFor});
    this.#trim(now);
  }

  find(uid: string, now: number): FormerId | undefined {
    const entry = this.#entries.get(uid);
    if (!entry || now >= entry.forgetAt) return undefined;
    return {isFormer: true, key: entry.key, until: entry.until, now};
  }

  #trim(now: number): void {
    for (const [uid, {forgetAt}] of this.#entries) {
      if (now < forgetAt && this.#entries.size <= most) return;
      this.#entries.delete(uid);
    }
  }
}
