import {mkdirSync} from 'node:fs';
import {join} from 'node:path';

const {DATA, INSECURE_HTTP, NODE_ENV, ORIGIN, PORT, TRUST_PROXY} = process.env;

/** What the environment says of this installation. README.md has a table of it. */
export const settings = {
  /** Where visitors reach the site. Links in mails, and passkeys, go by it, never by what a request says. */
  origin: ORIGIN ?? `http://localhost:${PORT ?? 8080}`,
  trustProxy: TRUST_PROXY ?? false,
  /** Whether sessions go over plain HTTP too, where others can take them over. */
  insecure: INSECURE_HTTP === 'yes',
  /** Whether this is the real site: it has a name of its own, over TLS, or it is said so. */
  production: NODE_ENV === 'production' || ORIGIN?.startsWith('https:') === true,
} as const;

/** Where a database lies. Its folder is made where there is none. */
export function databasePath(name: string): string {
  const folder = DATA ?? 'data';
  mkdirSync(folder, {recursive: true});
  return join(folder, name);
}
