/** How long a session lasts, in milliseconds. */
export interface Lifetime {
  /** From the last request that got or found the session. Each such request begins it anew. 500 or more. */
  readonly idleTimeout: number;
  /** From the session's beginning, or from the last sign-in, however busy it is. */
  readonly absoluteTimeout: number;
}

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
 * Whether being seen now is worth a write: only when it gains more than 1/20 of the idle timeout. So a busy session costs
 * a store at most 20 writes in each idle timeout, and may end that twentieth early; it never ends late.
 */
export function gainsEnough({lastSeenAt, idleTimeout}: Lived, now: number): boolean {
  return now - lastSeenAt > idleTimeout / 20;
}

/** When a visitor signs in now, by what the session is told: later than any sign-in before, so that no two are the same. */
export function nextSignIn({createdAt, authenticatedAt}: Lived, now: number): number {
  return Math.max(now, authenticatedAt === undefined ? createdAt : authenticatedAt + 1);
}
