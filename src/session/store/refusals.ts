import {EspalierError} from '../../errors.ts';

/** RFC 9110, section 15.5.2, asks for a challenge; there is no registered one for a session. */
export const challenge = {'WWW-Authenticate': 'Session'};

/** The error for what can't be done to a session any more, as when its visitor has logged out meanwhile. */
export function sessionEnded(): EspalierError {
  return new EspalierError('SESSION_ENDED', 'The session has ended.', {status: 401, headers: challenge});
}

/** The error for a request that came with an id of before a sign-in, or whose session somebody has signed in to since. */
export function sessionSuperseded(): EspalierError {
  return new EspalierError(
    'SESSION_SUPERSEDED',
    'The visitor has another session id by now: they have signed in, or out, since this request was sent. Send it again.',
    {status: 409},
  );
}

/** The error for a uid that another live session has. */
export function sessionTaken(): EspalierError {
  return new EspalierError('SESSION_TAKEN', 'There is a live session by this uid already.');
}

/** The error for a record that can't be read: which session's, where that is known. */
export function sessionCorrupt(key?: string): EspalierError {
  const whose = key === undefined ? 'a session' : `the session ${key}`;
  return new EspalierError('SESSION_CORRUPT', `The record of ${whose} can't be read. It was left as it is.`);
}

/** The error for a store that fails or takes too long. What it was asked for, it may do all the same. */
export function storeDown(cause: unknown): EspalierError {
  const message = 'The session store has failed, or has taken too long. It may still do what it was asked for.';
  return new EspalierError('SESSION_STORE_DOWN', message, {cause, status: 503, headers: {'Retry-After': '5'}});
}

/** Whether an error says that the session is over for whoever asked: it has ended, or somebody has signed in to it since. */
export function isOver(error: unknown): boolean {
  return error instanceof EspalierError && (error.code === 'SESSION_ENDED' || error.code === 'SESSION_SUPERSEDED');
}

/** Whether an error says that a record can't be read. */
export function isCorrupt(error: unknown): boolean {
  return error instanceof EspalierError && error.code === 'SESSION_CORRUPT';
}

/** What `act` gives, or nothing where it comes upon a record that can't be read. */
export function unlessCorrupt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (isCorrupt(error)) return undefined;
    throw error;
  }
}
