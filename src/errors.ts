import {refuseOldNode} from './node-version.ts';

// Here, since every door of the package leads by.
refuseOldNode();

/** Every code an `EspalierError` can carry. Each has a heading in docs/errors.md, and nothing else has. */
export const errorCodes = [
  'BODY_TAKEN',
  'CHILD_MISMATCH',
  'CHILD_SEGMENT_INVALID',
  'CHILD_TAKEN',
  'CHILD_UNDEFINED',
  'CHILD_UNREACHABLE',
  'COMPONENT_INVALID',
  'COMPONENT_NOT_LISTED',
  'COMPONENT_TAKEN',
  'COMPONENT_TOO_LARGE',
  'COMPONENT_UNMARKED',
  'CONTAINER_TAKEN',
  'CREDENTIALS_INSECURE',
  'CSRF_REFUSED',
  'DECORATOR_MISPLACED',
  'DEPENDENCY_CYCLE',
  'DEPENDENCY_FAILED',
  'DEPENDENCY_MISSING',
  'DEPENDENCY_OUTSIDE',
  'DEPENDENCY_UNDEFINED',
  'END_STORE_MISSING',
  'HANDLER_TIMEOUT',
  'LISTEN_FAILED',
  'MIDDLEWARE_INVALID',
  'NEXT_TWICE',
  'OPTION_INVALID',
  'OUTSIDE_REQUEST',
  'PACKAGE_MISSING',
  'PORT_TAKEN',
  'PROGRAM_INVALID',
  'RESOURCE_CYCLE',
  'RESOURCE_UNMARKED',
  'RESULT_MISMATCH',
  'RESULT_UNSUPPORTED',
  'SCHEMA_FAILED',
  'SESSION_CONFLICT',
  'SESSION_CORRUPT',
  'SESSION_CROSS_SITE',
  'SESSION_ENDED',
  'SESSION_FOREIGN',
  'SESSION_INSECURE',
  'SESSION_STORE_DOWN',
  'SESSION_STORE_PRIVATE',
  'SESSION_SUPERSEDED',
  'SESSION_TAKEN',
  'SESSION_TOKEN_INVALID',
  'SESSION_TOO_LATE',
  'SIGN_IN_REQUIRED',
  'SITE_BUSY',
  'SITE_CLOSED',
  'SUBSCRIBER_TOO_SLOW',
  'TARGET_FAILED',
  'TARGET_LATE',
  'USER_INVALID',
  'VERB_TAKEN',
] as const;

/** A stable name for one kind of failure. Match on this, never on the message. */
export type ErrorCode = (typeof errorCodes)[number];

interface EspalierErrorOptions extends ErrorOptions {
  /** The HTTP status of the answer. Giving one also shows the message to the client; without it the client gets a bare 500. */
  readonly status?: number;
  /** Headers to send with the answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Whatever Espalier itself refuses, while a site is built or while a request is answered. Match on `code`: two copies of
 * the package in one process make `instanceof` unreliable. The message never holds a token or a cookie.
 */
export class EspalierError extends Error {
  override readonly name = 'EspalierError';
  /** What kind of failure it is. */
  readonly code: ErrorCode;
  /** The HTTP status it is answered with. */
  readonly status: number;
  /** The same, by the name that `http-errors` also gives it. */
  readonly statusCode: number;
  /** Whether the client is shown the message. */
  readonly expose: boolean;
  /** Headers that are sent with the answer. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, {status, headers = {}, ...options}: EspalierErrorOptions = {}) {
    super(`${message} [${code}]`, options);
    this.code = code;
    this.status = this.statusCode = status ?? 500;
    this.expose = status !== undefined;
    this.headers = headers;
  }
}

/** What kind of thing a value is, without telling the value. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a ${typeof value}`;
  // Not that of the value, which may be a field of it.
  const name = (Object.getPrototypeOf(value) as {constructor?: {name?: string}} | null)?.constructor?.name;
  return name ? `an object of class ${name}` : 'an object';
}
