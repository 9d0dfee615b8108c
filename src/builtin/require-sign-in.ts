import {prefersHtml} from '../http/problem.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, kind, milliseconds, type Kinds} from '../options.ts';
import {inject} from '../inject.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import {SessionService} from '../session/session-service.ts';
import {refusable} from './refusable.ts';

/** Whom `requireSignIn` lets pass, and what becomes of the others. */
export interface RequireSignInOptions {
  /** How long ago the visitor may have signed in, in milliseconds (ASVS 5.0, 7.5.1). Default: however long. */
  readonly within?: number;
  /** The path of the site's sign-in page, to which browsers are sent. Default: nowhere, they get a 401 too. */
  readonly redirect?: string;
}

const requireSignInKinds: Kinds<RequireSignInOptions> = {
  within: milliseconds,
  redirect: kind('a path that begins with one slash', value => typeof value === 'string' && /^\/(?![/\\])/.test(value)),
};

/** The name in the query under which the sign-in page is told where the visitor wanted to go. */
const wantedName = 'next';

/**
 * Lets visitors pass who have signed in. A browser that asks for a page is sent to `redirect`, where one is given, with the page
 * that was wanted in the query: `/sign-in?next=%2Fadmin`; `returnPath` reads it. Everybody else gets a 401, `SIGN_IN_REQUIRED`. No
 * session begins.
 */
export const requireSignIn = refusable(makeRequireSignIn);

function makeRequireSignIn(options: RequireSignInOptions = {}): MiddlewareClass {
  checkOptions('requireSignIn()', options, requireSignInKinds);
  const {redirect, ...within} = options;
  class RequireSignIn implements Middleware {
    static readonly security = {session: 'session'} as const;

    constructor(@inject(SessionService) private readonly sessions: SessionService) {}

    async handle(request: Request, response: Response, next: Next): Promise<unknown> {
      if (redirect === undefined || request.path === redirect) {
        await this.sessions.requireSignIn(within, request);
        return next();
      }
      const session = await this.sessions.findSession(request);
      if (session?.signedInWithin(options.within ?? Infinity)) return next();
      response.vary('Accept');
      if (!prefersHtml(request)) await this.sessions.requireSignIn(within, request);
      return response.redirect(request.mountPath + redirect + wantedIn(request));
    }
  }
  return RequireSignIn;
}

/** What a form has sent can't be asked for again. */
function wantedIn(request: Request): string {
  if (request.method !== 'GET' && request.method !== 'HEAD') return '';
  return `?${wantedName}=${encodeURIComponent(request.mountPath + request.url)}`;
}

/**
 * Where a visitor wanted to go when `requireSignIn` sent them to sign in: the path in `next` of the query, provided that it is one
 * of this origin, or else `fallback`. So nobody is sent to another site by a link that somebody else has made (CWE-601).
 */
export function returnPath(request: Request, fallback = '/'): string {
  const path = request.query.get(wantedName);
  const base = 'http://own.invalid';
  const url = path?.startsWith('/') ? URL.parse(path, base) : null;
  const wanted = url?.origin === base ? url.pathname + url.search + url.hash : fallback;
  // Dot segments in front may leave two slashes, with a host behind them.
  return wanted.startsWith('//') ? fallback : wanted;
}
