import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {sessionEnded} from './refusals.ts';
import type {SessionStore, StoredComponent, Written} from './session-store.ts';

/** What is to rest in place of what does; nothing takes it out. May be asked more than once. */
type Change = (current: StoredComponent | undefined) => string | undefined;

/** Those who wait to write one component of one session. */
interface Line {
  last: Promise<unknown>;
  /** What the one before has left there. */
  known?: {readonly current: StoredComponent | undefined};
}

const attempts = 200;
const patience = 10;
const longestPause = 20;

/**
 * Writes components so that no write is lost: each sees the one before, or is made again of what is there now. Those of this
 * process wait for each other, and so only meet those of other processes.
 */
export class ComponentWriter {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #lines = new Map<string, Line>();

  constructor(store: SessionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Change a component, which was `known` to the caller; gives what rests there now. Rejects with `SESSION_ENDED`, and with
   * `SESSION_CONFLICT` when others were faster 200 times.
   */
  async change(
    key: string,
    name: string,
    known: StoredComponent | undefined,
    change: Change,
  ): Promise<StoredComponent | undefined> {
    const id = `${key} ${name}`;
    const line = this.#lines.get(id) ?? {last: Promise.resolve()};
    this.#lines.set(id, line);
    const go = async () => {
      line.known ??= {current: known};
      const current = await this.#write(key, name, line.known.current, change);
      line.known = {current};
      return current;
    };
    const turn = line.last.then(go, go);
    line.last = turn;
    try {
      return await turn;
    } finally {
      if (line.last === turn) this.#lines.delete(id);
    }
  }

  async #write(
    key: string,
    name: string,
    known: StoredComponent | undefined,
    change: Change,
  ): Promise<StoredComponent | undefined> {
    let current = known;
    for (let attempt = 1; attempt <= attempts; attempt += 1) {
      // What was seen before a pause is old: so several times at once after each.
      if (attempt > 1 && attempt % patience === 1) await this.#pause((attempt - 1) / patience);
      const text = change(current);
      const written: Written = await this.#store.write(key, name, current?.revision ?? 0, text);
      if (written.state === 'written') return text === undefined ? undefined : {revision: written.revision, text};
      if (written.state === 'gone') throw sessionEnded();
      current = written.current;
    }
    const message = `Others have changed the component ${name} at the same time, ${attempts} times over. Try again.`;
    throw new EspalierError('SESSION_CONFLICT', message, {status: 409});
  }

  // A random while, so that those who have met do not meet again.
  async #pause(round: number): Promise<void> {
    const {promise, resolve} = Promise.withResolvers<void>();
    this.#clock.after(Math.random() * Math.min(2 ** round, longestPause), resolve);
    await promise;
  }
}
