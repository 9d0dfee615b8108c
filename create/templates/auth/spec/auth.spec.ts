import assert from 'node:assert/strict';
import test from 'node:test';
import {ContainerModule} from 'espalier';
import {testSite} from 'espalier/testing';
import {Accounts} from '../src/accounts.ts';
import {errorPage} from '../src/errors.ts';
import {Home} from '../src/home.ts';
import {Mailer, type Mail} from '../src/mail.ts';
import {remembered} from '../src/sign-in.ts';
import {Authenticator} from './authenticator.ts';

/** A site of its own, with the mails that it has sent. */
function newSite() {
  const mails: Mail[] = [];
  const services = new ContainerModule(({bind}) => {
    bind(Accounts).toConstantValue(new Accounts(':memory:'));
    bind(Mailer).toConstantValue({send: async (mail: Mail) => void mails.push(mail)});
  });
  const site = testSite(Home, {modules: [services], onError: errorPage});
  return {...site, mails};
}

const form = (fields: Record<string, string>) => ({body: new URLSearchParams(fields), redirect: 'manual'}) as const;

type Visitor = ReturnType<ReturnType<typeof newSite>['visitor']>;

/** Signs up; gives the path of the link that was mailed. */
async function askForLink(visitor: Visitor, mails: Mail[], email = 'ada@example.org') {
  await visitor.post('/sign-up', form({email}));
  return new URL(/https?:\S+/.exec(mails.at(-1)!.text)![0]).pathname;
}

const signIn = (visitor: Visitor, password: string, more = {}) =>
  visitor.post('/sign-in', form({email: 'Ada@example.org', password, ...more}));

/** Somebody with an account, signed in. */
async function ada() {
  const site = newSite();
  const visitor = site.visitor();
  const link = await askForLink(visitor, site.mails);
  await visitor.post(link, form({password: 'lovelace'}));
  return {...site, visitor: visitor, another: () => site.visitor(), link};
}

test('a link sets the password, once, and signs in', async () => {
  const {visitor, another, link} = await ada();
  assert.match(await (await visitor.get('/account')).text(), /ada@example\.org/);
  assert.equal((await another().post(link, form({password: 'somebody'}))).status, 404);
  assert.equal((await signIn(another(), 'somebody')).status, 403);
});

test('opening a link changes nothing', async () => {
  const {visitor, mails} = newSite();
  const link = await askForLink(visitor(), mails);
  assert.equal((await visitor().get(link)).status, 200);
  assert.equal((await visitor().post(link, form({password: 'lovelace'}))).status, 303);
});

test('nobody learns from the form who has an account', async () => {
  const {another, mails} = await ada();
  const known = await (await another().post('/sign-up', form({email: 'ada@example.org'}))).text();
  const unknown = await (await another().post('/sign-up', form({email: 'grace@example.org'}))).text();
  assert.equal(known, unknown);
  assert.equal(mails.length, 3);
});

test('somebody signs in with the password, and out', async () => {
  const {another} = await ada();
  const visitor = another();
  assert.equal((await signIn(visitor, 'byron')).status, 403);
  assert.equal((await signIn(visitor, 'lovelace')).headers.get('location'), '/account');
  assert.equal((await visitor.get('/account')).status, 200);
  await visitor.post('/sign-out', form({}));
  assert.equal((await visitor.get('/account', {redirect: 'manual'})).status, 401);
});

test('a browser is told that the password is wrong', async () => {
  const {another} = await ada();
  const answer = await another().post('/sign-in', {
    ...form({email: 'ada@example.org', password: 'byron'}),
    headers: {accept: 'text/html'},
  });
  assert.match(await answer.text(), /<p>The address or the password is wrong\.<\/p>/);
});

test('after some wrong passwords no more are tried', async () => {
  const {another} = await ada();
  const visitor = another();
  for (let i = 0; i < 5; i += 1) assert.equal((await signIn(visitor, 'byron')).status, 403);
  assert.equal((await signIn(visitor, 'lovelace')).status, 429);
});

test('a session is remembered where its visitor wants that', async () => {
  const {another} = await ada();
  const answer = await signIn(another(), 'lovelace', {remember: 'yes'});
  assert.match(answer.headers.getSetCookie().join(), new RegExp(`Max-Age=${remembered / 1000}`));
  assert.doesNotMatch((await signIn(another(), 'lovelace')).headers.getSetCookie().join(), /Max-Age/);
});

test('devices are listed, and signed out one by one or all', async () => {
  const {visitor, another} = await ada();
  const phone = another();
  await signIn(phone, 'lovelace');
  const page = await (await visitor.get('/account')).text();
  const keys = [...page.matchAll(/devices\/([\w-]+)/g)].map(([, key]) => key!);
  assert.equal(keys.length, 2);
  await visitor.post(`/account/devices/${keys[1]}`, form({}));
  assert.equal((await phone.get('/account')).status, 401);
  await signIn(phone, 'lovelace');
  await visitor.post('/account/devices', form({}));
  assert.equal((await phone.get('/account')).status, 401);
  assert.equal((await visitor.get('/account')).status, 200);
});

test('a new password signs everybody else out', async () => {
  const {visitor, another, mails} = await ada();
  const link = await askForLink(another(), mails);
  await another().post(link, form({password: 'countess'}));
  assert.equal((await visitor.get('/account')).status, 401);
  assert.equal((await signIn(another(), 'lovelace')).status, 403);
});

test('a passkey is added, and signs in without a password', async () => {
  const {visitor, another} = await ada();
  const authenticator = new Authenticator('http://localhost:8080');
  const options = await (await visitor.post('/passkeys/register', {json: {}})).json();
  const added = await visitor.post('/passkeys/register-answer', {json: authenticator.register(options)});
  assert.equal(added.status, 204, await added.clone().text());
  const phone = another();
  const asked = await (await phone.post('/passkeys/sign-in', {json: {}})).json();
  const answer = authenticator.signIn(asked);
  assert.equal((await phone.post('/passkeys/sign-in-answer', {json: answer})).status, 204);
  assert.equal((await phone.get('/account')).status, 200);
  assert.equal((await another().post('/passkeys/sign-in-answer', {json: answer})).status, 400, 'It is good once.');
});
