import type {Clock} from '../clock.ts';

interface Alarm {
  readonly due: number;
  readonly ring: () => void;
}

/** A clock that stands still until it is turned by hand. */
export class TestClock implements Clock {
  #now: number;
  readonly #alarms = new Set<Alarm>();

  /** Begins at `start`, in milliseconds since the epoch. Default: 1 January 2030. */
  constructor(start: number = Date.UTC(2030, 0, 1)) {
    this.#now = start;
  }

  now(): number {
    return this.#now;
  }

  after(delay: number, act: () => void): () => void {
    const alarm = {due: this.#now + Math.max(delay, 0), ring: act};
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** How many alarms are set. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Turn the clock on by so many milliseconds. What falls due on the way happens on the way, each at its own moment. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#alarms.delete(next);
      this.#now = Math.max(this.#now, next.due);
      next.ring();
    }
    this.#now = end;
  }

  #next(end: number): Alarm | undefined {
    let next: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.due <= end && (!next || alarm.due < next.due)) next = alarm;
    }
    return next;
  }
}
