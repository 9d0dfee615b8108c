import {hash} from 'node:crypto';
import createError from 'http-errors';
import {answerConditions, isTag, refuseMatched, refuseUnmet, timeOf, type State} from '../http/conditions.ts';
import {isRetrieval, isSafe} from '../http/method.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, flag, kind, type Kinds} from '../options.ts';
import type {Middleware, MiddlewareAnswer, MiddlewareClass, Next} from '../resource/middleware.ts';
import {tagsAhead} from './compress.ts';
import {refusable} from './refusable.ts';

/** What tags `etag` makes. */
export interface EtagOptions {
  /** Whether they are weak: of bodies that mean the same, but need not be the same to the byte. Default: no. */
  readonly weak?: boolean;
}

const etagKinds: Kinds<EtagOptions> = {weak: flag};

/** What holds where `EtagOptions` are silent. */
export const etagDefaults = {weak: false} as const;

/** What a write is to find. */
export interface Precondition {
  /** The tag of what is there now, with its quotes: `"7"`. Default: nothing is there, or nothing that has a tag. */
  readonly etag?: string | undefined;
  /** When that was changed, as a `Date` or in milliseconds since the epoch. Default: nothing is there, or nobody knows. */
  readonly lastModified?: Date | number | undefined;
  /** Whether a request without a condition is refused. Default: no. */
  readonly required?: boolean;
}

const preconditionKinds: Kinds<Precondition> = {
  etag: kind('a tag with its quotes, as "\\"7\\""', isTag),
  lastModified: kind('a Date, or milliseconds', value => Number.isFinite(Number(value)) && typeof value !== 'string'),
  required: flag,
};

/** Of a write they come from `checkPrecondition`, for which the client needs the tag. */
const answers: readonly MiddlewareAnswer[] = [
  {status: 304, headers: {ETag: 'The tag of what the client has.'}, verbs: ['GET']},
  {status: 412, verbs: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']},
  {status: 428, verbs: ['PUT', 'PATCH', 'DELETE']},
];

/**
 * Answers with a 304, without a body, where a client that asks by GET or HEAD has the answer already: by `If-None-Match` and the
 * `ETag`, or else by `If-Modified-Since` and the `Last-Modified` that the handler has set (RFC 9110, section 13). Where the handler
 * has set no `ETag`, one is made of the body; not of a stream, and not where the answer is `no-store`, as one that read a session
 * is: nobody would keep it. The handler is called all the same. What `If-Match` or `If-Unmodified-Since` does not find is a 412.
 */
export const etag = refusable(makeEtag);

function makeEtag(options: EtagOptions = {}): MiddlewareClass {
  checkOptions('etag()', options, etagKinds);
  const prefix = (options.weak ?? etagDefaults.weak) ? 'W/' : '';
  return class Etag implements Middleware {
    static readonly passesPreflights = true;
    static readonly answers = answers;

    async handle(request: Request, _response: Response, next: Next): Promise<unknown> {
      try {
        return await next();
      } finally {
        // What is inside of this one has its say before: the session's headers, too.
        request.beforeHeaders(response => condition(request, response, prefix));
      }
    }
  };
}

/**
 * Compares the conditions of a request that is to change something with what is there: call it in the handler, before the change.
 * Throws a 412 where `If-Match`, `If-Unmodified-Since` or `If-None-Match` does not hold, and with `required` a 428 where there is
 * none that would keep a change of somebody else from being lost (RFC 9110, section 13.2.2; RFC 6585, section 3). Between this and
 * the change another request may come: where that matters, compare once more in the store.
 */
export function checkPrecondition(request: Request, precondition: Precondition): void {
  checkOptions('checkPrecondition()', precondition, preconditionKinds);
  const {etag: tag, lastModified, required = false} = precondition;
  const changedAt = lastModified === undefined ? undefined : Number(lastModified);
  const state = {tag, changedAt, isThere: tag !== undefined || changedAt !== undefined};
  refuseUnmet(request, state);
  if (!isSafe(request.method)) refuseMatched(request, state);
  if (!required || isGuarded(request, state)) return;
  throw createError(428, 'Say in If-Match which state this is to change: the ETag that you have got with it.');
}

function condition(request: Request, response: Response, prefix: string): void {
  const {body, status} = response;
  const isWhole = typeof body === 'string' || body instanceof Uint8Array;
  const isMade = isWhole && isRetrieval(request.method) && status === 200;
  if (isMade && response.header('ETag') === undefined && !response.lists('Cache-Control', 'no-store')) {
    response.setHeader('ETag', `${prefix}"${hash('sha256', body, 'base64url').slice(0, 22)}"`);
  }
  answerConditions(request, response, tag => tagsAhead(tag, request, response));
}

/** Whether a condition keeps the change of somebody else from being lost. */
function isGuarded({headers}: Request, {changedAt}: State): boolean {
  if (headers['if-match'] !== undefined || headers['if-none-match']?.trim() === '*') return true;
  return changedAt !== undefined && timeOf(headers['if-unmodified-since']) !== undefined;
}
