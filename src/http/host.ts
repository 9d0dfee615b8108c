import createError from 'http-errors';
import type {IncomingHttpHeaders} from 'node:http';

/** What is said of the host that a request is for. */
interface Addressed {
  readonly headers: IncomingHttpHeaders;
  /** Name, value, name, value, …, as sent. */
  readonly rawHeaders?: readonly string[];
  readonly httpVersion?: string;
}

/** A host as RFC 3986, section 3.2.2, has it, with a port or without: a name, an IPv4 address, an IPv6 address in brackets. */
const host = /^(?:\[[\da-f]*:[\da-f:.]+\]|(?:[\w.~!$&'()*+,;=-]|%[\da-f]{2})+)(?::\d*)?$/i;

/** The host that a request is for: that of an absolute target, HTTP/2's `:authority`, or `Host`, in this order. */
export function hostOf({headers}: Addressed, target: string | undefined): string | undefined {
  return target ?? (headers[':authority'] as string | undefined) ?? headers.host;
}

/** The name of a host, without its port and a dot at its end, as URLs have it: in lower case, IPv6 in brackets and at its shortest. */
export function hostnameOf(named: string): string {
  const name = URL.parse(`http://${named}`)?.hostname ?? named.replace(/:\d*$/, '').toLowerCase();
  return name.replace(/\.$/, '');
}

/** Throws a 400 for a host that is none, for two `Host` headers, and for HTTP/1.1 without (RFC 9112, section 3.2). */
export function refuseWrongHost(addressed: Addressed, target: string | undefined): void {
  const {headers, rawHeaders, httpVersion} = addressed;
  if (headers.host === undefined && httpVersion === '1.1') throw createError(400, 'The request has no Host.');
  if (rawHeaders && isTwice('host', rawHeaders)) throw createError(400, 'The request has more than one Host.');
  for (const named of [headers.host, hostOf(addressed, target)]) {
    if (named !== undefined && !host.test(named)) throw createError(400, 'The Host of the request is no host.');
  }
}

function isTwice(name: string, headers: readonly string[]): boolean {
  let count = 0;
  for (let at = 0; at < headers.length; at += 2) {
    const found = headers[at]!;
    if (found.length === name.length && found.toLowerCase() === name) count += 1;
  }
  return count > 1;
}
