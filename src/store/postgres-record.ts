import {EspalierError} from '../errors.ts';
import type {
  EndedPage,
  EndedSession,
  FormerId,
  ListedPage,
  SessionRecord,
  StoredComponent,
} from '../session/store/contract.ts';

type Unread = Readonly<Record<string, unknown>>;

/** A name as a row holds it: as it is, but for what PostgreSQL has no room for, which is written as in JSON. */
export function encodeName(name: string): string {
  return JSON.stringify(name).slice(1, -1);
}

/** The session that a row was written down as. Fails with `SESSION_CORRUPT` when it is none. */
export function toRecord(written: string): SessionRecord {
  return readRecord(JSON.parse(written));
}

/** The same, or the former uid that was written down in its place. */
export function toFound(written: string): SessionRecord | FormerId {
  const found: unknown = JSON.parse(written);
  return Object(found).isFormer === true ? (found as FormerId) : readRecord(found);
}

/** A page of sessions, of which those that can't be read are left out. */
export function toPage(written: string): ListedPage {
  const {records, next} = JSON.parse(written) as {records: unknown[]; next: string | null};
  return {records: records.flatMap(one => attempt(() => readRecord(one)) ?? []), next: next ?? undefined};
}

/** What has come of a page of ends. */
export function toEndedPage(written: string): EndedPage {
  const {count, next} = JSON.parse(written) as {count: number; next: string | null};
  return {count, next: next ?? undefined};
}

/** The ends of a list. A session that can't be read is left out of its end. */
export function toEnds(written: string): EndedSession[] {
  return (JSON.parse(written) as EndedSession[]).map(({key, reason, endedAt, attempts, session}) => ({
    key,
    reason,
    endedAt,
    attempts,
    session: attempt(() => readRecord(session)),
  }));
}

function readRecord(written: unknown): SessionRecord {
  const {user, authenticatedAt, isRemembered, device = null, components, ...rest} = Object(written) as Unread;
  const {key, uid, isSecure, idleTimeout, absoluteTimeout, createdAt, lastSeenAt, now} = rest;
  const isWhole =
    [key, uid].every(value => typeof value === 'string') &&
    typeof isSecure === 'boolean' &&
    [idleTimeout, absoluteTimeout, createdAt, lastSeenAt, now].every(value => typeof value === 'number') &&
    (user === null) === (authenticatedAt === null) &&
    Array.isArray(components);
  if (!isWhole) throw corrupt();
  const known = {key, uid, isSecure, idleTimeout, absoluteTimeout, createdAt, lastSeenAt} as SessionRecord;
  return {
    ...known,
    device: device === null ? undefined : fromColumn(device),
    user: user === null ? undefined : fromColumn(user),
    authenticatedAt: authenticatedAt === null ? undefined : (authenticatedAt as number),
    isRemembered: isRemembered === true,
    components: new Map((components as unknown[]).map(readComponent)),
    now: now as number,
  };
}

function readComponent(written: unknown): [string, StoredComponent] {
  const [name, revision, text] = Array.isArray(written) ? (written as unknown[]) : [];
  if (typeof revision !== 'number' || !(revision > 0) || typeof text !== 'string') throw corrupt();
  return [fromColumn(name), {revision, text}];
}

function fromColumn(value: unknown): string {
  const name: unknown = attempt(() => JSON.parse(`"${String(value)}"`));
  if (typeof value !== 'string' || typeof name !== 'string') throw corrupt();
  return name;
}

function attempt<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}

function corrupt(): EspalierError {
  return new EspalierError('SESSION_CORRUPT', 'What PostgreSQL holds of a session can not be read.');
}
