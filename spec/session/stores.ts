import {setImmediate} from 'node:timers/promises';
import type {EndStore, SessionStore} from 'espalier';

/** A store that keeps ends. */
export type WholeStore = SessionStore & EndStore;

/** A store that is asked by way of `ask`. Who closes it goes to it directly. */
export function around(
  store: WholeStore,
  ask: (act: () => unknown, name: string, parameters: readonly unknown[]) => unknown,
): WholeStore {
  return new Proxy(store, {
    get(target, name) {
      const method: unknown = Reflect.get(target, name);
      if (typeof method !== 'function') return method;
      if (name === 'close') return method.bind(target) as unknown;
      return (...parameters: unknown[]) =>
        ask(() => method.apply(target, parameters) as unknown, String(name), parameters);
    },
  });
}

/** The same store, as one behind a network: it answers after a while, by chance a longer or a shorter one. */
export function distant(store: WholeStore, aWhile: () => Promise<unknown> = someTurns): WholeStore {
  return around(store, async act => {
    await aWhile();
    const answer = await act();
    await aWhile();
    return answer;
  });
}

/** The same store, and how often something was written to it. */
export function counting(store: WholeStore): {store: WholeStore; writes: () => number} {
  let writes = 0;
  const counted = around(store, (act, name) => {
    if (name === 'write') writes += 1;
    return act();
  });
  return {store: counted, writes: () => writes};
}

type Method = (...given: never[]) => unknown;

/** A store with some of its methods in other hands. */
export function meddled(store: WholeStore, methods: Partial<Record<keyof WholeStore, Method>>): WholeStore {
  return new Proxy(store, {
    get(_, name: keyof WholeStore) {
      const own = store[name] as Method | undefined;
      return methods[name] ?? own?.bind(store);
    },
  });
}

async function someTurns(): Promise<void> {
  for (let turns = Math.floor(Math.random() * 4); turns > 0; turns -= 1) await setImmediate();
}
