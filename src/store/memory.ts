import {getHeapStatistics} from 'node:v8';
import {systemClock, type Clock} from '../clock.ts';
import {warn, type Logger} from '../logger.ts';
import * as options from '../options.ts';
import {gainsEnough, idleDeadline, nextSignIn, timeoutReason} from '../session/store/lifetime.ts';
import {sessionTaken} from '../session/store/refusals.ts';
import {
  finds,
  idsAfterRenewal,
  idsAfterSight,
  idsAfterSignIn,
  leavesFormerIds,
  newId,
  type ChangedIds,
  type SessionId,
} from '../session/store/ids.ts';
import {
  formerIdsFor,
  mostReplaced,
  type EndCounts,
  type EndedPage,
  type EndedSession,
  type EndOutcome,
  type EndPage,
  type EndReason,
  type EndsSince,
  type EndStore,
  type FormerId,
  type ListedPage,
  type ListPage,
  type NewSession,
  type Renewal,
  type SessionRecord,
  type SessionStore,
  type SignIn,
  type StoredComponent,
  type Written,
} from '../session/store/contract.ts';
import {readOnly} from '../read-only.ts';
import {ExpiryWheel, type Due} from './memory-expiry-wheel.ts';
import {MemoryEnds} from './memory-ends.ts';
import {FormerIds} from './memory-former-ids.ts';
import {MemoryOutbox} from './memory-outbox.ts';
import {MemoryUsers} from './memory-users.ts';
import {SpreadMap, type Numbered} from './memory-spread-map.ts';

/** How a `MemoryStore` is set up. */
export interface MemoryStoreOptions {
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Where evictions are told of. Default: `console`. */
  readonly logger?: Logger;
  /**
   * The most sessions it holds. Past that some end as `evicted`, with a log line: first anonymous ones, those seen least lately
   * coming first; then those of the user who has most. Default: 1,000,000.
   */
  readonly limit?: number;
  /** The most bytes that they take, about; past that the same is done. Default: a quarter of the heap that V8 may have. */
  readonly bytes?: number;
}

const kinds: options.Kinds<MemoryStoreOptions> = {
  clock: options.clock,
  logger: options.logger,
  limit: options.count,
  bytes: options.kind('a number of bytes, 1 or more', value => typeof value === 'number' && value >= 1),
};

type Writable<T> = {-readonly [K in keyof T]: T[K]};

interface Entry extends Writable<Omit<SessionRecord, 'now' | 'components'>>, Due, Numbered {
  components: Map<string, StoredComponent> | undefined;
  /** How many bytes it takes, about. */
  bytes: number;
  /** The revision that was given last. */
  revision: number;
  /** The uids that find it, once it has another than its key. */
  ids: readonly SessionId[] | undefined;
  /** Which of all sign-ins its last one was. */
  signIn: number;
}

const minute = 60_000;
/** What a session takes without its components, and a component without its text, in bytes: measured, and rounded up. */
const sessionBytes = 500;
const componentBytes = 200;
const nothing: ReadonlyMap<string, StoredComponent> = readOnly(new Map());

/**
 * Sessions in this process's memory: fast, and gone when the process ends. It is what a site has unless it binds another
 * store. Ends that were set aside count among its bytes, and are
 * the first to be forgotten.
 */
export class MemoryStore implements SessionStore, EndStore {
  /** What holds where `MemoryStoreOptions` are silent. */
  static readonly defaults = {limit: 1_000_000, bytes: Math.floor(getHeapStatistics().heap_size_limit / 4)};

  // Apart, and those seen least lately first, so that the one is at hand that has to go.
  readonly #anonymous = new SpreadMap<Entry>();
  readonly #signedIn = new SpreadMap<Entry>();
  /** By their uids, the sessions that have had others than their key. */
  readonly #renewed = new Map<string, Entry>();
  readonly #formerIds = new FormerIds();
  readonly #users = new MemoryUsers<Entry>();
  readonly #outbox = new MemoryOutbox();
  readonly #wheel: ExpiryWheel<Entry>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limit: number;
  readonly #byteLimit: number;
  readonly #ends = new MemoryEnds();
  #bytes = 0;
  #evicted = 0;
  #signIns = 0;
  /** Whether ends that were set aside have been forgotten since somebody asked for them. */
  #isForgetting = false;
  #reportAt = 0;

