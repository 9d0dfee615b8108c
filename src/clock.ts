/**
 * What time it is, and when something is due. All that depends on time in the life of a session asks a clock, so that a
 * spec can turn one by hand; a closing site drains by the machine's own. Bind another to the token `Clock` to replace it.
 */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Call `act` once, `delay` milliseconds from now, unless the returned function is called before. Never keeps the process alive. */
  after(delay: number, act: () => void): () => void;
}

/** The token a `Clock` is bound to. */
export const Clock = Symbol.for('espalier.Clock');

/** The machine's own clock. It waits for 24 days at most. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delay, act) {
    // Node takes no more than this, 24 days: 2³¹ milliseconds would be one.
    const timer = setTimeout(act, Math.min(delay, 2 ** 31 - 1)).unref();
    return () => clearTimeout(timer);
  },
};
