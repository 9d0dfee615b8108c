import {inspect} from 'node:util';
import {runInNewContext} from 'node:vm';
import test from 'ava';
import {parse} from 'devalue';
import {SessionComponent, type EspalierError, type Fields, type SessionStore} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {visitedSite} from '../world.ts';
import {around} from '../stores.ts';

@SessionComponent('box')
class Box {
  it: unknown = undefined;
}

/** What comes back of a value that one request stores and another reads. */
async function roundTrip(it: unknown): Promise<unknown> {
  const {visit} = visitedSite();
  await visit(session => session.update(Box, box => void (box.it = it)));
  return visit(session => session.get(Box).it);
}

/** A store, what rests in it by now, and how to put something there by hand. */
function openStore() {
  const store = new MemoryStore({clock: new TestClock()});
  const put: {text?: string} = {};
  const texts: string[] = [];
  const opened: SessionStore = around(store, (act, name, parameters) => {
    if (name !== 'write') return act();
    const [key, component, expected, text] = parameters as Parameters<SessionStore['write']>;
    texts.push(text ?? '');
    return store.write(key, component, expected, put.text ?? text);
  });
  return {store: opened, put, texts};
}

const values: Record<string, unknown> = {
  text: 'plain, "quoted", <b>, \\, \n, \u2028, \0, 雪, 🌲',
  'half a character': '\ud83c',
  numbers: [0, 1.5, -7, 2 ** 53, 1e300],
  'numbers that JSON lacks': [NaN, Infinity, -Infinity, -0],
  bigint: 2n ** 80n,
  'true, false and null': [true, false, null],
  undefined: {a: undefined, b: [undefined]},
  date: new Date(1_900_000_000_123),
  'invalid date': new Date(NaN),
  map: new Map<unknown, unknown>([
    ['a', 1],
    [{k: 1}, new Map([[new Date(0), new Set([1])]])],
    ['__proto__', 'data'],
  ]),
  set: new Set<unknown>(['a', 1, undefined, {b: 1}]),
  bytes: new Uint8Array([0, 1, 255]),
  'other bytes': [new Float64Array([1.5, -0]), new Uint8Array([1, 2, 3]).buffer],
  'a Buffer, also one that is there twice, part of a larger one, or in a map': (() => {
    const buffer = Buffer.from('hé\0');
    return [
      buffer,
      buffer,
      Buffer.from('a larger one').subarray(2),
      new Map([['a', Buffer.of()]]),
      new Uint8Array([1]),
    ];
  })(),
  'all kinds of bytes': [
    new Int8Array([-1]),
    new Uint8ClampedArray([255]),
    new Int16Array([-300]),
    new Uint32Array([2 ** 31]),
    new Float32Array([0.5]),
    new BigInt64Array([-(2n ** 62n)]),
    new BigUint64Array([2n ** 63n]),
    new DataView(new Uint8Array([1, 2]).buffer),
  ],
  'a list with holes': Object.assign(Array.from({length: 3}), {length: 5}).concat(
    Object.assign([], {length: 2, 1: 'x'}),
  ),
  'boxed texts, numbers and the like': [Object('text'), Object(-0), Object(false), Object(2n)],
  'what a URL searches for': new URLSearchParams('a=1&a=2&b=%20'),
  'a getter, as the value that it gives': {
    get seven() {
      return 7;
    },
  },
  pattern: /a"b\/c/giu,
  URL: new URL('https://example.org/a?b=c#d'),
  'nested arrays': [[[]], [1, [2, [3]]], Array.from({length: 3}), Object.assign([], {length: 3})],
  'plain objects': {a: {b: {c: {}}}, 'odd name "': 1, '': 2},
  'an object without a prototype': Object.assign(Object.create(null) as object, {a: 1}),
};

for (const [what, value] of Object.entries(values)) {
  test(`what a request stores, the next one reads: ${what}`, async t => {
    t.deepEqual(await roundTrip(value), value);
  });
}

