import createError, {type HttpError} from 'http-errors';
import {EspalierError} from '../errors.ts';
import {html, type Html} from './html.ts';
import {mediaTypeFor} from './media-type.ts';
import {STATUS_CODES} from './node-http.ts';
import type {Request} from './request.ts';
import {isAdded, Response} from './response.ts';

/** What a client may learn of a failure, in the terms of RFC 9457. */
export interface Problem {
  readonly status: number;
  /** What went wrong this time. Left out when it is not the client's business. */
  readonly detail?: string | undefined;
  /** Names this failure in the log. */
  readonly instance?: string | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** What the document says besides (RFC 9457, section 3.2). */
  readonly members?: Readonly<Record<string, unknown>> | undefined;
  /** How the request came there, for who develops the site. */
  readonly explanation?: Explained | undefined;
}

/** Rows of a table, and what they come to. */
interface Explained {
  readonly rows: readonly (readonly string[])[];
  readonly reason: string;
}

/**
 * The problem that an error stands for: itself when it was made to be shown, otherwise a bare status and where to look. One
 * that can't be read, or whose status or headers can't be sent, is a 500. Without an `instance` the log says nothing of this one.
 */
export function problemOf(error: unknown, instance: string | undefined): Problem {
  try {
    if (createError.isHttpError(error)) return shown(error, instance);
  } catch {
    // Whatever was thrown, it is answered.
  }
  return {status: 500, instance};
}

/** An error that is to be answered, with the status of the answer. */
export interface SiteError extends Error {
  readonly status: number;
}

/** The error itself where it has this status, otherwise what looks like it and has it: what was thrown is not changed. */
export function withStatus(error: unknown, status: number): SiteError {
  if (!(error instanceof Error))
    return createError(status, 'What was thrown is no error.', {cause: error, expose: false});
  if ((error as {status?: unknown}).status === status) return error as SiteError;
  // A stand-in, since the error may be frozen, and some, as a DOMException, tell nothing to whom is not themselves.
  const standIn = Object.create(Object.getPrototypeOf(error) as object) as Error;
  return new Proxy(standIn, {
    get(_standIn, name) {
      if (name === 'status') return status;
      const value: unknown = Reflect.get(error, name, error);
      return typeof value === 'function' ? (value.bind(error) as unknown) : value;
    },
    has: (_standIn, name) => name === 'status' || Reflect.has(error, name),
  }) as SiteError;
}

function shown(error: HttpError, instance: string | undefined): Problem {
  const {status, expose, headers, cause} = error;
  if (!Number.isInteger(status) || status < 400 || status > 599) throw new RangeError('This is no status of an error.');
  const members = expose && membersOf(error);
  const problem = {status, headers, ...(expose && {detail: detailOf(error)}), ...(members && {members})};
  // Throws for what can't be sent.
  setHeaders(new Response(), problem);
  JSON.stringify(members);
  // What has a cause is told to the operator too, although the client is shown it.
  return {...problem, ...((!expose || cause !== undefined) && {instance})};
}

/** The message without the code at its end, which is for programs and is a member of its own. */
function detailOf({message, code}: HttpError): string {
  const given: unknown = message;
  const text = String(given);
  const end = ` [${String(code)}]`;
  return text.endsWith(end) ? text.slice(0, -end.length) : text;
}

/** What belongs to every error, or is said otherwise. */
const ownMembers: ReadonlySet<string> = new Set(
  'cause detail expose headers instance message name stack status statusCode'.split(' '),
);

/** What `createError(422, …, {errors})` was given besides. Other errors have members that are not for clients. */
function membersOf(error: HttpError): Problem['members'] {
  if (error instanceof EspalierError) return {code: error.code};
  if (!(error instanceof createError.HttpError)) return undefined;
  const members = Object.entries(error).filter(([name]) => !ownMembers.has(name));
  return members.length > 0 ? Object.fromEntries(members) : undefined;
}

/** Have a response be the answer to a problem, as far as that needs no body. */
export function beginProblem(response: Response, problem: Problem): void {
  response.fail(problem.status);
  setHeaders(response, problem);
}

function setHeaders(response: Response, {headers = {}}: Problem): void {
  for (const [name, value] of Object.entries(headers)) {
    // These are added to those that are set, once.
    if (!isAdded(name)) response.removeHeader(name);
    for (const each of [value].flat()) {
      if (!isAdded(name) || !response.has(name, each)) response.appendHeader(name, each);
    }
  }
}

/**
 * The answer that tells of a problem: `application/problem+json`, or a small page for a client that prefers HTML. Headers and
 * cookies that were set on the response hold for it too; those of the problem win.
 */
export function problemResponse(problem: Problem, request: Request, response = new Response()): Response {
  beginProblem(response, problem);
  response.vary('Accept');
  if (prefersHtml(request)) {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.body = page(problem);
  } else {
    const {status, detail, instance, members, explanation} = problem;
    response.setHeader('Content-Type', 'application/problem+json');
    response.body = JSON.stringify({
      type: 'about:blank',
      title: title(status),
      ...members,
      status,
      detail,
      instance,
      explanation,
    });
  }
  return response;
}

/** Whether a client would rather have a page than a document for programs. */
export function prefersHtml(request: Request): boolean {
  const known = ['application/problem+json', 'application/json', 'text/html'];
  return mediaTypeFor(request, known) === 'text/html';
}

function title(status: number): string {
  return STATUS_CODES[status] ?? 'Error';
}

function page({status, detail, instance, members, explanation}: Problem): string {
  const heading = `${status} ${title(status)}`;
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${heading}</title>
<h1>${heading}</h1>
${detail && html`<p>${detail}</p>`}
${listOf(members?.['errors'])}${explanation && tableOf(explanation)}
${instance && html`<p>The log tells more, at <code>${instance}</code>.</p>`}
</html>
`.toString();
}

function tableOf({rows, reason}: Explained): Html {
  const lines = rows.map(row => html`<tr>${row.map(cell => html`<td>${cell}</td>`)}</tr>`);
  return html`<table>${lines}</table><p>${reason}</p><p>This is told in development only.</p>`;
}

/** What speaks against each part of a request, where the document has such a list. */
function listOf(errors: unknown): Html | undefined {
  if (!Array.isArray(errors)) return undefined;
  const items = errors.map((error: unknown) => {
    const {in: part, pointer, detail} = Object(error) as Record<string, unknown>;
    const place = [part, pointer].filter(each => typeof each === 'string').join('');
    return typeof detail === 'string' && html`<li>${place !== '' && html`<code>${place}</code>: `}${detail}</li>`;
  });
  return html`<ul>${items}</ul>`;
}
