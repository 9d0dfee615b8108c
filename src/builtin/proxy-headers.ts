import {isIP} from 'node:net';
import type {Request} from '../http/request.ts';

/** What clients may not say: it is said anew, or nobody asks for it. By `-` and `_`, which CGI and its like hold for the same. */
const ofProxies = /^(?:x-forwarded(?:-.*)?|forwarded|x-real-ip|proxy(?:-.*)?|http2-settings)$/;

/** Whether a header is for proxies to set, or would be taken for a setting of the target (httpoxy, CVE-2016-5385). */
export function isOfProxies(name: string): boolean {
  return ofProxies.test(name.replaceAll('_', '-'));
}

/**
 * What the target is told of the visitor, as the site believes it: `X-Forwarded-*`, `Forwarded` (RFC 7239), and `Via` (RFC 9110, section
 * 7.6.3). `prefix` is the path that was cut off.
 */
export function forwardedHeaders(request: Request, prefix: string): Record<string, string> {
  const {ip, secure, host, headers, httpVersion = '1.1'} = request;
  const proto = secure ? 'https' : 'http';
  // Whom a trusted proxy speaks for may be any text.
  const version = isIP(ip);
  const node = version === 0 ? 'unknown' : version === 6 ? `"[${ip}]"` : ip;
  const via = [headers['via'], `${httpVersion} espalier`].filter(Boolean).join(', ');
  return {
    ...(version > 0 && {'x-forwarded-for': ip}),
    'x-forwarded-proto': proto,
    ...(host !== undefined && {'x-forwarded-host': host}),
    ...(prefix !== '' && {'x-forwarded-prefix': prefix}),
    forwarded: `for=${node};${host === undefined ? '' : `host="${host}";`}proto=${proto}`,
    via,
  };
}

/** A `Cookie` header without the cookies by these names. */
export function withoutCookies(header: string, names: readonly string[]): string {
  return header
    .split(';')
    .filter(pair => !names.includes(pair.split('=')[0]!.trim()))
    .join(';')
    .trim();
}
