const production = process.env['NODE_ENV'] === 'production';

/** What the environment says of this installation. */
export const settings = {
  /** Where visitors reach the site. Links in mails, and passkeys, go by it, never by what a request says. */
  origin: process.env['ORIGIN'] ?? `http://localhost:${process.env['PORT'] ?? 8080}`,
  trustProxy: process.env['TRUST_PROXY'] ?? false,
  /** The folder of the databases. */
  data: process.env['DATA'] ?? '.',
  production,
} as const;
