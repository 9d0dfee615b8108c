import {setImmediate} from 'node:timers/promises';
import {promised, type Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import type {ComponentClass} from './component/component.ts';
import type {EndedPage, EndPage, SessionRecord} from './store/contract.ts';
import {Session, type SessionOwner} from './session.ts';
import type {Visit, VisitParts} from './visit/visit.ts';

/** How many sessions are listed or ended in one step, so that none is long. */
export const pageSize = 10;

/** What `list()` gives besides. */
export interface ListOptions {
  /** The components that `session.get` is to give; asking for another one throws `COMPONENT_NOT_LISTED`. Default: none. */
  readonly components?: readonly ComponentClass[];
}

/** The sessions of one user, on whichever device. `sessions.of(user)` gives it. */
export class UserSessions {
  readonly #user: string;
  readonly #parts: VisitParts;
  readonly #visit: () => Visit;
  readonly #visitHere: () => Visit | undefined;
  /** Who looks at a session in the list. */
  readonly #outsider: SessionOwner = {
    isVisitor: false,
    renew: () => Promise.reject(notTheirs()),
    expire: async key => {
      await this.#endBy(
        () => this.#parts.store.end(key, 'revoked'),
        own => own.key === key,
      );
    },
  };

  /** Used by `SessionService.of`. */
  constructor(user: string, parts: VisitParts, visit: () => Visit, visitHere: () => Visit | undefined) {
    this.#user = user;
    this.#parts = parts;
    this.#visit = visit;
    this.#visitHere = visitHere;
  }

  /**
   * All of them that are alive, those signed in first coming first. They are there to look at and to be ended: `expire()` on
   * one ends it as `revoked`. Looking at them counts as nobody being seen. The store is asked for ten at a time.
   */
  async list({components = []}: ListOptions = {}): Promise<readonly Session[]> {
    const names = components.map(type => this.#parts.components.of(type).name);
    // By their keys, in case one signs in again meanwhile and so comes twice.
    const found = new Map<string, SessionRecord>();
    await eachPage(async page => {
      const {records, next} = await this.#parts.store.list(this.#user, {...page, components: names});
      for (const record of records) found.set(record.key, record);
      return next;
    });
    const asked = new Set(names);
    return [...found.values()].map(record => new Session(record, this.#parts, this.#outsider, asked));
  }

  /**
   * End all of them, as `revoked`, also this visitor's if it is one of them; gives how many. None of those that were signed in
   * before is alive when it resolves.
   */
  expireAll(): Promise<number> {
    return this.#endBy(
      () => this.#endAll(),
      own => own.user === this.#user,
    );
  }

  /**
   * End all of them but this visitor's own, as `revoked`; gives how many. Rejects with `OUTSIDE_REQUEST` where there is no visitor, and
   * with `SESSION_SUPERSEDED` where they came with an id of before they signed in.
   */
  async expireOthers(): Promise<number> {
    const own = await this.#visit().findOwn();
    return this.#endAll(own?.key);
  }

  // The visitor in whose request this is may be one of those whose sessions end.
  #endBy<T>(end: () => Awaitable<T>, isOwn: (session: Session) => boolean): Promise<T> {
    const visit = this.#visitHere();
    return visit ? visit.revoke(end, isOwn) : promised(end);
  }

  #endAll(except?: string): Promise<number> {
    const spared = except === undefined ? {} : {except};
    return endPages(page => this.#parts.store.endAll(this.#user, 'revoked', {...page, ...spared}));
  }
}

/** Have page after page ended until nothing is left to end; gives how many sessions that were. */
export async function endPages(end: (page: EndPage) => Awaitable<EndedPage>): Promise<number> {
  let total = 0;
  await eachPage(async page => {
    const {count, next} = await end(page);
    total += count;
    return next;
  });
  return total;
}

/** Have the ends that were set aside released, some at a time, until none is left; gives how many those were. */
export async function releaseAll(release: (most: number) => Awaitable<number>): Promise<number> {
  for (let total = 0; ;) {
    const count = await release(pageSize);
    total += count;
    if (count < pageSize) return total;
    await setImmediate();
  }
}

/**
 * Ask for page after page, as long as one tells where the next begins and there is not enough yet; gives where that is. Others have
 * their turn in between.
 */
export async function eachPage(
  ask: (page: EndPage) => Promise<string | undefined>,
  {after, isEnough = () => false}: {after?: string | undefined; isEnough?: () => boolean} = {},
): Promise<string | undefined> {
  for (let next = after; ;) {
    next = await ask({most: pageSize, ...(next !== undefined && {after: next})});
    if (next === undefined || isEnough()) return next;
    await setImmediate();
  }
}

function notTheirs(): EspalierError {
  const message = 'Only the visitor whose session it is can be given a new cookie, by a request of theirs.';
  return new EspalierError('SESSION_FOREIGN', message);
}

/** A user. NUL and halves of characters are what some stores can't hold, or would take one user for another by. */
export function checkedUser(user: string): string {
  const isRight = typeof user === 'string' && user.length >= 1 && user.length <= 1024;
  if (isRight && user.isWellFormed() && !user.includes('\0')) return user;
  const message = 'A user is a text of 1 to 1024 characters, well-formed and without NUL.';
  // It may be what a client has typed.
  throw new EspalierError('USER_INVALID', message, {status: 400});
}
