import {mostIds, type EndReason, type Renewal} from './contract.ts';

/** One of the uids that find a session. */
export interface SessionId {
  readonly uid: string;
  readonly issuedAt: number;
  /** For how many milliseconds it goes on once a later one has been seen. */
  readonly grace: number;
  /** Until when it finds the session; `undefined` while no later one has been seen. */
  readonly until: number | undefined;
  /**
   * When a request came with it: the first, or the first in its grace. `undefined` while there was none; 0 once another was given
   * for it, so that it is on its way out. While the session has no other id it is not noted.
   */
  readonly seenAt: number | undefined;
}

/** The uids of a session after a change, in the order in which they were given, and those that it has no more. */
export interface ChangedIds {
  readonly ids: readonly SessionId[];
  readonly former: readonly {readonly uid: string; readonly until: number}[];
}

/** Whether a uid finds its session at this moment. */
export function finds({until}: SessionId, now: number): boolean {
  return until === undefined || now < until;
}

/** The one uid of a session that was begun with it, or has just been given it. */
export function newId(uid: string, issuedAt: number): SessionId {
  return {uid, issuedAt, grace: 0, until: undefined, seenAt: undefined};
}

/**
 * The uids of a session once `uid` has been seen. Nothing where that changes nothing.
 *
 * The grace of those before it begins. But several may have been given for one and the same uid, in answers that arrive in any
 * order: which of them the browser keeps is known only by what it goes on to send. So of these one that is seen lasts, whether its
 * grace had begun or not; and then, for as long as its grace, no later one makes that begin, since what comes with the later one
 * may have been on its way. One for which another was given has reached the browser, which has asked for something else: it
 * goes as soon as a later one is seen, and nothing holds it.
 */
export function idsAfterSight(ids: readonly SessionId[], uid: string, now: number): readonly SessionId[] | undefined {
  if (ids.length === 1) return undefined;
  const place = ids.findIndex(id => id.uid === uid);
  const changed = ids.map((id, at) => {
    if (at === place && isNews(id)) return {...id, until: undefined, seenAt: now};
    return at < place && id.until === undefined && !isHeld(id, now) ? {...id, until: now + id.grace} : id;
  });
  return changed.some((id, at) => id !== ids[at]) ? changed : undefined;
}

/** Whether it changes anything of a uid itself that a request comes with it. */
function isNews({seenAt, until}: SessionId): boolean {
  return seenAt === undefined || (seenAt > 0 && until !== undefined);
}

/** Whether a uid was seen so lately that the browser may have it, although a later one is seen. */
function isHeld({seenAt = 0, grace}: SessionId, now: number): boolean {
  return now < seenAt + grace;
}

/**
 * The uids of a session once it has been given `to` besides. Where it has as many as it may, one makes way. Who signs in again has
 * to get one: the oldest that was never seen makes way, or else the oldest, and the same user may sign in again by that too. For a
 * renewal it is the oldest; but nothing happens where all may still be on their way to the visitor, since whichever reaches
 * the browser has to last.
 */
export function idsAfterRenewal(ids: readonly SessionId[], renewal: Renewal, now: number): ChangedIds | undefined {
  const {from, to, grace, isUnsent = false, signIn} = renewal;
  const live = ids.filter(id => finds(id, now));
  const isNewest = live.at(-1)?.uid === from;
  const kept = isUnsent ? live.filter(({uid}) => uid !== from) : live;
  const isFull = kept.length >= mostIds;
  const surplus = isFull ? nextToGo(kept, renewal, isNewest, now) : undefined;
  if (isFull && !surplus) return undefined;
  const staying = kept
    .filter(id => id !== surplus)
    .map(id => ({
      ...id,
      grace: id.until === undefined ? grace : id.grace,
      seenAt: id.uid === from ? 0 : id.seenAt,
    }));
  const over = ids.filter(id => !finds(id, now)).map(({uid, until}) => ({uid, until: until!}));
  return {
    ids: [...staying, newId(to, now)],
    former: surplus ? [...over, {uid: surplus.uid, until: signIn ? now + grace : now}] : over,
  };
}

/** Which uid makes way for another, if one may. */
function nextToGo(
  kept: readonly SessionId[],
  {from, grace, signIn}: Renewal,
  isNewest: boolean,
  now: number,
): SessionId | undefined {
  const others = kept.filter(({uid}) => uid !== from);
  const oldest = others[0]!;
  if (signIn) return others.slice(0, -1).find(({seenAt}) => seenAt === undefined) ?? oldest;
  return isNewest || now >= oldest.issuedAt + grace ? oldest : undefined;
}

/** The uids of a session once its visitor has signed in with `to`, which is the only one from then on. */
export function idsAfterSignIn(
  ids: readonly SessionId[],
  {from, to, grace, isUnsent = false}: Renewal,
  now: number,
): ChangedIds {
  const former = ids
    .filter(({uid}) => !(isUnsent && uid === from))
    .map(id => ({uid: id.uid, until: finds(id, now) ? now + grace : id.until!}));
  return {ids: [newId(to, now)], former};
}

/**
 * Whether the uids of a session that ends so are remembered, for requests that were on their way. Not for its timeouts, since
 * the session does not become idle during a request; nor where there is no room.
 */
export function leavesFormerIds(reason: EndReason): boolean {
  return reason === 'logout' || reason === 'revoked' || reason === 'replaced';
}
