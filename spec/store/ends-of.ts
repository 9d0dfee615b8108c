import type {MemoryStore} from 'espalier/store/memory';

/** Gives what has ended since now, as `key reason`, each time that it is asked; what is due is swept then. */
export function endsOf(store: MemoryStore): () => string[] {
  let {mark} = store.endsSince(undefined);
  const told: string[] = [];
  return () => {
    while (store.sweep());
    const since = store.endsSince(mark);
    mark = since.mark;
    told.push(...since.ends.map(({key, reason}) => `${key} ${reason}`));
    return told;
  };
}
