import {EspalierError} from '../errors.ts';
import type {SessionRecord, StoredComponent} from '../session/session-store.ts';

/** A session as its row has it, without what is in it. */
export interface SqliteSession extends Omit<SessionRecord, 'now' | 'components'> {
  readonly id: number;
}

/** The columns of a session, by the names they have here. */
export const columns = `id, key, uid, is_secure AS isSecure, idle_timeout AS idleTimeout,
  absolute_timeout AS absoluteTimeout, created_at AS createdAt, last_seen_at AS lastSeenAt,
  authenticated_at AS authenticatedAt, user`;

type Row = Readonly<Record<string, unknown>>;

/** What `read` gives; but SQLite holds numbers that JavaScript does not, and reading one of them fails. */
export function readable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw corrupt();
    throw error;
  }
}

/** A row of `columns`. The table is a strict one, so that each value has its type at least. */
export function decodeSession(row: Row): SqliteSession {
  const {id, key, uid, idleTimeout, absoluteTimeout, createdAt, lastSeenAt} = row as unknown as SqliteSession;
  const session: SqliteSession = {
    id,
    key,
    uid,
    isSecure: row['isSecure'] === 1,
    idleTimeout,
    absoluteTimeout,
    createdAt,
    lastSeenAt,
    user: (row['user'] as string | null) ?? undefined,
    authenticatedAt: (row['authenticatedAt'] as number | null) ?? undefined,
  };
  if (!isSound(session) || (row['isSecure'] !== 0 && row['isSecure'] !== 1)) throw corrupt(session.key);
  return session;
}

/** A session as one statement reads it whole: a row of it for each component, of which there may be none. */
export function decodeWhole(rows: readonly Row[]): Omit<SessionRecord, 'now'> {
  const {id: _, ...session} = decodeSession(rows[0]!);
  const components = rows[0]!['name'] === null ? [] : rows;
  return {...session, components: decodeComponents(session.key, components)};
}

/** The rows of a session's components, by name. */
export function decodeComponents(key: string, rows: readonly Row[]): ReadonlyMap<string, StoredComponent> {
  return new Map(rows.map(row => decodeComponent(key, row)));
}

// As JSON, since a name may have a NUL in it, which a text in SQLite may not.
export function encodeName(name: string): string {
  return JSON.stringify(name);
}

function decodeComponent(key: string, {name, revision, text}: Row): [string, StoredComponent] {
  const decoded = parse(name as string);
  if (typeof decoded !== 'string' || !(Number(revision) >= 1)) throw corrupt(key);
  return [decoded, {revision: Number(revision), text: text as string}];
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
  const {user, authenticatedAt} = value;
  const components = new Map(value.components as [string, StoredComponent][]);
  return {...value, user, authenticatedAt, components};
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
