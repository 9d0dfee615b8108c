/** A session as far as it matters here. */
interface SignedIn {
  readonly user: string | undefined;
  readonly lastSeenAt: number;
}

/** Of how many sessions of one user, those signed in first, the one seen least lately is looked for. */
const few = 100;

/** The sessions of each user, in the order of their sign-ins. */
export class MemoryUsers<T extends SignedIn> {
  readonly #sessions = new Map<string, Set<T>>();
  /** The users by how many sessions they have, from two on. */
  readonly #byCount: (Set<string> | undefined)[] = [];

  of(user: string): ReadonlySet<T> | undefined {
    return this.#sessions.get(user);
  }

  /** Put a session last. It may be there already. */
  add(user: string, session: T): ReadonlySet<T> {
    const sessions = this.#sessions.get(user) ?? new Set();
    this.#change(user, sessions, () => {
      sessions.delete(session);
      this.#sessions.set(user, sessions.add(session));
    });
    return sessions;
  }

  delete(user: string, session: T): void {
    const sessions = this.#sessions.get(user);
    if (!sessions) return;
    this.#change(user, sessions, () => sessions.delete(session));
    if (sessions.size === 0) this.#sessions.delete(user);
  }

  /** Of the sessions of the user who has most, one that was seen least lately. Nothing where nobody has two. */
  ofWhomHasMost(): T | undefined {
    const [user] = this.#byCount.at(-1) ?? [];
    const sessions = user === undefined ? [] : this.#sessions.get(user)!.values().take(few).toArray();
    return sessions.toSorted((one, other) => one.lastSeenAt - other.lastSeenAt)[0];
  }

  #change(user: string, sessions: ReadonlySet<T>, act: () => void): void {
    this.#byCount[sessions.size]?.delete(user);
    act();
    if (sessions.size > 1) (this.#byCount[sessions.size] ??= new Set()).add(user);
    while (this.#byCount.length > 0 && !this.#byCount.at(-1)?.size) this.#byCount.pop();
  }
}