  /** Throws `OPTION_INVALID` for a limit that is none. */
  constructor(given: MemoryStoreOptions = {}) {
    options.checkOptions('MemoryStore', given, kinds);
    const {clock = systemClock, logger = console} = given;
    const {limit = MemoryStore.defaults.limit, bytes = MemoryStore.defaults.bytes} = given;
    this.#clock = clock;
    this.#byteLimit = bytes;
    this.#logger = logger;
    this.#limit = limit;
    this.#wheel = new ExpiryWheel<Entry>(clock, idleDeadline, entry => this.#takeOut(entry, timeoutReason(entry)));
  }

  /** How many sessions are held; those past their deadline count until they are swept. */
  get size(): number {
    return this.#anonymous.size + this.#signedIn.size;
  }

  create({uid, isSecure, idleTimeout, absoluteTimeout, device}: NewSession): SessionRecord {
    const now = this.#clock.now();
    this.#refuseTaken(uid, now);
    const entry: Entry = {
      key: uid,
      uid,
      isSecure,
      idleTimeout,
      absoluteTimeout,
      device,
      createdAt: now,
      lastSeenAt: now,
      user: undefined,
      authenticatedAt: undefined,
      isRemembered: false,
      components: undefined,
      bytes: 0,
      revision: 0,
      ids: undefined,
      signIn: 0,
      number: 0,
      slot: 0,
      place: 0,
    };
    this.#anonymous.set(uid, entry);
    this.#wheel.add(entry, now);
    this.#count(entry, sessionBytes);
    return this.#record(entry, now);
  }

  find(uid: string, isSeen: boolean): SessionRecord | FormerId | undefined {
    const now = this.#clock.now();
    const entry = this.#byUid(uid, now);
    if (!entry) return this.#former(uid, now);
    this.#sight(entry, uid, now);
    return isSeen ? this.#seen(entry, now) : this.#record(entry, now);
  }

  touch(key: string, asOf?: number): SessionRecord | undefined {
    const now = this.#clock.now();
    const entry = this.#live(key, now);
    return entry && isAsOf(entry, asOf) ? this.#seen(entry, now) : undefined;
  }

  write(key: string, name: string, expected: number, text: string | undefined, asOf?: number): Written {
    const entry = this.#live(key);
    if (!entry) return {state: 'gone'};
    if (!isAsOf(entry, asOf)) return {state: 'superseded'};
    const current = entry.components?.get(name);
    if ((current?.revision ?? 0) !== expected) return {state: 'conflict', current};
    const bytes = bytesOf(name, text) - bytesOf(name, current?.text);
    if (text === undefined) {
      entry.components?.delete(name);
      this.#count(entry, bytes);
      return {state: 'written', revision: 0};
    }
    const revision = (entry.revision += 1);
    (entry.components ??= new Map()).set(name, Object.freeze({revision, text}));
    this.#count(entry, bytes);
    return {state: 'written', revision};
  }

