import type {Request} from './request.ts';

/** The origin that an `Origin` header names, as `https://shop.example` (RFC 6454, section 6.2), or nothing where it names none. */
export function originIn(header: string | undefined): URL | undefined {
  return header === undefined || header === 'null' ? undefined : (URL.parse(header) ?? undefined);
}

/** Whether a value is an origin as a header has it: without a path, `null` for a page that has none. */
export function isOrigin(value: unknown): boolean {
  return value === 'null' || (typeof value === 'string' && URL.parse(value)?.origin === value);
}

/**
 * Whether an origin is the host that the browser asked for. By host and port alone: of a proxy that is not trusted nobody knows
 * whether the visitor came over TLS. `X-Forwarded-Host` counts, trusted or not: no page of another site can set it.
 */
export function isOwnOrigin(origin: URL | undefined, {host, headers}: Request): boolean {
  if (!origin) return false;
  const [asked] = String(headers['x-forwarded-host'] ?? '').split(',');
  return [host, asked].some(own => own && origin.host === URL.parse(`${origin.protocol}//${own.trim()}`)?.host);
}
