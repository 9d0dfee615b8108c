import {checkOptions, count, kind, milliseconds, type Kinds} from '../options.ts';
import {contentOf} from './component/content.ts';
import {
  keepsEnds,
  type EndCounts,
  type SessionRecord,
  type SessionStore,
  type StoredComponent,
} from './store/contract.ts';
import {absoluteDeadline, idleDeadline} from './store/lifetime.ts';
import {checkedUser, eachPage, endPages, pageSize, releaseAll} from './user-sessions.ts';

/** A component of a session, as somebody who looks after the store sees it. */
export interface ComponentInfo {
  readonly name: string;
  /** How many bytes it takes as text. */
  readonly bytes: number;
  /** What is in it. There only where values were asked for. */
  readonly value?: unknown;
}

/** A session, as somebody who looks after the store sees it. Moments are in milliseconds since the epoch. */
export interface SessionInfo {
  readonly key: string;
  readonly user: string | undefined;
  readonly device: string | undefined;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly authenticatedAt: number | undefined;
  /** When it ends unless its visitor is seen before, and when at the latest. */
  readonly idleDeadline: number;
  readonly absoluteDeadline: number;
  readonly isSecure: boolean;
  readonly isRemembered: boolean;
}

/** The same, with what rests in it. */
export interface SessionDetails extends SessionInfo {
  readonly components: readonly ComponentInfo[];
}

/** Which sessions to list. */
export interface SessionQuery {
  /** Those of this user. Default: everybody's, and nobody's. */
  readonly user?: string | undefined;
  /** Those begun more than so many milliseconds ago. */
  readonly olderThan?: number | undefined;
  /** Those whose visitor was last seen more than so many milliseconds ago. */
  readonly idleFor?: number | undefined;
  /** How many at most. Default: 100. */
  readonly most?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of sessions. */
export interface SessionPage {
  readonly sessions: readonly SessionInfo[];
  /** Where the next page begins, if there may be one. */
  readonly next: string | undefined;
}

/** All that a store has of one user. */
export interface UserData {
  readonly user: string;
  readonly sessions: readonly SessionDetails[];
}

const queryKinds: Kinds<SessionQuery> = {
  user: kind('a text', value => typeof value === 'string'),
  olderThan: milliseconds,
  idleFor: milliseconds,
  most: count,
  after: kind('the next of a page', value => typeof value === 'string'),
};

/**
 * Looks after the sessions of a store, whatever store that is, and whether a site is running on it or not:
 * `new SessionAdmin(store)`. It counts as nobody being seen. What it ends has ended as `revoked`, and is told to `@OnExpire` as any
 * other end. It never learns of tokens, since no store does. What the store fails with it fails with.
 */
export class SessionAdmin {
  readonly #store: SessionStore;

  /** It does not close the store. */
  constructor(store: SessionStore) {
    this.#store = store;
  }

  /** How many sessions there are; some may be past their deadline by less than a second or so. */
  async count(): Promise<number> {
    return this.#store.count();
  }

