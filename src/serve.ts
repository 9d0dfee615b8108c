import {commandLine, goNoFurther} from './command-line.ts';
import {EspalierError} from './errors.ts';
import {listenKinds, type ListenOptions} from './http/server.ts';
import {Logger, warn} from './logger.ts';
import {checkOptions, pick, type Kinds} from './options.ts';
import type {ResourceClass} from './resource/declarations.ts';
import {createSite, siteKinds, type Site, type SiteOptions} from './site.ts';

/** How a site is composed and where it listens. */
export interface ServeOptions extends SiteOptions, ListenOptions {}

/** What the values of `ServeOptions` may be. */
export const serveKinds: Kinds<ServeOptions> = {...siteKinds, ...listenKinds};

/**
 * Compose a site, listen, print its URL, and close it on SIGINT or SIGTERM. Where `port` or `host` is not given, the variables
 * `PORT` and `HOST` say it. When all sites that are served have closed on a signal, the process ends: by itself, or a second later,
 * with a log line that says what was still open. A second signal ends it at once. `site.close()` takes the handlers of signals off.
 *
 * What Espalier refuses, a tree that can't be grown or a port that is taken, is printed, and ends the process with code 1.
 */
export async function serve(Root: ResourceClass, options: ServeOptions = {}): Promise<Site> {
  const {look} = commandLine();
  if (look) return goNoFurther(() => look(Root, options));
  try {
    checkOptions('serve()', options, serveKinds);
    const site = createSite(Root, pick<SiteOptions>(options, siteKinds));
    const url = await listen(site, pick<ListenOptions>(options, listenKinds));
    void closeOnSignal(site);
    if (!commandLine().host) process.stdout.write(`Listening on ${url}\n`);
    return site;
  } catch (error) {
    if (!(error instanceof EspalierError) || commandLine().host) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

/** What the program says comes first: `HOST` is also set by others, as conda does. */
async function listen(site: Site, {port, host, ...options}: ListenOptions): Promise<string> {
  const named: NodeJS.ProcessEnv = {
    ...(port === undefined && process.env['PORT'] && {PORT: process.env['PORT']}),
    ...(host === undefined && process.env['HOST'] && {HOST: process.env['HOST']}),
  };
  const {PORT, HOST} = named;
  const place = {port: PORT === undefined ? port : portIn(PORT), host: HOST ?? host};
  try {
    return await site.listen({...options, ...(place as ListenOptions)});
  } catch (error) {
    throw withVariables(error, named);
  }
}

function portIn(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new EspalierError('OPTION_INVALID', `PORT is ${JSON.stringify(text)}. It must be a number from 0 to 65535.`);
}

function withVariables(error: unknown, named: NodeJS.ProcessEnv): unknown {
  const variables = Object.entries(named).map(([name, value]) => `${name}=${value}`);
  if (!(error instanceof EspalierError) || error.code !== 'LISTEN_FAILED' || variables.length === 0) return error;
  const message = error.message.replace(/ \[\w+\]$/, '');
  const wayOut = `The environment says ${variables.join(' and ')}: what serve() is given comes before.`;
  return new EspalierError('LISTEN_FAILED', `${message} ${wayOut}`, {cause: error.cause});
}

const signals = ['SIGINT', 'SIGTERM'] as const;
/** How long what is open has to end by itself, in milliseconds. */
const rest = 1000;
/** The sites that have not closed yet. */
const served = new Set<Site>();
let isEnding = false;

async function closeOnSignal(site: Site): Promise<void> {
  if (served.size === 0) for (const signal of signals) process.on(signal, heed);
  served.add(site);
  await site.closed;
  served.delete(site);
  if (served.size === 0) for (const signal of signals) process.off(signal, heed);
}

/** The first signal closes all sites and has the process end; a second one ends it at once, whoever else listens to it. */
function heed(signal: NodeJS.Signals): void {
  if (isEnding) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
    return;
  }
  isEnding = true;
  const [logger] = [...served].map(site => site.container.get<Logger>(Logger));
  const closing = [...served].map(site => site.close().catch((error: unknown) => tellFailure(signal, error)));
  void Promise.all(closing).then(() => endSoon(signal, logger!));
}

function tellFailure(signal: string, error: unknown): void {
  process.stderr.write(`Closing on ${signal} failed: ${String(error)}\n`);
  process.exitCode = 1;
}

/** Where nothing is open the process ends by itself, before the time is over. */
function endSoon(signal: string, logger: Logger): void {
  const {host} = commandLine();
  if (host) return host.onClosed();
  const end = () => {
    const wayOut = 'The process ends all the same. What a service holds open is ended in its @preDestroy() method.';
    warn(logger, `All is closed on ${signal}, but still open is: ${stillOpen()}. ${wayOut}`);
    process.exit();
  };
  setTimeout(end, rest).unref();
}

/** What keeps the process alive, by Node's names. Where there is more, it is not the standard streams, which are always there. */
function stillOpen(): string {
  const all = process.getActiveResourcesInfo();
  const others = all.filter(name => name !== 'PipeWrap' && name !== 'TTYWrap');
  const counted = Object.entries(Object.groupBy(others.length > 0 ? others : all, name => name));
  return counted.map(([name, {length} = []]) => (length === 1 ? name : `${name} (${length})`)).join(', ');
}
