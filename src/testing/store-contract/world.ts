import assert from 'node:assert/strict';
import {setImmediate} from 'node:timers/promises';
import type {Awaitable} from '../../awaitable.ts';
import {
  isLive,
  keepsEnds,
  type EndedPage,
  type EndedSession,
  type EndPage,
  type EndReason,
  type EndStore,
  type ListedPage,
  type ListPage,
  type NewSession,
  type Renewal,
  type SessionRecord,
  type SessionStore,
} from '../../session/store/contract.ts';
import {TestClock} from '../test-clock.ts';

/** One body of data, which several stores may be opened on as several processes would. */
export interface StoreFixture {
  /** A store on this data that lives by `clock`. May be called more than once. The suite closes what it opened. */
  open(clock: TestClock): Awaitable<SessionStore>;
  /** Take the data away. */
  dispose(): Awaitable<void>;
}

/** One thing that a store must keep to. */
export interface Law {
  readonly title: string;
  /** Where it is a law of that contract, and not of `SessionStore` alone. */
  readonly contract?: 'EndStore';
  readonly holds: (world: World) => Promise<void>;
}

/** How long a session lasts in the suite, in milliseconds, where a law does not say otherwise. */
export const idleTimeout = 60_000;
export const absoluteTimeout = 600_000;

/** How often it is looked for what is due, in milliseconds. */
const step = 500;

/** How many sessions a portion is at most, be it swept or told of. */
export const portion = 1000;

/** Who hears of ends from a store, as they come. */
interface Listener {
  readonly store: SessionStore;
  readonly told: string[];
  mark: string;
}

/** A clock that can be set, as a machine's may be, or as it stands after the machine has slept: no alarm notices. */
export class SettableClock extends TestClock {
  #off = 0;

  override now(): number {
    return super.now() + this.#off;
  }

  /** Set it so many milliseconds forward, or back. */
  set(milliseconds: number): void {
    this.#off += milliseconds;
  }
}

/** Stores on one body of data, and a clock to turn. The first store, `store`, is open. */
export class World {
  readonly clock = new SettableClock();
  readonly #makeFixture: () => Awaitable<StoreFixture>;
  readonly #fixture: StoreFixture;
  readonly #patience: number;
  readonly #opened = new Set<SessionStore>();
  readonly #listeners: Listener[] = [];
  #store: SessionStore | undefined;

  private constructor(makeFixture: () => Awaitable<StoreFixture>, fixture: StoreFixture, patience: number) {
    this.#makeFixture = makeFixture;
    this.#fixture = fixture;
    this.#patience = patience;
  }

  /**
   * Try a law in a world of its own, and take that away however it went. What must come is waited for so many milliseconds
   * of real time; default: 10 seconds.
   */
  static async try(makeFixture: () => Awaitable<StoreFixture>, {holds}: Law, patience = 10_000): Promise<void> {
    const world = new World(makeFixture, await makeFixture(), patience);
    try {
      world.#store = await world.open();
      await holds(world);
    } catch (error) {
      // What the law has found says more than what may fail now.
      await world.#dispose().catch(() => undefined);
      throw error;
    }
    await world.#dispose();
  }

  get store(): SessionStore {
    return this.#store!;
  }

  /** The store as one that keeps ends. */
  get ends(): SessionStore & EndStore {
    return keeping(this.store);
  }

