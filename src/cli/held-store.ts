import {sessionTaken} from '../session/store/refusals.ts';
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
} from '../session/store/contract.ts';
import type {Link} from './link.ts';

/** Sessions that the process holds which has started this one, so that they are there when this one has ended. */
export class HeldStore implements SessionStore, EndStore {
  readonly #link: Pick<Link, 'ask' | 'tell'>;
  readonly #number: number;

  /** `number` is which of the program's stores it is: the same each time that the program is started. */
  constructor(
    link: Pick<Link, 'ask' | 'tell'>,
    number: number,
    limits: {readonly limit: number; readonly bytes: number},
  ) {
    this.#link = link;
    this.#number = number;
    link.tell({espalier: 'make', store: number, ...limits});
  }

  create(session: NewSession): Promise<SessionRecord> {
    return this.#ask('create', session);
  }

  find(uid: string, isSeen: boolean): Promise<SessionRecord | FormerId | undefined> {
    return this.#ask('find', uid, isSeen);
  }

  touch(key: string, asOf?: number): Promise<SessionRecord | undefined> {
    return this.#ask('touch', key, asOf);
  }

  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Promise<Written> {
    return this.#ask('write', key, name, expected, text, asOf);
  }

  renew(key: string, renewal: Renewal): Promise<SessionRecord | FormerId | undefined> {
    return this.#ask('renew', key, renewal);
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): Promise<SessionRecord | undefined> {
    return this.#ask('setIdleTimeout', key, idleTimeout, asOf);
  }

  end(key: string, reason: EndReason, asOf?: number): Promise<boolean> {
    return this.#ask('end', key, reason, asOf);
  }

  list(user: string, page: ListPage): Promise<ListedPage> {
    return this.#ask('list', user, page);
  }

  endAll(user: string, reason: EndReason, page: EndPage & {readonly except?: string}): Promise<EndedPage> {
    return this.#ask('endAll', user, reason, page);
  }

  endEveryone(reason: EndReason, page: EndPage): Promise<EndedPage> {
    return this.#ask('endEveryone', reason, page);
  }

  endsSince(mark: string | undefined): Promise<EndsSince> {
    return this.#ask('endsSince', mark);
  }

  sweep(): Promise<boolean> {
    return this.#ask('sweep');
  }

  count(): Promise<number> {
    return this.#ask('count');
  }

  read(key: string): Promise<SessionRecord | undefined> {
    return this.#ask('read', key);
  }

  listEveryone(page: ListPage): Promise<ListedPage> {
    return this.#ask('listEveryone', page);
  }

  keepEnds(): Promise<void> {
    return this.#ask('keepEnds');
  }

  takeEnds(count: number, lease: number): Promise<readonly EndedSession[]> {
    return this.#ask('takeEnds', count, lease);
  }

  settleEnd(key: string, outcome: EndOutcome): Promise<void> {
    return this.#ask('settleEnd', key, outcome);
  }

  releaseEnds(most: number): Promise<number> {
    return this.#ask('releaseEnds', most);
  }

  countEnds(): Promise<EndCounts> {
    return this.#ask('countEnds');
  }

  eraseEnds(user: string, most: number): Promise<number> {
    return this.#ask('eraseEnds', user, most);
  }

  /** It holds nothing. */
  close(): void {}

  async #ask<T>(method: string, ...args: readonly unknown[]): Promise<T> {
    try {
      return (await this.#link.ask({espalier: 'call', store: this.#number, method, args})) as T;
    } catch (error) {
      throw (error as {code?: string}).code === 'SESSION_TAKEN' ? sessionTaken() : error;
    }
  }
}
