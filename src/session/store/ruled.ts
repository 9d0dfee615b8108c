import {proceed, type Awaitable} from '../../awaitable.ts';
import type {Cabinet, FiledSession, StepKind, CabinetSteps} from './cabinet.ts';
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
} from './contract.ts';
import {hasToWrite, SessionRules} from './rules.ts';

/**
 * A store that keeps the laws, made of a cabinet that knows none of them: each call is one step of the cabinet, in which the rules
 * look things up and write. What may have nothing to write is tried in a step that only reads.
 */
export class RuledStore<S extends FiledSession = FiledSession> implements SessionStore, EndStore {
  protected readonly cabinet: Cabinet<S> & CabinetSteps;
  readonly #rules: SessionRules<S>;

  constructor(cabinet: Cabinet<S> & CabinetSteps) {
    this.cabinet = cabinet;
    this.#rules = new SessionRules(cabinet);
  }

  create(session: NewSession): Awaitable<SessionRecord> {
    return this.cabinet.write('light', () => this.#rules.create(session));
  }

  find(uid: string, isSeen: boolean): Awaitable<SessionRecord | FormerId | undefined> {
    return this.#try('light', () => this.#rules.find(uid, isSeen));
  }

  touch(key: string, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.#try('light', () => this.#rules.touch(key, asOf));
  }

  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Awaitable<Written> {
    return this.cabinet.write('component', () => this.#rules.write(key, name, expected, text, asOf));
  }

  renew(key: string, renewal: Renewal): Awaitable<SessionRecord | FormerId | undefined> {
    return this.cabinet.write('firm', () => this.#rules.renew(key, renewal));
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Awaitable<SessionRecord | undefined> {
    return this.cabinet.write('firm', () => this.#rules.setIdleTimeout(key, idleTimeout, asOf));
  }

  end(key: string, reason: EndReason, asOf?: number): Awaitable<boolean> {
    return this.cabinet.write('end', () => this.#rules.end(key, reason, asOf));
  }

  list(user: string, page: ListPage): Awaitable<ListedPage> {
    return this.cabinet.read(() => this.#rules.list(user, page));
  }

  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Awaitable<EndedPage> {
    return this.#flushed(this.cabinet.write('tidying', () => this.#rules.endAll(user, reason, page)));
  }

  endEveryone(reason: EndReason, page: EndPage): Awaitable<EndedPage> {
    return this.#flushed(this.cabinet.write('tidying', () => this.#rules.endEveryone(reason, page)));
  }

  endsSince(mark: string | undefined): Awaitable<EndsSince> {
    return this.cabinet.read(() => this.#rules.endsSince(mark));
  }

  sweep(): Awaitable<boolean> {
    return this.#try('sweep', () => this.#rules.sweep());
  }

  count(): Awaitable<number> {
    return this.cabinet.read(() => this.#rules.count());
  }

  read(key: string): Awaitable<SessionRecord | undefined> {
    return this.cabinet.read(() => this.#rules.read(key));
  }

  listEveryone(page: ListPage): Awaitable<ListedPage> {
    return this.cabinet.read(() => this.#rules.listEveryone(page));
  }

  keepEnds(): Awaitable<void> {
    return this.#try('light', () => this.#rules.keepEnds());
  }

  takeEnds(count: number, lease: number): Awaitable<readonly EndedSession[]> {
    return this.#try('light', () => this.#rules.takeEnds(count, lease));
  }

  settleEnd(key: string, outcome: EndOutcome): Awaitable<void> {
    return this.cabinet.write('tidying', () => this.#rules.settleEnd(key, outcome));
  }

  releaseEnds(most: number): Awaitable<number> {
    return this.cabinet.write('light', () => this.#rules.releaseEnds(most));
  }

  countEnds(): Awaitable<EndCounts> {
    return this.cabinet.read(() => this.#rules.countEnds());
  }

  eraseEnds(user: string, most: number): Awaitable<number> {
    return this.cabinet.write('tidying', () => this.#rules.eraseEnds(user, most));
  }

  close(): Awaitable<void> {
    return this.cabinet.close();
  }

  /** What has nothing to write waits for nobody who writes. */
  #try<T>(kind: StepKind, act: () => T): Awaitable<T> {
    const found = this.cabinet.read(() => this.#rules.reading(act));
    return proceed(found, answer => (answer === hasToWrite ? this.cabinet.write(kind, act) : (answer as T)));
  }

  /** The last page of ends waits for the disk, which has those of all pages then. */
  #flushed(ended: Awaitable<EndedPage>): Awaitable<EndedPage> {
    return proceed(ended, page => {
      const isLast = page.next === undefined && this.cabinet.flush !== undefined;
      return isLast ? proceed(this.cabinet.flush!(), () => page) : page;
    });
  }
}
