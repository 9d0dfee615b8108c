import {mostIds, type EndReason, type Renewal} from './session-store.ts';

/** One of the uids that find a session. */
export interface SessionId {
  readonly uid: string;
  readonly issuedAt: number;
  /** For how many milliseconds it goes on once a later one has been seen. */
  readonly grace: number;
  /** Until when it finds the session; `undefined` while no later one has been seen. */
  readonly until: number | undefined;
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

/** The uids of a session once `uid` has been seen: the grace of those before it begins. Nothing where that changes nothing. */
export function idsAfterSight(ids: readonly SessionId[], uid: string, now: number): readonly SessionId[] | undefined {
  const place = ids.findIndex(id => id.uid === uid);
  const isWaiting = (id: SessionId, at: number) => at < place && id.until === undefined;
  if (!ids.some(isWaiting)) return undefined;
  return ids.map((id, at) => (isWaiting(id, at) ? {...id, until: now + id.grace} : id));
}

/**
 * The uids of a session once it has been given `to` besides. Nothing where it has as many as it may, and all of them may still be
 * on their way to the visitor: then whichever has reached the browser has to last.
 */
export function idsAfterRenewal(
  ids: readonly SessionId[],
  {from, to, grace, isUnsent = false}: Renewal,
  now: number,
): ChangedIds | undefined {
  const live = ids.filter(id => finds(id, now));
  const isNewest = live.at(-1)?.uid === from;
  const kept = isUnsent ? live.filter(({uid}) => uid !== from) : live;
  const surplus = kept.length < mostIds ? undefined : kept.find(({uid}) => uid !== from)!;
  if (surplus && !isNewest && now < surplus.issuedAt + grace) return undefined;
  const waiting = kept.filter(id => id !== surplus).map(id => (id.until === undefined ? {...id, grace} : id));
  const over = ids.filter(id => !finds(id, now)).map(({uid, until}) => ({uid, until: until!}));
  return {
    ids: [...waiting, {uid: to, issuedAt: now, grace: 0, until: undefined}],
    former: surplus ? [...over, {uid: surplus.uid, until: now}] : over,
  };
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
  return {ids: [{uid: to, issuedAt: now, grace: 0, until: undefined}], former};
}

/**
 * Whether the uids of a session that ends so are remembered, for requests that were on their way. Not for its timeouts, since
 * the session does not become idle during a request; nor where there is no room.
 */
export function leavesFormerIds(reason: EndReason): boolean {
  return reason === 'logout' || reason === 'revoked' || reason === 'replaced';
}
