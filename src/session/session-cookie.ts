import {EspalierError} from '../errors.ts';
import {setCookieText} from '../http/cookie.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {whyNotThisMachine} from '../http/this-machine.ts';
import {isToken} from './token.ts';

/** Which cookie carries a session's token, and with which attributes. */
export interface SessionCookie {
  readonly name: string;
  readonly secure: boolean;
  /** What follows the token in a `Set-Cookie` header. */
  readonly attributes: string;
}

// Browsers let only a server, over TLS, for this host alone, set a cookie with this prefix.
const overTls = sessionCookie('__Host-Http-sid', true);
const overPlain = sessionCookie('sid', false);

/** By which names a browser may carry a token, however it comes. */
export const cookieNames: readonly string[] = [overTls.name, overPlain.name];

function sessionCookie(name: string, secure: boolean): SessionCookie {
  return {name, secure, attributes: setCookieText(name, '', {secure}).slice(`${name}=`.length)};
}

/** From whom sessions over plain HTTP are taken: from all, from this machine alone, or from nobody. */
export type PlainHttp = 'all' | 'thisMachine' | 'nobody';

/**
 * The cookie that fits how the request came. Over plain HTTP there is one for those alone of whom `plainHttp` accepts that anyone
 * on the way can take the session over: otherwise throws `SESSION_INSECURE`.
 */
export function cookieFor(request: Request, plainHttp: PlainHttp): SessionCookie {
  if (request.secure) return overTls;
  if (plainHttp === 'all') return overPlain;
  const reason = plainHttp === 'nobody' ? 'this is production (NODE_ENV)' : whyNotThisMachine(request);
  if (reason === undefined) return overPlain;
  throw new EspalierError(
    'SESSION_INSECURE',
    `There are no sessions over plain HTTP, except from this machine to itself. This request is not taken for one of those, because ${reason}. If TLS ends at a proxy, trust it: trustProxy: "loopback", or its address. If plain HTTP is really meant, as to the published port of a container on your own machine, say so: sessions: {insecure: true}.`,
    {status: 403},
  );
}

/**
 * The token that a request carries. A malformed one counts as none, and so does a repeated one: of two, nobody can say
 * which of them another site planted.
 */
export function tokenIn(request: Request, {name}: SessionCookie): string | undefined {
  const values = request.cookieValues(name);
  return values.length === 1 && isToken(values[0]!) ? values[0] : undefined;
}

/** Have the browser carry this token until it closes. The session itself knows when it ends. */
export function sendToken(token: string, {name, attributes}: SessionCookie, response: Response): void {
  response.addCookie(`${name}=${token}${attributes}`);
}

/** Have the browser forget its token. */
export function clearToken({name, secure}: SessionCookie, response: Response): void {
  response.clearCookie(name, {secure});
}
