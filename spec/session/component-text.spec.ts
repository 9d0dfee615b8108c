import {inspect} from 'node:util';
import test from 'ava';
import {SessionComponent, type EspalierError, type Fields, type SessionStore} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {visitedSite} from './world.ts';
import {around} from './stores.ts';

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

const refused: Record<string, [unknown, RegExp]> = {
  'an instance of another class': [{a: [new Secret()]}, /at \.it\.a\[0\] it has an object of class Secret/],
  'an instance of a class that extends Map': [{a: new Names([['hunter2', 'x']])}, /at \.it\.a it has .* class Names/],
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
    /has too deep a nest/,
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
