import {setTimeout as sleep} from 'node:timers/promises';
import type {SessionStore} from '../../src/index.ts';

/** What is counted, and as which kind of call. Being seen is a part of `find`. */
const kinds: Record<string, 'reads' | 'writes' | 'touches' | undefined> = {
  find: 'reads',
  list: 'reads',
  create: 'writes',
  write: 'writes',
  renew: 'writes',
  setIdleTimeout: 'writes',
  touch: 'touches',
};
/** What the site does for itself, and only here. */
const local = new Set(['onEnd', 'close']);

/** The same store, so many milliseconds away, and what it was asked. */
export function distant(store: SessionStore, latency: number) {
  const calls = {reads: 0, writes: 0, touches: 0};
  const far = new Proxy(store, {
    get(target, name: keyof SessionStore) {
      const member: unknown = target[name];
      if (typeof member !== 'function') return member;
      const method = member.bind(target) as (...args: unknown[]) => unknown;
      if (local.has(name)) return method;
      return async (...args: unknown[]) => {
        const kind = kinds[name];
        if (kind) calls[kind] += 1;
        await sleep(latency);
        return method(...args);
      };
    },
  });
  return {store: far, calls};
}