  /** Do something with a store on other data. */
  async elsewhere<T>(act: (world: World) => Promise<T>): Promise<T> {
    let result: T;
    const holds = async (world: World) => void (result = await act(world));
    await World.try(this.#makeFixture, {title: 'elsewhere', holds}, this.#patience);
    return result!;
  }

  /** A further store on the same data, as another process would open it. */
  async open(clock: TestClock = this.clock): Promise<SessionStore> {
    const store = await this.#fixture.open(clock);
    this.#opened.add(store);
    return store;
  }

  async close(store: SessionStore): Promise<void> {
    this.#opened.delete(store);
    await store.close();
  }

  async begin(key: string, more: Partial<NewSession> = {}, store = this.store): Promise<SessionRecord> {
    return store.create({uid: key, isSecure: false, idleTimeout, absoluteTimeout, device: undefined, ...more});
  }

  /** Begin a session for each key, a hundred at a time. */
  async beginMany(keys: readonly string[], more: Partial<NewSession> = {}): Promise<void> {
    for (let i = 0; i < keys.length; i += 100) {
      await Promise.all(keys.slice(i, i + 100).map(key => this.begin(key, more)));
    }
  }

  /** Begin a session and sign its visitor in. Its uid is its key and a `'`. */
  async signIn(key: string, user: string, limit = 1000, store = this.store): Promise<SessionRecord> {
    await this.begin(key, {}, store);
    const record = await this.renew(key, {from: key, to: `${key}'`, grace: 0, signIn: {user, limit}}, store);
    assert.ok(record, 'renew() of a live session gives it');
    return record;
  }

  /** Give a session another uid, and the session, if it is alive and was found by `from`. */
  async renew(key: string, renewal: Renewal, store = this.store): Promise<SessionRecord | undefined> {
    const found = await store.renew(key, renewal);
    return isLive(found) ? found : undefined;
  }

  /** All live sessions of a user, page after page, with these of their components. */
  async list(user: string, components: readonly string[] = [], store = this.store): Promise<SessionRecord[]> {
    return listAll(store, user, components);
  }

  /** End all sessions of a user, page after page. */
  async endAll(user: string, reason: EndReason, except?: string, store = this.store): Promise<number> {
    return endAllOf(store, user, reason, except);
  }

  /** Write a component whose revision is `expected`, and give its new one. */
  async put(key: string, name: string, text: string, expected = 0, store = this.store): Promise<number> {
    const written = await store.write(key, name, expected, text);
    assert.equal(written.state, 'written', `write() of ${name} in ${key}`);
    return written.state === 'written' ? written.revision : 0;
  }

  /** The live session, without being seen, found by its uid. */
  async peek(uid: string, store = this.store): Promise<SessionRecord> {
    const found = await store.find(uid, false);
    assert.ok(isLive(found), `find() gives the live session by its uid ${uid}`);
    return found;
  }

  /** The live session by its uid, if there is one. */
  async find(uid: string, isSeen: boolean, store = this.store): Promise<SessionRecord | undefined> {
    const found = await store.find(uid, isSeen);
    return isLive(found) ? found : undefined;
  }

  async isLive(uid: string, store = this.store): Promise<boolean> {
    return isLive(await store.find(uid, false));
  }

  /** The same of several, one after the other: it matters which of them is seen first. */
  async areLive(uids: readonly string[]): Promise<boolean[]> {
    const live: boolean[] = [];
    for (const uid of uids) live.push(await this.isLive(uid));
    return live;
  }

  /** Touch a session again and again, while the clock turns by so many milliseconds. */
  async beBusy(key: string, milliseconds: number): Promise<void> {
    const end = this.clock.now() + milliseconds;
    while (this.clock.now() < end) {
      this.clock.advance(Math.min(idleTimeout / 2, end - this.clock.now()));
      assert.notEqual(await this.store.touch(key), undefined);
    }
  }

  /** What a store tells of from now on, as `key reason`, whenever somebody looks. */
  async listen(store = this.store): Promise<string[]> {
    const {ends, mark} = await store.endsSince(undefined);
    assert.deepEqual(ends, [], 'without a mark endsSince() gives no ends');
    const told: string[] = [];
    this.#listeners.push({store, told, mark});
    return told;
  }

  /** Have all stores swept, at once, and those who listen hear of what has ended. */
  async look(): Promise<void> {
    await Promise.all([...this.#opened].map(sweepAll));
    for (const listener of this.#listeners) {
      if (!this.#opened.has(listener.store)) continue;
      const {ends, mark} = await endsSince(listener.store, listener.mark);
      listener.told.push(...ends);
      listener.mark = mark;
    }
  }

  /** Turn the clock on and on, and look, until `isSo`. */
  async until(isSo: () => Awaitable<boolean>, what: () => string, ...clocks: TestClock[]): Promise<void> {
    const last = Date.now() + this.#patience;
    while (!(await isSo())) {
      assert.ok(Date.now() < last, `did not come in ${this.#patience} ms: ${what()}`);
      for (const clock of [this.clock, ...clocks]) clock.advance(step);
      await this.look();
      // Others have their turn.
      await setImmediate();
    }
  }

  /** Wait until exactly these have been told, in any order, and see that nothing more is. */
  async untilTold(told: readonly string[], expected: readonly string[], ...clocks: TestClock[]): Promise<void> {
    const missing = () => `${expected.length} ends told; there are ${told.length}`;
    await this.until(() => told.length >= expected.length, missing, ...clocks);
    await this.quiet();
    assertSame(told, expected);
  }

  /** Wait until so many kept ends have been handed out, and see that no more are. */
  async untilTaken(count: number, ...clocks: TestClock[]): Promise<EndedSession[]> {
    const taken: EndedSession[] = [];
    const take = async (): Promise<boolean> => {
      const ends = await this.ends.takeEnds(500, 1_000_000);
      taken.push(...ends);
      return ends.length > 0 && taken.length <= count ? take() : taken.length >= count;
    };
    await this.until(take, () => `${count} ends handed out; there are ${taken.length}`, ...clocks);
    await this.quiet();
    await take();
    assert.equal(taken.length, count);
    return taken;
  }

  /** Turn the clock on for a few seconds, and look, so that a store may do what it should not. */
  async quiet(): Promise<void> {
    for (let i = 0; i < 5; i += 1) {
      this.clock.advance(step);
      await this.look();
    }
  }

  async #dispose(): Promise<void> {
    const closed = await Promise.allSettled([...this.#opened].map(async store => store.close()));
    await this.#fixture.dispose();
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }
}

/** A store as one that keeps ends, which it has to be. */
export function keeping(store: SessionStore): SessionStore & EndStore {
  assert.ok(keepsEnds(store), 'the store keeps ends');
  return store;
}

/** Sweep until nothing is left to do; gives in how many portions. */
export async function sweepAll(store: SessionStore): Promise<number> {
  for (let portions = 1; ; portions += 1) {
    if (!(await store.sweep())) return portions;
    assert.ok(portions < 10_000, 'sweep() says at some time that there is no more to do');
    await setImmediate();
  }
}

/** The ends since a mark, portion after portion, as `key reason`, and the mark to go on from. */
export async function endsSince(store: SessionStore, mark: string): Promise<{ends: string[]; mark: string}> {
  const told: string[] = [];
  for (;;) {
    const {ends, mark: next, hasMore} = await store.endsSince(mark);
    assert.ok(ends.length <= portion, `a portion of ${ends.length} ends`);
    assert.ok(!hasMore || next !== mark, 'where there may be more ends it goes on');
    told.push(...ends.map(({key, reason}) => `${key} ${reason}`));
    mark = next;
    if (!hasMore) return {ends: told, mark};
  }
}

/** All live sessions of a user, page after page, with these of their components. */
export async function listAll(
  store: SessionStore,
  user: string,
  components: ListPage['components'] = [],
  most = 100,
): Promise<SessionRecord[]> {
  return allRecords(most, page => store.list(user, {...page, components}));
}

/** All live sessions there are, page after page, with these of their components. */
export async function listEveryoneOf(
  store: SessionStore,
  components: ListPage['components'] = [],
  most = 100,
): Promise<SessionRecord[]> {
  return allRecords(most, page => store.listEveryone({...page, components}));
}

async function allRecords(most: number, ask: (page: EndPage) => Awaitable<ListedPage>): Promise<SessionRecord[]> {
  const all: SessionRecord[] = [];
  await eachPage(most, async page => {
    const {records, next} = await ask(page);
    all.push(...records);
    return {count: records.length, next};
  });
  return all;
}

/** End all sessions of a user, page after page; gives how many. */
export async function endAllOf(
  store: SessionStore,
  user: string,
  reason: EndReason,
  except?: string,
  most = 100,
): Promise<number> {
  const spared = except === undefined ? {} : {except};
  return eachPage(most, page => store.endAll(user, reason, {...page, ...spared}));
}

/** End all sessions there are, page after page; gives how many. */
export async function endEveryoneOf(store: SessionStore, reason: EndReason, most = 100): Promise<number> {
  return eachPage(most, page => store.endEveryone(reason, page));
}

/** Ask for page after page, each of so many at most, and give how many there were in all. */
async function eachPage(most: number, ask: (page: EndPage) => Awaitable<EndedPage>): Promise<number> {
  let total = 0;
  let after: string | undefined;
  do {
    const {count, next} = await ask({most, ...(after !== undefined && {after})});
    assert.ok(count <= most, `a page of ${count} sessions`);
    total += count;
    after = next;
  } while (after !== undefined);
  return total;
}

/** See that the same is in both lists, in any order, and say in a few words what is not. */
export function assertSame(actual: readonly string[], expected: readonly string[]): void {
  const missing = without(expected, actual);
  const surplus = without(actual, expected);
  assert.ok(missing.length + surplus.length === 0, `missing ${some(missing)}; too many ${some(surplus)}`);
}

function some(texts: readonly string[]): string {
  return `${texts.length}: ${texts.slice(0, 5).join(', ')}`;
}

/** What is left of a list when each of the others has taken its like away. */
function without(texts: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const text of texts) left.set(text, (left.get(text) ?? 0) + 1);
  for (const text of others) left.set(text, (left.get(text) ?? 0) - 1);
  return [...left].flatMap(([text, count]) => Array.from({length: Math.max(count, 0)}, () => text));
}
