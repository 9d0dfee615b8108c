import test from 'ava';
import {Request} from 'espalier';
import {identity, sameSecret} from 'espalier/builtin';
import {admit, credentialsOf} from '../../src/builtin/authorization.ts';

test('two secrets are the same only where each letter is, however long they are', t => {
  t.true(sameSecret('pässword', 'pässword'));
  t.true(sameSecret('', ''));
  for (const other of ['', 'secre', 'secret ', 'Secret', 'secretsecret']) t.false(sameSecret('secret', other));
});

test('of another scheme there are no credentials', t => {
  const credentials = (authorization?: string) => credentialsOf(Request.from({headers: {authorization}}), 'basic');
  t.is(credentials('Basic abc'), 'abc');
  t.is(credentials('BASIC   abc  '), 'abc');
  t.is(credentials('Basic'), '');
  for (const other of [undefined, '', 'Basics abc', 'Bearer abc', 'Basi c']) t.is(credentials(other), undefined);
});

test('nobody is kept with a request that is refused', async t => {
  const request = Request.from({});
  await t.throwsAsync(
    admit(
      request,
      () => false,
      () => new Error('refused'),
    ),
    {message: 'refused'},
  );
  t.is(request.get(identity), undefined);
});
