import {inspect} from 'node:util';
import test from 'ava';
import {SessionComponent, type ComponentClass, type ComponentOptions} from 'espalier';
import {z} from 'zod';
import {twoSites, visitedSite} from '../world.ts';

type Schema = NonNullable<ComponentOptions['schema']>;

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
    const {first, second} = await twoSites();
    const {look} = second;
    await first.visit(session => session.update(Unchecked, person => (person.age = 'old 4711')));
    for (const act of ['get', 'update', 'take'] as const) {
      const {error} = await look(session => session[act](Person, () => undefined));
      t.regex(String(error), /The component person can't be loaded: its schema refuses age\./);
      t.notRegex(inspect(error), /4711/);
    }
    t.is(await first.visit(session => session.get(Unchecked).age), 'old 4711');
  });

  test(`a schema ${what} only checks: fields that it does not know stay`, async t => {
    const {first, second} = await twoSites();
    await first.visit(session => session.update(Unchecked, person => (person.age = 7)));
    await second.visit(session => session.update(Person, person => person.age++));
    t.deepEqual({...(await first.visit(session => session.get(Unchecked)))}, {age: 8, more: 'kept'});
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
  const {first, second} = await twoSites();
  await first.visit(session => session.update(Before, person => (person.name = 'b')));
  t.deepEqual({...(await second.visit(session => session.get(After)))}, {name: 'b', age: 0});
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
