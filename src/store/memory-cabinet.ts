import type {Clock} from '../clock.ts';
import {readOnly} from '../read-only.ts';
import {
  pageOf,
  type Cabinet,
  type FiledComponent,
  type FiledEnd,
  type FiledFormerId,
  type FiledSession,
  type SessionOrder,
  type OrderPage,
  type OrderRange,
  type SessionChange,
} from '../session/store/cabinet.ts';
import type {EndCounts, LoggedEnd, NewSession, StoredComponent} from '../session/store/contract.ts';
import {idleDeadline} from '../session/store/lifetime.ts';
import {ExpiryWheel, type Due} from './memory-expiry-wheel.ts';
import {FormerIds} from './memory-former-ids.ts';
import {MemoryLog} from './memory-log.ts';
import {MemoryOutbox} from './memory-outbox.ts';
import {SpreadMap, type Numbered} from './memory-spread-map.ts';
import {MemoryUsers} from './memory-users.ts';

type Writable<T> = {-readonly [K in keyof T]: T[K]};

export interface MemorySession extends Writable<FiledSession>, Due, Numbered {
  /** With those that were taken out. */
  components: Map<string, FiledComponent> | undefined;
  /** How many of them were taken out. */
  takenOut: number;
  /** How many bytes it takes, about. */
  bytes: number;
  /** Which of all sign-ins its last one was. */
  signIn: number;
}

/** What a session takes without its components, and a component without its text, in bytes: measured, and rounded up. */
const sessionBytes = 500;
const componentBytes = 200;
const nothing: ReadonlyMap<string, StoredComponent> = readOnly(new Map());

/** The sessions in this process's memory. Since nobody else has them, each call is a step by itself. */
export class MemoryCabinet implements Cabinet<MemorySession> {
  readonly batch = 500;
  // Apart, and those seen least lately first, so that the one is at hand that has to go.
  readonly #anonymous = new SpreadMap<MemorySession>();
  readonly #signedIn = new SpreadMap<MemorySession>();
  /** By their uids, the sessions that have had others than their key. */
  readonly #renewed = new Map<string, MemorySession>();
  readonly #former = new FormerIds();
  readonly #users = new MemoryUsers<MemorySession>();
  readonly #outbox = new MemoryOutbox(({session}) => bytesOfAll(session?.components ?? nothing));
  readonly #wheel = new ExpiryWheel<MemorySession>(idleDeadline);
  readonly #log = new MemoryLog();
  readonly #clock: Clock;
  #signIns = 0;
  #bytes = 0;
  #keptUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many bytes the sessions take, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many those ends take that were set aside. */
  get parkedBytes(): number {
    return this.#outbox.parkedBytes;
  }

