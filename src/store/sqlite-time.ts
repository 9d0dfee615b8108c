import {SteadyTime, type Clock, type Machine} from '../clock.ts';
import type {SqliteFile, SqliteStatement} from './sqlite-file.ts';

interface Noted {
  readonly time: number | null;
  readonly shown: number | null;
}

const minute = 60_000;
/** By how much the machine's clock may differ from what was noted, in milliseconds. */
const tolerance = 1000;

const setting = (name: string) => `(SELECT value FROM setting WHERE name = '${name}') AS ${name}`;

/**
 * The time of a file, which the processes that have it open share, and which does not go back. As a rule it is that of the
 * machine. Where the machine's clock has been set back, a process that saw it goes on as before, and one that begins
 * afterwards learns from the file how far that is ahead: otherwise it would find sessions that are yet to be seen, and they
 * would last longer by so much.
 */
export class SqliteTime {
  readonly #clock: Clock;
  readonly #machine: Machine | undefined;
  readonly #steady: SteadyTime | undefined;
  readonly #read: SqliteStatement;
  readonly #write: SqliteStatement;
  /** How far the time was ahead of the machine's clock when this process wrote it down, and when it does so again. */
  #noted = 0;
  #noteAt = 0;

  constructor(file: SqliteFile, clock: Clock) {
    this.#clock = clock;
    this.#machine = clock.machine;
    this.#steady = clock.machine && new SteadyTime(clock.machine);
    this.#read = file.prepare(`SELECT ${setting('time')}, ${setting('shown')}`);
    this.#write = file.prepare(`INSERT INTO setting VALUES ('time', ?), ('shown', ?)
      ON CONFLICT DO UPDATE SET value = excluded.value`);
    this.follow();
  }

  /** A moment is kept as a whole number. */
  now(): number {
    return Math.floor((this.#steady ?? this.#clock).now());
  }

  /** Be no longer behind the other processes. */
  follow(): void {
    if (!this.#machine) return;
    const {time, shown} = this.#read.get() as unknown as Noted;
    if (time === null || shown === null) return;
    // What was noted a short time ago holds; of what is older nobody knows whether the machine's clock was set meanwhile.
    const since = this.#machine.shown() - shown;
    this.#steady?.reach(since >= 0 && since <= minute ? time + since : time);
  }

  /** Whether the time is to be written down: it is half a minute since this process has, or the machine's clock was set meanwhile. */
  isToNote(): boolean {
    const isSet = Math.abs(this.#ahead() - this.#noted) > tolerance;
    return this.#machine !== undefined && (isSet || this.now() >= this.#noteAt);
  }

  /** Write the time down for the others, in a transaction of the file. */
  note(): void {
    if (!this.#machine) return;
    this.follow();
    this.#noted = this.#ahead();
    this.#noteAt = this.now() + minute / 2;
    this.#write.run(this.now(), this.#machine.shown());
  }

  #ahead(): number {
    return this.#machine ? this.now() - this.#machine.shown() : 0;
  }
}
