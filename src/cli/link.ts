import type {EventEmitter} from 'node:events';
import type {Socket} from 'node:net';
import {setTimeout} from 'node:timers/promises';
import type {EndReason} from '../session/session-store.ts';
import type {Answer, Fault, Question} from './run.ts';

/** Who is told when a session has ended: which, and why. */
type EndListener = (key: string, reason: EndReason) => void;

/** The question without what is the link's own. */
type Asked = Omit<Extract<Question, {espalier: 'open'}>, 'id'> | Omit<Extract<Question, {espalier: 'call'}>, 'id'>;

/** How long the request of a connection that has just come may be on its way, in milliseconds. */
const arrival = 100;

type Coming = readonly [Socket, {readonly at: number; readonly isTls: boolean}];

const isComing = ([{bytesRead}, {at, isTls}]: Coming): boolean =>
  (bytesRead === 0 || isTls) && performance.now() - at < arrival;

/** The way from a program to the process that has started it. It keeps the process alive as long as it brings connections. */
export class Link {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #servers = new Map<number, EventEmitter>();
  readonly #ends = new Map<number, EndListener>();
  /** The connections, when each has come, and whether it is to begin with TLS. */
  readonly #sockets = new Map<Socket, {readonly at: number; readonly isTls: boolean}>();
  #count = 0;
  #isAwaited = true;

  constructor() {
    process.on('message', (answer: Answer, socket: Socket | undefined) => this.#hear(answer, socket));
  }

  /** From now on what the program has open decides how long the process lives. */
  release(): void {
    this.#isAwaited = false;
    this.#rest();
  }

  tell(question: Question): void {
    if (process.connected) process.send!(question, undefined, {}, () => undefined);
  }

  /** Ask for something; rejects with an error that has the code of the one over there. */
  async ask(question: Asked): Promise<unknown> {
    return this.#ask(question, (this.#count += 1));
  }

  /** Have a server get the connections to this address; gives the port. */
  async open(server: EventEmitter, address: string, port: number): Promise<number> {
    const id = (this.#count += 1);
    const forget = () => {
      this.#servers.delete(id);
      this.tell({espalier: 'close', id});
      this.#rest();
    };
    this.#servers.set(id, server);
    try {
      const opened = (await this.#ask({espalier: 'open', address, port}, id)) as number;
      server.once('close', forget);
      // Node's servers begin to look after their connections by it.
      server.emit('listening');
      return opened;
    } catch (error) {
      forget();
      throw error;
    }
  }

  /** From now on tell of the ends of sessions in that store. */
  hearEnds(store: number, listener: EndListener): void {
    this.#ends.set(store, listener);
  }

  async #ask(question: Asked, id: number): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#rest();
    this.tell({...question, id});
    return waiting.promise;
  }

  /**
   * Resolves when the connections that have come so far have sent what they came with, so that it is known as a request: a tenth of a
   * second after the last of them at the latest, for browsers also open some ahead of any request.
   */
  async settled(): Promise<void> {
    while (this.#sockets.entries().some(isComing)) await setTimeout(5);
  }

  #hear(answer: Answer, socket: Socket | undefined): void {
    if (answer.espalier === 'done') this.#done(answer);
    else if (answer.espalier === 'ended') this.#ends.get(answer.store)?.(answer.key, answer.reason);
    else if (answer.espalier === 'ping') this.tell({espalier: 'pong'});
    else if (answer.espalier === 'connection' && socket) this.#take(answer.id, socket);
  }

  #done({id, value, fault}: Extract<Answer, {espalier: 'done'}>): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#rest();
    if (fault) waiting?.reject(errorOf(fault));
    else waiting?.resolve(value);
  }

  #take(id: number, socket: Socket): void {
    const server = this.#servers.get(id);
    if (!server) return void socket.destroy();
    this.#sockets.set(socket, {at: performance.now(), isTls: 'setSecureContext' in server});
    socket.once('close', () => this.#sockets.delete(socket));
    server.emit('connection', socket);
  }

  #rest(): void {
    if (this.#isAwaited || this.#servers.size + this.#waiting.size > 0) process.channel?.ref();
    else process.channel?.unref();
  }
}

function errorOf({message, code}: Fault): Error {
  return Object.assign(new Error(message), {code});
}
