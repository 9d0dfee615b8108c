import {randomBytes} from 'node:crypto';
import type {IncomingMessage, ServerResponse} from 'node:http';
import type * as Helmet from 'helmet';
import {requestKey} from '../http/request-key.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {anything, checkOptions, flag, optionInvalid, type Kinds} from '../options.ts';
import {peer} from '../peer.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import {refusable} from './refusable.ts';

/** Those of helmet, by its names, and `nonce`. */
export type SecurityHeadersOptions = Readonly<Helmet.HelmetOptions> & {
  /** Whether each answer has a nonce of its own for scripts and styles in the page, which `cspNonce` tells. Default: no. */
  readonly nonce?: boolean;
};

const {default: helmet, ...known} = peer('helmet', 'espalier/builtin/security-headers') as typeof Helmet;

const kinds = {
  ...Object.fromEntries(Object.keys(known).map(name => [name, anything])),
  nonce: flag,
} as unknown as Kinds<SecurityHeadersOptions>;

/**
 * What holds where the options are silent, beside helmet's own defaults. With helmet's `no-referrer` browsers would say
 * `Origin: null` of the site's own forms, by which nobody can tell them from forged ones.
 */
const defaults = {referrerPolicy: {policy: 'same-origin'}} as const;

const nonceKey = requestKey<string>('nonce');

/**
 * Sets the headers by which browsers guard a page, errors too: those of helmet 8, with its options (OWASP HTTP Headers). They are made
 * once. `upgrade-insecure-requests` and `Strict-Transport-Security` are left out over plain HTTP, where the first would have browsers
 * look for what is not there. Throws `OPTION_INVALID` for what helmet refuses and for directives that are functions.
 */
export const securityHeaders = refusable(makeSecurityHeaders);

function makeSecurityHeaders({nonce = false, ...options}: SecurityHeadersOptions = {}): MiddlewareClass {
  checkOptions('securityHeaders()', {nonce, ...options}, kinds);
  const overTls = headersOf({...defaults, ...options});
  const overPlain = overTls.map(forPlainHttp).filter(([name]) => name !== 'Strict-Transport-Security');
  return class SecurityHeaders implements Middleware {
    static readonly passesPreflights = true;

    handle(request: Request, response: Response, next: Next): unknown {
      const value = nonce ? randomBytes(16).toString('base64') : undefined;
      if (value !== undefined) request.set(nonceKey, value);
      for (const [name, text] of request.secure ? overTls : overPlain) {
        response.setHeader(name, value === undefined ? text : withNonce(name, text, value));
      }
      return next();
    }
  };
}

/**
 * The nonce of this request's answer, for `` html`<script nonce="${cspNonce(request)}">` ``. Throws `OPTION_INVALID` where no
 * `securityHeaders({nonce: true})` stands on the way.
 */
export function cspNonce(request: Request): string {
  const nonce = request.get(nonceKey);
  if (nonce !== undefined) return nonce;
  throw optionInvalid('cspNonce(): there is no nonce. Put securityHeaders({nonce: true}) on the way to this resource.');
}

type Header = readonly [name: string, value: string];

/** What helmet would set, heard by a response that is none. */
function headersOf(options: Helmet.HelmetOptions): readonly Header[] {
  refuseFunctions(options);
  const headers: Header[] = [];
  const response = {
    setHeader: (name: string, value: string) => headers.push([name, value]),
    removeHeader: () => undefined,
  };
  try {
    helmet(options)({} as IncomingMessage, response as unknown as ServerResponse, rethrow);
  } catch (error) {
    throw optionInvalid(`securityHeaders(): ${(error as Error).message}`);
  }
  return headers;
}

function rethrow(error?: unknown): void {
  if (error) throw error;
}

function refuseFunctions({contentSecurityPolicy: policy}: Helmet.HelmetOptions): void {
  const directives = Object.entries(Object(Object(policy).directives) as Record<string, unknown>);
  const found = directives.find(([, value]) => [value].flat().some(each => typeof each === 'function'));
  if (!found) return;
  throw optionInvalid(
    `securityHeaders(): the directive ${found[0]} holds a function. The headers are made once; for a nonce say nonce: true.`,
  );
}

function forPlainHttp([name, value]: Header): Header {
  return [name, value.replace(/;?upgrade-insecure-requests/, '')];
}

/** A nonce has browsers pass over 'unsafe-inline', so it is not put beside that. */
function withNonce(name: string, value: string, nonce: string): string {
  if (!name.startsWith('Content-Security-Policy')) return value;
  return value.replace(/(?<=^|;)(?:script|style)-src(?:-elem)? (?![^;]*'unsafe-inline')[^;]*/g, `$& 'nonce-${nonce}'`);
}
