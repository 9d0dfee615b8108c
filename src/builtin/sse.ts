import {ignore, promised, type Awaitable} from '../awaitable.ts';
import type {Clock} from '../clock.ts';
import {describe, EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import {dismiss, isSpent, iteratorOf, type Chunk} from '../http/stream.ts';
import {checkOptions, delay, type Kinds} from '../options.ts';
import {Answer, OpenAnswer} from '../resource/answer.ts';
import {SessionService} from '../session/session-service.ts';

/** An event, or a part of what a stream of events says (WHATWG HTML, section 9.2, "Server-sent events"). */
export interface ServerSentEvent {
  /** What the browser sends as `Last-Event-ID` when it comes back. Without a line break or NUL. */
  readonly id?: string | number;
  /** Which listeners are called: `addEventListener('price', …)`. Without a line break. Default: `message`. */
  readonly event?: string;
  /** What the event says. A text goes as it is, each of its lines on one of its own; anything else as JSON. */
  readonly data?: unknown;
  /** After how many milliseconds the browser comes back when the stream ends. */
  readonly retry?: number;
  /** What no listener hears. */
  readonly comment?: string;
}

/**
 * Where events come from: an iterable, or a function that makes one for a visitor. It gets the id of the last event that the visitor
 * has had, where they come back, and a signal that is aborted as soon as nobody listens any more.
 */
export type ServerSentEvents =
  | AsyncIterable<ServerSentEvent>
  | ((lastEventId: string | undefined, signal: AbortSignal) => Awaitable<AsyncIterable<ServerSentEvent>>);

/** How events are sent. */
export interface SseOptions {
  /**
   * After how many milliseconds without an event a comment is sent, so that proxies keep the line open and it is seen when the visitor
   * has gone; 24 days at most. Default: 15 seconds.
   */
  readonly interval?: number;
}

const sseKinds: Kinds<SseOptions> = {interval: delay};

/** What holds where `SseOptions` are silent. */
export const sseDefaults = {interval: 15_000};

/**
 * Events for a browser's `EventSource`: return it from a handler. The headers go out at once, each event as it comes, and none is asked
 * for before the visitor has taken those before. It ends when its source does, when the visitor goes, when the site closes and when
 * the visitor's session ends; the `EventSource` comes back after all but the second, and the id of the last event with it. Whatever
 * ends it, the signal is aborted and the source's `return()` called at once.
 */
export function sse(source: ServerSentEvents, options: SseOptions = {}): Answer {
  checkOptions('sse()', options, sseKinds);
  if (typeof source !== 'function' && !(typeof source === 'object' && Symbol.asyncIterator in source)) {
    throw new TypeError(
      `sse() needs an async iterable, or a function that gives one; it was given ${describe(source)}.`,
    );
  }
  return new Events(source, {...sseDefaults, ...options});
}

class Events extends Answer {
  readonly #source: ServerSentEvents;
  readonly #interval: number;

  constructor(source: ServerSentEvents, {interval}: typeof sseDefaults) {
    super();
    this.#source = source;
    this.#interval = interval;
  }

  /** @internal */
  override async open(request: Request, signal: AbortSignal): Promise<OpenAnswer> {
    const gone = new AbortController();
    const leave = () => gone.abort(signal.reason);
    signal.addEventListener('abort', leave);
    try {
      await lookForSession(request);
      const events = await this.#ask(request, gone.signal);
      if (isSpent(events)) throw spent();
      if (gone.signal.aborted) dismiss(events);
      gone.signal.throwIfAborted();
      return new OpenEvents(new EventStream(events, gone, request.clock, this.#interval));
    } catch (error) {
      gone.abort(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
    }
  }

  #ask(request: Request, gone: AbortSignal): Awaitable<AsyncIterable<ServerSentEvent>> {
    const source = this.#source;
    if (typeof source !== 'function') return source;
    return request.method === 'HEAD' ? none() : source(lastEventId(request), gone);
  }

  /** @internal */
  override dismiss(): void {
    if (typeof this.#source !== 'function') dismiss(this.#source);
  }
}

function spent(): EspalierError {
  const wayOut = 'Give sse() a function that makes one for each visitor.';
  return new EspalierError(
    'RESULT_UNSUPPORTED',
    `The source of sse() gives its events only once, and another visitor had them. ${wayOut}`,
  );
}

async function* none(): AsyncGenerator<never, void> {
  // Nobody is sent any.
}

class OpenEvents extends OpenAnswer {
  readonly #stream: EventStream;

  constructor(stream: EventStream) {
    super();
    this.#stream = stream;
  }

  /** @internal */
  override write(_request: Request, response: Response): EventStream {
    response.setHeader('Content-Type', 'text/event-stream');
    response.setHeader('Cache-Control', 'no-store, no-transform');
    // Known to nginx, which would hold events back until it has a page of them.
    response.setHeader('X-Accel-Buffering', 'no');
    return this.#stream;
  }

  /** @internal */
  override dismiss(): void {
    ignore(this.#stream.return());
  }
}

const done: IteratorResult<Chunk> = {done: true, value: undefined};

class EventStream implements AsyncIterableIterator<Chunk> {
  readonly #events: AsyncIterator<unknown>;
  readonly #gone: AbortController;
  readonly #clock: Clock;
  readonly #interval: number;
  #hasBegun = false;
  #isAsked = false;
  /** What the source has given, or has failed with. */
  #come: (() => IteratorResult<unknown>) | undefined;
  #wake: (() => void) | undefined;

  constructor(events: AsyncIterable<ServerSentEvent>, gone: AbortController, clock: Clock, interval: number) {
    this.#events = iteratorOf(events);
    this.#gone = gone;
    this.#clock = clock;
    this.#interval = interval;
  }

  async next(): Promise<IteratorResult<Chunk>> {
    // So that the headers go out, and a browser knows that it is connected, before there is an event.
    if (!this.#hasBegun) {
      this.#hasBegun = true;
      return {done: false, value: comment('')};
    }
    this.#ask();
    if (!this.#come) await this.#wait();
    if (this.#gone.signal.aborted) return done;
    if (!this.#come) return {done: false, value: comment('')};
    return this.#take(this.#come);
  }

  /** Ask for an event, unless one is asked for. */
  #ask(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    const come = (result: () => IteratorResult<unknown>) => {
      this.#come = result;
      this.#wake?.();
    };
    promised(() => this.#events.next()).then(
      step => come(() => step),
      (error: unknown) =>
        come(() => {
          throw error;
        }),
    );
  }

  /** Until an event has come, nobody listens any more, or it has been quiet for so long. */
  async #wait(): Promise<void> {
    const {promise, resolve} = Promise.withResolvers<void>();
    this.#wake = resolve;
    const cancel = this.#clock.after(this.#interval, resolve);
    await promise;
    cancel();
  }

  #take(come: () => IteratorResult<unknown>): IteratorResult<Chunk> {
    this.#come = undefined;
    this.#isAsked = false;
    try {
      const step = come();
      if (!step.done) return {done: false, value: textOf(step.value as ServerSentEvent)};
    } catch (error) {
      ignore(this.return());
      throw error;
    }
    this.#gone.abort();
    return done;
  }

  async return(): Promise<IteratorResult<Chunk>> {
    if (this.#gone.signal.aborted) return done;
    this.#gone.abort();
    this.#wake?.();
    await this.#events.return?.();
    return done;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Where the request has a session, have the answer belong to it: so the stream ends with it. Its visitor does not count as seen. */
async function lookForSession(request: Request): Promise<void> {
  const sessions = request.answeredBy;
  if (!(sessions instanceof SessionService) || !sessions.isCarried(request)) return;
  try {
    await sessions.peekSession(request);
  } catch (error) {
    // Where the cookie is not taken from there is no session either.
    if (!(error instanceof EspalierError && error.code === 'SESSION_INSECURE')) throw error;
  }
}

/** What a browser says in UTF-8, and Node gives as Latin-1. */
function lastEventId({headers}: Request): string | undefined {
  const id = headers['last-event-id'];
  return typeof id === 'string' && id !== '' ? Buffer.from(id, 'latin1').toString() : undefined;
}

const lineEnd = /\r\n|\r|\n/;

/** What is sent of an event. Throws a TypeError for what can't be said. */
function textOf(event: ServerSentEvent): string {
  if (typeof event !== 'object' || event === null)
    throw new TypeError(`An event must be an object; one was ${describe(event)}.`);
  const {id, event: name, data, retry, comment: said} = event;
  let text = '';
  if (retry !== undefined) text += `retry: ${checkedRetry(retry)}\n`;
  if (id !== undefined) text += `id: ${oneLine('id', String(id))}\n`;
  if (name !== undefined) text += `event: ${oneLine('name', name)}\n`;
  if (data !== undefined) text += fields('data', typeof data === 'string' ? data : toJson(data));
  // An empty line is the end of an event. A comment alone is none.
  return (said === undefined ? '' : comment(said)) + (text && `${text}\n`);
}

/** A field, with each line of the text on one of its own: so nothing in it is a field, or the end. */
function fields(name: string, text: string): string {
  return text
    .split(lineEnd)
    .map(line => `${name}: ${line}\n`)
    .join('');
}

function comment(text: string): string {
  return fields('', text);
}

function oneLine(what: string, text: string): string {
  if (!lineEnd.test(text) && !(what === 'id' && text.includes('\0'))) return text;
  throw new TypeError(`The ${what} of an event can't have a line break${what === 'id' ? ' or NUL' : ''}.`);
}

function checkedRetry(retry: number): number {
  if (Number.isInteger(retry) && retry >= 0) return retry;
  throw new TypeError(`The retry of an event is ${String(retry)}. It must be a whole number of milliseconds.`);
}

function toJson(data: unknown): string {
  const text = JSON.stringify(data) as string | undefined;
  if (text !== undefined) return text;
  throw new TypeError(`The data of an event is ${describe(data)}, which JSON can't express.`);
}
