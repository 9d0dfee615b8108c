import proxyAddr from 'proxy-addr';
import {EspalierError} from '../errors.ts';

/**
 * The proxies whose `X-Forwarded-*` headers are believed: addresses, subnets (`10.0.0.0/8`), the names `loopback`, `linklocal`
 * and `uniquelocal`, `unix` for what comes by a Unix socket, or a function asked about each address, nearest first. `false`
 * believes none.
 */
export type TrustProxy = false | string | readonly string[] | ((address: string, distance: number) => boolean);

/** Says whether the proxy at an address, `distance` hops away, is believed. */
export type Trust = (address: string, distance: number) => boolean;

/** What stands for the address of those who come by a Unix socket, which has none. */
export const unixAddress = 'unix';

/** Reads the option `trustProxy`. Throws `OPTION_INVALID` for what is no address. */
export function compileTrust(option: TrustProxy): Trust {
  if (option === false) return () => false;
  if (typeof option === 'function') return option;
  try {
    const names = [option].flat();
    const isTrusted = proxyAddr.compile(names.filter(name => name !== unixAddress));
    // Further away it would be a word that somebody has written into a header.
    const trustsUnix = names.includes(unixAddress);
    return (address, distance) =>
      address === unixAddress ? trustsUnix && distance === 0 : isTrusted(address, distance);
  } catch (cause) {
    throw new EspalierError(
      'OPTION_INVALID',
      `trustProxy: ${JSON.stringify(option)} is no list of addresses. ${allWays}`,
      {
        cause,
      },
    );
  }
}

const allWays =
  'Use addresses, subnets like "10.0.0.0/8", "loopback", "linklocal", "uniquelocal", or "unix" for a Unix socket; one of them or a list. Or a function: () => true believes everybody, (address, distance) => distance < 1 the nearest.';

/** The most proxies that a request is followed back by: a header can name thousands, and each is looked for in a list. */
const hopLimit = 100;

/**
 * Where a request comes from: the nearest address, of those that proxies tell, which is no trusted proxy's. Where it comes from
 * nowhere, nobody is believed.
 */
export function visitorAddress(remote: string, forwardedFor: string | string[] | undefined, trust: Trust): string {
  const told = remote === '' ? [] : String(forwardedFor ?? '').split(',');
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
