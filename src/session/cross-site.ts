import {EspalierError} from '../errors.ts';
import {isSafe} from '../http/method.ts';
import {pathMatcher} from '../http/path-pattern.ts';
import type {Request} from '../http/request.ts';

/**
 * Gives a function that throws `SESSION_CROSS_SITE` for a request that a page of another site has sent, unless its path fits one
 * of the patterns. With the `SameSite` attribute of the session's cookie the browser does not send the cookie then, so that a
 * session which begins would take the place of the visitor's own. A safe method passes.
 */
export function crossSiteGuard(patterns: readonly string[]): (request: Request) => void {
  const isExcepted = pathMatcher('sessions.crossSite', patterns);
  return request => {
    if (request.headers['sec-fetch-site'] !== 'cross-site' || isSafe(request.method)) return;
    if (isExcepted(request)) return;
    throw new EspalierError(
      'SESSION_CROSS_SITE',
      'A page of another site has sent this request. It can not begin, renew or sign in a session.',
      {status: 403},
    );
  };
}
