import {hash, randomUUID} from 'node:crypto';
import {deserialize, serialize} from 'node:v8';
import {idleDeadline, pageOf, RuledStore, systemClock, type Cabinet, type CabinetSteps, type Clock} from 'espalier';
import type {FiledComponent, FiledEnd, FiledFormerId, FiledSession, LoggedEnd, NewSession} from 'espalier';
import type {OrderPage, OrderRange, SessionChange, SessionOrder, StepKind} from 'espalier';
import {open, type RootDatabase} from 'lmdb';

type Key = readonly (string | number | Uint8Array)[];
type Row = readonly [key: Key, value: unknown];
type LmdbEnd = FiledEnd & {readonly number: number};

interface LmdbSession extends FiledSession {
  /** Its places in the order of all sessions, and in that of its user's. */
  readonly begun: number;
  readonly signedIn: number;
  readonly filed: ReadonlyMap<string, FiledComponent>;
}

// A name may have any character, and any length.
const hashOf = (name: string) => hash('sha256', JSON.stringify(name));
/** Behind all keys that begin in the same way. */
const end = Buffer.from([0xff]);

/** Sessions in a folder, which several processes of one machine may share. */
export class LmdbStore extends RuledStore<LmdbSession> {
  constructor({path, clock = systemClock}: {path: string; clock?: Clock}) {
    super(new LmdbCabinet(path, clock));
  }
}

/** All lies in one ordered map. The first part of a key says what is there. */
class LmdbCabinet implements Cabinet<LmdbSession>, CabinetSteps {
  readonly batch = 50;
  readonly #db: RootDatabase;
  readonly #clock: Clock;

  constructor(path: string, clock: Clock) {
    this.#db = open({path, encoder: {encode: serialize, decode: (bytes: Uint8Array): unknown => deserialize(bytes)}});
    this.#clock = clock;
  }

