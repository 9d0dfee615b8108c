import {EspalierError} from '../errors.ts';

/** RFC 9110, section 15.5.2, asks for a challenge; there is no registered one for a session. */
export const challenge = {'WWW-Authenticate': 'Session'};

/** The error for what can't be done to a session any more, as when its visitor has logged out meanwhile. */
export function sessionEnded(): EspalierError {
  return new EspalierError('SESSION_ENDED', 'The session has ended.', {status: 401, headers: challenge});
}
