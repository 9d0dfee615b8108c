import {pg} from './postgres-driver.ts';
import {placeOf} from './postgres-place.ts';

/** What is told here is said in names of tables and roles; other messages may show what is in a row. */
const tellable = /^(?:08|25|28|3D|3F|42|53|54|55|57|58|P0|XX)/;
/** The server is not there, is going, is full, or only reads. */
const unreachable = /^(?:08|28|3D|53|57P|25006|58)/;
/** What other calls will meet as well: the server, or what it has been set up with. */
const lasting = /^(?:08|25|28|3D|3F|42|53|57P|58|P0001|XX)/;

/** The server takes no writes: it is a standby, or was made read only. */
export const readOnly = '25006';
/** The server, or a limit of the role's or the database's, allows no further connection. */
export const tooMany = '53300';

const words = new Map([
  [readOnly, 'it takes no writes, as a standby does, so what it holds may be old'],
  ['28P01', 'wrong password, or an unknown role'],
  ['3D000', 'the database does not exist'],
  ['53100', 'its disk is full'],
  ['53200', 'it is out of memory'],
  [tooMany, 'it allows no further connection'],
  ['57P01', 'it was stopped, or has ended the connection'],
  ['57P02', 'it has crashed'],
  ['57P03', 'it is starting, or stopping'],
  ['ECONNREFUSED', 'nothing listens there'],
  ['ECONNRESET', 'the connection broke'],
  ['EPIPE', 'the connection broke'],
  ['ENOTFOUND', 'there is no host of this name'],
  ['EAI_AGAIN', 'the name of the host can not be looked up for the moment'],
  ['EHOSTUNREACH', 'there is no way to the host'],
  ['ENETUNREACH', 'there is no way to the host'],
  ['ETIMEDOUT', 'the host does not answer'],
  ['ENOENT', 'there is no such socket'],
]);

/** What the driver says without a code. */
const driverWords = [
  [/password must be/, 'it wants a password, and none was given'],
  [/does not support SSL/, 'it does not speak TLS'],
  [/connection timeout/, 'the host does not answer'],
  [/certificate|altnames/i, 'its certificate is not trusted'],
] as const;

/** What PostgreSQL refused, or did not answer. It says nothing of what is in a row, nor how the server is reached. */
export class PostgresError extends Error {
  override readonly name = 'PostgresError';
  /** An SQLSTATE, a code of Node's, or nothing for a call that took too long. */
  readonly code: string | undefined;
  /** Why it failed, in words. */
  readonly reason: string;

  constructor(reason: string, code?: string) {
    super(`PostgreSQL failed: ${reason}.`);
    this.reason = reason;
    this.code = code;
  }
}

/** What may be told of a failure of the driver's, or of the server's. */
export function toPostgresError(error: unknown): PostgresError {
  return error instanceof PostgresError ? error : new PostgresError(reasonOf(error), codeOf(error));
}

/** Whether nothing more can be asked over the connection that an error came by. */
export function breaksConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || unreachable.test(error.code ?? '');
}

/** Whether other calls will fail as well, until somebody does something about it. */
export function isOutage(error: unknown): error is PostgresError {
  if (!(error instanceof PostgresError)) return false;
  return error.code === undefined || !isSqlState(error.code) || lasting.test(error.code);
}

/** The code of an error, if it has one. */
export function codeOf(error: unknown): string | undefined {
  const {code} = Object(error) as {code?: unknown};
  return typeof code === 'string' ? code : undefined;
}

// Those of Node's are words.
function isSqlState(code: string): boolean {
  return /^(?=.*\d)[\dA-Z]{5}$/.test(code);
}

function reasonOf(error: unknown): string {
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : '';
  const theirs = error instanceof pg.DatabaseError && tellable.test(code ?? '') ? said : undefined;
  const ours = words.get(code ?? '') ?? driverWords.find(([pattern]) => pattern.test(said))?.[1];
  if (code === undefined) return ours ?? 'the connection broke';
  if (ours !== undefined) return `${ours} (${code})`;
  return `${theirs === undefined ? code : `${theirs} (${code})`}${within(error)}`;
}

function within(error: unknown): string {
  const place = error instanceof pg.DatabaseError ? placeOf(error.where) : undefined;
  return place === undefined ? '' : `, at ${place}`;
}
