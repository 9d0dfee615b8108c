import {optionInvalid} from '../options.ts';
import {hostnameOf} from './host.ts';

/** A host name has no more characters (RFC 1035, section 2.3.4). */
const longestName = 253;
/** Between two dots, or before the first, a name has at least one character (RFC 1035, section 3.1). */
const hasEmptyLabel = /^\.|\.\./;

/** Things by the names of hosts: `shop.example.org`, `*.example.org` for all below it, `[::1]`, and `*` for all others. */
export class HostTable<T> {
  readonly #named = new Map<string, T>();
  /** By the name behind `*.`. */
  readonly #below = new Map<string, T>();
  #others: T | undefined;

  /** Throws `OPTION_INVALID` for what is no name, for one with a port, and for one that is there already. `call` is who was given it. */
  add(call: string, host: string, thing: T): void {
    const isBelow = host.startsWith('*.');
    const table = isBelow ? this.#below : this.#named;
    const name = host === '*' ? host : nameIn(call, host, isBelow ? host.slice(2) : host);
    if (table.has(name)) throw optionInvalid(`${call}: ${JSON.stringify(host)} is there twice, written in two ways.`);
    if (host === '*') this.#others = thing;
    else table.set(name, thing);
  }

  /** What there is for a host as a request names it, with its port or without. The longest name wins, and a whole one before. */
  find(host: string | undefined): T | undefined {
    if (host === undefined) return this.#others;
    return this.#named.get(host) ?? this.#look(hostnameOf(host)) ?? this.#others;
  }

  #look(name: string): T | undefined {
    const isNone = name.length > longestName || hasEmptyLabel.test(name);
    if (this.#named.has(name) || this.#below.size === 0 || isNone) return this.#named.get(name);
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      const found = this.#below.get(name.slice(dot + 1));
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function nameIn(call: string, host: string, name: string): string {
  const bracketed = /^[\da-f:.]*:[\da-f:.]*:[\da-f:.]*$/i.test(name) ? `[${name}]` : name;
  const url = /[/?#@\\*\s]/.test(bracketed) ? null : URL.parse(`http://${bracketed}`);
  if (url && !/:\d*$/.test(bracketed) && !hasEmptyLabel.test(name)) return hostnameOf(bracketed);
  const wayOut =
    'Give a name like "shop.example.org", "*.example.org" or "[::1]", without a port, or "*" for all others.';
  throw optionInvalid(`${call}: ${JSON.stringify(host)} is no name of a host. ${wayOut}`);
}
