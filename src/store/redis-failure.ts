/** That Redis owes an answer. */
export class NoAnswer extends Error {
  constructor(time: number) {
    super(`Redis gave no answer in ${time} ms.`);
  }
}

/** What the kinds of failure mean: those of Node, of Redis, and of node-redis by the names of their classes. */
const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection lost',
  EHOSTUNREACH: 'host out of reach',
  ENETUNREACH: 'network out of reach',
  ENOTFOUND: 'no such host',
  ETIMEDOUT: 'no answer',
  SocketClosedUnexpectedlyError: 'connection lost',
  ConnectionTimeoutError: 'no answer',
  NoAnswer: 'no answer',
  Unconnected: 'no connection',
  CLUSTERDOWN: 'the cluster is not whole',
  LOADING: 'it is still reading its data',
  MASTERDOWN: 'a replica that has lost its primary',
  MISCONF: 'it can not write to its disk',
  NOAUTH: 'it wants a password',
  NOPERM: 'its access rules do not allow what the store does',
  NOREPLICAS: 'it has lost its replicas',
  OOM: 'out of memory',
  READONLY: 'a replica, which takes no writes',
  WRONGPASS: 'wrong password, or no such user',
  WRONGTYPE: 'a key with the prefix of the store is not of the store',
};

/** The cause of a failure, without anything that was configured or sent: `connection refused (ECONNREFUSED)`. */
export function reasonOf(error: unknown): string {
  const kind = kindOf(error);
  const inWords = words[kind];
  return inWords === undefined ? kind : `${inWords} (${kind})`;
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.cause instanceof Error) return kindOf(error.cause);
  if ('code' in error && typeof error.code === 'string') return error.code;
  return replyKindOf(error) ?? error.constructor.name;
}

/** What Redis calls the failure that a reply tells of: `OOM`, `WRONGTYPE`. */
export function replyKindOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  // Inside a script the rules refuse by another name.
  if (error.message.startsWith('ERR The user executing the script')) return 'NOPERM';
  return /^[A-Z]{3,}(?= )/.exec(error.message)?.[0];
}

/** Of a server that was a primary when it was connected to, and is none any more; its address may lead to another by now. */
export const demoted: ReadonlySet<string | undefined> = new Set(['READONLY', 'MASTERDOWN', 'NOREPLICAS']);
