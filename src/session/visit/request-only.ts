import type {EspalierError} from '../../errors.ts';
import {Session, type SessionOwner, type SessionParts} from '../session.ts';
import type {SessionRecord} from '../store/contract.ts';

const store = {touch: () => undefined, setIdleTimeout: () => undefined};
const listeners = {add: () => () => undefined};
const owner: SessionOwner = {isVisitor: true, renew: () => Promise.resolve(), expire: () => Promise.resolve()};

/**
 * A session for one request, whose visitor has another id, as their browser may have got it already or has kept it back. It is
 * empty, it is nobody's, and nothing is kept of it: a change fails with what `refusal` gives.
 */
export function requestOnlySession(record: SessionRecord, parts: SessionParts, refusal: () => EspalierError): Session {
  const write = (): never => {
    throw refusal();
  };
  return new Session(record, {...parts, store, listeners, writer: {write}}, owner);
}
