import {createHash, timingSafeEqual} from 'node:crypto';
import createError from 'http-errors';
import type {Awaitable} from '../awaitable.ts';
import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import {requestKey, type RequestKey} from '../http/request-key.ts';
import {whyNotThisMachine} from '../http/this-machine.ts';
import {kind} from '../options.ts';

/** Whom `basicAuth` or `bearer` let in: what its `check` gave. A handler reads it by `request.get(identity)`. */
export const identity: RequestKey<unknown> = requestKey<unknown>('identity');

/** What may stand in a header between quotes. */
export const quotable = kind('a text of printable ASCII', value => typeof value === 'string' && /^[ -~]+$/.test(value));

/**
 * Whether two secrets are the same text. How long it takes tells nothing of where they differ (CWE-208). For passwords that are stored,
 * take a hash made for them, as argon2.
 */
export function sameSecret(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** What a request says to be let in, by this scheme: what stands behind its name. */
export function credentialsOf({headers}: Request, scheme: string): string | undefined {
  const [, named, rest] = /^([^ ]+) *(.*)$/.exec(headers.authorization ?? '') ?? [];
  return named?.toLowerCase() === scheme ? rest!.trimEnd() : undefined;
}

/** Keep whom `check` has found with the request. Throws `refusal` where that is nobody. */
export async function admit(request: Request, check: () => Awaitable<unknown>, refusal: () => Error): Promise<void> {
  const found = await check();
  if (found === undefined || found === null || found === false) throw refusal();
  request.set(identity, found);
}

/** Throws `CREDENTIALS_INSECURE` for a request by which others on the way could learn what lets its sender in. */
export function refuseOverheard(request: Request, isInsecure: boolean): void {
  if (isInsecure || request.secure) return;
  const isProduction = process.env.NODE_ENV === 'production';
  const reason = isProduction ? 'this is production (NODE_ENV)' : whyNotThisMachine(request);
  if (reason === undefined) return;
  throw new EspalierError(
    'CREDENTIALS_INSECURE',
    `Nobody is let in over plain HTTP, except from this machine to itself. This request is not taken for that, because ${reason}. If TLS ends at a proxy, trust it: trustProxy: "loopback", or its address. If plain HTTP is really meant, say so: insecure: true.`,
    {status: 403},
  );
}

/** An error that says how to be let in. Each parameter of the challenge is quoted. */
export function challenge(
  status: number,
  text: string,
  scheme: string,
  parameters: Record<string, string | undefined>,
): Error {
  const given = Object.entries(parameters).filter(([, value]) => value !== undefined);
  const listed = given.map(([name, value]) => `${name}="${value!.replace(/["\\]/g, '\\$&')}"`).join(', ');
  return createError(status, text, {headers: {'WWW-Authenticate': `${scheme} ${listed}`.trimEnd()}});
}
