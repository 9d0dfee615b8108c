import {EspalierError} from '../errors.ts';
import {isSafe} from '../http/method.ts';
import {isOrigin, isOwnOrigin, originIn} from '../http/origin.ts';
import {pathMatcher} from '../http/path-pattern.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, kind, type Kinds} from '../options.ts';
import type {Middleware, MiddlewareAnswer, MiddlewareClass, Next} from '../resource/middleware.ts';
import {refusable} from './refusable.ts';

/** Which requests of other sites are taken. */
export interface CsrfOptions {
  /** Other origins whose pages may send unsafe requests: `['https://app.example']`; `'null'` is that of a page without one. Default: none. */
  readonly origins?: readonly string[];
  /** Paths that any page may send to: `/payment/return`, `/sign-in/:provider`, `/saml/*`. Default: none. */
  readonly except?: readonly string[];
}

/** What the values of `CsrfOptions` may be. */
export const csrfKinds: Kinds<CsrfOptions> = {
  origins: kind(
    'a list of origins, as "https://app.example" without a slash at the end',
    value => Array.isArray(value) && value.every(isOrigin),
  ),
  except: kind('a list of paths', Array.isArray),
};

/** What holds where `CsrfOptions` are silent. */
export const csrfDefaults = {origins: [], except: []} as const;

/**
 * Refuses requests by unsafe methods that a page of another site has sent: a 403, `CSRF_REFUSED`. `Sec-Fetch-Site` decides where
 * the browser sends it, otherwise `Origin`. A page on another host of the same site is another site's too. A request with neither
 * header passes: it is no browser's. A site does this by itself for requests that carry its session's cookie
 * (`createSite(Root, {csrf})`); this one does it for all requests of a branch, whatever they carry (OWASP CSRF Prevention).
 */
export const csrf = refusable(makeCsrf);

function makeCsrf(options: CsrfOptions = {}): MiddlewareClass {
  checkOptions('csrf()', options, csrfKinds);
  const refuse = csrfGuard('csrf()', options);
  return class Csrf implements Middleware {
    static readonly passesPreflights = true;
    static readonly answers: readonly MiddlewareAnswer[] = [{status: 403, verbs: ['POST', 'PUT', 'PATCH', 'DELETE']}];

    handle(request: Request, _response: Response, next: Next): unknown {
      refuse(request);
      return next();
    }
  };
}

/** Gives a function that throws `CSRF_REFUSED` for a request that is to be refused. `call` is whose options these are. */
export function csrfGuard(call: string, {origins, except}: CsrfOptions): (request: Request) => void {
  const trusted = new Set(origins ?? csrfDefaults.origins);
  const isExcepted = pathMatcher(`${call} except`, except ?? csrfDefaults.except);
  return request => {
    if (isSafe(request.method) || isOwn(request) || trusted.has(request.headers.origin ?? '')) return;
    if (isExcepted(request)) return;
    throw new EspalierError('CSRF_REFUSED', 'A page of another site has sent this request.', {status: 403});
  };
}

/**
 * Gives a function that throws `CSRF_REFUSED` for a handshake of a WebSocket that a page of another origin has sent (CWE-1385). No
 * browser asks a server before it opens one, and what the server says there the page can read. So neither `csrf: false` nor `except`
 * lets it pass, which are for what a page can only send.
 */
export function socketGuard({origins}: CsrfOptions): (request: Request, more: readonly string[] | 'any') => void {
  const trusted = new Set(origins ?? csrfDefaults.origins);
  return (request, more) => {
    const {origin = ''} = request.headers;
    if (more === 'any' || isOwn(request) || trusted.has(origin) || more.includes(origin)) return;
    throw new EspalierError('CSRF_REFUSED', 'A page of another site has sent this request.', {status: 403});
  };
}

/** Whether a page of the request's own origin has sent it, or nobody's page. */
function isOwn(request: Request): boolean {
  const {'sec-fetch-site': site, origin} = request.headers;
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin === undefined || isOwnOrigin(originIn(origin), request);
}
