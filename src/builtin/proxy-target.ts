/** A server that requests are handed on to. */
export interface Target {
  /** What the log calls it. */
  readonly name: string;
  /** As `httpxy` takes it. */
  readonly address: string;
  readonly isSecure: boolean;
  /** With its port, as `Host` has it. */
  readonly host: string;
  /** To be asked by in place of that in `address`: an IPv6 address stands without brackets here. */
  readonly hostname: string | undefined;
  /** The path below which it is asked. */
  readonly path: string;
  /** The origin of its URLs; nothing for a socket of the file system. */
  readonly origin: string | undefined;
}

/** The target that a URL, or `unix:` and a path, stands for; nothing for any other. */
export function targetOf(given: unknown): Target | undefined {
  const text = String(given);
  if (/^unix:\/./.test(text)) {
    const unix = {name: text, address: text, isSecure: false, host: 'localhost', hostname: undefined, path: '/'};
    return {...unix, origin: undefined};
  }
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  if (!url || url.username || url.password || url.search || url.hash) return undefined;
  const {origin, host, pathname: path, protocol} = url;
  const hostname = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : undefined;
  return {name: origin, address: origin, isSecure: protocol === 'https:', host, hostname, path, origin};
}

/**
 * A location as visitors can follow it, who see the target below `prefix`: one of the target's own origin, or a path of it. Any other
 * stays as it is, and so does a path that has the prefix already.
 */
export function ownLocation(location: string, target: Target, prefix: string): string {
  const asked = askedOf(location, target);
  if (asked === undefined || (asked === location && prefix !== '' && isBelow(asked, prefix))) return location;
  const base = target.path.replace(/\/$/, '');
  const below = base !== '' && isBelow(asked, base) ? asked.slice(base.length) : asked;
  // A path that begins with two slashes would lead to another host.
  return `${prefix}${below === '' ? '' : `/${below.replace(/^\/+/, '')}`}` || '/';
}

/** What of the target a location is for, path, query and hash; nothing where it is for others. */
function askedOf(location: string, {origin}: Target): string | undefined {
  if (/^\/(?![/\\])/.test(location)) return location;
  const url = URL.parse(location);
  return url && url.origin === origin ? url.pathname + url.search + url.hash : undefined;
}

function isBelow(path: string, above: string): boolean {
  return path.startsWith(above) && /^(?:$|[/?#])/.test(path.slice(above.length));
}
