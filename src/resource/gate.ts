import {isPromised, type Awaitable} from '../awaitable.ts';
import {classOf} from '../container.ts';
import {EspalierError} from '../errors.ts';
import {beginProblem, problemOf} from '../http/problem.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {hush} from '../http/stream.ts';
import {Answer} from './answer.ts';
import type {Middleware, Next} from './middleware.ts';
import {dismissResult, isMadeOf, opened} from './render.ts';
import type {Handler} from './tree.ts';

/** What a site wants to know of a request on its way. */
export interface Oversight {
  /** Told of what fails when the request has been answered otherwise. */
  readonly onLate: (error: unknown) => void;
  /** Told of an error that a middleware has answered with a status of 500 or above. */
  readonly onFailure: (error: unknown, request: Request) => void;
  /** Whether what a handler returns is held against the schema of its result. */
  readonly checksResults: boolean;
}

/** Who was asked for an answer and may have forgotten it: to be warned of where nothing comes of the request. */
export class Asked {
  /** The handler that was called, and how many things were set on the response before. */
  handler: Handler | undefined = undefined;
  settings = 0;
  /** The middleware that has neither gone on nor answered, as far as can be seen. */
  middleware: Middleware | undefined = undefined;
}

/** One request on its way. */
export class Passage {
  readonly request: Request;
  readonly response: Response;
  readonly oversight: Oversight;
  readonly asked = new Asked();
  /** The innermost middleware that has gone on. */
  gate: Gate | undefined = undefined;
  /** The error that the response tells of, once there is one. */
  begun: unknown = undefined;

  constructor(request: Request, response: Response, oversight: Oversight) {
    this.request = request;
    this.response = response;
    this.oversight = oversight;
  }
}

/** Where no middleware stands. Compared by identity, so that it costs nothing. */
export const open: readonly Middleware[] = Object.freeze([]);

/** So many calls of `next()` may be in one another: a path can have more middleware than the stack has room for. */
const stackLimit = 50;

/** Go through middleware, the first one first, and on by `go`. Gives what is to be answered. */
export function pass(
  gates: readonly Middleware[],
  passage: Passage,
  go: () => Awaitable<unknown>,
  at = 0,
): Awaitable<unknown> {
  const gate = gates[at];
  return gate ? new Gate(gate, passage, () => pass(gates, passage, go, at + 1)).pass() : go();
}

/** One middleware, with one request. */
class Gate {
  readonly #middleware: Middleware;
  readonly #passage: Passage;
  readonly #go: () => Awaitable<unknown>;
  readonly #outer: Gate | undefined;
  /** How many middleware wait for what is behind them, when this one does. */
  readonly #depth: number;
  #behind: Promise<unknown> | undefined;
  #found: unknown;
  #failure: {readonly error: unknown} | undefined;
  #misuse: EspalierError | undefined;
  #isDone = false;

  constructor(middleware: Middleware, passage: Passage, go: () => Awaitable<unknown>) {
    this.#middleware = middleware;
    this.#passage = passage;
    this.#go = go;
    this.#outer = passage.gate;
    this.#depth = 1 + (this.#outer ? this.#outer.#depth : 0);
  }

  async pass(): Promise<unknown> {
    const {request, response, oversight} = this.#passage;
    const {settings} = response;
    try {
      const given = await this.#ask(settings);
      if (given !== this.#found) this.#replace(given);
      if (this.#failure && response.status >= 500) oversight.onFailure(this.#failure.error, request);
      return given;
    } catch (error) {
      dismissResult(this.#found);
      throw error;
    } finally {
      this.#isDone = true;
    }
  }

  /** What the middleware answers, or what is behind it does. */
  async #ask(settings: number): Promise<unknown> {
    const {request, response} = this.#passage;
    const result = this.#middleware.handle(request, response, this.#next);
    const given = await result;
    if (this.#misuse) throw this.#misuse;
    // One that waits for nothing can have caught nothing.
    const hasCaught = this.#failure !== undefined && isPromised(result);
    return given === undefined && !hasCaught ? this.#leave(settings) : given;
  }

  /** Another answer is given than the one from behind. */
  #replace(given: unknown): void {
    const {request, response} = this.#passage;
    response.giver = titleOf(this.#middleware);
    if (isMadeOf(given, this.#found)) request.afterAnswer(() => dismissResult(this.#found));
    else dismissResult(this.#found);
  }

  /** The answer of what is behind, since the middleware gives none. */
  #leave(settings: number): Promise<unknown> | undefined {
    const {response, asked} = this.#passage;
    if (!this.#behind && response.settings === settings) asked.middleware = this.#middleware;
    return this.#behind;
  }

  /** Whether this middleware, or one before it, has answered already: the response is theirs then. */
  get isLeft(): boolean {
    return this.#isDone || this.#outer?.isLeft === true;
  }

  readonly #next: Next = () => {
    if (this.#isDone || this.#behind) return this.#refuse();
    this.#behind = this.#goOn();
    this.#behind.catch((error: unknown) => {
      // Another answer has been given meanwhile, as when a time limit is over.
      if (this.#isDone) this.#passage.oversight.onLate(error);
    });
    return this.#behind;
  };

  async #goOn(): Promise<unknown> {
    this.#passage.gate = this;
    try {
      if (this.#depth % stackLimit === 0) await Promise.resolve();
      const found = await this.#go();
      const {request, response} = this.#passage;
      // What it fails with is a middleware's to answer, as what a handler throws is.
      const isOpened = found instanceof Answer && !this.isLeft;
      this.#found = isOpened ? await opened(found, request, response) : found;
      // Until it is read it may fail, as a file does that is not there.
      hush(this.#found);
      if (this.isLeft) dismissResult(this.#found);
      return this.#found;
    } catch (error) {
      this.#failure = {error};
      this.#begin(error);
      throw error;
    }
  }

  /** Let whoever answers an error have its status and headers to begin with. */
  #begin(error: unknown): void {
    const passage = this.#passage;
    if (this.isLeft || passage.begun === error) return;
    passage.begun = error;
    beginProblem(passage.response, problemOf(error, undefined));
  }

  #refuse(): Promise<never> {
    const when = this.#isDone
      ? 'after it was done. Return what next() gives, or await it'
      : 'a second time. Keep its first result';
    const misuse = new EspalierError('NEXT_TWICE', `${titleOf(this.#middleware)} called next() ${when}.`);
    // Nobody may wait for it.
    if (this.#isDone) this.#passage.oversight.onLate(misuse);
    else this.#misuse = misuse;
    const refused = Promise.reject(misuse);
    refused.catch(() => undefined);
    return refused;
  }
}

/** What errors call a middleware. */
export function titleOf(middleware: Middleware): string {
  return `${classOf(middleware).name}.handle()`;
}
