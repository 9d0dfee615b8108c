import type {EventEmitter} from 'node:events';
import {Socket} from 'node:net';
import type {Answer, Fault, Question} from './run.ts';

/** The question without what is the link's own. */
type Asked = Omit<Extract<Question, {espalier: 'open'}>, 'id'> | Omit<Extract<Question, {espalier: 'call'}>, 'id'>;

/** The way from a program to the process that has started it. It keeps the process alive as long as it brings connections. */
export class Link {
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #servers = new Map<number, EventEmitter>();
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

  async #ask(question: Asked, id: number): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#rest();
    this.tell({...question, id});
    return waiting.promise;
  }

  #hear(answer: Answer, socket: Socket | undefined): void {
    if (answer.espalier === 'done') this.#done(answer);
    else if (answer.espalier === 'ping') this.tell({espalier: 'pong'});
    else if (answer.espalier === 'connection' && socket) this.#take(answer.id, socket, answer.head);
  }

  #done({id, value, fault}: Extract<Answer, {espalier: 'done'}>): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    this.#rest();
    if (fault) waiting?.reject(errorOf(fault));
    else waiting?.resolve(value);
  }

  #take(id: number, socket: Socket, head: Uint8Array): void {
    const server = this.#servers.get(id);
    if (!server) return void socket.destroy();
    socket.unshift(head);
    countHead(socket, head.byteLength);
    server.emit('connection', socket);
  }

  #rest(): void {
    if (this.#isAwaited || this.#servers.size + this.#waiting.size > 0) process.channel?.ref();
    else process.channel?.unref();
  }
}

/** A server that closes ends the connections that have brought nothing yet. */
function countHead(socket: Socket, head: number): void {
  const read = Object.getOwnPropertyDescriptor(Socket.prototype, 'bytesRead')!;
  Object.defineProperty(socket, 'bytesRead', {get: () => head + (read.get!.call(socket) as number)});
}

function errorOf({message, code}: Fault): Error {
  return Object.assign(new Error(message), {code});
}
