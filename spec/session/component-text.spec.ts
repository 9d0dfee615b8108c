import {inspect} from 'node:util';
import test from 'ava';
import {
  SessionComponent,
  type ComponentClass,
  type ComponentOptions,
  type EspalierError,
  type Fields,
  type SessionStore,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {TestClock} from 'espalier/testing';
import {z} from 'zod';
import {visitedSite} from './world.ts';
import {around} from './stores.ts';

type Schema = NonNullable<ComponentOptions['schema']>;

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

test('an instance of the class comes back: prototype, methods, accessors, #private helpers, arrow functions', async t => {
  @SessionComponent('cart')
  class Cart {
    readonly #currency = 'EUR';
    prices: number[] = [];
    readonly total = () => this.prices.reduce((sum, price) => sum + price, 0);
    get label() {
      return `${this.total()} ${this.#currency}`;
    }
    add(price: number) {
      this.prices.push(price);
    }
  }
  const {visit} = visitedSite();
  for (const price of [1, 2]) await visit(session => session.update(Cart, cart => cart.add(price)));
  const cart = await visit(session => session.get(Cart));
  t.true(cart instanceof Cart);
  t.is(cart.label, '3 EUR');
  t.is(cart.total(), 3);
});

test('what a class gives to its fields is not shared between visitors, nor frozen, though it is one object', async t => {
  const common = new Map([['a', [1]]]);
  @SessionComponent('sharing')
  class Sharing {
    map = common;
  }
  const {visit} = visitedSite();
  await visit(session => session.get(Sharing));
  await visit(session => session.update(Sharing, ({map}) => map.get('a')!.push(2)));
  t.deepEqual(common, new Map([['a', [1]]]));
  t.notThrows(() => common.set('b', []));
  t.deepEqual(await visit(session => session.get(Sharing).map), new Map([['a', [1, 2]]]));
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

test('a function where the class has data is refused, for it would be lost', async t => {
  const {look} = visitedSite();
  const {error} = await look(session => session.update(Box, box => void (box.it = () => 1)));
  t.regex(String(error), /at \.it it has a function/);
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

test('S78: a class that has a field of that name itself is told so, and nothing is lost unheard', async t => {
  @SessionComponent('odd')
  class Odd {
    ['__proto__'] = {polluted: 1};
  }
  const {look} = visitedSite();
  const {error} = await look(session => session.update(Odd, () => undefined));
  t.regex(String(error), /has a field named __proto__/);
});

test('S78: what a client sends in place of a component hides no method or accessor, and runs no setter', async t => {
  let runs = 0;
  @SessionComponent('account')
  class Account {
    name = '';
    get isAdmin() {
      return false;
    }
    set nickname(_value: string) {
      runs += 1;
    }
    greet() {
      return 'hello';
    }
  }
  const {look, visit} = visitedSite();
  for (const name of ['isAdmin', 'nickname', 'greet', 'constructor', 'toString', '__proto__']) {
    const body = JSON.parse(`{"name": "x", "${name}": "hunter2"}`) as Account;
    const {error} = await look(session => session.update(Account, () => body));
    t.regex(String(error), new RegExp(`at \\.${name} it has a value in place of a method or accessor`));
    t.notRegex(inspect(error), /hunter2/);
  }
  const account = await visit(session => session.get(Account));
  t.deepEqual([account.name, account.isAdmin, account.greet(), runs], ['', false, 'hello', 0]);
});

test('S78: a component that takes over the fields of a body keeps its class', async t => {
  const {visit} = visitedSite();
  const body = JSON.parse('{"it": 1, "__proto__": {"it": 2}}') as Box;
  await visit(session => session.update(Box, box => void Object.assign(box, body)));
  const box = await visit(session => session.get(Box));
  t.true(box instanceof Box);
  t.is(box.it, 1);
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

/** Two versions of a class, and a site where a component of the first is stored. */
async function migrating(migrate: NonNullable<ComponentOptions['migrate']>) {
  @SessionComponent('name')
  class First {
    full = '';
  }
  @SessionComponent('name', {version: 2, migrate})
  class Second {
    first = '';
    last = '';
  }
  const site = visitedSite();
  await site.visit(session => session.update(First, name => (name.full = 'Grace Hopper')));
  return {...site, First, Second};
}

test('what an earlier version has stored is migrated, and stored so with the next update', async t => {
  const versions: number[] = [];
  const {visit, Second} = await migrating(({full, ...fields}, version) => {
    versions.push(version);
    const [first, last] = String(full).split(' ');
    return {...fields, first, last};
  });
  t.deepEqual({...(await visit(session => session.get(Second)))}, {first: 'Grace', last: 'Hopper'});
  await visit(session => session.update(Second, name => (name.last = 'H.')));
  t.deepEqual({...(await visit(session => session.get(Second)))}, {first: 'Grace', last: 'H.'});
  t.deepEqual(new Set(versions), new Set([0]));
});

const failures: Record<string, [(fields: Fields) => unknown, RegExp]> = {
  throws: [
    ({full}) => {
      throw new TypeError(String(full));
    },
    /^migrate\(\) of the component name failed on version 0 with an object of class TypeError\./,
  ],
  'gives nothing': [() => undefined, /gave undefined/],
  'gives a list': [({full}) => [full], /gave an object of class Array/],
  'is asynchronous': [({full}) => Promise.reject(new Error(String(full))), /gave an object of class Promise/],
};

for (const [how, [migrate, message]] of Object.entries(failures)) {
  test(`a migrate() that ${how} is an error, and loses nothing`, async t => {
    const {visit, look, First, Second} = await migrating(migrate as NonNullable<ComponentOptions['migrate']>);
    for (const act of ['get', 'update', 'take'] as const) {
      const {error} = await look(session => session[act](Second, () => undefined));
      t.like(error, {code: 'COMPONENT_INVALID', cause: undefined});
      t.regex((error as Error).message, message);
      t.notRegex(inspect(error), /Grace/);
    }
    t.is(await visit(session => session.get(First).full), 'Grace Hopper');
    t.true(await visit(session => session.remove(Second)), 'and it can be removed');
  });
}

const ages = byHand(value => {
  const {age} = value as {age: unknown};
  const isRight = typeof age === 'number' && age >= 0;
  return isRight ? {value} : {issues: [{message: `${String(age)} is no age`, path: [{key: 'age'}]}]};
});
const schemas: Record<string, Schema> = {
  'written by hand': ages,
  'of zod': z.object({age: z.number().min(0, {error: ({input}) => `${String(input)} is no age`})}),
};

for (const [what, schema] of Object.entries(schemas)) {
  @SessionComponent('person', {schema})
  class Person {
    age = 0;
  }
  @SessionComponent('person')
  class Unchecked {
    age: unknown = 0;
    more = 'kept';
  }

  test(`a schema ${what} keeps what it refuses from being stored, and tells the place alone`, async t => {
    const {visit, look} = visitedSite();
    await visit(session => session.update(Person, person => (person.age = 7)));
    const {error} = await look(session => session.update(Person, person => (person.age = -4711)));
    t.like(error, {code: 'COMPONENT_INVALID', cause: undefined});
    t.regex(String(error), /The component person can't be stored: its schema refuses age\./);
    t.notRegex(inspect(error), /4711/);
    t.is(await visit(session => session.get(Person).age), 7);
  });

  test(`a schema ${what} keeps what it refuses from being loaded, and loses nothing`, async t => {
    const {visit, look} = visitedSite();
    await visit(session => session.update(Unchecked, person => (person.age = 'old 4711')));
    for (const act of ['get', 'update', 'take'] as const) {
      const {error} = await look(session => session[act](Person, () => undefined));
      t.regex(String(error), /The component person can't be loaded: its schema refuses age\./);
      t.notRegex(inspect(error), /4711/);
    }
    t.is(await visit(session => session.get(Unchecked).age), 'old 4711');
  });

  test(`a schema ${what} only checks: fields that it does not know stay`, async t => {
    const {visit} = visitedSite();
    await visit(session => session.update(Unchecked, person => (person.age = 7)));
    await visit(session => session.update(Person, person => person.age++));
    t.deepEqual({...(await visit(session => session.get(Unchecked)))}, {age: 8, more: 'kept'});
  });
}

test('a schema is asked about the fields that the class gives, too, so that a new one needs no migration', async t => {
  @SessionComponent('person')
  class Before {
    name = 'a';
  }
  @SessionComponent('person', {schema: z.object({name: z.string(), age: z.number()})})
  class After {
    name = '';
    age = 0;
  }
  const {visit} = visitedSite();
  await visit(session => session.update(Before, person => (person.name = 'b')));
  t.deepEqual({...(await visit(session => session.get(After)))}, {name: 'b', age: 0});
});

test('what a later version has stored is not for the schema of an earlier one to judge, nor to migrate', async t => {
  const strict = z.strictObject({name: z.string().max(3)});
  @SessionComponent('person', {version: 1, schema: strict, migrate: () => ({name: 'migrated'})})
  class Now {
    name = '';
  }
  @SessionComponent('person', {version: 2})
  class Later {
    name = '';
    age = 0;
  }
  const {visit} = visitedSite();
  await visit(session => session.update(Later, person => Object.assign(person, {name: 'longer', age: 7})));
  t.is(await visit(session => session.get(Now).name), 'longer');
  await visit(session => session.update(Now, person => (person.name += ' still')));
  t.deepEqual({...(await visit(session => session.get(Later)))}, {name: 'longer still', age: 7});
});

function byHand(validate: Schema['~standard']['validate']): Schema {
  return {'~standard': {version: 1, vendor: 'by hand', validate}};
}

const unfit: Record<string, [Schema, RegExp]> = {
  'answers asynchronously': [
    z.object({it: z.unknown()}).refine(async () => Promise.resolve(true)),
    /its schema answers asynchronously\. Take one that answers at once\./,
  ],
  'answers asynchronously, and fails': [
    byHand(() => Promise.reject(new Error('hunter2'))),
    /its schema answers asynchronously\./,
  ],
  throws: [
    byHand(value => {
      throw new RangeError(inspect(value));
    }),
    /its schema fails with an object of class RangeError\./,
  ],
  'refuses keys of a map': [z.object({it: z.map(z.string().max(3), z.number())}), /its schema refuses it(\.…)?\./],
  'refuses the whole': [z.object({it: z.unknown()}).refine(() => false), /its schema refuses the whole\./],
  'refuses many things': [
    z.object({more: z.array(z.string()), it: z.unknown()}),
    /its schema refuses more\.0, more\.1, more\.2, more\.3, more\.4 and more\./,
  ],
};

for (const [how, [schema, message]] of Object.entries(unfit)) {
  test(`a schema that ${how} is an error that tells no value`, async t => {
    @SessionComponent('odd', {schema})
    class Odd {
      it = new Map([['hunter2', 1]]);
      more: unknown[] = [1, 2, 3, 4, 5, 6, 7];
    }
    const {look} = visitedSite();
    const {error} = await look(session => session.update(Odd as ComponentClass, () => undefined));
    t.like(error, {code: 'COMPONENT_INVALID', cause: undefined});
    t.regex(String(error), message);
    t.notRegex(inspect(error), /hunter2/);
  });
}
