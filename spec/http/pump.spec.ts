import {EventEmitter} from 'node:events';
import test from 'ava';
import {Pump} from '../../src/http/pump.ts';
import {StreamCut, type Chunk} from '../../src/http/stream.ts';

async function* chunks(...all: Chunk[]) {
  yield* all;
}

/** A sink that takes this many chunks before it has no room. */
class Basin extends EventEmitter {
  readonly taken: Chunk[] = [];
  constructor(public room = Infinity) {
    super();
  }
  write(chunk: Chunk): boolean {
    this.taken.push(chunk);
    return this.taken.length < this.room;
  }
}

test('every chunk is written, in order', async t => {
  const basin = new Basin();
  await new Pump(chunks('a', Buffer.from('b'), ''), basin).run();
  t.deepEqual(basin.taken, ['a', Buffer.from('b'), '']);
  t.is(basin.listenerCount('drain'), 0);
});

test('a full sink is waited for', async t => {
  const basin = new Basin(1);
  const done = new Pump(chunks('a', 'b'), basin).run();
  await new Promise(resolve => setImmediate(resolve));
  t.deepEqual(basin.taken, ['a']);
  basin.room = Infinity;
  basin.emit('drain');
  await done;
  t.deepEqual(basin.taken, ['a', 'b']);
});

test('a pump that waits for its sink, or for its source, can be stopped, and the source gives back what it holds', async t => {
  for (const room of [1, Infinity]) {
    const {promise: returned, resolve} = Promise.withResolvers<string>();
    const steps = [{done: false as const, value: 'a'}];
    const source = {
      [Symbol.asyncIterator]: () => ({
        next: async () => steps.shift() ?? new Promise<never>(() => undefined),
        async return() {
          resolve('returned');
          return {done: true as const, value: undefined};
        },
      }),
    };
    const basin = new Basin(room);
    const pump = new Pump(source, basin);
    const done = t.throwsAsync(pump.run(), {instanceOf: StreamCut});
    await new Promise(resume => setImmediate(resume));
    pump.stop();
    await done;
    t.is(await returned, 'returned');
    t.deepEqual(basin.taken, ['a']);
  }
});

test('what the source fails with is what the pump fails with', async t => {
  const failure = new Error('no');
  const source = (async function* () {
    yield 'a';
    throw failure;
  })();
  t.is(await t.throwsAsync(new Pump(source, new Basin()).run()), failure);
});

test('bytes are counted, not characters', async t => {
  await t.notThrowsAsync(new Pump(chunks('é', 'a'), new Basin()).run(3));
});

test('what is more than the length is not written', async t => {
  const basin = new Basin();
  await t.throwsAsync(new Pump(chunks('abc', 'd'), basin).run(3), {
    instanceOf: RangeError,
    message: /3 bytes, but it has more\.$/,
  });
  t.deepEqual(basin.taken, ['abc']);
});

test('less than the length is a failure at the end', async t => {
  await t.throwsAsync(new Pump(chunks('ab'), new Basin()).run(3), {
    instanceOf: RangeError,
    message: /3 bytes, but it has 2\.$/,
  });
});
