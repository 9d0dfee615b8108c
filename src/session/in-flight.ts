import type {Clock} from '../clock.ts';
import {outsideRequest} from '../http/current.ts';

/** A request that is being answered for somebody who has a session. */
export interface Flight {
  /** Where it is among those in flight, or -1. `InFlight` alone writes to it. */
  place: number;
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
  readonly #interval: number;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  /** `idleTimeout` is in milliseconds. */
  constructor(clock: Clock, idleTimeout: number) {
    this.#clock = clock;
    this.#interval = Math.min(second, idleTimeout / 4);
  }

  add(flight: Flight): void {
    if (flight.place < 0) flight.place = this.#flights.push(flight) - 1;
    if (!this.#cancel) this.#wait();
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
    // A copy: one that is held may find its session ended, and leave.
    for (const flight of this.#flights.slice()) flight.hold();
    if (this.#flights.length > 0) this.#wait();
  }

  // None of the requests is the one that the others are looked after in.
  #wait(): void {
    if (this.#isClosed) return;
    this.#cancel = outsideRequest(() => this.#clock.after(this.#interval, () => this.#look()));
  }
}
