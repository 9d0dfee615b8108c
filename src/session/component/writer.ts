import {isPromised, proceed, recovered, type Awaitable} from '../../awaitable.ts';
import type {Clock} from '../../clock.ts';
import {EspalierError} from '../../errors.ts';
import {TimeLimit} from '../../time-limit.ts';
import {storeCalls, traced} from '../../tracing.ts';
import {sessionEnded, sessionSuperseded} from '../store/refusals.ts';
import {LoadedComponent} from './content.ts';
import type {UpdatedComponent} from './update.ts';
import type {SessionStore, StoredComponent} from '../store/contract.ts';
import type {StoreOutages} from '../store/outages.ts';

/** What is to rest in place of what does; nothing takes it out. May be asked more than once. */
export type Change = (current: StoredComponent | undefined) => UpdatedComponent | undefined;

/** Somebody's wish to change a component, as long as they wait for it. */
interface Call {
  readonly key: string;
  readonly name: string;
  readonly change: Change;
  readonly asOf: number | undefined;
  /** Whether its answer has been given. Nothing more is done for it then. */
  isOver: boolean;
}

const attempts = 200;
const patience = 10;
const longestPause = 20;

/**
 * Writes components so that no write is lost: each sees the one before, or is made again of what is there now. Those of this
 * process wait for each other, and so only meet those of other processes. Each is answered within one time, which the waiting
 * and all attempts are a part of.
 */
export class ComponentWriter {
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #outages: StoreOutages;
  readonly #limit: TimeLimit;
  /** By session and name, what is known to rest there when all have had their turn who wait for it. None of them rejects. */
  readonly #lines = new Map<string, Promise<StoredComponent | undefined>>();
  #isMaking = false;

  /** `timeout` is in milliseconds. The store needs no time limit of its own. */
  constructor({store, clock, outages}: {store: SessionStore; clock: Clock; outages: StoreOutages}, timeout: number) {
    this.#store = store;
    this.#outages = outages;
    this.#clock = clock;
    const what = `Not written in ${timeout} ms, the wait for other changes of the same component included.`;
    this.#limit = new TimeLimit(clock, timeout, () => outages.down(new Error(what)));
  }

  /**
   * Change a component, which was `known` to the caller; gives what rests there now. Fails with `SESSION_ENDED`, with
   * `SESSION_SUPERSEDED` where the session has another sign-in than `asOf`, with `SESSION_CONFLICT` when others were faster 200
   * times, and with `SESSION_STORE_DOWN` when its time is up: what waits for its turn then is not done any more, what the store
   * was asked for already may be.
   */
  write(
    key: string,
    name: string,
    known: StoredComponent | undefined,
    change: Change,
    asOf?: number,
  ): Awaitable<StoredComponent | undefined> {
    // Who asks for a change while making one is to come after it.
    if (this.#isMaking) return Promise.resolve().then(() => this.write(key, name, known, change, asOf));
    const id = `${key} ${name}`;
    const call: Call = {key, name, change, asOf, isOver: false};
    const before = this.#lines.size > 0 ? this.#lines.get(id) : undefined;
    const turn = before
      ? before.then(current => this.#attempt(call, current))
      : this.#make(() => this.#attempt(call, known));
    // A store that answers at once leaves nobody time to wait, and so costs no promise.
    return isPromised(turn) ? this.#enter(id, call, turn, before ?? known) : turn;
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
    call: Call,
    turn: PromiseLike<StoredComponent | undefined>,
    before: Awaitable<StoredComponent | undefined>,
  ): Promise<StoredComponent | undefined> {
    const answer = this.#limit.keep(turn).catch((error: unknown) => {
      call.isOver = true;
      throw error;
    });
    // The store may still do what it was asked for, and so what was there before may be old: then it says so.
    const left = answer.catch(() => before);
    this.#lines.set(id, left);
    void left.finally(() => this.#lines.get(id) === left && this.#lines.delete(id));
    return answer;
  }

  #attempt(call: Call, current: StoredComponent | undefined, attempt = 1): Awaitable<StoredComponent | undefined> {
    if (call.isOver) return current;
    const {key, name, asOf} = call;
    const updated = call.change(current);
    const write = () =>
      traced(
        storeCalls,
        () => ({call: 'write'}),
        () => this.#store.write(key, name, current?.revision ?? 0, updated?.text, asOf),
      );
    return proceed(recovered(write, this.#outages.fail), written => {
      if (written.state === 'written') return updated && storedAs(written.revision, updated);
      if (written.state === 'gone') throw sessionEnded();
      if (written.state === 'superseded') throw sessionSuperseded();
      if (attempt === attempts) throw conflict(name);
      return proceed(this.#pause(attempt), () => this.#attempt(call, written.current, attempt + 1));
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
