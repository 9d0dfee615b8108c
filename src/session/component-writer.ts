import {isPromised, proceed, type Awaitable} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {EspalierError} from '../errors.ts';
import {sessionEnded} from './refusals.ts';
import {LoadedComponent} from './component-text.ts';
import type {UpdatedComponent} from './component-update.ts';
import type {SessionStore, StoredComponent} from './session-store.ts';

/** What is to rest in place of what does; nothing takes it out. May be asked more than once. */
export type Change = (current: StoredComponent | undefined) => UpdatedComponent | undefined;

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
  /** By session and name, what is known to rest there when all have had their turn who wait for it. None of them rejects. */
  readonly #lines = new Map<string, Promise<StoredComponent | undefined>>();
  #isMaking = false;

  constructor(store: SessionStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /**
   * Change a component, which was `known` to the caller; gives what rests there now. Fails with `SESSION_ENDED`, and with
   * `SESSION_CONFLICT` when others were faster 200 times.
   */
  change(
    key: string,
    name: string,
    known: StoredComponent | undefined,
    change: Change,
  ): Awaitable<StoredComponent | undefined> {
    // Who asks for a change while making one is to come after it.
    if (this.#isMaking) return Promise.resolve().then(() => this.change(key, name, known, change));
    const id = `${key} ${name}`;
    const write = (current: StoredComponent | undefined) => this.#write(key, name, current, change);
    const before = this.#lines.size > 0 ? this.#lines.get(id) : undefined;
    if (before) return this.#enter(id, before.then(write), before);
    const written = this.#make(() => write(known));
    // A store that answers at once leaves nobody time to wait, and so costs no promise.
    return isPromised(written) ? this.#enter(id, Promise.resolve(written), known) : written;
  }

  #make<T>(act: () => T): T {
    this.#isMaking = true;
    try {
      return act();
    } finally {
      this.#isMaking = false;
    }
  }

  #enter(
    id: string,
    turn: Promise<StoredComponent | undefined>,
    before: Awaitable<StoredComponent | undefined>,
  ): Promise<StoredComponent | undefined> {
    const left = turn.catch(() => before);
    this.#lines.set(id, left);
    void left.finally(() => this.#lines.get(id) === left && this.#lines.delete(id));
    return turn;
  }

  #write(
    key: string,
    name: string,
    current: StoredComponent | undefined,
    change: Change,
    attempt = 1,
  ): Awaitable<StoredComponent | undefined> {
    const updated = change(current);
    return proceed(this.#store.write(key, name, current?.revision ?? 0, updated?.text), written => {
      if (written.state === 'written') return updated && storedAs(written.revision, updated);
      if (written.state === 'gone') throw sessionEnded();
      if (attempt === attempts) throw conflict(name);
      return proceed(this.#pause(attempt), () => this.#write(key, name, written.current, change, attempt + 1));
    });
  }

  // A random while, so that those who have met do not meet again. What was seen before it is old: so several attempts at once
  // after each.
  #pause(attempt: number): Awaitable<void> {
    if (attempt % patience > 0) return undefined;
    const {promise, resolve} = Promise.withResolvers<void>();
    this.#clock.after(Math.random() * Math.min(2 ** (attempt / patience), longestPause), resolve);
    return promise;
  }
}

function storedAs(revision: number, {text, content}: UpdatedComponent): StoredComponent {
  return content ? new LoadedComponent({revision, text}, content) : {revision, text};
}

function conflict(name: string): EspalierError {
  const message = `Others have changed the component ${name} at the same time, ${attempts} times over. Try again.`;
  return new EspalierError('SESSION_CONFLICT', message, {status: 409});
}
