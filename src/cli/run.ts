import {fork, type ChildProcess} from 'node:child_process';
import type {Socket} from 'node:net';
import {fileURLToPath} from 'node:url';
import {ownFolder} from '../place.ts';
import type {Failure} from './failure.ts';
import type {Loader} from './load.ts';

/** What a process is to run, and how. */
export interface Order {
  /** A file, or a folder to serve, in full. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly isDevelopment: boolean;
  readonly loader: Loader;
  /** Where and how to listen, whatever the program says. */
  readonly listen: object;
  /** Headers of each answer. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly accessLog: 'json' | 'combined' | undefined;
}

/** A file that was loaded, and how it was then. */
export type Loaded = readonly [path: string, mark: string];

/** What a process asks of the one that has started it, or tells it. Others' messages are passed over. */
export type Question =
  | {readonly espalier: 'open'; readonly id: number; readonly address: string; readonly port: number}
  | {readonly espalier: 'close'; readonly id: number}
  | {
      readonly espalier: 'call';
      readonly id: number;
      readonly store: number;
      readonly method: string;
      readonly args: readonly unknown[];
    }
  | {readonly espalier: 'make'; readonly store: number; readonly limit: number; readonly bytes: number}
  | {readonly espalier: 'loaded'; readonly files: readonly Loaded[]}
  | {readonly espalier: 'listening'; readonly url: string; readonly tree: string}
  | {readonly espalier: 'failed'; readonly failure: Failure; readonly isPrinted: boolean}
  | {readonly espalier: 'pong'};

/** What it is told. */
export type Answer =
  | {readonly espalier: 'prepare'; readonly order: Order}
  | {readonly espalier: 'start'}
  | {readonly espalier: 'connection'; readonly id: number; readonly head: Uint8Array}
  | {readonly espalier: 'done'; readonly id: number; readonly value?: unknown; readonly fault?: Fault}
  | {readonly espalier: 'stop'}
  | {readonly espalier: 'ping'};

/** An error on its way to another process. */
export interface Fault {
  readonly message: string;
  readonly code: string | undefined;
}

/** Who hears of a run. */
export interface RunListener {
  /** It asks or tells something. */
  ask(run: Run, question: Question): void;
  /** It is over; `code` is its exit code, or the name of a signal. */
  end(run: Run, code: number | string): void;
  /** It has answered nothing for so many seconds, or does again. */
  stuck(run: Run, seconds: number): void;
}

const program = fileURLToPath(new URL('cli/program.js', ownFolder));
const second = 1000;

/** A program in a process of its own. It is there at once, and waits with all that it needs until it is to start. */
export class Run {
  readonly order: Order;
  readonly #child: ChildProcess;
  readonly #listener: RunListener;
  readonly #exited = Promise.withResolvers<void>();
  #pings: NodeJS.Timeout | undefined;
  #unanswered = 0;
  #isStopping = false;
  #isOver = false;

  constructor(order: Order, listener: RunListener) {
    this.order = order;
    this.#listener = listener;
    this.#child = fork(program, [order.path], {
      serialization: 'advanced',
      execArgv: [...process.execArgv, '--enable-source-maps'],
      env: {...process.env, ...order.loader.env},
    });
    this.#child.on('message', (message: Question) => this.#hear(message));
    this.#child.once('exit', (code, signal) => this.#over(code ?? signal!));
    this.#child.on('error', () => undefined);
    this.tell({espalier: 'prepare', order});
  }

  /** Whether it takes connections. */
  get isThere(): boolean {
    return this.#child.connected && !this.#isStopping;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether somebody has asked it to end. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Whether it has answered nothing for a while. */
  get isStuck(): boolean {
    return this.#unanswered > 5;
  }

  start(): void {
    this.tell({espalier: 'start'});
    this.#pings = setInterval(() => this.#ping(), second).unref();
  }

  tell(answer: Answer, socket?: Socket): void {
    // Where it has gone meanwhile, its end is told of.
    if (this.#child.connected) this.#child.send(answer, socket, {}, () => undefined);
    else socket?.destroy();
  }

  /** Have it close its sites and end; after `patience` milliseconds it is made to. */
  async stop(patience: number): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.tell({espalier: 'stop'});
    }
    const force = setTimeout(() => this.kill(), patience);
    await this.#exited.promise;
    clearTimeout(force);
  }

  kill(): void {
    this.#isStopping = true;
    this.#child.kill('SIGKILL');
  }

  #hear(message: Question): void {
    if (typeof message !== 'object' || message === null || !('espalier' in message)) return;
    if (message.espalier === 'pong') this.#answered();
    else this.#listener.ask(this, message);
  }

  #ping(): void {
    this.#unanswered += 1;
    if (this.isStuck) this.#listener.stuck(this, this.#unanswered - 1);
    this.tell({espalier: 'ping'});
  }

  #answered(): void {
    if (this.isStuck) this.#listener.stuck(this, 0);
    this.#unanswered = 0;
  }

  #over(code: number | string): void {
    this.#isOver = true;
    clearInterval(this.#pings);
    this.#exited.resolve();
    this.#listener.end(this, code);
  }
}
