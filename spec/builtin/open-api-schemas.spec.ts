import {toStandardJsonSchema} from '@valibot/to-json-schema';
import test from 'ava';
import {type} from 'arktype';
import * as v from 'valibot';
import {z} from 'zod';
import {Names, Schemas} from '../../src/builtin/open-api-schemas.ts';

const moment = {type: 'string', format: 'date-time'};

test('dates are moments, and files are binary, whichever library the schema is of; what has no words is left open', t => {
  const schemas = new Schemas();
  const ofZod = z.object({
    at: z.date(),
    file: z.file(),
    big: z.bigint(),
    deep: z.array(z.object({map: z.map(z.any(), z.any())})),
  });
  const zod = schemas.convert(ofZod, 'a');
  t.like(zod.schema['properties'], {at: moment, file: {type: 'string', format: 'binary'}, big: {}});
  t.deepEqual(zod.open.toSorted(), ['big', 'deep[].map']);
  const ofValibot = toStandardJsonSchema(v.object({at: v.date(), file: v.file(), map: v.map(v.string(), v.string())}));
  const valibot = schemas.convert(ofValibot, 'b');
  t.deepEqual(valibot.schema['properties'], {at: moment, file: {type: 'string', format: 'binary'}, map: {}});
  t.deepEqual(valibot.open, ['map']);
  const ark = schemas.convert(type({at: 'Date', big: 'bigint', name: 'string'}), 'c');
  t.deepEqual(ark.schema['properties'], {at: moment, big: {}, name: {type: 'string'}});
  t.deepEqual(ark.open, ['big']);
  t.deepEqual([zod.hasFiles, valibot.hasFiles, ark.hasFiles], [true, true, false]);
  t.notRegex(JSON.stringify([zod, valibot, ark]), /x-left-open|\$schema/);
});

test('what takes anything is not told as left open', t => {
  const schema = z.object({
    any: z.any(),
    maybe: z.unknown().optional(),
    or: z.any().nullable(),
    parsed: z.preprocess(x => x, z.any()),
  });
  t.deepEqual(new Schemas().convert(schema, 'a').open, []);
});

test('what is converted is the input: texts where a schema makes numbers of them', t => {
  const schema = z.object({size: z.string().transform(Number), most: z.coerce.number()});
  t.deepEqual(new Schemas().convert(schema, 'a').schema['properties'], {
    size: {type: 'string'},
    most: {type: 'number'},
  });
});

test('a schema with an id is a component, one for all who use it', t => {
  const schemas = new Schemas();
  const Person = z.object({name: z.string()}).meta({id: 'Person'});
  const $ref = '#/components/schemas/Person';
  t.deepEqual(schemas.convert(Person, 'a').schema, {$ref});
  t.deepEqual(schemas.convert(z.array(Person), 'b').schema, {type: 'array', items: {$ref}});
  t.deepEqual(schemas.components, {
    Person: {type: 'object', properties: {name: {type: 'string'}}, required: ['name']},
  });
  t.deepEqual(schemas.resolved({$ref}), schemas.components['Person']);
});

test('a schema that refers to itself does so in the document', t => {
  const schemas = new Schemas();
  const Folder = z.object({
    name: z.string(),
    get folders() {
      return z.array(Folder);
    },
  });
  const $ref = '#/components/schemas/Files_add_body';
  t.deepEqual(schemas.convert(Folder, 'Files_add_body').schema, {$ref});
  t.like(schemas.components['Files_add_body'], {properties: {folders: {type: 'array', items: {$ref}}}});
  const wrapped = schemas.convert(z.object({root: Folder}), 'other').schema;
  const [, name] = /"#\/components\/schemas\/(\w+)"/.exec(JSON.stringify(wrapped))!;
  t.true(JSON.stringify(schemas.components[name!]).includes(`"$ref":"#/components/schemas/${name}"`));
});

test('two schemas by one name that differ, be it in what they refer to, are two components', t => {
  const schemas = new Schemas();
  const of = (inner: Record<string, unknown>) => {
    const json = {$ref: '#/$defs/A', $defs: {A: {items: {$ref: '#/$defs/B'}}, B: inner}};
    const given = {version: 1, vendor: 'own', validate: (value: unknown) => ({value}), jsonSchema: {input: () => json}};
    return schemas.convert({'~standard': given} as never, 'x').schema['$ref'];
  };
  t.is(of({type: 'string'}), '#/components/schemas/A');
  t.is(of({type: 'string'}), '#/components/schemas/A');
  t.is(of({type: 'number'}), '#/components/schemas/A_2');
  t.deepEqual(schemas.components['A_2'], {items: {$ref: '#/components/schemas/B_2'}});
});

test('a schema that gives no JSON Schema is told with the way out', t => {
  const schemas = new Schemas();
  t.throws(() => schemas.convert(v.object({}), 'a'), {message: /toStandardJsonSchema\(\) of @valibot\/to-json-schema/});
  t.throws(() => schemas.convert({'~standard': {vendor: 'own'}} as never, 'a'), {
    message: 'the schema gives no JSON Schema.',
  });
});

test('a name has the letters that OpenAPI allows', t => {
  const names = new Names();
  t.is(names.nameOf('A b/c', 'x'), 'A_b_c');
  t.is(names.nameOf('A b/c', 'y'), 'A_b_c_2');
  t.is(names.nameOf('A b/c', 'x'), 'A_b_c');
  t.is(names.nameOf('', 'x'), '_');
});
