import type {Awaitable} from '../awaitable.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {checkOptions, flag, method, required, type Kinds} from '../options.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import {admit, challenge, credentialsOf, quotable, refuseOverheard} from './authorization.ts';
import {refusable} from './refusable.ts';

/** Whom `bearer` lets in. */
export interface BearerOptions {
  /** Gives, or promises, who has this token: anything but `undefined`, `null` and `false`. The handler reads it by `identity`. */
  readonly check: (token: string, request: Request) => Awaitable<unknown>;
  /** What the place is called. Default: it is not said. */
  readonly realm?: string;
  /** Which scopes a token must have, with blanks between them; it is said to those without a token, and `check` looks. Default: none. */
  readonly scope?: string;
  /** Whether tokens are taken over plain HTTP from elsewhere, where everybody on the way reads them. Default: no. */
  readonly insecure?: boolean;
}

const bearerKinds: Kinds<BearerOptions> = {check: required(method), realm: quotable, scope: quotable, insecure: flag};

/** What holds where `BearerOptions` are silent. */
export const bearerDefaults = {insecure: false} as const;

/**
 * Lets in who sends a token that `check` knows in `Authorization: Bearer …` (RFC 6750); in the query or a form none is taken. Without
 * one it is a 401, with one that `check` does not know a 401 with `invalid_token`, with what is no token a 400 with
 * `invalid_request`. Over plain HTTP from elsewhere it is a 403, `CREDENTIALS_INSECURE`.
 */
export const bearer = refusable(makeBearer);

function makeBearer(options: BearerOptions): MiddlewareClass {
  checkOptions('bearer()', options, bearerKinds);
  const {check, realm, scope, insecure = bearerDefaults.insecure} = options;
  const refusal = (status: number, text: string, error?: string) =>
    challenge(status, text, 'Bearer', {realm, scope, error});
  return class Bearer implements Middleware {
    static readonly security = {bearer: {type: 'http', scheme: 'bearer'}} as const;

    async handle(request: Request, _response: Response, next: Next): Promise<unknown> {
      refuseOverheard(request, insecure);
      const token = credentialsOf(request, 'bearer');
      if (token === undefined) throw refusal(401, 'Send a token that lets you in.');
      if (!/^[\w.~+/-]+=*$/.test(token)) throw refusal(400, 'This is no token.', 'invalid_request');
      await admit(
        request,
        () => check(token, request),
        () => refusal(401, 'This token lets nobody in.', 'invalid_token'),
      );
      return next();
    }
  };
}

/**
 * The error to throw, in `check` or in a handler, where a token is known but does not go so far: a 403 with `insufficient_scope`, and
 * the scopes that it would take, with blanks between them (RFC 6750, section 3.1).
 */
export function insufficientScope(scope: string): Error {
  return challenge(403, 'This token does not go so far.', 'Bearer', {error: 'insufficient_scope', scope});
}
