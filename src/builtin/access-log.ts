import {randomUUID} from 'node:crypto';
import {isIP} from 'node:net';
import {Clock} from '../clock.ts';
import type {AnswerEnd} from '../http/outgoing.ts';
import type {Request} from '../http/request.ts';
import {requestKey, type RequestKey} from '../http/request-key.ts';
import type {Response} from '../http/response.ts';
import {unixAddress} from '../http/trust.ts';
import {inform, Logger} from '../logger.ts';
import {checkOptions, flag, kind, oneOf, optionInvalid, type Kinds} from '../options.ts';
import {inject} from '../inject.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import {alongPath, lastSegment, SiteTree, type ResourceView} from '../resource/tree-view.ts';
import {refusable} from './refusable.ts';

/** What `accessLog` writes. */
export interface AccessLogOptions {
  /**
   * `json` is a line of JSON, `combined` that of Apache and nginx; `fields` hands a short line and the fields to `logger.info`, for
   * loggers that make their own lines. Default: `json`.
   */
  readonly format?: 'json' | 'combined' | 'fields';
  /** Whether the query is in it: it may hold tokens, and names. Default: no. */
  readonly query?: boolean;
  /**
   * Captures that are secret: with `['token']`, `/reset/:token` stands for each path of that form, also where it was refused on the
   * way. Of a path that can't be decoded, what follows the last segment that is known is left out. Default: none.
   */
  readonly hide?: readonly string[];
}

const accessLogKinds: Kinds<AccessLogOptions> = {
  format: oneOf('json', 'combined', 'fields'),
  query: flag,
  hide: kind('a list of names', value => Array.isArray(value) && value.every(name => typeof name === 'string')),
};

/** What holds where `AccessLogOptions` are silent. */
export const accessLogDefaults = {format: 'json', query: false} as const;

/** The id of a request in the access log: `request.get(requestId)`. `accessLog` sets it. */
export const requestId: RequestKey<string> = requestKey<string>('request id');

/** Of an id that somebody else gives, nothing else is taken: it goes into logs and headers. */
const idForm = /^[\w.-]{8,64}$/;

/** What is known of an answer that has ended. */
type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Tells the `Logger` of each answer, in one line, when it has gone out or was cut off. There is no cookie in it, no header that
 * lets visitors in, and no query unless it is asked for. The id that comes in `X-Request-Id` is taken over where it has 8 to 64
 * letters, digits and `_`, `.`, `-`, or else a new one is made; it is sent with the answer. What Node answers by itself is not told:
 * a head that can't be read, or that is too large.
 */
export const accessLog = refusable(makeAccessLog);

function makeAccessLog(options: AccessLogOptions = {}): MiddlewareClass {
  checkOptions('accessLog()', options, accessLogKinds);
  const {format, query} = {...accessLogDefaults, ...options};
  const hidden = options.hide ?? [];
  class AccessLog implements Middleware {
    static readonly passesPreflights = true;

    constructor(
      @inject(Logger) private readonly logger: Logger,
      @inject(Clock) private readonly clock: Clock,
      @inject(SiteTree) private readonly tree: SiteTree,
    ) {
      if (typeof logger.info === 'function') return;
      throw optionInvalid('accessLog() needs a Logger with a method info(message, fields).');
    }

    handle(request: Request, response: Response, next: Next): unknown {
      const id = idOf(request);
      request.set(requestId, id);
      response.setHeader('X-Request-Id', id);
      request.afterAnswer((answer, end) => this.#tell(request, answer, end));
      return next();
    }

    #tell(request: Request, response: Response, end: AnswerEnd): void {
      const path = shownPath(request, hidden, this.tree) + (query ? request.search : '');
      if (format === 'combined') return inform(this.logger, combined(request, path, response.status, end));
      const duration = Math.max(0, this.clock.now() - request.arrivedAt);
      const fields = fieldsOf(request, {path, status: response.status, ...end, duration});
      if (format === 'json') inform(this.logger, escaped(JSON.stringify(fields)));
      else inform(this.logger, escaped(`${request.method} ${path} ${response.status}`), fields);
    }
  }
  return AccessLog;
}

