import {encodePath} from '../http/path.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, flag, kind, optionInvalid, type Kinds} from '../options.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {Resource} from '../resource/resource.ts';
import {nothingHere} from '../resource/traverse.ts';
import {Any} from '../resource/verbs.ts';
import {refusable} from './refusable.ts';

/** How visitors are sent elsewhere. */
export interface RedirectToOptions {
  /**
   * 301, 302, 303, 307 or 308. Default: 307, for now, by the same method. Browsers keep 301 and 308 for good, and 301, 302 and 303 may
   * make a GET of other methods.
   */
  readonly status?: 301 | 302 | 303 | 307 | 308;
  /** Whether what is below is sent to the same place below the URL. Default: false, what is below is a 404. */
  readonly below?: boolean;
  /** Whether the visitor's query goes along, where the URL has none of its own. Default: true. */
  readonly query?: boolean;
}

const statuses = [301, 302, 303, 307, 308];

const redirectToKinds: Kinds<RedirectToOptions> = {
  status: kind(statuses.join(', '), value => statuses.includes(value as number)),
  below: flag,
  query: flag,
};

/** What holds where `RedirectToOptions` are silent. */
export const redirectToDefaults = {status: 307, below: false, query: true} as const;

/**
 * A resource that sends everybody elsewhere, by every method: to a URL, `https://…` or `http://…`, or to a path of this site, which
 * begins with one slash and gets the path that the site is mounted at in front. Nothing that a visitor sends leads to another host.
 * Throws `OPTION_INVALID` for any other URL: `//host` has to say its scheme.
 */
export const redirectTo = refusable(makeRedirectTo);

function makeRedirectTo(url: string, options: RedirectToOptions = {}): ResourceClass {
  const target = targetOf(url);
  checkOptions('redirectTo()', options, redirectToKinds);
  const {status, below, query} = {...redirectToDefaults, ...options};
  @Resource({leaf: true})
  class Redirect {
    @Any()
    answer(request: Request, response: Response): void {
      const {postpath} = request;
      const isBelow = postpath.length > 1 || (postpath.length === 1 && postpath[0] !== '');
      if (isBelow && !below) throw nothingHere();
      const path = below ? pathBelow(target.path, postpath) : target.path;
      const search = target.search || (query ? request.search.replaceAll('#', '%23') : '');
      response.redirect((target.origin ?? request.mountPath) + path + search + target.hash, status);
    }
  }
  return Redirect;
}

/** Where visitors are sent; without an origin it is a path of this site. */
interface Target {
  readonly origin: string | undefined;
  readonly path: string;
  readonly search: string;
  readonly hash: string;
}

function targetOf(url: unknown): Target {
  const own = 'http://own.invalid';
  const isOwn = typeof url === 'string' && /^\/(?![/\\])/.test(url);
  const parsed = typeof url === 'string' && (isOwn || /^https?:\/\//i.test(url)) ? URL.parse(url, own) : null;
  // Dot segments in front may leave two slashes, with a host behind them.
  if (!parsed || (isOwn && (parsed.origin !== own || parsed.pathname.startsWith('//')))) {
    const wayOut = 'It must begin with "https://", "http://", or one slash for a path of this site.';
    throw optionInvalid(`redirectTo() was given ${JSON.stringify(url)}. ${wayOut}`);
  }
  const {origin, pathname: path, search, hash} = parsed;
  return {origin: isOwn ? undefined : origin, path, search, hash};
}

/** The path of these segments below another. Never with two slashes in front, which a browser would take for those of a host. */
function pathBelow(path: string, segments: readonly string[]): string {
  if (segments.length === 0) return path;
  return (path.replace(/\/$/, '') + encodePath(segments)).replace(/^\/{2,}/, '/');
}
