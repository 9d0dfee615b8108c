import test from 'ava';
import {rangeOf} from '../../src/http/range.ts';

const size = 10;

for (const [header, start, end] of [
  ['bytes=0-0', 0, 0],
  ['bytes=2-5', 2, 5],
  ['bytes=2-', 2, 9],
  ['bytes=9-9', 9, 9],
  ['bytes=2-10', 2, 9],
  ['bytes=0-99999999999999999999999', 0, 9],
  ['bytes=-3', 7, 9],
  ['bytes=-10', 0, 9],
  ['bytes=-99999999999999999999999', 0, 9],
  ['Bytes= 2-5 ', 2, 5],
  ['bytes=0002-0005', 2, 5],
] as const) {
  test(`of ten bytes ${JSON.stringify(header)} is those from ${start} to ${end}`, t => {
    t.deepEqual(rangeOf(header, size), {start, end});
  });
}

for (const header of ['bytes=10-', 'bytes=10-20', 'bytes=99999999999999999999999-', 'bytes=-0']) {
  test(`of ten bytes ${JSON.stringify(header)} is none`, t => {
    t.is(rangeOf(header, size), 'unsatisfiable');
  });
}

for (const header of [
  undefined,
  '',
  'bytes',
  'bytes=',
  'bytes=-',
  'bytes=5-2',
  'bytes=a-b',
  'bytes=--1',
  'bytes=+1-2',
  'bytes=1.5-2',
  'bytes=0x1-2',
  'bytes=1e1-',
  'bytes=0-1,3-4',
  'bytes=0-1,',
  'bytes = 0-1',
  'lines=0-1',
  'bytes=0-1; x',
]) {
  test(`${JSON.stringify(header)} is no single range of bytes, so the whole is the answer`, t => {
    t.is(rangeOf(header, size), undefined);
  });
}

test('of nothing, the end is the whole, and a beginning is not there', t => {
  t.is(rangeOf('bytes=-5', 0), undefined);
  t.is(rangeOf('bytes=0-', 0), 'unsatisfiable');
});

test('a long header is looked at once', t => {
  const started = performance.now();
  for (const filler of [' ', '\t', '1', '-', 'bytes=']) rangeOf(`bytes=${filler.repeat(100_000)}x`, size);
  t.true(performance.now() - started < 5000);
});
