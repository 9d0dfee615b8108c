import type {KeeperParts} from './keeper.ts';
import {sessionSuperseded} from './refusals.ts';
import type {SessionRecord} from './session-store.ts';
import {Session, type SessionKeeper} from './session.ts';

/**
 * A session for one request: its visitor has another id by now, which their browser may have got already. It is empty, it is
 * nobody's, and nothing is kept of it.
 */
export function requestOnlySession(record: SessionRecord, {components, componentLimit, clock}: KeeperParts): Session {
  const keeper: SessionKeeper = {
    components,
    componentLimit,
    now: () => clock.now(),
    touch: () => undefined,
    setIdleTimeout: () => undefined,
    change: () => {
      throw sessionSuperseded();
    },
    renew: () => Promise.resolve(),
    expire: () => Promise.resolve(),
    notifyOnEnd: () => () => undefined,
  };
  return new Session(record, keeper);
}
