import {describe} from '../errors.ts';
import {HostTable} from '../http/host-table.ts';
import {optionInvalid} from '../options.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import {declareHosts, Resource} from '../resource/resource.ts';
import {refusable} from './refusable.ts';

/**
 * A resource in whose place others stand, by the host that a request is for: `{'shop.example.org': Shop, '*.example.org': Tenant,
 * '*': Other}`. It may be the root. Ports, case and a dot at the end of a name do not matter; `*.` is any name below, however deep, of
 * several the longest; `*` is for all others, and for requests without a host. Where there is none for it, a host is a 421.
 * The host is `request.host`: that of the request itself, whoever else is named in `X-Forwarded-Host`. A class that is declared later is
 * given by a function, `() => Shop`. All are made when the site is built. Throws `OPTION_INVALID`.
 */
export const virtualHosts = refusable(makeVirtualHosts);

function makeVirtualHosts(hosts: Readonly<Record<string, ResourceClass | (() => ResourceClass)>>): ResourceClass {
  const table = new HostTable<unknown>();
  for (const [host, resource] of Object.entries(hosts)) {
    table.add('virtualHosts()', host, resource);
    if (typeof resource === 'function') continue;
    const wayOut = 'Give the class of a resource, or () => TheClass where it is declared later.';
    throw optionInvalid(`virtualHosts(): what stands for ${JSON.stringify(host)} is ${describe(resource)}. ${wayOut}`);
  }
  @Resource()
  class VirtualHosts {
    /** For whoever looks at it: what stands in its place answers. */
    readonly names = Object.keys(hosts);
  }
  declareHosts(VirtualHosts, hosts);
  return VirtualHosts;
}
