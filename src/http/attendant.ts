import {EventEmitter} from 'node:events';
import type {WebSocket} from 'ws';
import {isPromised} from '../awaitable.ts';

/** Who is told of what happens at a socket. */
export interface Hearer {
  /** Whether what still comes in is for nobody, as when the visitor's session has ended. */
  readonly isDeaf: boolean;
  /** A message has come in. */
  hear(): void;
  /** A listener has failed, at once or later. */
  fail(error: unknown): void;
  /** Call a listener in the context that the handler was called in. */
  within<T>(act: () => T): T;
}

/** So many messages are kept that nobody listens to yet; then the client has to wait. */
const mostHeld = 64;

/**
 * Stands between a socket of `ws` and its listeners, which may fail without ending the process, and may come later than the first
 * messages. To whom it is handed the socket is the one that they know.
 */
export class Attendant {
  readonly #socket: WebSocket;
  readonly #hearer: Hearer;
  readonly #emit: (event: string | symbol, ...given: unknown[]) => boolean;
  /** What has come while nobody listened; nothing when that is not kept. */
  #held: unknown[][] | undefined = [];
  #isStopped = false;
  readonly #guarded = new WeakMap<object, (event: unknown) => void>();

  /** @internal `maxBuffered` is how many bytes may wait for the client when something is sent. */
  constructor(socket: WebSocket, hearer: Hearer, maxBuffered: number) {
    this.#socket = socket;
    this.#hearer = hearer;
    this.#emit = socket.emit.bind(socket);
    socket.emit = (event: string | symbol, ...given: unknown[]) => this.#hear(event, given);
    this.#catchRejections();
    this.#guardEventTarget();
    limitSending(socket, maxBuffered);
    // A client that breaks the protocol, or the connection, is closed by `ws`, and is no failure of ours.
    socket.on('error', () => undefined);
    socket.on('newListener', event => {
      if (event === 'message') process.nextTick(() => this.#release());
    });
  }

  /** Keep no messages any more that nobody listens to. */
  dismiss(): void {
    if (this.#isUnheard) this.#held = undefined;
    this.#release();
  }

  get #isUnheard(): boolean {
    return this.#socket.listenerCount('message') === 0;
  }

  #hear(event: string | symbol, given: unknown[]): boolean {
    if (event !== 'message') return this.#tell(event, given);
    if (this.#hearer.isDeaf) return false;
    this.#hearer.hear();
    const isLate = this.#held && (this.#held.length > 0 || this.#isUnheard);
    return isLate ? this.#hold(given) : this.#tell(event, given);
  }

  #tell(event: string | symbol, given: unknown[]): boolean {
    try {
      return this.#hearer.within(() => this.#emit(event, ...given));
    } catch (error) {
      this.#hearer.fail(error);
      return true;
    }
  }

  #hold(message: unknown[]): boolean {
    this.#held!.push(message);
    if (this.#held!.length >= mostHeld && !this.#socket.isPaused) {
      this.#isStopped = true;
      this.#socket.pause();
    }
    return true;
  }

  /** Tell what was kept, one after the other, as long as somebody listens. */
  #release(): void {
    const held = this.#held ?? [];
    while (held.length > 0 && !this.#isUnheard && !this.#hearer.isDeaf) this.#tell('message', held.shift()!);
    if (!this.#isStopped || held.length > 0) return;
    this.#isStopped = false;
    this.#socket.resume();
  }

  // Node's way to hear of async listeners that reject, for which `ws` has no option.
  #catchRejections(): void {
    (EventEmitter as unknown as (this: unknown, options: object) => void).call(this.#socket, {captureRejections: true});
    Object.assign(this.#socket, {[Symbol.for('nodejs.rejection')]: (error: unknown) => this.#hearer.fail(error)});
  }

  // What these listeners return `ws` does not give to the emitter.
  #guardEventTarget(): void {
    const socket = this.#socket as EventTargetLike;
    const [add, remove] = [socket.addEventListener.bind(socket), socket.removeEventListener.bind(socket)];
    socket.addEventListener = (type, listener, options) => add(type, this.#guard(listener), options);
    socket.removeEventListener = (type, listener) => remove(type, this.#guarded.get(Object(listener)) ?? listener);
  }

  #guard(listener: unknown): unknown {
    if (Object(listener) !== listener) return listener;
    const known = this.#guarded.get(listener as object);
    if (known) return known;
    const guarded = (event: unknown) => {
      const told = typeof listener === 'function' ? listener.call(this.#socket, event) : handle(listener, event);
      if (isPromised(told)) told.then(undefined, (error: unknown) => this.#hearer.fail(error));
    };
    this.#guarded.set(listener as object, guarded);
    return guarded;
  }
}

interface EventTargetLike {
  addEventListener(type: unknown, listener: unknown, options?: unknown): void;
  removeEventListener(type: unknown, listener: unknown): void;
}

function handle(listener: unknown, event: unknown): unknown {
  return (listener as {handleEvent(event: unknown): unknown}).handleEvent(event);
}

/** With more before it than its client takes it would fill the memory. */
function limitSending(socket: WebSocket, maxBuffered: number): void {
  const send = socket.send.bind(socket) as (...given: unknown[]) => void;
  socket.send = (...given: unknown[]) => {
    if (socket.bufferedAmount > maxBuffered) socket.terminate();
    send(...given);
  };
}
