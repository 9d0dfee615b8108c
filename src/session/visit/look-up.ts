import {proceed, recovered, type Awaitable} from '../../awaitable.ts';
import {report, type Logger} from '../../logger.ts';
import {LoadedComponent} from '../component/content.ts';
import {isCorrupt} from '../store/refusals.ts';
import {isLive, type FormerId, type SessionRecord, type SessionStore, type StoredComponent} from '../store/contract.ts';

/** Where to look, and who is told of what can't be read there. */
interface Place {
  readonly store: SessionStore;
  readonly logger: Logger;
  /** The uids that the operator has been told of. */
  readonly unreadable: Set<string>;
}

/** How many of them are remembered. */
const rememberedLimit = 10_000;

/**
 * What the store finds by this uid. One that can't be read, be it its record or a component, is as good as none for its visitor,
 * who gets a fresh one; the operator is told, once.
 */
export function lookUp(place: Place, uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined> {
  return recovered(
    () => proceed(place.store.find(uid, isSeen), readable),
    error => {
      if (!isCorrupt(error)) throw error;
      tell(place, uid, error);
      return undefined;
    },
  );
}

/** The record, provided that its components can be read too. */
function readable(record: SessionRecord | FormerId | undefined): SessionRecord | FormerId | undefined {
  if (!isLive(record) || record.components.size === 0) return record;
  const components = new Map<string, StoredComponent>();
  for (const [name, stored] of record.components) components.set(name, new LoadedComponent(stored));
  return {...record, components};
}

// A visitor who is only looked for comes with the same cookie again and again.
function tell({logger, unreadable}: Place, uid: string, error: unknown): void {
  if (unreadable.has(uid)) return;
  if (unreadable.size >= rememberedLimit) unreadable.clear();
  unreadable.add(uid);
  report(logger, `The record of the session ${uid} can't be read; its visitor gets a new one.`, error);
}