  renew(key: string, renewal: Renewal): SessionRecord | FormerId | undefined {
    const now = this.#clock.now();
    const entry = this.#live(key, now);
    if (!entry) return undefined;
    const {from, signIn} = renewal;
    if (this.#byUid(from, now) !== entry) return this.#renewFormer(entry, renewal, now);
    if (signIn && entry.user !== undefined && entry.user !== signIn.user) return this.#record(entry, now);
    const change = signIn ? idsAfterSignIn : idsAfterRenewal;
    const changed = change(idsOf(entry), renewal, now);
    if (changed) this.#rename(entry, changed, now);
    if (signIn) this.#signIn(entry, signIn, now);
    return this.#seen(entry, now);
  }

  setIdleTimeout(key: string, idleTimeout: number, asOf?: number): SessionRecord | undefined {
    const entry = this.#live(key);
    if (!entry || !isAsOf(entry, asOf)) return undefined;
    this.#last(entry, {idleTimeout});
    return this.#record(entry);
  }

  end(key: string, reason: EndReason, asOf?: number): boolean {
    const entry = this.#live(key);
    if (!entry || !isAsOf(entry, asOf)) return false;
    this.#conclude(entry, reason);
    return true;
  }

  list(user: string, {most, components, after}: ListPage): ListedPage {
    const now = this.#clock.now();
    const page = this.#pageOf(user, most, Number(after ?? 0));
    const live = page.filter(({key}) => this.#live(key, now));
    const records = live.map(entry => ({...this.#record(entry, now), components: chosen(entry, components)}));
    return {records, next: nextOf(page, most)};
  }

  endAll(user: string, reason: EndReason, {most, except, after}: EndPage & {readonly except?: string}): EndedPage {
    const [first, last] = placesIn(after) ?? [0, this.#signIns];
    const page = this.#pageOf(user, most, first!).filter(({signIn}) => signIn <= last!);
    const next = nextOf(page, most);
    const ending = page.filter(({key}) => key !== except);
    return {count: this.#endLive(ending, reason), next: next && `${next} ${last}`};
  }

  endEveryone(reason: EndReason, {most, after}: EndPage): EndedPage {
    const [begun, first] = placesIn(after) ?? [this.#clock.now(), 0];
    const wasThere = ({createdAt}: Entry) => createdAt <= begun!;
    const page: Entry[] = [];
    let part = first!;
    for (; part < this.#anonymous.parts && page.length < most; part += 1) {
      for (const map of [this.#anonymous, this.#signedIn]) {
        page.push(...map.inPart(part, most - page.length, wasThere));
      }
    }
    // The last part may have more.
    const next = page.length === most ? part - 1 : part;
    return {count: this.#endLive(page, reason), next: next < this.#anonymous.parts ? `${begun} ${next}` : undefined};
  }

  endsSince(mark: string | undefined): EndsSince {
    return this.#ends.since(mark);
  }

  sweep(): boolean {
    const now = this.#clock.now();
    if (this.#evicted > 0 && now >= this.#reportAt) this.#reportEvictions();
    this.#ends.trim(now);
    return this.#wheel.sweep(now);
  }

  count(): number {
    return this.size;
  }

  read(key: string): SessionRecord | undefined {
    const now = this.#clock.now();
    const entry = this.#entry(key);
    return entry && now < idleDeadline(entry) ? this.#record(entry, now) : undefined;
  }

  listEveryone({most, components, after = '0 '}: ListPage): ListedPage {
    const now = this.#clock.now();
    const [first, last] = after.split(/ (.*)/s) as [string, string];
    const keys: string[] = [];
    let part = Number(first);
    for (; part < this.#anonymous.parts && keys.length < most; part += 1) {
      const isNext = ({key}: Entry) => part > Number(first) || key > last;
      const there = [this.#anonymous, this.#signedIn].flatMap(map => map.inPart(part, Infinity, isNext));
      keys.push(...there.map(({key}) => key).toSorted());
    }
    const page = keys.slice(0, most).map(key => this.#entry(key)!);
    const live = page.filter(entry => now < idleDeadline(entry));
    const records = live.map(entry => ({...this.#record(entry, now), components: chosen(entry, components)}));
    return {records, next: page.length === most ? `${part - 1} ${page.at(-1)!.key}` : undefined};
  }

  keepEnds(): void {
    this.#outbox.keep(this.#clock.now());
  }

  takeEnds(count: number, lease: number): readonly EndedSession[] {
    return this.#outbox.take(count, lease, this.#clock.now());
  }

  settleEnd(key: string, outcome: EndOutcome): void {
    this.#outbox.settle(key, outcome, this.#clock.now());
    this.#makeRoom();
  }

  releaseEnds(most: number): number {
    this.#isForgetting = false;
    return this.#outbox.release(most);
  }

  countEnds(): EndCounts {
    return this.#outbox.count();
  }

  eraseEnds(user: string, most: number): number {
    return this.#outbox.erase(user, most);
  }

  close(): void {}

  #byUid(uid: string, now: number): Entry | undefined {
    const entry = this.#renewed.get(uid) ?? this.#entry(uid);
    if (!entry || !idsOf(entry).some(id => id.uid === uid && finds(id, now))) return undefined;
    return this.#live(entry.key, now);
  }

  /** A uid that found a session until a while ago. */
  #former(uid: string, now: number): FormerId | undefined {
    const entry = this.#renewed.get(uid);
    const until = entry?.ids?.find(id => id.uid === uid)?.until;
    if (!entry || until === undefined) return this.#formerIds.find(uid, now);
    return now < until + formerIdsFor ? {isFormer: true, key: entry.key, until, now} : undefined;
  }

  #entry(key: string): Entry | undefined {
    return this.#anonymous.get(key) ?? this.#signedIn.get(key);
  }

  /** The entry, unless its deadline has passed; then it ends here, before a sweep comes to it. */
  #live(key: string, now = this.#clock.now()): Entry | undefined {
    const entry = this.#entry(key);
    if (!entry || now < idleDeadline(entry)) return entry;
    this.#conclude(entry, timeoutReason(entry));
    return undefined;
  }

  #refuseTaken(uid: string, now: number): void {
    if (this.#live(uid, now) ?? this.#byUid(uid, now)) throw sessionTaken();
  }

  #seen(entry: Entry, now: number): SessionRecord {
    const isGain = gainsEnough(entry, now);
    if (isGain) entry.lastSeenAt = now;
    // A place in the order costs as much as finding the session, so it is exact only where it may soon matter.
    if (isGain || this.#isFilling)
      (entry.user === undefined ? this.#anonymous : this.#signedIn).moveToEnd(entry.key, entry);
    return this.#record(entry, now);
  }

  get #isFilling(): boolean {
    return this.size > this.#limit / 2 || this.#bytes > this.#byteLimit / 2;
  }

  /** A visitor has come with this uid, so it has reached their browser. */
  #sight(entry: Entry, uid: string, now: number): void {
    if (entry.ids) entry.ids = idsAfterSight(entry.ids, uid, now) ?? entry.ids;
  }

  /** By a uid of before a sign-in the same user gets a further one. */
  #renewFormer(entry: Entry, renewal: Renewal, now: number): SessionRecord | FormerId {
    const former = this.#former(renewal.from, now) ?? {isFormer: true, key: entry.key, until: now, now};
    const isSame = former.key === entry.key && entry.user !== undefined && entry.user === renewal.signIn?.user;
    const changed = isSame && now < former.until ? idsAfterRenewal(idsOf(entry), renewal, now) : undefined;
    if (!changed) return former;
    this.#rename(entry, changed, now);
    return this.#seen(entry, now);
  }

  /** From now on it lasts for so long, which may be less. */
  #last(entry: Entry, lifetime: Partial<NonNullable<SignIn['lifetime']>>): void {
    this.#wheel.remove(entry);
    Object.assign(entry, lifetime);
    entry.lastSeenAt = Math.max(entry.lastSeenAt, this.#clock.now());
    this.#wheel.add(entry);
  }

  #rename(entry: Entry, {ids, former}: ChangedIds, now: number): void {
    const {uid} = ids.at(-1)!;
    this.#refuseTaken(uid, now);
    for (const id of idsOf(entry)) this.#renewed.delete(id.uid);
    for (const id of ids) this.#renewed.set(id.uid, entry);
    for (const id of former) this.#formerIds.add(id.uid, entry.key, id.until, now);
    entry.ids = ids;
    entry.uid = uid;
  }

  #signIn(entry: Entry, {user, limit, lifetime}: SignIn, now: number): void {
    entry.user = user;
    entry.authenticatedAt = nextSignIn(entry, now);
    if (lifetime) this.#last(entry, lifetime);
    entry.signIn = this.#signIns += 1;
    this.#anonymous.delete(entry.key);
    this.#signedIn.set(entry.key, entry);
    const sessions = this.#users.add(user, entry);
    if (sessions.size > limit) this.#replace(sessions, limit, now);
  }

  /** End those past the limit, once those past their deadline have made room. */
  #replace(sessions: ReadonlySet<Entry>, limit: number, now: number): void {
    const live = [...sessions].filter(({key}) => this.#live(key, now));
    for (const entry of live.slice(0, Math.min(live.length - limit, mostReplaced))) this.#conclude(entry, 'replaced');
  }

  #pageOf(user: string, most: number, after: number): Entry[] {
    const sessions = this.#users.of(user)?.values() ?? [].values();
    return sessions
      .filter(({signIn}) => signIn > after)
      .take(most)
      .toArray();
  }

  #endLive(page: readonly Entry[], reason: EndReason): number {
    const live = page.filter(({key}) => this.#live(key));
    for (const entry of live) this.#conclude(entry, reason);
    return live.length;
  }

  #conclude(entry: Entry, reason: EndReason): void {
    this.#wheel.remove(entry);
    this.#takeOut(entry, reason);
  }

  #takeOut(entry: Entry, reason: EndReason): void {
    const {key, user} = entry;
    this.#anonymous.delete(key);
    this.#signedIn.delete(key);
    for (const id of entry.ids ?? []) this.#renewed.delete(id.uid);
    if (leavesFormerIds(reason)) this.#forgetSlowly(entry, this.#clock.now());
    if (user !== undefined) this.#users.delete(user, entry);
    this.#bytes -= entry.bytes;
    // Of a million that end at once none need be copied for nobody.
    if (this.#outbox.isKept(this.#clock.now()))
      this.#outbox.add({key, reason, session: this.#record(entry), bytes: entry.bytes});
    this.#ends.add(key, reason, this.#clock.now());
  }

  #forgetSlowly(entry: Entry, now: number): void {
    for (const {uid, until = now} of idsOf(entry)) this.#formerIds.add(uid, entry.key, Math.min(until, now), now);
  }

  /** A session takes so many bytes more, or less. Others make room for it. */
  #count(entry: Entry, bytes: number): void {
    entry.bytes += bytes;
    this.#bytes += bytes;
    this.#makeRoom(entry);
  }

  #makeRoom(spared?: Entry): void {
    while (this.#bytes + this.#outbox.parkedBytes > this.#byteLimit && this.#outbox.forgetParked())
      this.#tellOfForgetting();
    while (this.size > this.#limit || this.#bytes > this.#byteLimit) {
      const next = this.#nextToGo(spared);
      if (!next) return;
      this.#evict(next);
    }
  }

  #tellOfForgetting(): void {
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    const what = 'Ends of sessions that no @OnExpire method could be told of take more bytes than there are';
    warn(this.#logger, `${what}: from now on the first of them are forgotten.`);
  }

  #nextToGo(spared: Entry | undefined): Entry | undefined {
    for (const next of [this.#anonymous.first(), this.#users.ofWhomHasMost(), this.#signedIn.first()]) {
      if (next && next !== spared) return next;
    }
    return undefined;
  }

  #evict(entry: Entry): void {
    // Past its deadline it ends by that, which makes room as well.
    if (!this.#live(entry.key)) return;
    this.#conclude(entry, 'evicted');
    this.#evicted += 1;
    if (this.#evicted > 1) return;
    this.#reportAt = this.#clock.now() + minute;
    const size = `${this.size} sessions are in memory, and take about ${Math.ceil(this.#bytes / 2 ** 20)} MiB`;
    warn(this.#logger, `${size}: from now on those seen least lately end early, for want of room.`);
  }

  #reportEvictions(): void {
    warn(this.#logger, `${this.#evicted} sessions ended early in the last minute, for want of room.`);
    this.#evicted = 0;
  }

  // A copy, so that nobody outside holds, or sees change, what is kept here.
  #record(entry: Entry, now = this.#clock.now()): SessionRecord {
    return {
      key: entry.key,
      uid: entry.uid,
      isSecure: entry.isSecure,
      idleTimeout: entry.idleTimeout,
      absoluteTimeout: entry.absoluteTimeout,
      device: entry.device,
      createdAt: entry.createdAt,
      lastSeenAt: entry.lastSeenAt,
      authenticatedAt: entry.authenticatedAt,
      user: entry.user,
      isRemembered: entry.isRemembered,
      components: entry.components ? new Map(entry.components) : nothing,
      now,
    };
  }
}

function idsOf({ids, key, createdAt}: Entry): readonly SessionId[] {
  return ids ?? [newId(key, createdAt)];
}

function isAsOf({authenticatedAt = 0}: Entry, asOf: number | undefined): boolean {
  return asOf === undefined || asOf === authenticatedAt;
}

function chosen({components}: Entry, names: ListPage['components']): ReadonlyMap<string, StoredComponent> {
  return new Map([...(components ?? nothing)].filter(([name]) => names === 'all' || names.includes(name)));
}

function nextOf(page: readonly Entry[], most: number): string | undefined {
  return page.length < most ? undefined : String(page.at(-1)!.signIn);
}

/** The numbers in the mark of a page. */
function placesIn(mark: string | undefined): number[] | undefined {
  return mark?.split(' ').map(Number);
}

function bytesOf(name: string, text: string | undefined): number {
  return text === undefined ? 0 : componentBytes + 2 * name.length + Buffer.byteLength(text);
}
