import {EspalierError} from '../../errors.ts';
import {isSafe} from '../../http/method.ts';
import {isOwnOrigin, originIn} from '../../http/origin.ts';
import {pathMatcher} from '../../http/path-pattern.ts';
import type {Request} from '../../http/request.ts';
import type {SessionCookieOptions} from './cookie.ts';

/**
 * What a request that a page of another site has sent may do with sessions, unless its path fits one of the patterns. Where the
 * `SameSite` attribute has the browser keep the session's cookie back, a session that begins would take the place of the visitor's
 * own. And whoever can have a visitor's browser sign in by a form of theirs has that visitor go on in a foreign account, whatever
 * the attribute.
 */
export class CrossSiteRule {
  readonly #isExcepted: (request: Request) => boolean;
  readonly #sameSite: SessionCookieOptions['sameSite'];

  constructor(patterns: readonly string[], sameSite: SessionCookieOptions['sameSite'] = 'lax') {
    this.#isExcepted = pathMatcher('sessions.crossSite', patterns);
    this.#sameSite = sameSite;
  }

  /** Throws `SESSION_CROSS_SITE` for a request that may not begin or renew a session, or not sign in to one. */
  refuse(request: Request, isSignIn: boolean, isCarried: boolean): void {
    const isWithheld = this.isWithheld(request, isCarried);
    if (!isWithheld && (isSafe(request.method) || (this.#sameSite === 'none' && !isSignIn))) return;
    if (this.#concerns(request, isSignIn)) throw crossSite();
  }

  /** Whether the browser may have kept the session's cookie back from a request by a safe method, such as for a link. */
  isWithheld(request: Request, isCarried: boolean): boolean {
    return this.#sameSite === 'strict' && !isCarried && isSafe(request.method) && this.#concerns(request);
  }

  #concerns(request: Request, isSignIn = false): boolean {
    return isForeign(request, isSignIn) && !this.#isExcepted(request);
  }
}

// Browsers say the site over TLS and to this machine only, and old ones never do. Then the origin says the host of the page.
// Another host of the same site, which the cookie is sent from too, may do all but sign visitors in to accounts of its choice.
function isForeign(request: Request, isSignIn: boolean): boolean {
  const {'sec-fetch-site': site, origin} = request.headers;
  if (site !== undefined) return site === 'cross-site' || (isSignIn && site === 'same-site');
  return origin !== undefined && !isOwnOrigin(originIn(origin), request);
}

/** The error for what a request of another site may not do. */
export function crossSite(): EspalierError {
  return new EspalierError(
    'SESSION_CROSS_SITE',
    'A page of another site has sent this request. It can not begin, renew or sign in a session.',
    {status: 403},
  );
}
