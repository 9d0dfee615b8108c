import {proceed, recovered, type Awaitable} from '../../awaitable.ts';
import {report, type Logger} from '../../logger.ts';
import {LoadedComponent} from '../component/content.ts';
import {isLive, type FormerId, type SessionRecord, type SessionStore, type StoredComponent} from '../store/contract.ts';
import {isCorrupt} from '../store/refusals.ts';

/** Of how many uids it is remembered at most that the operator has been told of them. */
const rememberedLimit = 10_000;

/**
 * Looks for sessions in a store. One that can't be read, be it its record or a component, is as good as none for its visitor,
 * who gets a fresh one; the operator is told, once.
 */
export class LookUp {
  readonly #store: SessionStore;
  readonly #logger: Logger;
  /** The uids that the operator has been told of. */
  readonly #unreadable = new Set<string>();

  constructor(store: SessionStore, logger: Logger) {
    this.#store = store;
    this.#logger = logger;
  }

  /** As `SessionStore.find`. */
  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined> {
    return recovered(
      () => proceed(this.#store.find(uid, isSeen), readable),
      error => {
        if (!isCorrupt(error)) throw error;
        this.#report(uid, error);
        return undefined;
      },
    );
  }

  // A visitor who is only looked for comes with the same cookie again and again.
  #report(uid: string, error: unknown): void {
    const unreadable = this.#unreadable;
    if (unreadable.has(uid)) return;
    if (unreadable.size >= rememberedLimit) unreadable.clear();
    unreadable.add(uid);
    report(this.#logger, `The record of the session ${uid} can't be read; its visitor gets a new one.`, error);
  }
}

/** The record, provided that its components can be read too. */
function readable(record: SessionRecord | FormerId | undefined): SessionRecord | FormerId | undefined {
  if (!isLive(record) || record.components.size === 0) return record;
  const components = new Map<string, StoredComponent>();
  for (const [name, stored] of record.components) components.set(name, new LoadedComponent(stored));
  return {...record, components};
}
