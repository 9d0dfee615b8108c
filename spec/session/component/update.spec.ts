import test from 'ava';
import {SessionComponent, type ComponentClass, type ComponentUpdate, type Fields} from 'espalier';
import {twoSites, visitedSite} from '../world.ts';

interface Item {
  id: number;
  tags?: string[];
}

@SessionComponent('cart')
class Cart {
  items: Item[] = [];
  byName = new Map<string, Item>();
  note = '';
}

/** What rests after an update of a cart with one item, by whichever function. */
async function updated(update: (cart: Cart) => unknown) {
  const {visit} = visitedSite();
  await visit(session => session.update(Cart, cart => cart.items.push({id: 1, tags: ['a']})));
  await visit(session => session.update(Cart, update as ComponentUpdate<Cart>));
  return visit(session => session.get(Cart));
}

const full = {items: [{id: 1, tags: ['a']}], byName: new Map(), note: ''};

const updates: Record<string, [(cart: Cart) => unknown, Fields]> = {
  'an instance of the class': [() => Object.assign(new Cart(), {note: 'new'}), {items: [], note: 'new'}],
  'a plain object': [() => ({items: [], byName: new Map(), note: 'plain'}), {items: [], note: 'plain'}],
  'a plain object without some fields, which are new then': [() => ({note: 'bare'}), {items: [], note: 'bare'}],
  // oxlint-disable-next-line typescript/no-misused-spread
  'a spread of what was there': [cart => ({...cart, note: 'spread'}), {note: 'spread'}],
  'the component itself': [cart => Object.assign(cart, {note: 'self'}), {note: 'self'}],
  'an arrow function that gives a number': [cart => cart.items.push({id: 2}), {items: [...full.items, {id: 2}]}],
  'an arrow function that gives a text': [cart => (cart.note += 'x'), {note: 'x'}],
  'an arrow function that gives a boolean': [cart => cart.byName.delete('x'), {}],
  'an arrow function that gives the object it assigns': [cart => (cart.items[0] = {id: 3}), {items: [{id: 3}]}],
  'an arrow function that gives the list it assigns': [cart => (cart.items = []), {items: []}],
  'an arrow function that gives what Map.set does': [
    cart => cart.byName.set('a', {id: 4}),
    {byName: new Map([['a', {id: 4}]])},
  ],
  'an arrow function that gives the object it takes out': [cart => cart.items.pop(), {items: []}],
  'an arrow function that gives null': [() => null, {}],
};

test('S54: a change deep inside a component is stored', async t => {
  const {items} = await updated(cart => void cart.items[0]!.tags!.push('b'));
  t.deepEqual(items, [{id: 1, tags: ['a', 'b']}]);
});

for (const [what, [update, expected]] of Object.entries(updates)) {
  test(`an update stores what its function has made of the component: ${what}`, async t => {
    const cart = await updated(update);
    t.true(cart instanceof Cart);
    t.deepEqual(Object.fromEntries(Object.entries(cart)), {...full, ...expected});
  });
}

test('an update gives the component as it is stored, to be read', async t => {
  const {visit} = visitedSite();
  await visit(async session => {
    let draft: Cart | undefined;
    const cart = await session.update(Cart, given => {
      draft = given;
      given.note = 'stored';
    });
    draft!.note = 'later';
    t.is(cart.note, 'stored');
    t.throws(() => Object.assign(cart, {note: 'x'}), {instanceOf: TypeError});
    t.is(session.get(Cart), cart);
  });
});

class Stranger {
  items = [];
}
const unfit: Record<string, [(cart: Cart) => unknown, RegExp]> = {
  'is asynchronous': [
    async cart => void (cart.note = 'late'),
    /to update cart with is asynchronous\. Do what takes time/,
  ],
  'is asynchronous and fails': [() => Promise.reject(new Error('unheard')), /is asynchronous/],
  'gives an instance of another class': [() => new Stranger(), /gave an object of class Stranger/],
  'gives a list of its own': [cart => cart.items.map(({id}) => id), /gave an object of class Array/],
  'gives a function': [() => () => undefined, /gave a function/],
};

for (const [how, [update, message]] of Object.entries(unfit)) {
  test(`a function to update with that ${how} is refused, and changes nothing`, async t => {
    const {visit, look} = visitedSite();
    await visit(session => session.update(Cart, cart => (cart.note = 'before')));
    const {error} = await look(session => session.update(Cart, update as ComponentUpdate<Cart>));
    t.like(error, {code: 'COMPONENT_INVALID'});
    t.regex(String(error), message);
    t.is(await visit(session => session.get(Cart).note), 'before');
  });
}

