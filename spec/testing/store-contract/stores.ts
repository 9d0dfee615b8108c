import type {ExecutionContext} from 'ava';
import type {Awaitable} from '../../../src/awaitable.ts';
import type {Clock} from '../../../src/clock.ts';
import type {
  EndCounts,
  EndedPage,
  EndedSession,
  EndOutcome,
  EndPage,
  EndReason,
  EndsSince,
  EndStore,
  FormerId,
  ListedPage,
  ListPage,
  NewSession,
  Renewal,
  SessionRecord,
  SessionStore,
  Written,
} from '../../../src/session/store/contract.ts';
import {MemoryStore} from '../../../src/store/memory.ts';
import {World, type Law, type StoreFixture} from '../../../src/testing/store-contract/world.ts';

/**
 * A process's way to memory that several have in common, each by a clock of its own. It keeps all the laws as long as
 * nobody overrides what it does.
 */
export class Handle implements SessionStore, EndStore {
  readonly shared: Shared;
  readonly clock: Clock;

  constructor(shared: Shared, clock: Clock) {
    this.shared = shared;
    this.clock = clock;
  }

  /** Each call goes through here. */
  ask<T>(act: (memory: MemoryStore) => T): Awaitable<T> {
    return this.shared.at(this.clock, act);
  }

  create(session: NewSession): Awaitable<SessionRecord> {
    return this.ask(memory => memory.create(session));
  }

  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined> {
    return this.ask(memory => memory.find(uid, isSeen));
  }

  touch(key: string, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.ask(memory => memory.touch(key, asOf));
  }

  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Awaitable<Written> {
    return this.ask(memory => memory.write(key, name, expected, text, asOf));
  }

  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | FormerId | undefined> {
    return this.ask(memory => memory.renew(key, renewal));
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.ask(memory => memory.setIdleTimeout(key, idleTimeout, asOf));
  }

  end(key: string, reason: EndReason, asOf?: number): Awaitable<boolean> {
    return this.ask(memory => memory.end(key, reason, asOf));
  }

  list(user: string, page: ListPage): Awaitable<ListedPage> {
    return this.ask(memory => memory.list(user, page));
  }

  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Awaitable<EndedPage> {
    return this.ask(memory => memory.endAll(user, reason, page));
  }

  endEveryone(reason: EndReason, page: EndPage): Awaitable<EndedPage> {
    return this.ask(memory => memory.endEveryone(reason, page));
  }

  endsSince(mark: string | undefined): Awaitable<EndsSince> {
    return this.ask(memory => memory.endsSince(mark));
  }

  sweep(): Awaitable<boolean> {
    return this.ask(memory => memory.sweep());
  }

  count(): Awaitable<number> {
    return this.ask(memory => memory.count());
  }

  read(key: string): Awaitable<SessionRecord | undefined> {
    return this.ask(memory => memory.read(key));
  }

  listEveryone(page: ListPage): Awaitable<ListedPage> {
    return this.ask(memory => memory.listEveryone(page));
  }

  keepEnds(): Awaitable<void> {
    return this.ask(memory => memory.keepEnds());
  }

  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]> {
    return this.ask(memory => memory.takeEnds(count, lease));
  }

  settleEnd(key: string, outcome: EndOutcome): Awaitable<void> {
    return this.ask(memory => memory.settleEnd(key, outcome));
  }

  releaseEnds(most: number): Awaitable<number> {
    return this.ask(memory => memory.releaseEnds(most));
  }

  countEnds(): Awaitable<EndCounts> {
    return this.ask(memory => memory.countEnds());
  }

  eraseEnds(user: string, most: number): Awaitable<number> {
    return this.ask(memory => memory.eraseEnds(user, most));
  }

  close(): Awaitable<void> {}
}

/** Memory that handles have in common, which takes the time from the handle that asks. */
export class Shared {
  readonly memory: MemoryStore;
  #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.memory = new MemoryStore({
      clock: {now: () => this.#clock.now(), after: (delay, act) => clock.after(delay, () => this.at(clock, act))},
    });
  }

  at<T>(clock: Clock, act: (memory: MemoryStore) => T): T {
    const before = this.#clock;
    this.#clock = clock;
    try {
      return act(this.memory);
    } finally {
      this.#clock = before;
    }
  }
}

/** A body of data in memory, on which handles of a kind are opened. */
export function handles(Kind: new (shared: Shared, clock: Clock) => SessionStore = Handle): () => StoreFixture {
  return () => {
    let shared: Shared | undefined;
    const open = (clock: Clock) => {
      shared ??= new Shared(clock);
      return new Kind(shared, clock);
    };
    return {open, dispose: () => undefined};
  };
}

/** See that laws find a store at fault, the one by this title among them, and that a store without the fault keeps it. */
export async function findsFault(
  t: ExecutionContext,
  laws: readonly Law[],
  title: string,
  Kind: new (shared: Shared, clock: Clock) => SessionStore,
): Promise<void> {
  const law = laws.find(each => each.title === title);
  if (!law) return t.fail(`There is no law by the title ${title}`);
  await t.notThrowsAsync(World.try(handles(), law));
  await t.throwsAsync(World.try(handles(Kind), law, 300), {any: true});
}
