import proxyAddr from 'proxy-addr';
import {EspalierError} from '../errors.ts';

/**
 * The proxies whose `X-Forwarded-*` headers are believed: addresses, subnets (`10.0.0.0/8`), the names `loopback`,
 * `linklocal` and `uniquelocal`, or a function asked about each address, nearest first. `false` believes none.
 */
export type TrustProxy = false | string | readonly string[] | ((address: string, distance: number) => boolean);

/** Says whether the proxy at an address, `distance` hops away, is believed. */
export type Trust = (address: string, distance: number) => boolean;

/** Reads the option `trustProxy`. Throws `OPTION_INVALID` for what is no address. */
export function compileTrust(option: TrustProxy): Trust {
  if (option === false) return () => false;
  if (typeof option === 'function') return option;
  try {
    return proxyAddr.compile([option].flat());
  } catch (cause) {
    throw new EspalierError(
      'OPTION_INVALID',
      `trustProxy: ${JSON.stringify(option)} is no list of addresses. Use addresses, subnets, or "loopback".`,
      {cause},
    );
  }
}

/** The most proxies that a request is followed back by: a header can name thousands, and each is looked for in a list. */
const hopLimit = 100;

/** Where a request comes from: the nearest address, of those that proxies tell, which is no trusted proxy's. */
export function visitorAddress(remote: string, forwardedFor: string | string[] | undefined, trust: Trust): string {
  const told = String(forwardedFor ?? '').split(',');
  let address = remote;
  for (let distance = 0; distance < hopLimit && told.length > 0 && trust(address, distance); distance += 1) {
    address = withoutPort(told.pop()!.trim()) || address;
  }
  return address;
}

/** An address without the port that some proxies tell with it: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(text: string): string {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\]|([\d.]+))(?::\d+)?$/.exec(text) ?? [];
  return bracketed ?? plain ?? text;
}
