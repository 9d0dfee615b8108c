import {randomBytes} from 'node:crypto';

/** The opcode of the frame by which one side of a WebSocket says goodbye (RFC 6455, section 5.5.1). From there on no frame has data. */
export const closing = 0x8;

/** Finds where the frames of a WebSocket end, in bytes as they come (RFC 6455, section 5.2). It keeps none of them. */
export class FrameFinder {
  #head: number[] = [];
  /** How many bytes of the payload are still to come. */
  #left = 0;
  #opcode = 0;

  /** Whether a frame may begin here. */
  get isBetween(): boolean {
    return this.#head.length === 0;
  }

  /** The opcode of the last frame that has ended. */
  get opcode(): number {
    return this.#opcode;
  }

  /** Go on from `at` to the end of a frame, or of these bytes where that comes first. Gives how far. */
  advance(bytes: Buffer, at: number): number {
    let next = at;
    while (next < bytes.length && this.#head.length < headLength(this.#head)) {
      this.#head.push(bytes[next]!);
      next += 1;
      if (this.#head.length === headLength(this.#head)) this.#left = payloadLength(this.#head);
    }
    if (this.#head.length < headLength(this.#head)) return next;
    const taken = Math.min(this.#left, bytes.length - next);
    this.#left -= taken;
    if (this.#left === 0) {
      this.#opcode = this.#head[0]! & 0x0f;
      this.#head = [];
    }
    return next + taken;
  }
}

/** How long the head of a frame is, as far as its first bytes tell: at least two. */
function headLength([, second]: readonly number[]): number {
  if (second === undefined) return 2;
  const mask = second & 0x80 ? 4 : 0;
  return 2 + lengthBytes(second) + mask;
}

/** How many bytes the length of the payload takes besides the seven bits of the second byte. */
function lengthBytes(second: number): number {
  const short = second & 0x7f;
  return short === 127 ? 8 : short === 126 ? 2 : 0;
}

function payloadLength(head: readonly number[]): number {
  const second = head[1]!;
  const count = lengthBytes(second);
  if (count === 0) return second & 0x7f;
  return head.slice(2, 2 + count).reduce((length, byte) => length * 256 + byte, 0);
}

/** The frame that closes a WebSocket. What a client sends is masked (RFC 6455, section 5.3). */
export function closeFrame(code: number, reason: string, {isMasked = false} = {}): Buffer {
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
  const head = Buffer.from([0x80 | closing, payload.length | (isMasked ? 0x80 : 0)]);
  if (!isMasked) return Buffer.concat([head, payload]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i % 4]!)]);
}