  /** The session that has to go first where there is no room. Never the one by the key `spared`. */
  nextToGo(spared: string | undefined): MemorySession | undefined {
    for (const next of [this.#anonymous.first(), this.#users.ofWhomHasMost(), this.#signedIn.first()]) {
      if (next && next.key !== spared) return next;
    }
    return undefined;
  }

  /** Have a session come after all others where somebody has to go. */
  prefer(session: MemorySession): void {
    (session.user === undefined ? this.#anonymous : this.#signedIn).moveToEnd(session.key, session);
  }

  now(): number {
    return this.#clock.now();
  }

  add({uid, isSecure, device, idleTimeout, absoluteTimeout}: NewSession, now: number): MemorySession {
    const session: MemorySession = {
      key: uid,
      isSecure,
      device,
      idleTimeout,
      absoluteTimeout,
      createdAt: now,
      lastSeenAt: now,
      user: undefined,
      authenticatedAt: undefined,
      isRemembered: false,
      components: undefined,
      takenOut: 0,
      bytes: sessionBytes,
      ids: undefined,
      signIn: 0,
      number: 0,
      slot: 0,
      place: 0,
    };
    this.#anonymous.set(uid, session);
    this.#wheel.add(session, now);
    this.#bytes += sessionBytes;
    return session;
  }

  byKey(key: string): MemorySession | undefined {
    return this.#anonymous.get(key) ?? this.#signedIn.get(key);
  }

  byUid(uid: string): MemorySession | undefined {
    const renewed = this.#renewed.get(uid);
    if (renewed) return renewed;
    const session = this.byKey(uid);
    return session?.ids === undefined ? session : undefined;
  }

  change(session: MemorySession, change: SessionChange): MemorySession {
    const {ids, user, idleTimeout, lastSeenAt} = change;
    if (ids) {
      for (const {uid} of session.ids ?? []) this.#renewed.delete(uid);
      for (const {uid} of ids) this.#renewed.set(uid, session);
    }
    // A deadline that moves on is noticed when it has come; one that comes sooner is not.
    if (idleTimeout !== undefined) this.#wheel.remove(session);
    Object.assign(session, change);
    if (idleTimeout !== undefined) this.#wheel.add(session, this.now());
    if (user !== undefined) this.#signIn(session, user);
    else if (lastSeenAt !== undefined) this.prefer(session);
    return session;
  }

  remove(session: MemorySession): void {
    const {key, user, ids = []} = session;
    this.#wheel.remove(session);
    this.#anonymous.delete(key);
    this.#signedIn.delete(key);
    for (const {uid} of ids) this.#renewed.delete(uid);
    if (user !== undefined) this.#users.delete(user, session);
    this.#bytes -= session.bytes;
  }

  count(): number {
    return this.#anonymous.size + this.#signedIn.size;
  }

  countLive(user: string, now: number, most: number): number {
    const sessions = this.#users.of(user)?.values() ?? [].values();
    return sessions
      .filter(session => now < idleDeadline(session))
      .take(most)
      .reduce(count => count + 1, 0);
  }

  /** By the parts of the maps, and there by the keys: so who signs in keeps their place. */
  all(): SessionOrder {
    return {last: () => String(this.now()), page: range => this.#pageOfAll(range)};
  }

  ofUser(user: string): SessionOrder {
    const sessions = () => this.#users.of(user)?.values() ?? [].values();
    return {
      last: () => String(this.#signIns),
      page: ({most, after = '0', upTo = 'Infinity'}) => {
        const found = sessions().filter(({signIn}) => signIn > Number(after) && signIn <= Number(upTo));
        const page = found.take(most).map(({key, signIn}) => ({key, place: signIn}));
        return pageOf(page.toArray(), most);
      },
    };
  }

  due(now: number, {most}: OrderRange): OrderPage {
    const {entries, hasMore} = this.#wheel.due(now, most);
    return {keys: entries.map(({key}) => key), next: hasMore ? '' : undefined};
  }

  component({components}: MemorySession, name: string): FiledComponent | undefined {
    return components?.get(name);
  }

  // A copy, so that nobody outside holds, or sees change, what is kept here.
  components(
    {components, takenOut}: MemorySession,
    names: readonly string[] | 'all',
  ): ReadonlyMap<string, StoredComponent> {
    if (!components) return nothing;
    if (names === 'all' && takenOut === 0) return new Map(components as ReadonlyMap<string, StoredComponent>);
    const chosen = [...components].filter(
      ([name, {text}]) => text !== undefined && (names === 'all' || names.includes(name)),
    );
    return new Map(chosen as [string, StoredComponent][]);
  }

  putComponent(session: MemorySession, name: string, component: FiledComponent): void {
    const former = session.components?.get(name);
    const bytes = bytesOf(name, component) - (former ? bytesOf(name, former) : 0);
    if (component.text === undefined) session.takenOut += 1;
    if (former && former.text === undefined) session.takenOut -= 1;
    (session.components ??= new Map()).set(name, Object.freeze(component));
    session.bytes += bytes;
    this.#bytes += bytes;
  }

  former(uid: string): FiledFormerId | undefined {
    return this.#former.get(uid);
  }

  remember(uid: string, former: FiledFormerId): void {
    this.#former.set(uid, former);
  }

  forget(now: number, most: number): number {
    return this.#former.forget(now, most);
  }

  log(end: LoggedEnd, now: number): void {
    this.#log.add(end, now);
  }

  logged(mark: string | undefined, most: number): {readonly ends: readonly LoggedEnd[]; readonly mark: string} {
    return this.#log.since(mark, most);
  }

  forgetLogged(before: number, most: number): number {
    return this.#log.forget(before, most);
  }

  keptUntil(): number {
    return this.#keptUntil;
  }

  keepUntil(moment: number): void {
    this.#keptUntil = moment;
  }

  putEnd(end: FiledEnd): void {
    this.#outbox.put(end);
  }

  dueEnds(now: number, most: number): readonly FiledEnd[] {
    return this.#outbox.due(now, most);
  }

  keptEnd(key: string): FiledEnd | undefined {
    return this.#outbox.get(key);
  }

  moveEnd(key: string, dueAt: number | undefined, attempts: number): void {
    const end = this.#outbox.get(key);
    if (end) this.#outbox.put({...end, dueAt, attempts});
  }

  dropEnd(key: string): void {
    this.#outbox.drop(key);
  }

  parkedEnds(most: number): readonly string[] {
    return this.#outbox.parked(most);
  }

  endsOf(user: string, most: number): readonly string[] {
    return this.#outbox.of(user, most);
  }

  countEnds(): EndCounts {
    return this.#outbox.counts();
  }

  #signIn(session: MemorySession, user: string): void {
    this.#signIns += 1;
    session.signIn = this.#signIns;
    this.#anonymous.delete(session.key);
    this.#signedIn.moveToEnd(session.key, session);
    this.#users.add(user, session);
  }

  #pageOfAll({most, after, upTo = 'Infinity'}: OrderRange): OrderPage {
    const [begun, last] = after === undefined ? [0, ''] : [Number(after.slice(0, 3)), after.slice(3)];
    const keys: string[] = [];
    for (let part = begun; part < this.#anonymous.parts; part += 1) {
      const isMeant = ({createdAt}: MemorySession) => createdAt <= Number(upTo);
      const from = part === begun ? last : '';
      const both = [this.#anonymous, this.#signedIn].flatMap(map => map.keysInPart(part, from, most, isMeant));
      const found = both.toSorted(byText).slice(0, most - keys.length);
      keys.push(...found);
      if (keys.length === most) return {keys, next: String(part).padStart(3, '0') + keys.at(-1)!};
    }
    return {keys, next: undefined};
  }
}

/** How texts are compared by `<`. */
function byText(one: string, other: string): number {
  return one < other ? -1 : 1;
}

function bytesOf(name: string, {text = ''}: FiledComponent): number {
  return componentBytes + 2 * name.length + Buffer.byteLength(text);
}

function bytesOfAll(components: ReadonlyMap<string, FiledComponent>): number {
  return components.entries().reduce((sum, [name, component]) => sum + bytesOf(name, component), sessionBytes);
}
