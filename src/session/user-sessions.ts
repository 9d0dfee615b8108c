import {proceed, promised, type Awaitable} from '../awaitable.ts';
import {Keeper, type KeeperParts} from './keeper.ts';
import {Session} from './session.ts';
import type {Visit} from './visit.ts';

/** The sessions of one user, on whichever device. `sessions.of(user)` gives it. */
export class UserSessions {
  readonly #user: string;
  readonly #parts: KeeperParts;
  readonly #visit: () => Visit;
  readonly #visitHere: () => Visit | undefined;

  /** Used by `SessionService.of`. */
  constructor(user: string, parts: KeeperParts, visit: () => Visit, visitHere: () => Visit | undefined) {
    this.#user = user;
    this.#parts = parts;
    this.#visit = visit;
    this.#visitHere = visitHere;
  }

  /**
   * All of them that are alive, those signed in first coming first. They are there to look at and to be ended: `expire()` on
   * one ends it as `revoked`. Looking at them counts as nobody being seen.
   */
  list(): Promise<readonly Session[]> {
    const keeper = new ListKeeper(this.#parts, this.#visitHere);
    return promised(() =>
      proceed(this.#parts.store.list(this.#user), records => records.map(record => new Session(record, keeper))),
    );
  }

  /** End all of them, as `revoked`, also this visitor's if it is one of them; gives how many. None is alive when it resolves. */
  expireAll(): Promise<number> {
    return endBy(
      () => this.#parts.store.endAll(this.#user, 'revoked'),
      own => own.user === this.#user,
      this.#visitHere(),
    );
  }

  /** End all of them but this visitor's own, as `revoked`; gives how many. Rejects with `OUTSIDE_REQUEST` where there is no visitor. */
  async expireOthers(): Promise<number> {
    const own = await this.#visit().findSession();
    return this.#parts.store.endAll(this.#user, 'revoked', own?.key);
  }
}

class ListKeeper extends Keeper {
  readonly #visitHere: () => Visit | undefined;

  constructor(parts: KeeperParts, visitHere: () => Visit | undefined) {
    super(parts);
    this.#visitHere = visitHere;
  }

  override expire(key: string): Promise<void> {
    return endBy(
      () => super.expire(key),
      own => own.key === key,
      this.#visitHere(),
    );
  }
}

// The visitor in whose request this is may be one of those whose sessions end.
function endBy<T>(end: () => Awaitable<T>, isOwn: (session: Session) => boolean, visit: Visit | undefined): Promise<T> {
  return visit ? visit.revoke(end, isOwn) : promised(end);
}