function idOf(request: Request): string {
  const known = request.get(requestId);
  if (known !== undefined) return known;
  const given = String(request.headers['x-request-id']);
  return request.headers['x-request-id'] !== undefined && idForm.test(given) ? given : randomUUID();
}

interface Answer extends AnswerEnd {
  readonly path: string;
  readonly status: number;
  readonly duration: number;
}

function fieldsOf(request: Request, {path, status, bytes, isWhole, duration}: Answer): Fields {
  return {
    time: new Date(request.arrivedAt).toISOString(),
    id: request.get(requestId),
    method: request.method,
    path,
    pattern: request.pattern,
    status,
    bytes,
    whole: isWhole,
    duration,
    ip: request.ip,
    userAgent: request.headers['user-agent'],
  };
}

/**
 * The path as it came, below the mount path too, with a name in place of each secret: of those that the tree declares, however far the
 * request has got, and of those that were captured, as by a class which extends the declared one.
 */
function shownPath(request: Request, hidden: readonly string[], {root}: SiteTree): string {
  if (hidden.length === 0 || request.path === '*') return request.mountPath + request.path;
  const names = new Map(
    hidden.filter(name => Object.hasOwn(request.params, name)).map(name => [request.params[name], name]),
  );
  return (request.mountPath + pathWithout(request, hidden, root))
    .split('/')
    .map(segment => {
      const name = names.get(decoded(segment));
      return name === undefined ? segment : `:${name}`;
    })
    .join('/');
}

/** A path that nobody can read ends where it leaves what is known: after that, anything may be the secret. */
function pathWithout(request: Request, hidden: readonly string[], root: ResourceView): string {
  const isReadable = canBeRead(request);
  const asSent = request.path.replace(/^\//, '').split('/');
  const segments = isReadable ? asSent.map(decoded) : asSent;
  const shown: string[] = [];
  for (const [at, resource] of alongPath(root, segments, request.host).entries()) {
    const name = resource && lastSegment(resource);
    const isSecret = name !== undefined && hidden.some(each => name === `:${each}`);
    if (!isReadable && !isSecret && segments[at] !== (name ?? '')) return `/${[...shown, '...'].join('/')}`;
    shown.push(isSecret ? name : asSent[at]!);
  }
  return `/${shown.join('/')}`;
}

function canBeRead(request: Request): boolean {
  try {
    return request.segments.length >= 0;
  } catch {
    return false;
  }
}

/** A mount path need not be one that can be decoded. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** The format that Apache calls so, with quotes escaped as there. Of the page that led here, whose path may be secret, it has the origin. */
function combined(request: Request, path: string, status: number, {bytes}: AnswerEnd): string {
  const {method, httpVersion, headers, ip} = request;
  const asked = `${method} ${path}${httpVersion === undefined ? '' : ` HTTP/${httpVersion}`}`;
  const referer = URL.parse(headers.referer ?? '')?.origin;
  // It stands without quotes, and whom a trusted proxy speaks for may be any text.
  const address = isIP(ip) > 0 || ip === unixAddress ? ip : '-';
  const time = `[${apacheTime(request.arrivedAt)}]`;
  const parts = [
    address,
    '-',
    '-',
    time,
    quoted(asked),
    status,
    bytes || '-',
    quoted(referer),
    quoted(headers['user-agent']),
  ];
  return escaped(parts.join(' '));
}

function quoted(text = '-'): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** `27/Nov/2026:18:56:51 +0000`. */
function apacheTime(at: number): string {
  const [, day, month, year, time] = new Date(at).toUTCString().split(' ');
  return `${day}/${month}/${year}:${time} +0000`;
}

/** On one line, whatever an attacker writes into it (CWE-117): JSON leaves some control characters as they are. */
function escaped(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, found =>
    Array.from({length: found.length}, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  );
}
