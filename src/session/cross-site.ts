import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';

const safe: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'QUERY']);

/** Whether a path, in segments, is one that a pattern means. */
type Match = (segments: readonly string[]) => boolean;

/**
 * Gives a function that throws `SESSION_CROSS_SITE` for a request that a page of another site has sent, unless its path fits one
 * of the patterns. With the `SameSite` attribute of the session's cookie the browser does not send the cookie then, so that a
 * session which begins would take the place of the visitor's own. A safe method passes.
 */
export function crossSiteGuard(patterns: readonly string[]): (request: Request) => void {
  const matches = patterns.map(matchOf);
  return request => {
    if (request.headers['sec-fetch-site'] !== 'cross-site' || safe.has(request.method)) return;
    if (matches.some(match => match(request.segments))) return;
    throw new EspalierError(
      'SESSION_CROSS_SITE',
      'A page of another site has sent this request. It can not begin, renew or sign in a session.',
      {status: 403},
    );
  };
}

function matchOf(pattern: unknown): Match {
  if (typeof pattern !== 'string' || !/^\/(?!\/)/.test(pattern)) {
    throw new EspalierError(
      'OPTION_INVALID',
      'sessions.crossSite takes a list of paths that begin with a slash: "/payment/return", "/sign-in/:provider", "/saml/*".',
    );
  }
  const wanted = pattern === '/' ? [] : pattern.slice(1).split('/');
  const isOpen = wanted.at(-1) === '*';
  const fixed = isOpen ? wanted.slice(0, -1) : wanted;
  return segments =>
    (isOpen ? segments.length > fixed.length : segments.length === fixed.length) &&
    fixed.every((segment, at) => segment.startsWith(':') || segment === segments[at]);
}
