import {randomFillSync} from 'node:crypto';
import {closeSync, openSync, statSync, truncateSync, writeSync} from 'node:fs';

/** As much as SQLite adds to its log until that is worked into the file, which may have to grow by as much. */
const whole = 4 * 1024 * 1024;
/** How much is written at a time: a millisecond's worth, so that nobody waits for it. */
const portion = 256 * 1024;

/** Room on the disk that is kept for ends: a file of noise, which is given up when the disk is full. */
export class SqliteReserve {
  readonly #path: string;

  constructor(path: string) {
    this.#path = `${path}-reserve`;
  }

  /** Take a portion more, if there is room and need for it. */
  hold(): void {
    try {
      if ((statSync(this.#path, {throwIfNoEntry: false})?.size ?? 0) >= whole) return;
      const file = openSync(this.#path, 'a', 0o600);
      try {
        // Some file systems give no room to zeros.
        writeSync(file, randomFillSync(Buffer.allocUnsafe(portion)));
      } finally {
        closeSync(file);
      }
    } catch {
      // The disk is full, or not ours to fill: then there is less room, or none.
    }
  }

  release(): void {
    try {
      truncateSync(this.#path, 0);
    } catch {
      // There was none.
    }
  }
}
