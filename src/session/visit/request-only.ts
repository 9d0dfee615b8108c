import type {EspalierError} from '../../errors.ts';
import type {KeeperParts} from './keeper.ts';
import type {SessionRecord} from '../store/contract.ts';
import {Session, type SessionKeeper} from '../session.ts';

/**
 * A session for one request, whose visitor has another id, as their browser may have got it already or has kept it back. It is
 * empty, it is nobody's, and nothing is kept of it: a change fails with what `refusal` gives.
 */
export function requestOnlySession(
  record: SessionRecord,
  {components, componentLimit, clock}: KeeperParts,
  refusal: () => EspalierError,
): Session {
  const keeper: SessionKeeper = {
    components,
    componentLimit,
    now: () => clock.now(),
    touch: () => undefined,
    setIdleTimeout: () => undefined,
    change: () => {
      throw refusal();
    },
    renew: () => Promise.resolve(),
    expire: () => Promise.resolve(),
    notifyOnEnd: () => () => undefined,
  };
  return new Session(record, keeper);
}
