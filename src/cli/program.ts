// What runs in a process of its own: `program.js PATH`. It gets everything ready, and waits until it is to start.
import {createRequire} from 'node:module';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {accessLog} from '../builtin/access-log.ts';
import {setCommandLine} from '../command-line.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {ownFolder} from '../place.ts';
import type {ResourceClass} from '../resource/declarations.ts';
import type {Middleware, MiddlewareClass, Next} from '../resource/middleware.ts';
import type {Site} from '../site.ts';
import {failureOf} from './failure.ts';
import type {Package} from './folder.ts';
import {HeldStore} from './held-store.ts';
import {Link} from './link.ts';
import {LoadedFiles} from './loaded.ts';
import type {Answer, Order} from './run.ts';
import {urlsOf} from './urls.ts';

const link = new Link();
let loaded: LoadedFiles | undefined;
let own: Promise<Package>;
let order: Order;
let hasServed = false;
let isEnding = false;

process.on('message', (answer: Answer) => {
  if (answer.espalier === 'prepare') own = prepare(answer.order);
  else if (answer.espalier === 'start') void start().catch(fail);
  else if (answer.espalier === 'stop') stop();
});
process.on('disconnect', () => {
  setTimeout(() => process.exit(), 1000).unref();
  stop();
});
process.on('exit', () => loaded?.tell());
// Where somebody presses Ctrl-C, each process gets it.
process.on('SIGINT', () => {
  isEnding = true;
  if (process.listenerCount('SIGINT') === 1) process.exit(130);
});
// Node prints it, and ends the process.
process.on('uncaughtExceptionMonitor', error => tellFailure(error, true));

/** Load what is the same whatever the program says: the package as the program finds it, and what runs its language. */
async function prepare(given: Order): Promise<Package> {
  order = given;
  host();
  const found = (await import(pathToFileURL(placeOfPackage(order.path)).href)) as Package;
  if (order.loader.module !== undefined) await import(order.loader.module);
  loaded = new LoadedFiles(files => link.tell({espalier: 'loaded', files}));
  return found;
}

function placeOfPackage(path: string): string {
  try {
    return createRequire(order.isFolder ? `${path}/` : path).resolve('espalier');
  } catch {
    return fileURLToPath(new URL('index.js', ownFolder));
  }
}

/** What the program finds of the process that has started it. */
function host(): void {
  let listening: object = order.listen;
  let stores = 0;
  setCommandLine({
    isDevelopment: order.isDevelopment,
    host: {
      open: (server, address, port) => link.open(server as Parameters<Link['open']>[0], address, port),
      // The first to listen does so where it is said, and others where they say.
      listenOptions() {
        const options = listening;
        listening = {};
        return order.isDevelopment ? {...options, maxRequestsPerSocket: 1} : options;
      },
      use: middlewareOf(order),
      makeStore: limits => new HeldStore(link, (stores += 1), limits),
      onListening(site, url) {
        hasServed = true;
        loaded?.tell();
        link.tell({espalier: 'listening', url, tree: urlsOf((site as Site).tree, url)});
      },
      onClosed: () => process.exit(),
    },
  });
}

function middlewareOf({headers, accessLog: format}: Order): MiddlewareClass[] {
  const log = format === undefined ? [] : [accessLog({format})];
  return headers.length === 0 ? log : [...log, setHeaders(headers)];
}

function setHeaders(headers: Order['headers']): MiddlewareClass {
  return class SetHeaders implements Middleware {
    static readonly passesPreflights = true;

    async handle(_request: Request, response: Response, next: Next): Promise<unknown> {
      const set = () => {
        for (const [name, value] of headers) response.setHeader(name, value);
      };
      // Before, for errors, and after, in place of those of what answers.
      set();
      const result = await next();
      set();
      return result;
    }
  };
}

async function start(): Promise<void> {
  const found = await own;
  if (order.isFolder) {
    const {serveFolder} = await import('./folder.ts');
    await serveFolder(order.path, found);
    link.release();
    return;
  }
  link.release();
  const {default: given} = (await import(pathToFileURL(order.path).href)) as {readonly default?: unknown};
  const Root = typeof given === 'object' && given !== null && 'default' in given ? given.default : given;
  if (!hasServed && typeof Root === 'function') await found.serve(Root as ResourceClass);
  loaded?.tell();
}

function fail(error: unknown): void {
  tellFailure(error, false);
  setImmediate(() => process.exit(1));
}

function tellFailure(error: unknown, isPrinted: boolean): void {
  loaded?.tell();
  link.tell({espalier: 'failed', failure: failureOf(error), isPrinted});
}

function stop(): void {
  if (isEnding) return;
  isEnding = true;
  if (process.listenerCount('SIGTERM') === 0) process.exit();
  process.emit('SIGTERM', 'SIGTERM');
}
