import {EspalierError} from './errors.ts';
import {listenKinds, type ListenOptions} from './http/server.ts';
import type {ResourceClass} from './resource/declarations.ts';
import {checkOptions, pick} from './options.ts';
import {createSite, siteKinds, type Site, type SiteOptions} from './site.ts';

/** How a site is composed and where it listens. */
export interface ServeOptions extends SiteOptions, ListenOptions {}

/**
 * Compose a site, listen, print its URL, and close it on SIGINT or SIGTERM; a second signal ends the process at once. What
 * else keeps the process alive is yours to end. The variables `PORT` and `HOST` come before the options. What Espalier refuses, a tree that can't be grown or a port that is taken, is printed, and ends the process
 * with code 1.
 */
export async function serve(Root: ResourceClass, options: ServeOptions = {}): Promise<Site> {
  try {
    checkOptions('serve()', options, {...siteKinds, ...listenKinds});
    const site = createSite(Root, pick<SiteOptions>(options, siteKinds));
    const url = await site.listen({...pick<ListenOptions>(options, listenKinds), ...fromEnvironment()});
    closeOnSignal(site);
    process.stdout.write(`Listening on ${url}\n`);
    return site;
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

function fromEnvironment(): ListenOptions {
  const {PORT, HOST} = process.env;
  return {...(PORT && {port: portIn(PORT)}), ...(HOST && {host: HOST})};
}

function portIn(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new EspalierError('OPTION_INVALID', `PORT is ${JSON.stringify(text)}. It must be a number from 0 to 65535.`);
}

/** The first signal closes the site, so that the process can end by itself; a second one, or a failure, ends it at once. */
function closeOnSignal(site: Site): void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  const close = (signal: NodeJS.Signals) => {
    for (const each of signals) process.off(each, close);
    site.close().catch((error: unknown) => {
      process.stderr.write(`Closing on ${signal} failed: ${String(error)}\n`);
      process.exitCode = 1;
    });
  };
  for (const signal of signals) process.on(signal, close);
}
