import {createServer} from 'node:http';
import {createServer as createTlsServer} from 'node:https';
import {spawn} from 'node:child_process';
import {dirname, relative, resolve} from 'node:path';
import {findPackageJSON} from 'node:module';
import type {Socket} from 'node:net';
import {pathToFileURL} from 'node:url';
import {listenDefaults} from '../http/server.ts';
import {certificate} from './certificate.ts';
import {tellFailure, type Failure} from './failure.ts';
import {FailurePage} from './failure-page.ts';
import {Kept} from './kept.ts';
import {loaderFor} from './load.ts';
import {paint, print} from './output.ts';
import {Run, type Question, type RunListener} from './run.ts';
import {tsconfigOf} from './tsconfig.ts';
import {markOf, Watch} from './watch.ts';

/** What `espalier dev` is asked for. */
export interface DevOptions {
  readonly port?: number;
  readonly host?: string;
  readonly https?: true;
  readonly open?: true;
}

/** How long a program may take to close when another one is to come in its place, in milliseconds. */
const patience = 5000;
const patienceAtEnd = 500;

/** Run a program, and run it anew each time that a file of it changes. Resolves with an exit code when it is to end. */
export async function dev(file: string, options: DevOptions): Promise<number> {
  const tls = options.https && (await certificate());
  const {port, host} = options;
  const listen = {...(port !== undefined && {port}), ...(host !== undefined && {host}), ...(tls && {tls})};
  return new Development(resolve(file), listen, options.open === true).run();
}

interface Listen {
  readonly port?: number;
  readonly host?: string;
  readonly tls?: {readonly key: string; readonly cert: string};
}

class Development implements RunListener {
  readonly #path: string;
  readonly #listen: Listen;
  readonly #kept = new Kept();
  readonly #page = new FailurePage();
  readonly #watch: Watch;
  readonly #ended = Promise.withResolvers<number>();
  #run: Run;
  /** The one that comes next, which has loaded all but the program. */
  #spare: Run | undefined;
  #begunAt = performance.now();
  #loaded = new Map<string, string>();
  #tree = '';
  #failure: Failure | undefined;
  #mustOpen: boolean;
  #isChanging = false;
  #isEnding = false;

  constructor(path: string, listen: Listen, mustOpen: boolean) {
    this.#path = path;
    this.#listen = listen;
    this.#mustOpen = mustOpen;
    this.#watch = new Watch(dirname(manifestOf(path) ?? path), paths => this.#change(paths));
    this.#run = this.#make();
  }

