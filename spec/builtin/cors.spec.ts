import test from 'ava';
import {
  Child,
  createError,
  Get,
  Post,
  Resource,
  Use,
  type Middleware,
  type MiddlewareClass,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {accessLog, compress, cors, csrf, etag, requireSignIn, type CorsOptions} from 'espalier/builtin';
import {testSite} from 'espalier/testing';

@Resource()
class Api {
  @Get()
  show() {
    return {shown: true};
  }
  @Post()
  fail() {
    throw createError(409, 'Not twice.');
  }
}

/** A site with CORS on one branch, and what it answers there. */
function api(options: CorsOptions) {
  @Use(cors(options))
  @Resource()
  @Child('deep', Api)
  class Branch extends Api {}
  @Resource()
  @Child('api', Branch)
  class Root extends Api {}
  const {site} = testSite(Root);
  return (headers: Record<string, string>, {method = 'GET', url = '/api'} = {}) =>
    site.handle({method, url, headers: {host: 'localhost', ...headers}});
}

const app = 'https://app.example';
const preflight = {'access-control-request-method': 'DELETE', 'access-control-request-headers': 'x-a, content-type'};

/** The headers of an answer that CORS is about. */
function told(response: Response): Record<string, string> {
  const list = response.headerList();
  const pairs = Array.from(
    {length: list.length / 2},
    (_, at) => [list[2 * at]!.toLowerCase(), list[2 * at + 1]!] as const,
  );
  return Object.fromEntries(pairs.filter(([name]) => name.startsWith('access-control-') || name === 'vary'));
}

test('a page of a named origin may read an answer, and nobody else may; caches keep them apart', async t => {
  const ask = api({origins: [app], expose: ['X-Total']});
  t.deepEqual(told(await ask({origin: app})), {
    vary: 'Origin',
    'access-control-allow-origin': app,
    'access-control-expose-headers': 'X-Total',
  });
  for (const origin of ['https://evil.example', 'http://app.example', `${app}.evil.example`, 'null']) {
    t.deepEqual(told(await ask({origin})), {vary: 'Origin'}, origin);
  }
  t.deepEqual(told(await ask({})), {vary: 'Origin'});
  t.deepEqual(told(await ask({origin: app}, {url: '/'})), {}, 'other branches have none of it');
});

test('errors can be read too, what is not found and what is not allowed among them', async t => {
  const ask = api({origins: [app]});
  for (const [how, status] of [
    [{method: 'POST'}, 409],
    [{url: '/api/none'}, 404],
    [{method: 'PUT'}, 405],
    [{url: '/api/%ff'}, 400],
  ] as const) {
    const response = await ask({origin: app}, how);
    t.is(response.status, how.url === '/api/%ff' ? 400 : status);
    t.is(response.header('Access-Control-Allow-Origin'), how.url === '/api/%ff' ? undefined : app);
  }
});

test('a preflight is answered where cors() stands, for what is not there too, with what was asked for', async t => {
  const ask = api({origins: [app], credentials: true, maxAge: 60_500});
  for (const url of ['/api', '/api/deep', '/api/none']) {
    const response = await ask({origin: app, ...preflight}, {method: 'OPTIONS', url});
    t.is(response.status, 204);
    t.deepEqual(told(response), {
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
      'access-control-allow-origin': app,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'DELETE',
      'access-control-allow-headers': 'x-a, content-type',
      'access-control-max-age': '60',
    });
  }
  t.deepEqual(told(await ask({origin: 'https://evil.example', ...preflight}, {method: 'OPTIONS'})), {vary: 'Origin'});
});

test('methods and headers that are named are the only ones', async t => {
  const ask = api({origins: [app], methods: ['GET', 'POST'], headers: ['X-Token']});
  t.like(told(await ask({origin: app, ...preflight}, {method: 'OPTIONS'})), {
    'access-control-allow-methods': 'GET, POST',
    'access-control-allow-headers': 'X-Token',
    'access-control-max-age': '7200',
  });
});

test('an OPTIONS that is no preflight is answered as everywhere', async t => {
  const ask = api({origins: [app]});
  const response = await ask({origin: app}, {method: 'OPTIONS'});
  t.is(response.status, 200);
  t.is(response.header('Allow'), 'GET, HEAD, OPTIONS, POST');
  t.is((await ask(preflight, {method: 'OPTIONS'})).status, 200);
});

test('without cors() a preflight meets the guards like anything else', async t => {
  @Use(requireSignIn())
  @Resource()
  class Root extends Api {}
  const {site} = testSite(Root);
  t.is(
    (await site.handle({method: 'OPTIONS', secure: true, headers: {host: 'localhost', origin: app, ...preflight}}))
      .status,
    401,
  );
});

test('every origin may be let in, without cookies, and one answer then does for all', async t => {
  const ask = api({origins: '*'});
  t.deepEqual(told(await ask({origin: app})), {'access-control-allow-origin': '*'});
  t.deepEqual(told(await ask({origin: 'null'})), {'access-control-allow-origin': '*'});
  t.deepEqual(
    told(await ask({})),
    {'access-control-allow-origin': '*'},
    'also without an origin, since a cache gives it to others',
  );
  t.throws(() => cors({origins: '*', credentials: true}), {code: 'OPTION_INVALID', message: /Browsers refuse both/});
});

test('a function can say whether an origin is one, later too', async t => {
  const ask = api({origins: async origin => new URL(origin).hostname.endsWith('.app.example')});
  t.is((await ask({origin: 'https://a.app.example'})).header('Access-Control-Allow-Origin'), 'https://a.app.example');
  t.is((await ask({origin: 'https://evil.example'})).header('Access-Control-Allow-Origin'), undefined);
});

test('what is no origin, method or header is refused when the class is made', t => {
  for (const options of [
    {},
    {origins: app},
    {origins: [`${app}/`]},
    {origins: ['app.example']},
    {origins: [app], methods: ['A B']},
    {origins: [app], headers: ['a\r\nb']},
    {origins: [app], expose: 'X'},
    {origins: [app], maxAge: -1},
    {origin: [app]},
  ]) {
    t.throws(() => cors(options as unknown as CorsOptions), {code: 'OPTION_INVALID'}, JSON.stringify(options));
  }
});

test('a site warns when it is built of cors() below what may refuse a preflight, and of no other', t => {
  class Passing implements Middleware {
    static readonly passesPreflights = true;
    handle(_request: Request, _response: Response, next: Next) {
      return next();
    }
  }
  class Own implements Middleware {
    handle(_request: Request, _response: Response, next: Next) {
      return next();
    }
  }
  const open = cors({origins: '*'});
  @Use(open)
  @Resource()
  class Leaf extends Api {}
  const warned = (above: MiddlewareClass[], use: MiddlewareClass[] = []) => {
    @Use(...above)
    @Resource()
    @Child('leaf', Leaf)
    class Root {}
    return testSite(Root, {use}).log.map(({message}) =>
      /^cors\(\) of (.+) stands below (\w+):/.exec(message)?.slice(1),
    );
  };
  t.deepEqual(warned([]), []);
  t.deepEqual(warned([Passing, csrf(), accessLog(), compress(), etag(), open]), []);
  t.deepEqual(warned([Own]), [['Leaf', 'Own']]);
  t.deepEqual(warned([requireSignIn()]), [['Leaf', 'RequireSignIn']]);
  t.deepEqual(warned([], [Own]), [['Leaf', 'Own']]);
  t.deepEqual(warned([Own, open]), [
    ['Root', 'Own'],
    ['Leaf', 'Own'],
  ]);
  t.deepEqual(warned([], [Own, open]), [
    ['the site', 'Own'],
    ['Leaf', 'Own'],
  ]);
});

test('of two cors() on the way the inner one counts', async t => {
  @Use(cors({origins: ['https://inner.example']}))
  @Resource()
  class Inner extends Api {}
  @Use(cors({origins: [app], credentials: true, expose: ['X-Total']}))
  @Resource()
  @Child('inner', Inner)
  class Root extends Api {}
  const {site} = testSite(Root);
  const ask = async (origin: string) => told(await site.handle({url: '/inner', headers: {host: 'localhost', origin}}));
  t.deepEqual(await ask(app), {vary: 'Origin'});
  t.deepEqual(await ask('https://inner.example'), {
    vary: 'Origin',
    'access-control-allow-origin': 'https://inner.example',
  });
});