if ('Temporal' in globalThis) {
  test('what a request stores, the next one reads: Temporal', async t => {
    const {Instant, PlainDate} = Reflect.get(globalThis, 'Temporal') as Record<string, {from(text: string): unknown}>;
    const [instant, date] = [Instant!.from('2026-01-02T03:04:05Z'), PlainDate!.from('2026-01-02')];
    const back = (await roundTrip([instant, date])) as unknown[];
    t.deepEqual(back.map(String), [String(instant), String(date)]);
    t.true(back[0] instanceof (Instant as unknown as new () => object));
  });
}

test('a Buffer is one again for this release, and bytes, as ever, for one that knows of none', async t => {
  const {store, texts} = openStore();
  const {visit} = visitedSite({store});
  const buffer = Buffer.from('hé');
  await visit(session => session.update(Box, box => void (box.it = {buffer})));
  t.true(Buffer.isBuffer(await visit(session => (session.get(Box).it as {buffer: unknown}).buffer)));
  // As 0.1.0 reads it.
  const [version, fields] = parse(texts[0]!) as [number, {it: unknown}];
  t.is(version, 0);
  t.deepEqual(fields.it, {buffer: new Uint8Array(buffer)});
});

test('what comes from another realm, as in a test runner that has one for each file, is kept as one of this', async t => {
  const other = runInNewContext('({date: new Date(5), map: new Map([[1, [2]]]), list: [undefined]})') as object;
  t.deepEqual(await roundTrip(other), {date: new Date(5), map: new Map([[1, [2]]]), list: [undefined]});
});

test('circles and repeated references come back as such', async t => {
  const shared = {n: 1};
  const circle: {self?: unknown; all: unknown[]} = {all: [shared, shared]};
  circle.self = circle;
  const back = (await roundTrip(circle)) as typeof circle;
  t.is(back.self, back);
  t.is(back.all[0], back.all[1]);
});

test('bytes that are part of a larger buffer come back without the rest of it, which may be of others', async t => {
  const {store, texts} = openStore();
  const {visit} = visitedSite({store});
  const whole = Buffer.from('secret and public');
  const parts = [whole.subarray(11), new Uint8Array(whole.buffer, whole.byteOffset + 11, 6)];
  await visit(session => session.update(Box, box => void (box.it = parts)));
  const back = await visit(session => session.get(Box).it as Uint8Array[]);
  for (const part of back) t.is(Buffer.from(part).toString(), 'public');
  t.true(texts[0]!.length < 200);
  t.notRegex(texts[0]!, new RegExp(Buffer.from('secret').toString('base64').slice(0, 7)));
});

test('the text that a store gets is well-formed and without NUL, so that any store can hold it', async t => {
  const {store, texts} = openStore();
  const {visit} = visitedSite({store});
  await visit(session => session.update(Box, box => void (box.it = ['\0', '\ud83c', {'\0\udc00': 1}])));
  t.true(texts[0]!.isWellFormed());
  t.false(texts[0]!.includes('\0'));
});

class Secret {
  readonly text = 'hunter2';
}
class Names extends Map<string, string> {}
/** One that looks like what it is none of. */
const lookalike = {Map: class extends Map<string, string> {}}.Map;
class Bytes extends Buffer {}