test('a function that throws leaves everything as it was, and its own error comes out', async t => {
  const {visit, look} = visitedSite();
  await visit(session => session.update(Cart, cart => (cart.note = 'before')));
  const own = new Error('own');
  const {error} = await look(session =>
    session.update(Cart, cart => {
      cart.items.push({id: 9});
      cart.note = 'half';
      throw own;
    }),
  );
  t.is(error, own);
  t.deepEqual({...(await visit(session => session.get(Cart)))}, {...full, items: [], note: 'before'});
});

test('the types refuse what an update would refuse', async t => {
  const {visit} = visitedSite();
  await visit(async session => {
    // @ts-expect-error An asynchronous function,
    await t.throwsAsync(session.update(Cart, async cart => void cart.items.push({id: 1})));
    // @ts-expect-error a list,
    await t.throwsAsync(session.update(Cart, cart => cart.items.map(({id}) => id)));
    // @ts-expect-error an object that is no cart.
    await t.notThrowsAsync(session.update(Cart, () => ({other: 1})));
  });
});

/** A class before and after a release; both are alive while it is rolled out. */
interface Release {
  readonly Old: ComponentClass<{name: string; count: number}>;
  readonly New: ComponentClass<{name: string; count: number; address: {city: string}}>;
}

function withoutVersions(): Release {
  @SessionComponent('person')
  class Old {
    name = '';
    count = 0;
  }
  @SessionComponent('person')
  class New {
    name = '';
    count = 0;
    address = {city: ''};
  }
  return {Old, New};
}

function withVersions(): Release {
  @SessionComponent('person')
  class Old {
    name = '';
    count = 0;
  }
  @SessionComponent('person', {version: 1, migrate: fields => ({...fields, address: {city: 'migrated'}})})
  class New {
    name = '';
    count = 0;
    address = {city: ''};
  }
  return {Old, New};
}

const ways: Record<string, <T extends {count: number}>(type: ComponentClass<T>) => ComponentUpdate<T>> = {
  'changing it': () => value => value.count++,
  'giving an instance': type => value => {
    const next = new type();
    for (const name of Object.keys(next)) Reflect.set(next, name, Reflect.get(value, name));
    next.count += 1;
    return next;
  },
  'giving a plain object': type => value => {
    const known = Object.keys(new type()).map(name => [name, Reflect.get(value, name) as unknown]);
    return {...Object.fromEntries(known), count: value.count + 1} as typeof value;
  },
  'giving a spread': () => value => ({...value, count: value.count + 1}),
};

for (const [kind, release] of Object.entries({'without a version': withoutVersions, 'with versions': withVersions})) {
  for (const [how, way] of Object.entries(ways)) {
    test(`two releases of a class ${kind} update one component in turn by ${how}, and no field is lost`, async t => {
      const {Old, New} = release();
      const {first, second} = await twoSites();
      await first.visit(session => session.update(Old, old => (old.name = 'Grace')));
      const city = await second.visit(session => session.get(New).address.city);
      t.is(city, kind === 'with versions' ? 'migrated' : '');
      await second.visit(session => session.update(New, next => (next.address.city = 'Arlington')));
      for (let round = 0; round < 3; round += 1) {
        await first.visit(session => session.update(Old, way(Old)));
        await second.visit(session => session.update(New, way(New)));
      }
      const seen = await second.visit(session => session.get(New));
      t.deepEqual({...seen}, {name: 'Grace', count: 6, address: {city: 'Arlington'}});
      t.is(await first.visit(session => session.get(Old).count), 6);
    });
  }
}

test('a field that a later release has made an accessor is kept for the earlier one, and hides nothing', async t => {
  @SessionComponent('bill')
  class Old {
    prices: number[] = [];
    total = 0;
  }
  @SessionComponent('bill')
  class New {
    prices: number[] = [];
    get total() {
      return this.prices.reduce((sum, price) => sum + price, 0);
    }
  }
  const {first, second} = await twoSites();
  await first.visit(session => session.update(Old, bill => Object.assign(bill, {prices: [1], total: 1})));
  await second.visit(session => session.update(New, bill => bill.prices.push(2)));
  t.is(await second.visit(session => session.get(New).total), 3);
  t.deepEqual({...(await first.visit(session => session.get(Old)))}, {prices: [1, 2], total: 1});
});

test('a field that no release knows is gone once it is deleted', async t => {
  const {visit} = visitedSite();
  await visit(session => session.update(Cart, cart => void Object.assign(cart, {left: 1})));
  t.true(await visit(session => 'left' in session.get(Cart)));
  await visit(session => session.update(Cart, cart => void Reflect.deleteProperty(cart, 'left')));
  t.false(await visit(session => 'left' in session.get(Cart)));
});
