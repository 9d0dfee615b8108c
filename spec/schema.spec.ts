import test from 'ava';
import {isSchema, pointerTo, stepsOf, verdictOf} from '../src/schema.ts';
import {z} from 'zod';
import {type} from 'arktype';

test('a schema of any validator is known as one, one that is a function too', t => {
  t.true(isSchema(z.string()));
  t.true(isSchema(type('string')));
  for (const other of [undefined, null, {}, () => true, 'string']) t.false(isSchema(other));
});

test('a schema that throws, rejects or keeps no contract is a failure, and is not thrown', async t => {
  const schemas = [() => Promise.reject(new Error('odd')), () => JSON.parse('{') as never, () => undefined as never];
  for (const validate of schemas) {
    t.true('failure' in (await verdictOf({'~standard': {version: 1, vendor: 'by hand', validate}}, 1)));
  }
});

test('a pointer escapes what has a meaning in it, and that of the whole is empty', t => {
  t.is(pointerTo([]), '');
  t.is(pointerTo(['a/b', 'c~d', '~1', '', 0]), '/a~1b/c~0d/~01//0');
  t.is(pointerTo(stepsOf({message: '', path: [{key: 'a'}, 1]})), '/a/1');
  t.is(pointerTo(stepsOf({message: ''})), '');
});
