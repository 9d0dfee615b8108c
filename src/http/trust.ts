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
