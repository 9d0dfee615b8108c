import type {Clock, Logger, LoggedEnd, SessionStore} from 'espalier';
import {EndWatch} from '../../src/session/end/watch.ts';

/** A store that is looked after as a site does it, each half a second, until it is closed. `tell` hears of ends. */
export function watched<T extends SessionStore>(
  store: T,
  {clock, logger}: {clock: Clock; logger: Logger},
  tell: (ends: readonly LoggedEnd[]) => void = () => undefined,
): T {
  const watch = new EndWatch({store, clock, logger}, tell);
  void watch.begin();
  const close = store.close.bind(store);
  return Object.assign(store, {
    close() {
      watch.close();
      return close();
    },
  });
}