const refused: Record<string, [unknown, RegExp]> = {
  'an instance of another class': [{a: [new Secret()]}, /at \.it\.a\[0\] it has an object of class Secret/],
  'an instance of a class that extends Map': [{a: new Names([['hunter2', 'x']])}, /at \.it\.a it has .* class Names/],
  'an instance of a class that is named like the one that it extends': [
    {a: new lookalike([['hunter2', 'x']])},
    /at \.it\.a it has an object of class Map/,
  ],
  'bytes of a class that extends Buffer': [
    [Object.setPrototypeOf(Buffer.from('hunter2'), Bytes.prototype)],
    /at \.it\[0\] it has an object of class Bytes/,
  ],
  'a list that has fields too, as that of a match': [
    {a: /hunter(2)/.exec('hunter2')},
    /at \.it\.a it has an object of class Array with fields of its own/,
  ],
  'a map with a field of its own': [
    [Object.assign(new Map(), {note: 'hunter2'})],
    /at \.it\[0\] it has an object of class Map with fields of its own/,
  ],
  'a date with a field of its own': [
    [Object.assign(new Date(0), {note: 'hunter2'})],
    /object of class Date with fields of its own/,
  ],
  'a pattern in the midst of a text': [
    [Object.assign(/hunter2/g, {lastIndex: 3})],
    /object of class RegExp with fields of its own/,
  ],
  'bytes that can grow': [
    [new Uint8Array(new ArrayBuffer(4, {maxByteLength: 8}))],
    /at \.it\[0\] it has an object of class ArrayBuffer/,
  ],
  'bytes that threads share': [[new Uint8Array(new SharedArrayBuffer(4))], /an object of class SharedArrayBuffer/],
  'a weak map': [[new WeakMap()], /an object of class WeakMap/],
  'a class': [{a: Secret}, /at \.it\.a it has a function/],
  'a function': [{hunter: () => 'hunter2'}, /at \.it\.hunter it has a function/],
  'a symbol': [[Symbol('hunter2')], /at \.it\[0\] it has a symbol/],
  'a field named by a symbol': [{[Symbol('hunter2')]: 1}, /at \.it it has a field named by a symbol/],
  'a promise': [Promise.resolve('hunter2'), /at \.it it has an object of class Promise/],
  'an error': [new Error('hunter2'), /at \.it it has an object of class Error/],
  'what is in a map, whose keys are not told': [
    new Map([['hunter2', {deep: new Secret()}]]),
    /at \.it\.get\(…\) it has an object of class Secret/,
  ],
  'what lies about its class': [
    Object.assign(Object.create({constructor: Secret}) as object, {constructor: {name: 'hunter2'}}),
    /an object of class Secret/,
  ],
  'what fails when it is read': [
    Object.defineProperty({}, 'bad', {
      enumerable: true,
      get() {
        throw new Error('hunter2');
      },
    }),
    /has what can't be read/,
  ],
  'a nest without a floor': [
    Array.from({length: 50_000}).reduce<unknown>(inner => [inner], 'hunter2'),
    /has a nest of more than 500 levels/,
  ],
};

for (const [what, [value, message]] of Object.entries(refused)) {
  test(`what can't be stored is refused by its place, without its text: ${what}`, async t => {
    const {look, visit, log} = visitedSite();
    await visit(session => session.update(Box, box => void (box.it = 'before')));
    const {error, response} = await look(session => session.update(Box, box => void (box.it = value)));
    t.like(error, {code: 'COMPONENT_INVALID', cause: undefined});
    t.regex((error as EspalierError).message, message);
    t.is(response.status, 500);
    const told = [inspect(error, {depth: 9}), inspect(log, {depth: 9}), await response.text()];
    t.false(told.some(text => text.includes('hunter2')));
    t.is(await visit(session => session.get(Box).it), 'before');
  });
}

/** The deepest nest of each kind that a component takes, in how many levels, and one that has a level more. */
const nests: Record<string, (inner: unknown) => unknown> = {
  lists: inner => [inner],
  objects: inner => ({inner}),
  maps: inner => new Map([['inner', inner]]),
  'the keys of maps': inner => new Map([[inner, 'outer']]),
  sets: inner => new Set([inner]),
  'objects that know the one they are in': inner => {
    const outer = {inner};
    if (typeof inner === 'object') Object.assign(inner!, {outer});
    return outer;
  },
};