  run(): Promise<number> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void this.#end(signal));
    this.#run.start();
    return this.#ended.promise;
  }

  ask(run: Run, question: Question): void {
    if (this.#kept.answer(run, question)) return;
    if (run !== this.#run) return;
    else if (question.espalier === 'loaded') this.#note(question.files);
    else if (question.espalier === 'listening') this.#greet(question.url, question.tree);
    else if (question.espalier === 'failed') this.#fail(question.failure, question.isPrinted);
  }

  end(run: Run, code: number | string): void {
    this.#kept.forget(run);
    if (run === this.#spare) this.#spare = undefined;
    if (run !== this.#run || run.isStopping || this.#isEnding) return;
    const told = typeof code === 'number' ? `with exit code ${code}` : `by ${code}`;
    if (!this.#failure) this.#fail(bare(`The program ended ${told}.`), false);
    print('It is run again when one of its files changes.');
  }

  stuck(run: Run, seconds: number): void {
    if (run !== this.#run || run.isStopping) return;
    const said = 'The program has answered nothing for';
    if (seconds > 0 && seconds % 10 === 5) print(`${said} ${seconds} seconds: it may be in a loop that does not end.`);
    if (seconds === 0) print('The program answers again.');
  }

  #make(): Run {
    const loader = loaderFor(this.#path);
    const order = {isFolder: false, isDevelopment: true, headers: [], accessLog: undefined, loader};
    return new Run({...order, path: this.#path, listen: this.#listen}, this);
  }

  #note(files: readonly (readonly [string, string])[]): void {
    for (const [path, mark] of files) {
      this.#loaded.set(path, mark);
      this.#watch.add(path, mark);
    }
  }

  #greet(url: string, tree: string): void {
    this.#failure = undefined;
    this.#page.show(undefined);
    this.#kept.gate.divert();
    this.#kept.gate.tidy();
    const time = Math.round(performance.now() - this.#begunAt);
    if (tree === this.#tree) print(paint('dim', `Listening on ${url} again after ${time} ms.`));
    else print(`${tree}\nListening on ${url} after ${time} ms.`);
    this.#tree = tree;
    this.#watch.keep(new Map([...this.#always(), ...this.#loaded]));
    if (this.#mustOpen) openBrowser(url);
    this.#mustOpen = false;
    this.#spare ??= this.#make();
  }

  /** What matters although nobody imports it. */
  #always(): readonly (readonly [string, string])[] {
    const tsconfig = tsconfigOf(this.#path);
    const manifest = manifestOf(this.#path);
    const files = [
      this.#path,
      ...(manifest === undefined ? [] : [manifest]),
      ...(tsconfig === undefined ? [] : [tsconfig]),
    ];
    return files.map(file => [file, markOf(file)]);
  }

  #fail(failure: Failure, isPrinted: boolean): void {
    this.#failure = failure;
    if (!isPrinted) process.stderr.write(`${tellFailure(failure)}\n`);
    this.#page.show(failure);
    for (const [path, mark] of this.#always()) this.#watch.add(path, mark);
    void this.#showPage();
  }

  /** What comes while the program does not run gets the page. */
  async #showPage(): Promise<void> {
    const {tls, host = process.env['HOST'] ?? listenDefaults.host} = this.#listen;
    const page = tls ? createTlsServer(tls, this.#page.answer) : createServer(this.#page.answer);
    this.#kept.gate.divert((socket: Socket) => {
      page.emit('connection', socket);
      socket.resume();
    });
    if (this.#kept.gate.isOpen) return;
    const port = this.#listen.port ?? Number(process.env['PORT'] ?? listenDefaults.port);
    try {
      const opened = await this.#kept.gate.openFor(host === 'localhost' ? '127.0.0.1' : host, port);
      print(`The error is shown on ${tls ? 'https' : 'http'}://${host}:${opened}`);
    } catch {
      // Then it is in the terminal alone.
    }
  }

  #change(paths: readonly string[]): void {
    const [path] = paths.map(one => relative(process.cwd(), one));
    print(paint('dim', `${path}${paths.length > 1 ? ` and ${paths.length - 1} more` : ''} changed.`));
    if (paths.some(one => one.endsWith('.json'))) {
      this.#spare?.kill();
      this.#spare = undefined;
    }
    void this.#restart();
  }

  async #restart(): Promise<void> {
    if (this.#isChanging || this.#isEnding) return;
    this.#isChanging = true;
    this.#begunAt = performance.now();
    const former = this.#run;
    this.#kept.gate.divert();
    this.#kept.gate.leave(former);
    if (!former.isOver) await former.stop(former.isStuck ? 0 : patience);
    this.#isChanging = false;
    if (this.#isEnding) return;
    this.#failure = undefined;
    this.#loaded = new Map();
    this.#run = this.#spare ?? this.#make();
    this.#spare = undefined;
    this.#run.start();
  }

  async #end(signal: string): Promise<void> {
    if (this.#isEnding) {
      this.#run.kill();
      process.exit(1);
    }
    this.#isEnding = true;
    this.#watch.close();
    this.#spare?.kill();
    this.#kept.gate.closeAll();
    if (!this.#run.isOver) await this.#run.stop(patienceAtEnd);
    this.#ended.resolve(signal === 'SIGINT' ? 130 : 0);
  }
}

/** The package.json that a file belongs to. */
function manifestOf(path: string): string | undefined {
  return findPackageJSON(pathToFileURL(path));
}

function bare(message: string): Failure {
  return {message, file: undefined, line: undefined, column: undefined, frame: '', stack: ''};
}

const openers: Readonly<Record<string, readonly string[]>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
};

function openBrowser(url: string): void {
  const [command, ...args] = openers[process.platform] ?? ['xdg-open'];
  const opener = spawn(command!, [...args, url], {stdio: 'ignore', detached: true});
  opener.on('error', () => print(`There is nothing here that opens ${url}.`));
  opener.unref();
}
