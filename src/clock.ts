import {serviceToken} from './service-token.ts';
/**
 * What time it is, and when something is due. All that depends on time in the life of a session asks a clock, so that a
 * spec can turn one by hand; a closing site drains by the machine's own. Bind another to the token `Clock` to replace it.
 */
export interface Clock {
  /** Milliseconds since the epoch. It should not go back: by so much longer an idle session would last. */
  now(): number;
  /** Call `act` once, `delay` milliseconds from now, unless the returned function is called before. Never keeps the process alive. */
  after(delay: number, act: () => void): () => void;
  /** What `now()` goes by, where that is a machine's clock. */
  readonly machine?: Machine;
}

/** What a container finds a `Clock` by. */
export const Clock = serviceToken<Clock>('Clock');

/** A machine's sense of time. */
export interface Machine {
  /** What its clock shows, in milliseconds since the epoch. It may be set, also back. */
  shown(): number;
  /** How many milliseconds have passed since some moment. That a machine sleeps need not count. */
  elapsed(): number;
}

/** Time that follows a machine's clock forward, but never back: then it goes on as before, until that has caught up. */
export class SteadyTime {
  readonly #machine: Machine;
  #origin = -Infinity;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    const shown = this.#machine.shown();
    const elapsed = this.#machine.elapsed();
    this.#origin = Math.max(this.#origin, shown - elapsed);
    return Math.max(shown, Math.floor(this.#origin + elapsed));
  }

  /** From now on be no earlier than this. */
  reach(moment: number): void {
    this.#origin = Math.max(this.#origin, moment - this.#machine.elapsed());
  }
}

const machine: Machine = {shown: () => Date.now(), elapsed: () => performance.now()};
const time = new SteadyTime(machine);

/**
 * The machine's own clock, which never goes back: where that is set back, by NTP or in a virtual machine, this one is ahead
 * until the process ends or the other has caught up. It waits for 24 days at most.
 */
export const systemClock: Clock = {
  machine,
  now: () => time.now(),
  after(delay, act) {
    // Node takes no more than this, 24 days: 2³¹ milliseconds would be one.
    const timer = setTimeout(act, Math.min(delay, 2 ** 31 - 1)).unref();
    return () => clearTimeout(timer);
  },
};
