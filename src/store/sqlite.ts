import type {Awaitable} from '../awaitable.ts';
import {systemClock, type Clock} from '../clock.ts';
import type {Logger} from '../logger.ts';
import * as kinds from '../options.ts';
import {OutageLog} from '../outage-log.ts';
import {RuledStore} from '../session/store/ruled.ts';
import {SqliteCabinet} from './sqlite-cabinet.ts';
import {SqliteFile} from './sqlite-file.ts';
import {isBusy} from './sqlite-line.ts';
import type {SqliteSession} from './sqlite-record.ts';
import {SqliteTime} from './sqlite-time.ts';

/** How an `SqliteStore` is set up. */
export interface SqliteStoreOptions {
  /** The file. It is made if it is not there, for its owner alone to read; its folder has to be there. */
  readonly path: string;
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Where it is told that the file is lost, and that it is back. Default: `console`. */
  readonly logger?: Logger;
  /**
   * What an answered write of a component survives: the end of the process (`process`), or the machine's power being cut
   * as well (`power`), for which each waits for the disk. An answered end and an answered renewal survive both in either
   * case. Default: `power`.
   */
  readonly durability?: 'process' | 'power';
}

const optionKinds: kinds.Kinds<SqliteStoreOptions> = {
  path: kinds.anything,
  clock: kinds.clock,
  logger: kinds.logger,
  durability: kinds.oneOf('process', 'power'),
};

/**
 * Sessions in an SQLite file: they outlive the process, and all processes of one machine may share them. Only what is
 * read is held in memory. A call holds up the event loop for as long as it takes, some ten microseconds; where it waits
 * for the disk, for as long as that takes; but not while it waits for other processes.
 */
export class SqliteStore extends RuledStore<SqliteSession> {
  /** What holds where `SqliteStoreOptions` are silent. */
  static readonly defaults = {durability: 'power'} as const;

  readonly #file: SqliteFile;
  readonly #time: SqliteTime;

  /**
   * Opens the file, or fails with `OPTION_INVALID` when that can't be done: it is not one of ours, it is damaged, or this
   * process may not write it.
   */
  constructor(options: SqliteStoreOptions) {
    kinds.checkOptions('SqliteStore', options, optionKinds);
    const {path, clock = systemClock, logger = console, durability = SqliteStore.defaults.durability} = options;
    const file = new SqliteFile(path, new OutageLog(logger));
    const time = new SqliteTime(file, clock);
    super(new SqliteCabinet(file, time, durability === 'power' ? 'FULL' : 'NORMAL'));
    this.#file = file;
    this.#time = time;
  }

  /** Does what the file needs now and then, besides. It answers at once, and does nothing while others are writing. */
  override sweep(): Awaitable<boolean> {
    if (this.#file.restore() === 'nothing') return false;
    this.#time.follow();
    try {
      if (this.#time.isToNote()) this.#file.eraseNow('NORMAL', () => this.#time.note());
      return super.sweep();
    } catch (error) {
      if (isBusy(error)) return false;
      throw error;
    } finally {
      this.#file.reserve();
      this.#file.workIn();
    }
  }
}
