import assert from 'node:assert/strict';
import test from 'node:test';
import {ContainerModule} from 'espalier';
import {testSite} from 'espalier/testing';
import {Api} from '../src/api.ts';
import {Notes} from '../src/notes.ts';

const services = new ContainerModule(({bind}) => void bind(Notes).toSelf().inSingletonScope());
const client = () => testSite(Api, {modules: [services]}).visitor();

test('a note is added, changed and removed', async () => {
  const api = client();
  const added = await api.post('/notes', {json: {title: 'Tea'}});
  assert.equal(added.status, 201);
  const place = added.headers.get('location')!;
  assert.equal(place, '/notes/1');
  await api.put(place, {json: {title: 'Tea', text: 'Two pots.'}});
  const {text} = (await (await api.get(place)).json()) as {text: string};
  assert.equal(text, 'Two pots.');
  assert.equal((await api.delete(place)).status, 204);
  assert.equal((await api.get(place)).status, 404);
});

test('what does not fit is refused with its place', async () => {
  const answer = await client().post('/notes', {json: {title: ''}});
  assert.equal(answer.status, 422);
  const {errors} = (await answer.json()) as {errors: {pointer: string}[]};
  assert.deepEqual(
    errors.map(({pointer}) => pointer),
    ['/title'],
  );
});

test('the document of OpenAPI tells of the notes', async () => {
  const answer = await client().get('/docs/openapi.json');
  const {paths} = (await answer.json()) as {paths: object};
  assert.deepEqual(Object.keys(paths).toSorted(), ['/', '/notes', '/notes/{id}']);
});
