import {STATUS_CODES} from 'node:http';
import createError, {type HttpError} from 'http-errors';
import Negotiator from 'negotiator';
import {html} from './html.ts';
import type {Request} from './request.ts';
import {Response} from './response.ts';

/** What a client may learn of a failure, in the terms of RFC 9457. */
export interface Problem {
  readonly status: number;
  /** What went wrong this time. Left out when it is not the client's business. */
  readonly detail?: string | undefined;
  /** Names this failure in the log. */
  readonly instance?: string | undefined;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
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

function shown({status, expose, message, headers, cause}: HttpError, instance: string | undefined): Problem {
  if (!Number.isInteger(status) || status < 400 || status > 599) throw new RangeError('This is no status of an error.');
  const text: unknown = message;
  const problem = {status, headers, ...(expose && {detail: String(text)})};
  // Throws for what can't be sent.
  setHeaders(new Response(), problem);
  // What has a cause is told to the operator too, although the client is shown it.
  return {...problem, ...((!expose || cause !== undefined) && {instance})};
}

function setHeaders(response: Response, {headers = {}}: Problem): void {
  for (const [name, value] of Object.entries(headers)) {
    // These are added to those that are set.
    if (!/^(?:set-cookie|vary)$/i.test(name)) response.removeHeader(name);
    for (const each of [value].flat()) response.appendHeader(name, each);
  }
}

/**
 * The answer that tells of a problem: `application/problem+json`, or a small page for a client that prefers HTML. Headers and
 * cookies that were set on `failed` hold for it too; those of the problem win.
 */
export function problemResponse(problem: Problem, request: Request, failed = new Response()): Response {
  const response = failed.forError();
  response.status = problem.status;
  setHeaders(response, problem);
  response.vary('Accept');
  if (prefersHtml(request)) {
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.body = page(problem);
  } else {
    const {status, detail, instance} = problem;
    response.setHeader('Content-Type', 'application/problem+json');
    response.body = JSON.stringify({type: 'about:blank', title: title(status), status, detail, instance});
  }
  return response;
}

function prefersHtml(request: Request): boolean {
  const known = ['application/problem+json', 'application/json', 'text/html'];
  return new Negotiator(request).mediaType(known) === 'text/html';
}

function title(status: number): string {
  return STATUS_CODES[status] ?? 'Error';
}

function page({status, detail, instance}: Problem): string {
  const heading = `${status} ${title(status)}`;
  return html`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${heading}</title>
<h1>${heading}</h1>
${detail && html`<p>${detail}</p>`}
${instance && html`<p>The log tells more, at <code>${instance}</code>.</p>`}
</html>
`.toString();
}
