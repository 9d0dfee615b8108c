import test from 'ava';
import {closeFrame, FrameFinder} from '../../src/http/frames.ts';
import {frame} from './raw-socket.ts';

/** As a server sends it, its length in so many bytes. */
function unmasked(opcode: number, length: number): Buffer {
  const long = Buffer.alloc(8);
  long.writeBigUInt64BE(BigInt(length));
  const told = length < 126 ? [length] : length < 65_536 ? [126, ...long.subarray(6)] : [127, ...long];
  return Buffer.concat([Buffer.from([0x80 | opcode, ...told]), Buffer.alloc(length, 0x88)]);
}

const frames: readonly (readonly [opcode: number, bytes: Buffer])[] = [
  [1, frame('')],
  [1, frame('hello')],
  [2, frame('a'.repeat(125), {opcode: 2})],
  [0, frame('a'.repeat(126), {opcode: 0, isLast: false})],
  [1, frame('a'.repeat(65_535))],
  [9, unmasked(9, 0)],
  [2, unmasked(2, 126)],
  [2, unmasked(2, 65_536)],
  [8, closeFrame(1000, 'bye')],
  [8, closeFrame(1001, '', {isMasked: true})],
];

test('the end of each frame is found, however its bytes come', t => {
  const all = Buffer.concat(frames.map(([, bytes]) => bytes));
  for (const size of [1, 2, 3, 7, 1000, all.length]) {
    const finder = new FrameFinder();
    const found: number[] = [];
    let length = 0;
    const ends: number[] = [];
    const advance = (piece: Buffer, at: number) => {
      const next = finder.advance(piece, at);
      t.true(next > at);
      length += next - at;
      if (finder.isBetween) {
        found.push(finder.opcode);
        ends.push(length);
      }
      return next;
    };
    for (let from = 0; from < all.length; from += size) {
      const piece = all.subarray(from, from + size);
      for (let at = 0; at < piece.length;) at = advance(piece, at);
    }
    t.deepEqual(
      found,
      frames.map(([opcode]) => opcode),
    );
    let sum = 0;
    t.deepEqual(
      ends,
      frames.map(([, bytes]) => (sum += bytes.length)),
    );
  }
});

test('a frame that closes has its code and reason, masked where a client says it', t => {
  t.deepEqual(closeFrame(1000, 'bye'), Buffer.from([0x88, 5, 0x03, 0xe8, ...Buffer.from('bye')]));
  const masked = closeFrame(1001, '', {isMasked: true});
  t.deepEqual([...masked.subarray(0, 2)], [0x88, 0x82]);
  t.deepEqual(
    masked.subarray(6).map((byte, i) => byte ^ masked[2 + i]!),
    Buffer.from([0x03, 0xe9]),
  );
});
