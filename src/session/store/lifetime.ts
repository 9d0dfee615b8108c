/** How long a session lasts, in milliseconds. */
export interface Lifetime {
  /** From the last request that got or found the session. Each such request begins it anew. 500 or more. */
  readonly idleTimeout: number;
  /** From the session's beginning, or from the last sign-in, however busy it is. */
  readonly absoluteTimeout: number;
}

const hour = 60 * 60 * 1000;

/** The longest that a session can be remembered, in milliseconds: browsers keep no cookie past 400 days (RFC 6265bis, section 5.5). */
export const longestRemembered = 400 * 24 * hour;

/** By how many milliseconds a session's `lastSeenAt` may be behind at most, however long its idle timeout is. */
export const furthestBehind = hour;

/** The shortest idle timeout, in milliseconds. Before a shorter one is over, a store may not have answered. */
export const shortestIdleTimeout = 500;

/** A session's life so far: its lifetime, and moments in milliseconds since the epoch. */
export interface Lived extends Lifetime {
  readonly createdAt: number;
  readonly lastSeenAt: number;
  /** When its visitor last signed in. */
  readonly authenticatedAt: number | undefined;
}

/** When the session ends unless it is seen before. Never past the absolute deadline. */
export function idleDeadline(lived: Lived): number {
  return Math.min(lived.lastSeenAt + lived.idleTimeout, absoluteDeadline(lived));
}

/** When the session ends at the latest. */
export function absoluteDeadline({createdAt, authenticatedAt, absoluteTimeout}: Lived): number {
  return (authenticatedAt ?? createdAt) + absoluteTimeout;
}

/** Which of the two ends the session, when nothing else does. */
export function timeoutReason(lived: Lived): 'idle' | 'absolute' {
  return idleDeadline(lived) < absoluteDeadline(lived) ? 'idle' : 'absolute';
}

/**
 * Whether being seen now is worth a write: only when it gains more than 1/20 of the idle timeout, or more than an hour. So a busy
 * session costs a store at most 20 writes in each idle timeout, or one in an hour, and may end that much early; it never ends late.
 */
export function gainsEnough({lastSeenAt, idleTimeout}: Lived, now: number): boolean {
  return now - lastSeenAt > leastGain(idleTimeout);
}

/** How many milliseconds being seen has to gain before it is written down. */
export function leastGain(idleTimeout: number): number {
  return Math.min(idleTimeout / 20, furthestBehind);
}

/** When a visitor signs in now, by what the session is told: later than any sign-in before, so that no two are the same. */
export function nextSignIn({createdAt, authenticatedAt}: Lived, now: number): number {
  return Math.max(now, authenticatedAt === undefined ? createdAt : authenticatedAt + 1);
}
