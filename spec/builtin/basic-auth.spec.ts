import test from 'ava';
import {Get, Post, type Request, Resource, Use, createError, type SiteOptions} from 'espalier';
import {basicAuth, csrf, identity, sameSecret, type BasicAuthOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

const secret = 'pässword: with a colon';

@Use(
  csrf(),
  basicAuth({
    realm: 'Back office',
    check: (user, password) => user === 'ada' && sameSecret(password, secret) && {name: 'Ada'},
  }),
)
@Resource()
class BackOffice {
  @Get()
  greet(request: Request) {
    return request.get(identity) as {name: string};
  }

  @Post()
  change() {
    return 'changed';
  }
}

const basic = (text: string | Uint8Array) => `Basic ${Buffer.from(text as string).toString('base64')}`;
const ada = basic(`ada:${secret}`);

/** A site of one resource behind a check, and how to ask it. */
function guarded(check: BasicAuthOptions['check'], more: Partial<BasicAuthOptions> = {}, options: SiteOptions = {}) {
  @Use(basicAuth({realm: 'x', check, ...more}))
  @Resource()
  class Root {
    @Get()
    show(request: Request) {
      return {who: request.get(identity)};
    }
  }
  const {site, log} = testSite(Root, options);
  const ask = (authorization?: string, {url = '/', ...headers}: Record<string, string> = {}, more_ = {}) =>
    site.handle({
      url,
      headers: {host: 'localhost', ...(authorization !== undefined && {authorization}), ...headers},
      ...more_,
    });
  return {ask, log};
}

test('whoever is known is let in, and the handler knows who it is', async t => {
  const {site} = testSite(BackOffice);
  for (const authorization of [ada, ada.replace('Basic', 'bAsIc'), ada.replace(' ', '   ')]) {
    const answer = await site.handle({headers: {host: 'localhost', authorization}});
    t.is(answer.body, '{"name":"Ada"}');
  }
});

test('everybody else gets a 401 that asks for user and password in UTF-8, for what is not there too', async t => {
  const {site} = testSite(BackOffice);
  for (const authorization of [undefined, basic('ada:wrong'), basic(`eve:${secret}`), basic('ada:'), 'Bearer abc']) {
    for (const url of ['/', '/none']) {
      const answer = await site.handle({url, headers: {host: 'localhost', authorization}});
      t.is(answer.status, 401);
      t.is(answer.header('WWW-Authenticate'), 'Basic realm="Back office", charset="UTF-8"');
      t.false(String(answer.body).includes('wrong'));
    }
  }
});

test('what can’t be read is a 401, and nobody is asked whether it is known', async t => {
  const asked: string[] = [];
  const {ask} = guarded((user, password) => asked.push(user, password));
  for (const odd of [
    '',
    'Basic',
    'Basic ',
    'Basic !!!!',
    basic('no colon'),
    basic('a:b\n'),
    basic('a\0:b'),
    basic(Uint8Array.of(0xff, 0x3a, 0x61)),
    `${basic('ada:b')} more`,
    `Basic${Buffer.from('a:b').toString('base64')}`,
    basic('ada:b').replace('=', '*'),
  ]) {
    t.is((await ask(odd)).status, 401, odd);
  }
  t.deepEqual(asked, []);
});

test('a password may have colons and any letters, and both may be empty', async t => {
  const {ask} = guarded((user, password) => [user, password]);
  const who = async (text: string) => (JSON.parse((await ask(basic(text))).body as string) as {who: unknown}).who;
  t.deepEqual(await who('a:b:c:'), ['a', 'b:c:']);
  t.deepEqual(await who(':'), ['', '']);
  t.deepEqual(await who('jürgen:密碼🔑'), ['jürgen', '密碼🔑']);
});

test('check may take its time, is given the request, and may answer by an error of its own', async t => {
  const {ask} = guarded(async (_user, _password, request) => {
    await Promise.resolve();
    if (request.query.has('locked')) throw createError(423, 'Locked');
    return request.query.get('who') ?? null;
  });
  t.is((await ask(ada, {url: '/?who=ada'})).body, '{"who":"ada"}');
  t.is((await ask(ada)).status, 401);
  t.is((await ask(ada, {url: '/?locked'})).status, 423);
});

test('nobody but undefined, null and false is nobody', async t => {
  for (const nobody of [undefined, null, false, Promise.resolve(undefined)]) {
    t.is((await guarded(() => nobody).ask(ada)).status, 401);
  }
  for (const somebody of [true, 0, '', {}]) t.is((await guarded(() => somebody).ask(ada)).status, 200);
});

test('over plain HTTP from elsewhere nobody is let in or asked for a password, unless that is meant', async t => {
  const elsewhere = {host: 'example.com'};
  const refused = async (answer: ReturnType<ReturnType<typeof guarded>['ask']>) => {
    const {status, body} = await answer;
    t.is(status, 403);
    t.is((await answer).header('WWW-Authenticate'), undefined);
    t.like(JSON.parse(body as string), {code: 'CREDENTIALS_INSECURE'});
  };
  const {ask} = guarded(() => true);
  await refused(ask(ada, elsewhere));
  await refused(ask(undefined, elsewhere));
  await refused(ask(ada, {}, {ip: '192.0.2.1'}));
  await refused(ask(ada, {'x-forwarded-proto': 'https'}, {ip: '127.0.0.1'}));
  t.is((await ask(ada, elsewhere, {secure: true})).status, 200);
  t.is((await guarded(() => true, {insecure: true}).ask(ada, elsewhere)).status, 200);
  const behind = guarded(() => true, {}, {trustProxy: 'loopback'});
  t.is((await behind.ask(ada, {...elsewhere, 'x-forwarded-proto': 'https'}, {ip: '127.0.0.1'})).status, 200);
});

test.serial('in production it is not taken over plain HTTP from this machine either', async t => {
  const {ask} = guarded(() => true);
  const before = process.env['NODE_ENV'];
  process.env['NODE_ENV'] = 'production';
  const answer = await ask(ada);
  if (before === undefined) delete process.env['NODE_ENV'];
  else process.env['NODE_ENV'] = before;
  t.is(answer.status, 403);
});

test('with csrf() before it, a page of another site can’t use the password that the browser sends', async t => {
  const {site} = testSite(BackOffice);
  const post = (headers: Record<string, string>) =>
    site.handle({method: 'POST', headers: {host: 'localhost', authorization: ada, ...headers}});
  t.is((await post({'sec-fetch-site': 'cross-site'})).status, 403);
  t.is((await post({'sec-fetch-site': 'same-origin'})).body, 'changed');
});

test('a realm may have quotes, and is refused where no header can hold it', async t => {
  const {ask} = guarded(() => true, {realm: 'the "inner" \\ office'});
  t.is((await ask()).header('WWW-Authenticate'), 'Basic realm="the \\"inner\\" \\\\ office", charset="UTF-8"');
  for (const options of [
    {realm: 'a\r\nb'},
    {realm: 'ü'},
    {realm: ''},
    {realm: undefined},
    {check: 'x'},
    {Realm: 'x'},
  ]) {
    t.throws(() => basicAuth({realm: 'x', check: () => true, ...options} as never), {code: 'OPTION_INVALID'});
  }
});
