import assert from 'node:assert/strict';
import test from 'node:test';
import {Get, Resource, createError} from 'espalier';
import {testSite} from 'espalier/testing';
import {errorPage} from '../src/errors.ts';
import {Home} from '../src/home.ts';

const site = () => testSite(Home, {onError: errorPage});

test('an entry stands in the guestbook, and thanks are said once', async () => {
  const ada = site().visitor();
  await ada.post('/guestbook', {body: new URLSearchParams({name: 'Ada', text: '<Hello>'})});
  const page = await (await ada.get('/guestbook')).text();
  assert.match(page, /Thank you, Ada\./);
  assert.match(page, /&lt;Hello&gt;/);
  assert.doesNotMatch(await (await ada.get('/guestbook')).text(), /Thank you/);
});

test('a form that lacks something is shown again, with what was typed', async () => {
  const answer = await site()
    .visitor()
    .post('/guestbook', {body: new URLSearchParams({name: 'Ada', text: ''})});
  assert.equal(answer.status, 422);
  const page = await answer.text();
  assert.match(page, /Say something\./);
  assert.match(page, /value="Ada"/);
});

test('files of the folder public are served', async () => {
  const answer = await site().visitor().get('/assets/site.css');
  assert.match(answer.headers.get('content-type') ?? '', /^text\/css/);
});

test('a browser is shown a page for what is not there', async () => {
  const answer = await site()
    .visitor()
    .get('/nowhere', {headers: {accept: 'text/html'}});
  assert.equal(answer.status, 404);
  assert.match(await answer.text(), /<p>There is nothing at this path\.<\/p>/);
});

@Resource()
class Failing {
  @Get()
  show() {
    const errors = [{in: 'body', pointer: '/size', detail: 'Too <small>.'}];
    throw createError(422, 'That is no order.', {errors});
  }
}

test('a browser is shown what createError was told to say, with each field', async () => {
  const answer = await testSite(Failing, {onError: errorPage})
    .visitor()
    .get('/', {headers: {accept: 'text/html'}});
  assert.match(await answer.text(), /<p>That is no order\.<\/p><ul><li>size: Too &lt;small&gt;\.<\/li><\/ul>/);
});

test('a browser is not shown the codes of Espalier', async () => {
  const answer = await testSite(Home, {onError: errorPage})
    .visitor()
    .post('/guestbook', {headers: {accept: 'text/html', cookie: 'sid=x', origin: 'https://elsewhere.example'}});
  assert.equal(answer.status, 403);
  assert.match(await answer.text(), /<p>You may not do that\.<\/p>/);
});