for (const [what, wrap] of Object.entries(nests)) {
  test(`a component takes 500 levels of a nest, and each process reads them; one more is refused: ${what}`, async t => {
    const {store} = openStore();
    const {look, visit} = visitedSite({store});
    const nest = (levels: number) => {
      let whole: unknown = 'floor';
      for (let level = 0; level < levels; level += 1) whole = wrap(whole);
      return whole;
    };
    // The instance itself is the first level.
    t.is((await look(session => session.update(Box, box => void (box.it = nest(499))))).error, undefined);
    t.true(await visit(session => typeof session.get(Box).it === 'object'));
    const {error} = await look(session => session.update(Box, box => void (box.it = nest(500))));
    t.like(error, {code: 'COMPONENT_INVALID'});
    t.regex(String(error), /has a nest of more than 500 levels/);
  });
}

test('what many hold is a nest no deeper for that: a thousand objects, each of which knows the first', async t => {
  const {look} = visitedSite();
  const first = {};
  const many = Array.from({length: 1000}, () => ({first}));
  t.is((await look(session => session.update(Box, box => void (box.it = [many])))).error, undefined);
});

test('S78: names like __proto__ and constructor in what a client sends are data or refused, and pollute nothing', async t => {
  const {look, visit} = visitedSite();
  const data = JSON.parse('{"constructor": {"prototype": {"polluted": 1}}, "toString": "x", "a": 1}') as Fields;
  await visit(session => session.update(Box, box => void (box.it = data)));
  const back = await visit(session => session.get(Box).it as Fields);
  t.deepEqual(JSON.parse(JSON.stringify(back)), data);
  for (const bad of ['{"__proto__": {"polluted": 1}}', '{"a": [{"__proto__": {"polluted": 1}}]}']) {
    const {error} = await look(session => session.update(Box, box => void (box.it = JSON.parse(bad))));
    t.regex(String(error), /has a field named __proto__/);
  }
  t.is(({} as Fields)['polluted'], undefined);
});

test('a component of 64 KiB is stored, one byte more is refused, counted in bytes, and what was there stays', async t => {
  const {store, texts} = openStore();
  const {look, visit} = visitedSite({store});
  const put = (text: string) => look(session => session.update(Box, box => void (box.it = text)));
  await put('');
  const room = 64 * 1024 - Buffer.byteLength(texts[0]!);
  // Two bytes each.
  t.is((await put('é'.repeat(room / 2) + 'e'.repeat(room % 2))).error, undefined);
  const {error, response} = await put('é'.repeat(room / 2) + 'e'.repeat((room % 2) + 1));
  t.like(error, {code: 'COMPONENT_TOO_LARGE', status: 500});
  t.regex(String(error), /box would take 65537 bytes of the 65536/);
  t.is(response.status, 500);
  t.is(await visit(session => (session.get(Box).it as string).length), Math.ceil(room / 2));
});

test('the limit of a component can be set', async t => {
  const {look} = visitedSite({sessions: {componentLimit: 100}});
  const put = (text: string) => look(session => session.update(Box, box => void (box.it = text)));
  t.is((await put('a'.repeat(50))).error, undefined);
  t.like((await put('a'.repeat(100))).error, {code: 'COMPONENT_TOO_LARGE'});
});

test('S74: a component that can not be read gets its visitor a fresh session, and the operator a line without its text', async t => {
  for (const text of ['hunter2', '[[1,2],0,"hunter2"]', '{"hunter2":1}', '[[1,2],0,["Bomb",3],"hunter2"]', '']) {
    const {store, put} = openStore();
    const {look, visit, log} = visitedSite({store});
    put.text = text;
    const first = await visit(async session => {
      await session.update(Box, box => void (box.it = 1));
      return session.uid;
    });
    delete put.text;
    const {response, result} = await look(session => session.uid);
    t.is(response.status, 204);
    t.not(result, first);
    t.is(await visit(session => session.uid), result!, 'and keeps it');
    await visit(session => session.update(Box, box => void (box.it = 'well')));
    t.is(log.filter(({message}) => message.includes(`${first} can't be read`)).length, 1);
    t.notRegex(inspect(log, {depth: 9}), /hunter2/);
  }
});
