import {inspect} from 'node:util';
import test from 'ava';
import {SessionComponent, type ComponentOptions, type Fields} from 'espalier';
import {z} from 'zod';
import {twoSites, visitedSite} from '../world.ts';

@SessionComponent('box')
class Box {
  it: unknown = undefined;
}

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

test('a function where the class has data is refused, for it would be lost', async t => {
  const {look} = visitedSite();
  const {error} = await look(session => session.update(Box, box => void (box.it = () => 1)));
  t.regex(String(error), /at \.it it has a function/);
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

/** Two versions of a class, and a site of the second where a component of the first is stored. */
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
  const {first, second} = await twoSites();
  await first.visit(session => session.update(First, name => (name.full = 'Grace Hopper')));
  return {...second, before: first.visit, First, Second};
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
    const {visit, look, before, First, Second} = await migrating(migrate as NonNullable<ComponentOptions['migrate']>);
    for (const act of ['get', 'update', 'take'] as const) {
      const {error} = await look(session => session[act](Second, () => undefined));
      t.like(error, {code: 'COMPONENT_INVALID', cause: undefined});
      t.regex((error as Error).message, message);
      t.notRegex(inspect(error), /Grace/);
    }
    t.is(await before(session => session.get(First).full), 'Grace Hopper');
    t.true(await visit(session => session.remove(Second)), 'and it can be removed');
  });
}

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
  const {first, second} = await twoSites();
  await second.visit(session => session.update(Later, person => Object.assign(person, {name: 'longer', age: 7})));
  t.is(await first.visit(session => session.get(Now).name), 'longer');
  await first.visit(session => session.update(Now, person => (person.name += ' still')));
  t.deepEqual({...(await second.visit(session => session.get(Later)))}, {name: 'longer still', age: 7});
});
