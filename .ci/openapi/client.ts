// A client of examples/an-api-with-cors-and-openapi.ts, typed by its document. What the document does not allow does not compile.
import {strict as assert} from 'node:assert';
import createClient from 'openapi-fetch';
import type {components, paths} from './api.js';

const token = {Authorization: 'Bearer let-me-in'};
const {GET, POST, DELETE} = createClient<paths>({baseUrl: process.argv[2]!});

const pear: components['schemas']['Article'] = {name: 'pear', price: 0.6};
const refused = await POST('/api/articles', {body: pear});
assert.equal(refused.response.status, 401);
assert.equal(refused.error?.title, 'Unauthorized');

const added = await POST('/api/articles', {body: pear, headers: token});
assert.equal(added.response.status, 201);
assert.equal(added.data?.price, 0.6);

const again = await POST('/api/articles', {body: pear, headers: token});
assert.equal(again.response.status, 409);
assert.equal(again.error?.detail, 'There is one by this name.');

const unfit = await POST('/api/articles', {body: {name: '', price: 1}, headers: token});
assert.deepEqual(
  unfit.error?.errors?.map(({in: part, pointer}) => part + pointer),
  ['body/name'],
);

const listed = await GET('/api/articles', {params: {query: {most: 1}}});
const names: string[] | undefined = listed.data?.articles.map(({name}) => name);
assert.deepEqual(names, ['apple']);

const shown = await GET('/api/articles/{name}', {params: {path: {name: 'pear'}}});
assert.deepEqual(shown.data, pear);
const removed = await DELETE('/api/articles/{name}', {params: {path: {name: 'pear'}}, headers: token});
assert.equal(removed.response.status, 204);
assert.equal((await GET('/api/articles/{name}', {params: {path: {name: 'pear'}}})).error?.status, 404);

// @ts-expect-error The price is a number.
void (() => POST('/api/articles', {body: {name: 'pear', price: 'much'}}));
// @ts-expect-error There is no such path.
void (() => GET('/api/pears'));
// @ts-expect-error There is no such parameter.
void (() => GET('/api/articles', {params: {query: {least: 1}}}));
