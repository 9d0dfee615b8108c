import {EspalierError} from '../errors.ts';
import type {SessionId} from '../session/store/ids.ts';
import type {SessionRecord, StoredComponent} from '../session/store/contract.ts';

/** A session as its row has it, without what is in it. */
export interface SqliteSession extends Omit<SessionRecord, 'now' | 'components'> {
  readonly id: number;
  /** The uids that find it, as `encodeIds` gives them; `null` as long as it has none but its key. */
  readonly ids: string | null;
  /** Whether a request that comes with one of them may change any. */
  readonly isOpen: boolean;
}

/** The columns of a session, in the order in which they are decoded. */
export const sessionColumns =
  'id, key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at, authenticated_at, user, ids, is_waiting, is_remembered, device';
/** The same of a component. */
export const componentColumns = 'name, revision, text';

const firstOfComponent = sessionColumns.split(',').length;

/** Those of `sessionColumns`. */
type SessionValues = [
  id: number,
  key: string,
  uid: string,
  isSecure: number,
  idleTimeout: number,
  absoluteTimeout: number,
  createdAt: number,
  lastSeenAt: number,
  authenticatedAt: number | null,
  user: string | null,
  ids: string | null,
  isOpen: number,
  isRemembered: number,
  device: string | null,
];

/** The values of its columns; or with their names, which takes twice as long, but Node 22.15 knows nothing else. */
type Row = readonly unknown[] | Readonly<Record<string, unknown>>;

const valuesOf = (row: Row): readonly unknown[] => (Array.isArray(row) ? row : Object.values(row));

/** What `read` gives; but SQLite holds numbers that JavaScript does not, and reading one of them fails. */
export function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw corrupt();
    throw error;
  }
}

/** A row of `sessionColumns`. The table is a strict one, so that each value has its type at least. */
export function decodeSession(row: Row): SqliteSession {
  const values = valuesOf(row) as SessionValues;
  const [id, key, uid, isSecure, idleTimeout, absoluteTimeout, createdAt, lastSeenAt, ...rest] = values;
  const [authenticatedAt, user, ids, isOpen, isRemembered, device] = rest;
  const session: SqliteSession = {
    id,
    key,
    uid,
    isSecure: isSecure === 1,
    idleTimeout,
    absoluteTimeout,
    createdAt,
    lastSeenAt,
    authenticatedAt: authenticatedAt ?? undefined,
    user: user ?? undefined,
    ids,
    isOpen: isOpen === 1,
    isRemembered: isRemembered === 1,
    device: device === null ? undefined : (parse(device) as string),
  };
  if (!isSound(session) || (isSecure !== 0 && isSecure !== 1)) throw corrupt(session.key);
  return session;
}

/** Rows of both, as one statement reads a session whole: one for each component, of which there may be none. */
export function decodeWhole(rows: readonly Row[], now: number): {session: SqliteSession; record: SessionRecord} {
  const session = decodeSession(rows[0]!);
  const components = rows.map(row => valuesOf(row).slice(firstOfComponent));
  return {session, record: recordOf(session, components[0]![0] === null ? [] : components, now)};
}

/** A session as a store gives it. `components` are rows of `componentColumns`. */
export function recordOf(session: SqliteSession, components: readonly Row[], now: number): SessionRecord {
  return {
    key: session.key,
    uid: session.uid,
    isSecure: session.isSecure,
    idleTimeout: session.idleTimeout,
    absoluteTimeout: session.absoluteTimeout,
    createdAt: session.createdAt,
    lastSeenAt: session.lastSeenAt,
    authenticatedAt: session.authenticatedAt,
    user: session.user,
    isRemembered: session.isRemembered,
    device: session.device,
    components: new Map(components.map(row => decodeComponent(session.key, row))),
    now,
  };
}

/** The name of a component, and what rests by it. */
export function decodeComponent(key: string, row: Row): [string, StoredComponent] {
  const [name, revision, text] = valuesOf(row) as [string, number, string];
  const decoded = parse(name);
  if (typeof decoded !== 'string' || !(revision >= 1)) throw corrupt(key);
  return [decoded, {revision, text}];
}

/** The uids of a session, in the order in which they were given. */
export function encodeIds(ids: readonly SessionId[]): string {
  return JSON.stringify(ids.map(id => ({...id, seenAt: id.seenAt ?? null})));
}

/** What `encodeIds` made of them. */
export function decodeIds({key, ids}: SqliteSession): readonly SessionId[] {
  const value = ids === null ? [] : parse(ids);
  if (!Array.isArray(value) || !value.every(isId)) throw corrupt(key);
  return value.map(({seenAt = 0, ...id}) => ({...id, until: id.until, seenAt: seenAt ?? undefined}));
}

/** One of them. What an earlier release has written does not say when it was seen, and goes as it went there. */
type WrittenId = Omit<SessionId, 'until' | 'seenAt'> & {readonly until?: number; readonly seenAt?: number | null};

function isId(value: unknown): value is WrittenId {
  const {uid, issuedAt, grace, until, seenAt} = Object(value) as Partial<WrittenId>;
  const areMoments = [until, seenAt ?? undefined].every(moment => moment === undefined || typeof moment === 'number');
  return typeof uid === 'string' && typeof issuedAt === 'number' && typeof grace === 'number' && areMoments;
}

// As JSON, since a name may have a NUL in it, which a text in SQLite may not.
export function encodeName(name: string): string {
  return JSON.stringify(name);
}

function isSound({idleTimeout, absoluteTimeout, createdAt, lastSeenAt, user, authenticatedAt}: SqliteSession): boolean {
  const isSigned = (user === undefined) === (authenticatedAt === undefined);
  const isTimed = idleTimeout > 0 && absoluteTimeout > 0;
  return (
    isSigned && isTimed && createdAt >= 0 && lastSeenAt >= createdAt && (authenticatedAt ?? createdAt) >= createdAt
  );
}

/** A session that has ended, as it was. */
export function encodeEnded(record: SessionRecord): string {
  return JSON.stringify({...record, components: [...record.components]});
}

/** What `encodeEnded` made, or nothing when it is that no more. */
export function decodeEnded(text: string): SessionRecord | undefined {
  const value = parse(text) as (Omit<SessionRecord, 'components'> & {readonly components: unknown}) | undefined;
  if (typeof value?.key !== 'string' || !Array.isArray(value.components)) return undefined;
  const {user, authenticatedAt, device} = value;
  const components = new Map(value.components as [string, StoredComponent][]);
  return {...value, user, authenticatedAt, device, isRemembered: value.isRemembered ?? false, components};
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function corrupt(key?: string): EspalierError {
  const whose = key === undefined ? 'a session' : `the session ${key}`;
  return new EspalierError('SESSION_CORRUPT', `The record of ${whose} can't be read. It was left as it is.`);
}
