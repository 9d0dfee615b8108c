import type {Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, flag, method, required, type Kinds} from '../options.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import {admit, challenge, credentialsOf, quotable, refuseOverheard} from './authorization.ts';
import {refusable} from './refusable.ts';

/** Whom `basicAuth` lets in. */
export interface BasicAuthOptions {
  /** What the browser's question calls the place; it sends the same password to all of one realm. */
  readonly realm: string;
  /** Gives, or promises, who that is: anything but `undefined`, `null` and `false`. The handler reads it by `identity`. */
  readonly check: (user: string, password: string, request: Request) => Awaitable<unknown>;
  /** Whether passwords are taken over plain HTTP from elsewhere, where everybody on the way reads them. Default: no. */
  readonly insecure?: boolean;
}

const basicAuthKinds: Kinds<BasicAuthOptions> = {realm: required(quotable), check: required(method), insecure: flag};

/** What holds where `BasicAuthOptions` are silent. */
export const basicAuthDefaults = {insecure: false} as const;

/**
 * Lets in who sends a user and a password that `check` knows, by HTTP's Basic scheme (RFC 7617), in UTF-8. Everybody else gets a
 * 401 by which browsers ask for them. Over plain HTTP from elsewhere it is a 403, `CREDENTIALS_INSECURE`. Browsers send the password
 * with what pages of other sites have them ask for, too: put `csrf()` beside it.
 */
export const basicAuth = refusable(makeBasicAuth);

function makeBasicAuth(options: BasicAuthOptions): MiddlewareClass {
  checkOptions('basicAuth()', options, basicAuthKinds);
  const {realm, check, insecure} = {...basicAuthDefaults, ...options};
  const refusal = () => challenge(401, 'Say who you are, by user and password.', 'Basic', {realm, charset: 'UTF-8'});
  return class BasicAuth implements Middleware {
    static readonly security = {basic: {type: 'http', scheme: 'basic'}} as const;

    async handle(request: Request, _response: Response, next: Next): Promise<unknown> {
      refuseOverheard(request, insecure);
      const pair = userAndPassword(credentialsOf(request, 'basic'));
      if (!pair) throw refusal();
      await admit(request, () => check(...pair, request), refusal);
      return next();
    }
  };
}

/** Nothing for what can't be read: a control character is in neither of them (RFC 7617, section 2). */
function userAndPassword(credentials: string | undefined): [user: string, password: string] | undefined {
  if (credentials === undefined || !/^[A-Za-z\d+/]+={0,2}$/.test(credentials)) return undefined;
  try {
    const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(Buffer.from(credentials, 'base64'));
    const at = text.indexOf(':');
    return at < 0 || /\p{Cc}/u.test(text) ? undefined : [text.slice(0, at), text.slice(at + 1)];
  } catch {
    return undefined;
  }
}
