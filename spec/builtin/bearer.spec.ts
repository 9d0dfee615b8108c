import test from 'ava';
import {Get, Post, type Request, Resource, Use} from 'espalier';
import {bearer, identity, insufficientScope, type BearerOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

function guarded(options: Partial<BearerOptions> = {}) {
  @Use(bearer({check: token => (token === 'abc.DEF-1_2~3+4/5==' ? {app: 'shop'} : undefined), ...options}))
  @Resource()
  class Root {
    @Get()
    show(request: Request) {
      return request.get(identity) as object;
    }
    @Post()
    change() {
      throw insufficientScope('notes:write');
    }
  }
  const {site, log} = testSite(Root);
  const ask = async (authorization?: string, init: Record<string, unknown> = {}) => {
    const headers = {host: 'localhost', ...(authorization !== undefined && {authorization})};
    const answer = await site.handle({headers, ...init});
    return {status: answer.status, challenge: answer.header('WWW-Authenticate'), body: answer.body};
  };
  return {ask, log};
}

const good = 'Bearer abc.DEF-1_2~3+4/5==';

test('a token that is known lets in, and the handler knows whom', async t => {
  const {ask} = guarded();
  for (const text of [good, good.replace('Bearer', 'bearer'), good.replace(' ', '  ')]) {
    t.is((await ask(text)).body, '{"app":"shop"}');
  }
});

test('without a token it is a 401 that says no more than how to be let in', async t => {
  for (const text of [undefined, '', 'Basic YTpi', 'Bearerabc']) {
    t.like(await guarded().ask(text), {status: 401, challenge: 'Bearer'});
    const {ask} = guarded({realm: 'API', scope: 'notes:read notes:write'});
    t.like(await ask(text), {status: 401, challenge: 'Bearer realm="API", scope="notes:read notes:write"'});
  }
  t.like(await guarded().ask(undefined, {url: '/none'}), {status: 401});
});

test('a token that nobody knows is a 401 with invalid_token', async t => {
  const {ask} = guarded({realm: 'API'});
  t.like(await ask('Bearer other'), {status: 401, challenge: 'Bearer realm="API", error="invalid_token"'});
});

test('what is no token is a 400 with invalid_request', async t => {
  const asked: string[] = [];
  const {ask} = guarded({check: token => asked.push(token)});
  for (const text of ['Bearer', 'Bearer ', 'Bearer a b', 'Bearer a,b', 'Bearer ä', 'Bearer =', 'Bearer "a"']) {
    t.like(await ask(text), {status: 400, challenge: 'Bearer error="invalid_request"'}, text);
  }
  t.deepEqual(asked, []);
});

test('a token that does not go so far is a 403 with insufficient_scope, from check or from a handler', async t => {
  const challenge = 'Bearer error="insufficient_scope", scope="notes:write"';
  t.like(await guarded().ask(good, {method: 'POST'}), {status: 403, challenge});
  const {ask, log} = guarded({
    check: async () => {
      throw insufficientScope('notes:write');
    },
  });
  t.like(await ask(good), {status: 403, challenge});
  t.deepEqual(log, []);
});

test('no token is taken from the query', async t => {
  t.like(await guarded().ask(undefined, {url: '/?access_token=abc.DEF-1_2~3+4/5=='}), {status: 401});
});

test('over plain HTTP from elsewhere no token is taken, unless that is meant', async t => {
  const init = {headers: {host: 'example.com', authorization: good}};
  t.like(await guarded().ask(undefined, init), {status: 403, challenge: undefined});
  t.like(await guarded({insecure: true}).ask(undefined, init), {status: 200});
  t.like(await guarded().ask(undefined, {...init, secure: true}), {status: 200});
});

test('options that there are not are refused when it is called', t => {
  for (const options of [
    {},
    {check: 'x'},
    {check: () => 1, scope: 'ü'},
    {check: () => 1, realm: ''},
    {chek: () => 1},
  ]) {
    t.throws(() => bearer(options as never), {code: 'OPTION_INVALID'});
  }
});
