import {EspalierError} from '../errors.ts';
import {unlessCorrupt} from '../session/store/refusals.ts';
import type {EndedSession, EndReason, FormerId, SessionRecord, StoredComponent} from '../session/store/contract.ts';

/** What a script gives: texts, and lists of them. */
export type Reply = string | readonly Reply[];

/** A reply without the types that a client may have been told to make of it. */
export function plain(reply: unknown): Reply {
  // A client may be set up to give buffers.
  return Array.isArray(reply) ? reply.map(plain) : String(reply);
}

/** Any string as one that survives UTF-8, which knows no lone surrogates. */
export function encodeName(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function decode(text: string): string {
  return JSON.parse(`"${text}"`) as string;
}

/** That a record can't be read. */
export function unreadable(): EspalierError {
  return new EspalierError('SESSION_CORRUPT', 'The record of a session is there, but can not be read.');
}

/** A component of its form `revision:text`. */
export function componentOf(text: string): StoredComponent {
  const colon = text.indexOf(':');
  const revision = text.slice(0, colon);
  if (!/^[1-9]\d*$/.test(revision)) throw unreadable();
  return {revision: Number(revision), text: text.slice(colon + 1)};
}

function fieldsOf(flat: readonly Reply[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i] as string, flat[i + 1] as string);
  return fields;
}

/** What a uid stands for: a session of `[now, key, fields]`, a former uid of `[now, key, until]`, or nothing of `[]`. */
export function foundOf(reply: Reply): SessionRecord | FormerId | undefined {
  if (reply.length === 0) return undefined;
  const [now, key, until] = reply as readonly [string, string, Reply];
  return typeof until === 'string' ? {isFormer: true, key, until: Number(until), now: Number(now)} : recordOf(reply);
}

/** A session of `[now, key, fields]`. Fails with `SESSION_CORRUPT`. */
export function recordOf(reply: Reply): SessionRecord {
  const [now, key, flat] = reply as readonly [string, string, readonly Reply[]];
  return sessionOf(Number(now), key, fieldsOf(flat));
}

/** Those sessions of a list that can be read. */
export function recordsOf(replies: readonly Reply[]): SessionRecord[] {
  return replies
    .filter(reply => typeof reply !== 'string')
    .map(reply => unlessCorrupt(() => recordOf(reply)))
    .filter(record => record !== undefined);
}

function sessionOf(now: number, key: string, fields: ReadonlyMap<string, string>): SessionRecord {
  return {
    key,
    uid: textOf(fields, 'uid'),
    isSecure: textOf(fields, 'secure') !== '0',
    idleTimeout: numberOf(fields, 'idle'),
    absoluteTimeout: numberOf(fields, 'absolute'),
    createdAt: numberOf(fields, 'created'),
    lastSeenAt: numberOf(fields, 'seen'),
    device: nameOf(fields, 'device'),
    user: nameOf(fields, 'user'),
    isRemembered: fields.get('remembered') === '1',
    authenticatedAt: fields.has('authenticated') ? numberOf(fields, 'authenticated') : undefined,
    components: componentsOf(fields),
    now,
  };
}

function textOf(fields: ReadonlyMap<string, string>, name: string): string {
  const text = fields.get(name);
  if (text === undefined) throw unreadable();
  return text;
}

function nameOf(fields: ReadonlyMap<string, string>, name: string): string | undefined {
  const text = fields.get(name);
  return text === undefined ? undefined : readably(() => decode(text));
}

function numberOf(fields: ReadonlyMap<string, string>, name: string): number {
  const number = Number.parseFloat(textOf(fields, name));
  if (!Number.isFinite(number) || number < 0) throw unreadable();
  return number;
}

function componentsOf(fields: ReadonlyMap<string, string>): ReadonlyMap<string, StoredComponent> {
  const components = new Map<string, StoredComponent>();
  for (const [field, text] of fields) {
    if (field.startsWith('c:'))
      components.set(
        readably(() => decode(field.slice(2))),
        componentOf(text),
      );
  }
  return components;
}

function readably<T>(read: () => T): T {
  try {
    return read();
  } catch {
    throw unreadable();
  }
}

/** Whether one id of a stream, `milliseconds-number`, comes after another. */
export function isAfter(id: string, other: string): boolean {
  const [time, number] = id.split('-').map(Number) as [number, number];
  const [otherTime, otherNumber] = other.split('-').map(Number) as [number, number];
  return time === otherTime ? number > otherNumber : time > otherTime;
}

/** A part of the log of ends, `[mark, [[id, ['key', key, 'reason', reason]], …]]`; where there is nothing, it is as it was at a mark. */
export function logOf(reply: Reply, former: string) {
  const [mark = former, entries = []] = reply as readonly [string?, (readonly [string, readonly string[]])[]?];
  return {
    mark,
    entries: entries.map(([id, [, key, , reason]]) => ({id, end: {key: key!, reason: reason as EndReason}})),
  };
}

/** An end of `[endedAt, key, fields, reason, entry]`. */
export function endOf(reply: Reply): EndedSession {
  const [endedAt, key, flat, reason] = reply as readonly [string, string, readonly Reply[], EndReason];
  return {
    key,
    reason,
    endedAt: Number(endedAt),
    attempts: Number(fieldsOf(flat).get('attempts')),
    session: unlessCorrupt(() => recordOf(reply)),
  };
}
