import type {Clock} from '../../clock.ts';
import {outsideRequest} from '../../http/current.ts';
import {shortestIdleTimeout} from '../store/lifetime.ts';
import type {SessionRecord} from '../store/contract.ts';
import type {Session} from '../session.ts';

/** A request that is being answered for somebody who has a session. */
export interface Flight {
  /** Where it is among those in flight, or -1. `InFlight` alone writes to it. */
  place: number;
  readonly session: Session;
  /** See to it that its session does not become idle meanwhile. */
  hold(): void;
}

const second = 1000;

/** The requests that are being answered for somebody who has a session, and one timer for all of them. */
export class InFlight {
  // Not a Set: through its outgrown tables, each of which leads to the next, it would keep every request that has been in
  // flight until a full garbage collection; that cost 4 µs a request.
  readonly #flights: Flight[] = [];
  readonly #clock: Clock;
  /** In how many milliseconds it is looked after them, by the timer that is set. */
  #interval = Infinity;
  #lookAt = 0;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(flight: Flight): void {
    if (flight.place < 0) flight.place = this.#flights.push(flight) - 1;
    this.#lookWithin(intervalOf(flight));
  }

  /** A session has an idle timeout of its own from now on, which its requests in flight have to know. */
  hear(record: SessionRecord): void {
    for (const flight of this.#flights) {
      // Of a request that came before a sign-in it is not the session any more.
      if (flight.session.key !== record.key || flight.session.asOf !== (record.authenticatedAt ?? 0)) continue;
      flight.session.adopt(record);
      this.#lookWithin(intervalOf(flight));
    }
  }

  remove(flight: Flight): void {
    if (flight.place < 0) return;
    const last = this.#flights.pop()!;
    if (last !== flight) {
      this.#flights[flight.place] = last;
      last.place = flight.place;
    }
    flight.place = -1;
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  // Sets no timer when nothing is in flight: so a request costs none, as long as it is answered within a second.
  #look(): void {
    this.#cancel = undefined;
    this.#interval = Infinity;
    // A copy: one that is held may find its session ended, and leave.
    for (const flight of this.#flights.slice()) flight.hold();
    const shortest = this.#flights.reduce((least, flight) => Math.min(least, intervalOf(flight)), Infinity);
    if (shortest < Infinity) this.#lookWithin(shortest);
  }

  // None of the requests is the one that the others are looked after in.
  #lookWithin(interval: number): void {
    if (this.#isClosed || interval >= this.#interval) return;
    const now = this.#clock.now();
    // Whom it was set for is not looked after later than they were to be, nor by a clock that was put back.
    const delay = this.#cancel ? Math.min(interval, Math.max(0, this.#lookAt - now)) : interval;
    this.#cancel?.();
    this.#interval = interval;
    this.#lookAt = now + delay;
    this.#cancel = outsideRequest(() => this.#clock.after(delay, () => this.#look()));
  }
}

/** Four times while the session would become idle; each second is enough for all but a few. */
function intervalOf({session}: Flight): number {
  return Math.min(second, Math.max(session.idleTimeout, shortestIdleTimeout) / 4);
}
