import test from 'ava';
import {Child, Get, Post, Request, Resource, SessionService, Use, inject} from 'espalier';
import {requireSignIn, returnPath, type RequireSignInOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

const html = 'text/html,application/xhtml+xml,*/*;q=0.8';

/** A site with a branch that asks for a sign-in. */
function members(options?: RequireSignInOptions) {
  @Resource()
  class SignIn {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Post()
    async enter(request: Request) {
      await this.sessions.signIn('ada');
      return returnPath(request);
    }
  }
  @Resource()
  class Page {
    @Get()
    show() {
      return 'secret';
    }
    @Post()
    change() {
      return 'changed';
    }
  }
  @Use(requireSignIn(options))
  @Resource()
  @Child('page', Page)
  class Members extends Page {}
  @Resource()
  @Child('members', Members)
  @Child('sign-in', SignIn)
  class Root {}
  return testSite(Root);
}

test('who has not signed in gets a 401, for what is not there too, and no session begins', async t => {
  const {visitor} = members();
  for (const path of ['/members', '/members/page', '/members/none']) {
    for (const accept of ['*/*', html]) {
      const answer = await visitor().get(path, {headers: {Accept: accept}});
      t.is(answer.status, 401, path);
      t.is(answer.headers.get('set-cookie'), null);
    }
  }
  const ada = visitor();
  await ada.post('/sign-in');
  t.is(await (await ada.get('/members/page')).text(), 'secret');
  t.is((await ada.get('/members/none')).status, 404);
});

test('a browser is sent to sign in, and back to where it wanted to go; a program gets a 401', async t => {
  const {site, visitor} = members({redirect: '/sign-in'});
  const get = (headers: Record<string, string>, method = 'GET') =>
    site.handle({url: '/members/page?a=1&b=%2F', method, headers: {host: 'localhost', ...headers}});
  const sent = await get({accept: html});
  t.is(sent.status, 303);
  t.is(sent.header('Location'), '/sign-in?next=%2Fmembers%2Fpage%3Fa%3D1%26b%3D%252F');
  t.is(sent.header('Set-Cookie'), undefined);
  t.regex(sent.header('Vary')!, /Accept/);
  t.is((await get({accept: '*/*'})).status, 401);
  t.is((await get({accept: 'application/json'})).status, 401);
  t.is((await get({accept: html}, 'POST')).header('Location'), '/sign-in', 'a form is not sent a second time');
  const ada = visitor();
  t.is(await (await ada.post(sent.header('Location')!)).text(), '/members/page?a=1&b=%2F');
  t.is((await ada.get('/members/page', {headers: {Accept: html}})).status, 200);
});

test('who has signed in too long ago has to do so again', async t => {
  const {visitor, clock, site} = members({within: 60_000, redirect: '/sign-in'});
  const ada = visitor();
  await ada.post('/sign-in');
  t.is((await ada.get('/members')).status, 200);
  clock.advance(60_001);
  t.is((await ada.get('/members')).status, 401);
  t.like(await (await ada.get('/members')).json(), {
    code: 'SIGN_IN_REQUIRED',
    detail: 'Sign in again: it was too long ago.',
  });
  await site.close();
});

test('a sign-in page that is behind the guard itself is a 401, and no endless way', async t => {
  @Use(requireSignIn({redirect: '/sign-in'}))
  @Resource()
  class Root {}
  const answer = await testSite(Root)
    .visitor()
    .get('/sign-in', {headers: {Accept: html}});
  t.is(answer.status, 401);
});

test('below a mount path, both ways lead below it', async t => {
  const {site} = members({redirect: '/sign-in'});
  const {port} = new URL(await site.listen({port: 0, host: '127.0.0.1'}));
  t.teardown(() => site.close());
  const {createServer} = await import('node:http');
  const outer = createServer((message, response) => {
    Object.assign(message, {originalUrl: message.url, url: message.url!.replace(/^\/shop/, '')});
    site.handler(message, response);
  });
  await new Promise<void>(resolve => outer.listen(0, '127.0.0.1', resolve));
  t.teardown(() => outer.close());
  const {port: outerPort} = outer.address() as {port: number};
  const answer = await fetch(`http://127.0.0.1:${outerPort}/shop/members`, {
    headers: {accept: html},
    redirect: 'manual',
  });
  t.is(answer.headers.get('location'), '/shop/sign-in?next=%2Fshop%2Fmembers');
  t.truthy(port);
});

test('nobody is sent elsewhere by a link that somebody else has made', t => {
  const back = (next: string) => returnPath(Request.from({url: `/sign-in?next=${encodeURIComponent(next)}`}), '/home');
  for (const next of ['/members', '/members?a=1#b', '/', '/a//b', '/%2F%2Fevil.example']) t.is(back(next), next);
  for (const next of [
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    'https://evil.example',
    'javascript:alert(1)',
    'evil',
    '',
    ' /members',
    '///evil.example',
    '/.//evil.example',
    '/..//evil.example',
    '/a/..//evil.example',
    '/%2e//evil.example',
    '/./\\evil.example',
  ]) {
    t.is(back(next), '/home', JSON.stringify(next));
  }
  t.is(returnPath(Request.from({url: '/sign-in'})), '/');
});

test('what is no path of the site is refused as a sign-in page', t => {
  for (const redirect of ['sign-in', '//evil.example', '/\\evil', 'https://evil.example', '']) {
    t.throws(() => requireSignIn({redirect}), {code: 'OPTION_INVALID'});
  }
  t.throws(() => requireSignIn({within: -1}), {code: 'OPTION_INVALID'});
  t.throws(() => requireSignIn({wthin: 1} as never), {code: 'OPTION_INVALID'});
});
