import type {MemoryStore} from 'espalier/store/memory';

/** Gives what has ended since now, as `key reason`, what is due when it is asked included. */
export function endsOf(store: MemoryStore): () => string[] {
  const {mark} = store.endsSince(undefined);
  return () => {
    while (store.sweep());
    return store.endsSince(mark).ends.map(({key, reason}) => `${key} ${reason}`);
  };
}