  read<T>(act: () => T): T {
    this.#db.resetReadTxn();
    return act();
  }
  async write<T>(kind: StepKind, act: () => T): Promise<T> {
    // Steps share a commit, and each that throws is undone by itself.
    const result = await this.#db.childTransaction(act);
    if (kind === 'component' || kind === 'firm' || kind === 'end') await this.flush();
    return result;
  }
  readonly flush = async (): Promise<void> => void (await this.#db.flushed);
  readonly close = (): Promise<void> => this.#db.close();
  readonly now = (): number => this.#clock.now();

  add({uid, ...given}: NewSession, now: number): LmdbSession {
    const nobody = {user: undefined, authenticatedAt: undefined, isRemembered: false, ids: undefined};
    const places = {begun: this.#next('session'), signedIn: 0, filed: new Map()};
    return this.#replace([], {...given, ...nobody, key: uid, createdAt: now, lastSeenAt: now, ...places}, rowsOf);
  }
  readonly byKey = (key: string): LmdbSession | undefined => this.#get('session', key) as LmdbSession | undefined;
  byUid(uid: string): LmdbSession | undefined {
    const key = this.#get('uid', uid) as string | undefined;
    return key === undefined ? undefined : this.byKey(key);
  }
  change(session: LmdbSession, change: SessionChange): LmdbSession {
    const signedIn = change.user === undefined ? session.signedIn : this.#next('sign-in');
    return this.#replace(rowsOf(session), {...session, ...change, signedIn}, rowsOf);
  }
  readonly remove = (session: LmdbSession): void => this.#remove(rowsOf(session));
  readonly count = (): number => this.#db.getKeysCount({start: ['session'], end: ['session', end]});
  countLive(user: string, now: number): number {
    return this.#keys(['user', hashOf(user)]).filter(key => now < idleDeadline(this.byKey(key)!)).length;
  }
  readonly all = (): SessionOrder => this.#order('session', ['all']);
  readonly ofUser = (user: string): SessionOrder => this.#order('sign-in', ['user', hashOf(user)]);
  due(now: number, {most, after}: OrderRange): OrderPage {
    const begin = after === undefined ? [] : (JSON.parse(after) as Key);
    return pageOf(
      this.#rows(['due'], most, begin, [now]).map(([[, ...place], key]) => ({key, place: JSON.stringify(place)})),
      most,
    );
  }
  readonly component = ({filed}: LmdbSession, name: string): FiledComponent | undefined => filed.get(name);
  components({filed}: LmdbSession, names: readonly string[] | 'all') {
    const meant = [...filed].filter(([name]) => names === 'all' || names.includes(name));
    return new Map(meant.flatMap(([name, {revision, text}]) => (text === undefined ? [] : [[name, {revision, text}]])));
  }
  putComponent(session: LmdbSession, name: string, component: FiledComponent): void {
    this.#put([[['session', session.key], {...session, filed: new Map(session.filed).set(name, component)}]]);
  }

  readonly former = (uid: string): FiledFormerId | undefined => this.#get('former', uid) as FiledFormerId | undefined;
  remember(uid: string, former: FiledFormerId): void {
    this.#put([[['former', uid], former]]);
    this.#put([[['forget', former.forgetAt, uid], uid]]);
  }
  forget(now: number, most: number): number {
    const due = this.#rows(['forget'], most, [], [now]);
    const over = due.filter(([, uid]) => this.former(uid)!.forgetAt <= now);
    this.#remove([...due, ...over.map(([, uid]): Row => [['former', uid], uid])]);
    return due.length;
  }

  readonly log = (ended: LoggedEnd, now: number): void => this.#put([[['log', this.#next('end')], {...ended, now}]]);
  logged(mark: string | undefined, most: number): {ends: LoggedEnd[]; mark: string} {
    // So that no mark of another folder is taken for one of this.
    const name = String(this.#get('name'));
    const last = this.#last('end');
    const [whose, number] = (mark ?? `${name} ${last}`).split(' ');
    const rows = this.#rows<LoggedEnd>(['log'], most, [whose === name && Number(number) <= last ? Number(number) : 0]);
    const ends = rows.map(([, {key, reason}]) => ({key, reason}));
    return {ends, mark: `${name} ${Number(rows.at(-1)?.[0][1] ?? last)}`};
  }
  forgetLogged(before: number, most: number): number {
    const old = this.#rows<{now: number}>(['log'], most).filter(([, {now}]) => now <= before);
    this.#remove(old);
    return old.length;
  }

  readonly keptUntil = (): number => Number(this.#get('kept until') ?? 0);
  readonly keepUntil = (moment: number): void => this.#put([[['kept until'], moment]]);
  putEnd(kept: FiledEnd): void {
    this.dropEnd(kept.key);
    this.#put(endRows({...kept, number: this.#next('kept end')}));
  }
  readonly keptEnd = (key: string): LmdbEnd | undefined => this.#get('kept', key) as LmdbEnd | undefined;
  moveEnd(key: string, dueAt: number | undefined, attempts: number): void {
    const kept = this.keptEnd(key)!;
    this.#replace(endRows(kept), {...kept, dueAt, attempts}, endRows);
  }
  dropEnd(key: string): void {
    const kept = this.keptEnd(key);
    if (kept) this.#remove(endRows(kept));
  }
  dueEnds(now: number, most: number): FiledEnd[] {
    return this.#keys(['waiting'], most, [], [now]).map(key => this.keptEnd(key)!);
  }
  readonly parkedEnds = (most: number): string[] => this.#keys(['parked'], most);
  readonly endsOf = (user: string, most: number): string[] => this.#keys(['ends of', hashOf(user)], most);
  readonly countEnds = () => ({waiting: this.#keys(['waiting']).length, parked: this.#keys(['parked']).length});

  readonly #get = (...key: Key): unknown => this.#db.get([...key]);
  #put(rows: readonly Row[]): void {
    for (const [key, value] of rows) this.#db.putSync([...key], value);
  }
  #remove(rows: readonly Row[]): void {
    for (const [key] of rows) this.#db.removeSync([...key]);
  }
  #replace<T>(old: readonly Row[], value: T, toRows: (value: T) => readonly Row[]): T {
    this.#remove(old);
    this.#put(toRows(value));
    return value;
  }
  readonly #last = (what: string): number => Number(this.#get('count', what) ?? 0);
  #next(what: string): number {
    const next = this.#last(what) + 1;
    this.#put([[['count', what], next], ...(what === 'end' && next === 1 ? [[['name'], randomUUID()] as const] : [])]);
    return next;
  }
  /** What lies behind a key that begins so, up to another, in their order. */
  #rows<T = string>(begin: Key, most = 2 ** 31, after: Key = [], upTo: Key = []): [key: Key, value: T][] {
    const start = [...begin, ...after, ...(after.length > 0 ? [true] : [])];
    const found = this.#db.getRange({start, end: [...begin, ...upTo, end], limit: most});
    return [...found].map(({key, value}) => [key as Key, value as T]);
  }
  #keys(begin: Key, most?: number, after?: Key, upTo?: Key): string[] {
    return this.#rows(begin, most, after, upTo).map(([, key]) => key);
  }
  #order(what: string, begin: Key): SessionOrder {
    const part = (place?: string): Key => (place === undefined ? [] : [Number(place)]);
    return {
      last: () => String(this.#last(what)),
      page: ({most, after, upTo}) => {
        const rows = this.#rows(begin, most, part(after), part(upTo));
        const found = rows.map(([place, key]) => ({key, place: Number(place.at(-1))}));
        return pageOf(found, most);
      },
    };
  }
}

function rowsOf(session: LmdbSession): Row[] {
  const {key, user, ids = [{uid: key}]} = session;
  const places: Key[] = [
    ['all', session.begun],
    ['due', idleDeadline(session), key],
    ...ids.map(({uid}) => ['uid', uid]),
  ];
  if (user !== undefined) places.push(['user', hashOf(user), session.signedIn]);
  return [[['session', key], session], ...places.map((place): Row => [place, key])];
}

function endRows(kept: LmdbEnd): Row[] {
  const {key, dueAt, number, session} = kept;
  const places: Key[] = [dueAt === undefined ? ['parked', number] : ['waiting', dueAt, number]];
  if (session?.user !== undefined) places.push(['ends of', hashOf(session.user), number]);
  return [[['kept', key], kept], ...places.map((place): Row => [place, key])];
}
