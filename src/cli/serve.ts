import {readFileSync, realpathSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {EspalierError} from '../errors.ts';
import {tellFailure} from './failure.ts';
import {Kept} from './kept.ts';
import {loaderFor, type Loader} from './load.ts';
import {print} from './output.ts';
import {Run, type Order, type Question, type RunListener} from './run.ts';
import {FolderWatch} from './scripts.ts';
import {Watch} from './watch.ts';

/** What `espalier serve` is asked for. */
export interface ServingOptions {
  readonly port?: number;
  readonly host?: string;
  /** The files of a key and a certificate, or one with both. */
  readonly tls?: readonly string[];
  readonly workers: number;
  readonly accessLog?: 'json' | 'combined';
  readonly header?: readonly (readonly [string, string])[];
}

/** How long a process may take to end after another has come in its place, in milliseconds: longer than a site drains. */
const patience = 15_000;
/** The longest that a process which ends again and again is kept from coming back, in milliseconds. */
const longestPause = 30_000;
const minute = 60_000;

/** Serve a program or a folder. Resolves with an exit code when it is to end. */
export async function serve(path: string, options: ServingOptions): Promise<number> {
  return new Service(orderFor(path, options), options.workers).run();
}

function orderFor(given: string, {port, host, tls, accessLog, header = []}: ServingOptions): Order {
  const path = realpathSync(given);
  const isFolder = statSync(path).isDirectory();
  const listen = {
    ...(port !== undefined && {port}),
    ...(host !== undefined && {host}),
    ...(tls && {tls: {key: readFileSync(tls[0]!, 'utf8'), cert: readFileSync(tls.at(-1)!, 'utf8')}}),
  };
  const loader = isFolder ? loaderOfFolder(path) : loaderFor(path);
  return {path, isFolder, isDevelopment: false, loader, listen, headers: header, accessLog};
}

/** A folder may have no TypeScript in it: where there is nothing that runs it, its scripts say so. */
function loaderOfFolder(path: string): Loader {
  try {
    return loaderFor(join(path, 'index.resource.ts'));
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    return {module: undefined, env: {}};
  }
}

class Service implements RunListener {
  readonly #order: Order;
  readonly #workers: number;
  readonly #kept = new Kept();
  readonly #ended = Promise.withResolvers<number>();
  readonly #watch: Watch;
  #folder: FolderWatch | undefined;
  /** Those that serve. */
  #serving = new Set<Run>();
  /** Those that are to serve in their place, and have not begun; and those that have. */
  #coming = new Set<Run>();
  #ready = new Set<Run>();
  readonly #leaving = new Set<Run>();
  /** In a folder, where things change, the next one has loaded all but the scripts. */
  #spare: Run | undefined;
  #loaded = new Map<string, string>();
  #ends: number[] = [];
  #isEnding = false;

  constructor(order: Order, workers: number) {
    this.#order = order;
    this.#workers = workers;
    this.#watch = new Watch(order.path, () => this.#reload());
  }

  run(): Promise<number> {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void this.#end());
    if (this.#order.isFolder) this.#folder = new FolderWatch(this.#order.path, () => this.#reload());
    this.#reload();
    return this.#ended.promise;
  }

  ask(run: Run, question: Question): void {
    if (this.#kept.answer(run, question)) return;
    if (question.espalier === 'loaded') this.#note(run, question.files);
    else if (question.espalier === 'listening') this.#begin(run, question.url);
    else if (question.espalier === 'failed' && !question.isPrinted)
      process.stderr.write(`${tellFailure(question.failure)}\n`);
  }

  end(run: Run, code: number | string): void {
    this.#kept.forget(run);
    this.#leaving.delete(run);
    if (run === this.#spare) this.#spare = undefined;
    if (run.isStopping || this.#isEnding) return;
    const told = typeof code === 'number' ? `with exit code ${code}` : `by ${code}`;
    if (this.#serving.delete(run)) this.#replace(told);
    else if (this.#coming.has(run) || this.#ready.has(run)) this.#giveUp(told);
  }

  stuck(_run: Run, seconds: number): void {
    const said = 'A process has answered nothing for';
    if (seconds > 0 && seconds % 60 === 10)
      console.warn(`${said} ${seconds} seconds: it may be in a loop that does not end.`);
  }

  /** Start anew, and go on as it is until that serves. */
  #reload(): void {
    if (this.#isEnding) return;
    this.#dropComing();
    this.#loaded = new Map();
    // One that ends its process at once tells of nothing.
    for (const path of this.#folder?.scripts ?? []) this.#watch.add(path);
    for (let i = 0; i < this.#workers; i += 1) this.#coming.add(this.#start());
  }

  #start(): Run {
    const run = this.#spare ?? new Run(this.#order, this);
    this.#spare = undefined;
    run.start();
    return run;
  }

  #dropComing(): void {
    for (const run of [...this.#coming, ...this.#ready]) run.kill();
    this.#coming = new Set();
    this.#ready = new Set();
  }

  #note(run: Run, files: readonly (readonly [string, string])[]): void {
    if (!this.#order.isFolder || run.isStopping) return;
    for (const [path, mark] of files) {
      this.#loaded.set(path, mark);
      this.#watch.add(path, mark);
    }
  }

  #begin(run: Run, url: string): void {
    if (!this.#coming.delete(run)) return;
    this.#ready.add(run);
    if (this.#coming.size > 0) return;
    const former = this.#serving;
    this.#serving = this.#ready;
    this.#ready = new Set();
    for (const each of former) this.#retire(each);
    this.#kept.gate.tidy();
    this.#watch.keep(this.#loaded);
    if (this.#order.isFolder) this.#spare ??= new Run(this.#order, this);
    if (former.size === 0) print(`Listening on ${url}`);
  }

  #retire(run: Run): void {
    this.#kept.gate.leave(run);
    this.#leaving.add(run);
    void run.stop(patience);
  }

  /** One that served has ended: another comes at once, or later where that happens again and again. */
  #replace(told: string): void {
    const now = performance.now();
    this.#ends = [...this.#ends.filter(at => at > now - minute), now];
    const pause = this.#ends.length < 3 ? 0 : Math.min(longestPause, 2 ** (this.#ends.length - 3) * 1000);
    console.error(
      `A process ended ${told}. Another one comes in its place${pause > 0 ? ` in ${pause / 1000} seconds` : ''}.`,
    );
    setTimeout(() => {
      if (this.#isEnding) return;
      this.#serving.add(this.#start());
    }, pause);
  }

  #giveUp(told: string): void {
    this.#dropComing();
    if (this.#serving.size > 0) console.error(`What has changed does not run: it ended ${told}. All stays as it was.`);
    else void this.#end(1);
  }

  async #end(code = 0): Promise<void> {
    if (this.#isEnding) {
      for (const run of [...this.#serving, ...this.#leaving]) run.kill();
      process.exit(1);
    }
    this.#isEnding = true;
    this.#watch.close();
    this.#folder?.close();
    this.#spare?.kill();
    this.#dropComing();
    this.#kept.gate.closeAll();
    await Promise.all([...this.#serving, ...this.#leaving].map(async run => run.isOver || run.stop(patience)));
    this.#ended.resolve(code);
  }
}