  /**
   * A page of sessions. Those of one user come in the order of their sign-ins, others in an order of the store's own. Rejects with
   * `OPTION_INVALID`, or with `USER_INVALID` for what can be no user.
   */
  async list(query: SessionQuery = {}): Promise<SessionPage> {
    checkOptions('SessionAdmin.list()', query, queryKinds);
    const {user, olderThan = -Infinity, idleFor = -Infinity, most = 100} = query;
    const isWanted = ({now, createdAt, lastSeenAt}: SessionRecord) =>
      now - createdAt > olderThan && now - lastSeenAt > idleFor;
    const sessions: SessionInfo[] = [];
    const next = await eachPage(
      async page => {
        // No more than are still wanted, so that the next page goes on where this one ends.
        const asked = {...page, most: Math.min(pageSize, most - sessions.length), components: []};
        const listed = await (user === undefined
          ? this.#store.listEveryone(asked)
          : this.#store.list(checkedUser(user), asked));
        sessions.push(...listed.records.filter(isWanted).map(infoOf));
        return listed.next;
      },
      {after: query.after, isEnough: () => sessions.length >= most},
    );
    return {sessions, next};
  }

  /** The live session by its key, with the names and sizes of its components; and with what is in them, where `values` says so. */
  async find(key: string, {values = false}: {readonly values?: boolean} = {}): Promise<SessionDetails | undefined> {
    const record = await this.#store.read(key);
    return record && detailsOf(record, values);
  }

  /** End a session. Gives whether it was there. */
  async end(key: string): Promise<boolean> {
    return this.#store.end(key, 'revoked');
  }

  /** End all sessions of a user; gives how many. Rejects with `USER_INVALID` for what can be no user. */
  async endAll(user: string): Promise<number> {
    const checked = checkedUser(user);
    return endPages(page => this.#store.endAll(checked, 'revoked', page));
  }

  /** End all sessions there are, of users and of nobody; gives how many. */
  async endEveryone(): Promise<number> {
    return endPages(page => this.#store.endEveryone('revoked', page));
  }

  /** How many ends wait to be told to `@OnExpire`, and how many were set aside. A store that is no `EndStore` keeps none. */
  async countEnds(): Promise<EndCounts> {
    return keepsEnds(this.#store) ? this.#store.countEnds() : {waiting: 0, parked: 0};
  }

  /** Have the ends that were set aside told again, by whichever site is running; gives how many there were. */
  async retryEnds(): Promise<number> {
    const store = this.#store;
    return keepsEnds(store) ? releaseAll(most => store.releaseEnds(most)) : 0;
  }

  /** All that is stored of a user's live sessions, with what is in them, as plain data. Ends that wait to be told are not in it. */
  async export(user: string): Promise<UserData> {
    const checked = checkedUser(user);
    const sessions = new Map<string, SessionDetails>();
    await eachPage(async page => {
      const {records, next} = await this.#store.list(checked, {...page, components: 'all'});
      for (const record of records) sessions.set(record.key, detailsOf(record, true));
      return next;
    });
    return {user, sessions: [...sessions.values()]};
  }

  /**
   * End all sessions of a user, and forget what was in them; gives how many. Their ends are told to `@OnExpire` first, where a site has
   * it, and are forgotten then: the application may have something of that user to clear away. With `untoldEnds` they are forgotten at
   * once, those set aside too, whoever was told or not; `ends` is how many.
   */
  async erase(
    user: string,
    {untoldEnds = false}: {readonly untoldEnds?: boolean} = {},
  ): Promise<{readonly sessions: number; readonly ends: number}> {
    const checked = checkedUser(user);
    const store = this.#store;
    const sessions = await this.endAll(checked);
    const isAsked = untoldEnds && keepsEnds(store);
    return {sessions, ends: isAsked ? await releaseAll(most => store.eraseEnds(checked, most)) : 0};
  }
}

function infoOf(record: SessionRecord): SessionInfo {
  const {key, user, device, createdAt, lastSeenAt, authenticatedAt, isSecure, isRemembered} = record;
  const deadlines = {idleDeadline: idleDeadline(record), absoluteDeadline: absoluteDeadline(record)};
  return {key, user, device, createdAt, lastSeenAt, authenticatedAt, ...deadlines, isSecure, isRemembered};
}

function detailsOf(record: SessionRecord, hasValues: boolean): SessionDetails {
  const components = [...record.components].map(([name, stored]) => ({
    name,
    bytes: Buffer.byteLength(stored.text),
    ...(hasValues && {value: valueOf(stored)}),
  }));
  return {...infoOf(record), components};
}

/** What rests in a component, as plain data; the text itself where it can't be read. */
function valueOf(stored: StoredComponent): unknown {
  try {
    return plain(contentOf(stored).fields);
  } catch {
    return stored.text;
  }
}

/** A value of which JSON has all: maps and sets are arrays, bytes are base64, large numbers are texts. What holds itself is cut. */
function plain(value: unknown, around: readonly unknown[] = []): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (around.includes(value)) return null;
  const inner = (each: unknown) => plain(each, [...around, value]);
  if (value instanceof Map || value instanceof Set || Array.isArray(value)) return Array.from(value, inner);
  return asText(value) ?? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, inner(each)]));
}

/** A value that is one text in JSON. */
function asText(value: object): string | undefined {
  if (ArrayBuffer.isView(value)) {
    const {buffer, byteOffset, byteLength} = value;
    return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  }
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64');
  if (value instanceof Date) return value.toJSON();
  if (value instanceof URL || value instanceof RegExp || value instanceof URLSearchParams) return String(value);
  return undefined;
}
