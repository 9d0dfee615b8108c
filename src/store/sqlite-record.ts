import type {FiledComponent, FiledSession} from '../session/store/cabinet.ts';
import type {SessionId} from '../session/store/ids.ts';
import type {SessionRecord, StoredComponent} from '../session/store/contract.ts';
import {sessionCorrupt} from '../session/store/refusals.ts';

/** A session as its row has it. */
export interface SqliteSession extends FiledSession {
  readonly id: number;
  /** What is in it, where that was read. Not with what was taken out. */
  readonly components?: Map<string, StoredComponent>;
}

/** The columns of a session, in the order in which they are decoded. */
export const sessionColumns =
  'id, key, uid, is_secure, idle_timeout, absolute_timeout, created_at, last_seen_at, authenticated_at, user, ids, is_remembered, device';
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
    if (error instanceof RangeError) throw sessionCorrupt();
    throw error;
  }
}

/** A row of `sessionColumns`, and the uid that it names. The table is a strict one, so that each value has its type at least. */
export function decodeSession(row: Row): {session: SqliteSession; uid: string} {
  const values = valuesOf(row) as SessionValues;
  const [id, key, uid, isSecure, idleTimeout, absoluteTimeout, createdAt, lastSeenAt, ...rest] = values;
  const [authenticatedAt, user, ids, isRemembered, device] = rest;
  const session: SqliteSession = {
    id,
    key,
    isSecure: isSecure === 1,
    device: device === null ? undefined : decodeText(key, device),
    idleTimeout,
    absoluteTimeout,
    createdAt,
    lastSeenAt,
    authenticatedAt: authenticatedAt ?? undefined,
    user: user === null ? undefined : decodeUser(key, user),
    isRemembered: isRemembered === 1,
    ids: ids === null ? undefined : decodeIds(key, ids),
  };
  if (!isSound(session) || (isSecure !== 0 && isSecure !== 1)) throw sessionCorrupt(session.key);
  return {session, uid};
}

/** The components in rows of both, as one statement reads a session whole: one for each component, of which there may be none. */
export function componentsOf(key: string, rows: readonly Row[]): Map<string, StoredComponent> {
  const components = rows.map(row => valuesOf(row).slice(firstOfComponent));
  return decodeComponents(key, components[0]![0] === null ? [] : components);
}

/** Rows of `componentColumns`. */
export function decodeComponents(key: string, rows: readonly Row[]): Map<string, StoredComponent> {
  return new Map(rows.map(row => decodeComponent(key, row) as [string, StoredComponent]));
}

/** The name of a component, and what rests by it. */
export function decodeComponent(key: string, row: Row): [string, FiledComponent] {
  const [name, revision, text] = valuesOf(row) as [string, number, string | null];
  if (!(revision >= 1)) throw sessionCorrupt(key);
  return [decodeText(key, name), Object.freeze({revision, text: text ?? undefined})];
}

/** The uids of a session, in the order in which they were given. */
export function encodeIds(ids: readonly SessionId[]): string {
  return JSON.stringify(ids.map(id => ({...id, seenAt: id.seenAt ?? null})));
}

/** What `encodeIds` made of them. */
function decodeIds(key: string, ids: string): readonly SessionId[] {
  const value = parse(ids);
  if (!Array.isArray(value) || !value.every(isId)) throw sessionCorrupt(key);
  return value.map(({seenAt = 0, ...id}) => ({...id, until: id.until, seenAt: seenAt ?? undefined}));
}

/** One of them. What an earlier release has written does not say when it was seen, and goes as it went there. */
type WrittenId = Omit<SessionId, 'until' | 'seenAt'> & {readonly until?: number; readonly seenAt?: number | null};

function isId(value: unknown): value is WrittenId {
  const {uid, issuedAt, grace, until, seenAt} = Object(value) as Partial<WrittenId>;
  const areMoments = [until, seenAt ?? undefined].every(moment => moment === undefined || typeof moment === 'number');
  return typeof uid === 'string' && typeof issuedAt === 'number' && typeof grace === 'number' && areMoments;
}

// As JSON, since it may have a NUL in it, which a text in SQLite may not.
export function encodeText(text: string): string {
  return JSON.stringify(text);
}

function decodeText(key: string, text: string): string {
  const decoded = parse(text);
  if (typeof decoded !== 'string') throw sessionCorrupt(key);
  return decoded;
}

/** What begins the name of a user that is there as JSON; a character that stands for nothing. */
const asJson = '\u{10ffff}';

/** A user as 0.1.0 has them, by their plain name, unless that has half of a character, which SQLite can't hold. */
export function encodeUser(user: string): string {
  return user.isWellFormed() && !user.startsWith(asJson) ? user : asJson + encodeText(user);
}

function decodeUser(key: string, user: string): string {
  return user.startsWith(asJson) ? decodeText(key, user.slice(asJson.length)) : user;
}

function isSound({idleTimeout, absoluteTimeout, createdAt, lastSeenAt, user, authenticatedAt}: SqliteSession): boolean {
  const isSigned = (user === undefined) === (authenticatedAt === undefined);
  const isTimed = idleTimeout > 0 && absoluteTimeout > 0;
  return (
    isSigned && isTimed && createdAt >= 0 && lastSeenAt >= createdAt && (authenticatedAt ?? createdAt) >= createdAt
  );
}

/** A session that has ended, as it was. */
export function encodeEnded(record: SessionRecord | undefined): string {
  return JSON.stringify(record && {...record, components: [...record.components]});
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
