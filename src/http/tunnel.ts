import type {Duplex} from 'node:stream';
import type {Clock} from '../clock.ts';
import {Conversation, farewellTime, shortened, type Line} from './conversation.ts';
import {closeFrame, closing, FrameFinder} from './frames.ts';

/** After so many milliseconds without a byte the system asks the other side whether it is there. */
const keepAliveDelay = 60_000;

/** What the other server is told when it is not to be heard any more (RFC 6455, section 7.4.1). */
const goingAway = 1001;

/**
 * What goes on over the connection of a WebSocket that another server takes: the bytes of each side go to the other as they are. What a
 * message says is nobody's business here; where a frame ends is, so that the WebSocket can be closed as others are.
 */
export class Tunnel extends Conversation {
  readonly #target: Duplex;
  readonly #head: Buffer;
  readonly #clock: Clock;
  #client: Duplex | undefined;
  #toClient: Direction | undefined;
  #toTarget: Direction | undefined;
  /** Why it was closed, if it was. */
  #farewell: Buffer | undefined;
  #isDeaf = false;
  #cancel: (() => void) | undefined;

  /** `target` is the connection to the other server, which has switched it over; `head` is what has come behind its 101. */
  constructor(target: Duplex, head: Buffer, clock: Clock) {
    super();
    this.#target = target;
    this.#head = head;
    this.#clock = clock;
    // It may break before anybody else listens.
    target.on('error', () => target.destroy());
  }

  begin({socket: client, head}: Line, headers: readonly string[]): boolean {
    if (client.destroyed) {
      this.abandon();
      return false;
    }
    const target = this.#target;
    this.#client = client;
    this.#toClient = new Direction(target, client);
    this.#toTarget = new Direction(client, target);
    this.#toTarget.onMessage = () => {
      if (!this.#isDeaf) this.onInput();
    };
    this.#toTarget.onClosed = () => this.#part();
    for (const side of [client, target]) {
      settle(side);
      for (const event of ['end', 'close']) side.once(event, () => this.#limit());
    }
    client.once('close', () => this.#leave());
    client.write(switched(headers), 'latin1');
    this.#toClient.begin(this.#head);
    this.#toTarget.begin(head);
    if (this.#farewell) this.#sayGoodbye();
    return true;
  }

  close(code: number, reason: string, isDeaf = false): void {
    this.#farewell ??= closeFrame(code, shortened(reason));
    this.#isDeaf ||= isDeaf;
    this.#sayGoodbye();
  }

  abandon(): void {
    this.#target.destroy();
    this.end();
  }

  /** The client answers, and its answer goes to the target, where that may still hear it. */
  #sayGoodbye(): void {
    if (!this.#client) return;
    // First, so that nothing goes over which the client answers.
    if (this.#isDeaf) this.#toTarget!.finish(closeFrame(goingAway, '', {isMasked: true}));
    this.#toClient!.finish(this.#farewell!);
    this.#limit();
    this.#part();
  }

  /** End both connections, where all has been said. */
  #part(): void {
    if (!this.#farewell || !this.#toTarget!.isClosed) return;
    this.#client!.end();
    this.#target.end();
  }

  /** The client is gone: what it has said goes to the target, and nobody hears that. */
  #leave(): void {
    const target = this.#target;
    target.end(() => target.destroy());
    this.end();
  }

  /** Whoever is still there has so long to say the rest. */
  #limit(): void {
    const [client, target] = [this.#client!, this.#target];
    if (client.destroyed && target.destroyed) return this.#cancel?.();
    this.#cancel ??= this.#clock.after(farewellTime, () => {
      client.destroy();
      target.destroy();
    });
  }
}

/** All that goes from one side to the other, no faster than that one takes it. */
class Direction {
  readonly #from: Duplex;
  readonly #to: Duplex;
  readonly #frames = new FrameFinder();
  /** What is to be said last, behind the frame that is on its way. */
  #last: Buffer | undefined;
  #isFinished = false;
  #isClosed = false;
  /** Called when a message, or a part of one, has come. */
  onMessage: () => void = () => undefined;
  /** Called when this side has said goodbye. */
  onClosed: () => void = () => undefined;

  constructor(from: Duplex, to: Duplex) {
    this.#from = from;
    this.#to = to;
  }

  /** Whether this side has said goodbye. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  begin(head: Buffer): void {
    const [from, to] = [this.#from, this.#to];
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    // One that is gone may have gone without an end.
    for (const event of ['end', 'close']) from.once(event, () => to.end());
    to.on('drain', () => from.resume());
    // What nobody takes any more is read to its end.
    to.once('close', () => from.resume());
    this.#take(head);
    if (from.destroyed) to.end();
  }

  /** Say this as soon as no frame is on its way, and nothing more. */
  finish(last: Buffer): void {
    this.#last ??= last;
    this.#sayLast();
  }

  #take(bytes: Buffer): void {
    let [at, isMessage, isClosed] = [0, false, false];
    if (!this.#last) this.#send(bytes);
    while (at < bytes.length) {
      const start = at;
      at = this.#frames.advance(bytes, start);
      if (this.#last) this.#send(bytes.subarray(start, at));
      if (!this.#frames.isBetween) break;
      isMessage ||= this.#frames.opcode < closing;
      isClosed ||= this.#frames.opcode === closing;
      this.#sayLast();
    }
    // Who hears of it may close the WebSocket.
    if (isMessage) this.onMessage();
    if (isClosed && !this.#isClosed) {
      this.#isClosed = true;
      this.onClosed();
    }
  }

  #sayLast(): void {
    if (!this.#last || this.#isFinished || !this.#frames.isBetween) return;
    // Who has said goodbye has said all.
    if (this.#frames.opcode !== closing) this.#send(this.#last);
    this.#isFinished = true;
    this.#from.resume();
  }

  #send(bytes: Buffer): void {
    if (this.#isFinished || !this.#to.writable) return;
    if (!this.#to.write(bytes)) this.#from.pause();
  }
}

/** As much of a socket as a connection has that is one, and not only a stream. */
interface Wire extends Duplex {
  setTimeout?(timeout: number): unknown;
  setNoDelay?(isAtOnce: boolean): unknown;
  setKeepAlive?(isAsked: boolean, delay: number): unknown;
}

function settle(side: Wire): void {
  side.setTimeout?.(0);
  side.setNoDelay?.(true);
  side.setKeepAlive?.(true, keepAliveDelay);
}

/** The head of the answer that switches a connection over. */
function switched(headers: readonly string[]): string {
  let lines = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
  for (let at = 0; at < headers.length; at += 2) lines += `${headers[at]}: ${headers[at + 1]}\r\n`;
  return `${lines}\r\n`;
}
