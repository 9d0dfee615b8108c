import {Readable} from 'node:stream';
import test from 'ava';
import {
  Child,
  Get,
  Head,
  Options,
  Post,
  Put,
  Query,
  Request,
  Resource,
  Use,
  createSite,
  html,
  type ResourceClass,
  type Response,
} from 'espalier';
import {testSite} from 'espalier/testing';
import {z} from 'zod';
import {acting} from './on-the-way.ts';

/** Answers GET and POST. */
@Resource()
class Page {
  @Get()
  show(_request: unknown, response: Response) {
    response.setHeader('X-Shown', 'yes');
    return 'shown';
  }
  @Post()
  save() {
    return 'saved';
  }
}

/** Answers POST alone. */
@Resource()
class Inbox {
  @Post()
  add() {
    return 'added';
  }
}

@Resource()
class Silent {}

@Resource()
@Child('page', Page)
@Child('inbox', Inbox)
@Child('silent', Silent)
@Child('section', () => Section)
@Child('any', () => Any)
class Root extends Page {}

/** Has a child for the slash at its end. */
@Resource()
@Child('', Inbox)
class Section extends Page {}

/** Any segment is a page below this one. */
@Resource()
@Child(':name', Page)
class Any {}

/** What the tree above answers to a method and a path that no client library has touched. */
async function ask(method: string, url: string, root: ResourceClass = Root) {
  const {site, log} = testSite(root);
  const response = await site.handle({method, url});
  const {status} = response;
  return {status, allow: response.header('Allow'), location: response.header('Location'), response, log};
}

test('a path that leads nowhere is a 404 for every method', async t => {
  for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS', 'PROPFIND']) {
    t.like(await ask(method, '/nowhere'), {status: 404, allow: undefined, log: {length: 0}});
    t.is((await ask(method, '/page/nowhere')).status, 404);
  }
});

test('a 404 tells no more than that there is nothing', async t => {
  const response = await testSite(Root).visitor().get('/nowhere?secret');
  t.is(response.headers.get('Content-Type'), 'application/problem+json');
  const detail = 'There is nothing at this path.';
  t.deepEqual(await response.json(), {type: 'about:blank', title: 'Not Found', status: 404, detail});
});

test('HEAD is answered as GET is, with the same headers and no body', async t => {
  const visitor = testSite(Root).visitor();
  const [get, head] = [await visitor.get('/page'), await visitor.head('/page')];
  t.is(head.status, 200);
  t.deepEqual([...head.headers], [...get.headers]);
  t.deepEqual(
    [...head.headers],
    [
      ['content-length', '5'],
      ['content-type', 'text/plain; charset=utf-8'],
      ['x-shown', 'yes'],
    ],
  );
  t.is(await head.text(), '');
});

test('HEAD is answered without a body by its own handler, too', async t => {
  @Resource()
  class Own extends Page {
    @Head()
    peek() {
      return 'peeked at';
    }
  }
  const head = await testSite(Own).visitor().head('/');
  t.deepEqual([head.headers.get('Content-Length'), await head.text()], ['9', '']);
});

test('HEAD gets no body where GET is an error', async t => {
  const head = await testSite(Root).visitor().head('/nowhere');
  t.deepEqual([head.status, await head.text()], [404, '']);
  t.is(head.headers.get('Content-Type'), 'application/problem+json');
});

test('HEAD is a 405 where GET is', async t => {
  t.like(await ask('HEAD', '/inbox'), {status: 405, allow: 'OPTIONS, POST'});
});

test('a handler for HEAD alone does not answer GET', async t => {
  @Resource()
  class Peek {
    @Head()
    peek() {}
  }
  t.like(await ask('GET', '/', Peek), {status: 405, allow: 'HEAD, OPTIONS'});
  t.is((await ask('HEAD', '/', Peek)).status, 204);
});

for (const method of ['PUT', 'DELETE', 'PROPFIND', 'TRACE', 'get', 'Post', '__proto__', 'constructor']) {
  test(`${method} is a 405 that lists the declared verbs, where no handler is declared for it`, async t => {
    const {status, allow, response, log} = await ask(method, '/page');
    t.deepEqual([status, allow, log.length], [405, 'GET, HEAD, OPTIONS, POST', 0]);
    t.like(JSON.parse(response.body as string), {detail: `This answers GET, HEAD, OPTIONS, POST, not ${method}.`});
  });
}

test('a 405 page escapes the method for a client that prefers HTML', async t => {
  const {site} = testSite(Root);
  const {body} = await site.handle({method: '<b>', url: '/page', headers: {Accept: 'text/html'}});
  t.regex(body as string, /not &lt;b&gt;\./);
});

test('a resource without handlers answers OPTIONS and nothing else', async t => {
  t.like(await ask('GET', '/silent'), {status: 405, allow: 'OPTIONS'});
  t.like(await ask('OPTIONS', '/silent'), {status: 200, allow: 'OPTIONS'});
});

test('OPTIONS is answered from the declared verbs, without a body', async t => {
  const {status, allow, response} = await ask('OPTIONS', '/page');
  t.deepEqual([status, allow], [200, 'GET, HEAD, OPTIONS, POST']);
  t.deepEqual(response.headerList(), ['Allow', 'GET, HEAD, OPTIONS, POST', 'Content-Length', '0']);
});

test('OPTIONS lists inherited verbs beside new ones', async t => {
  @Resource()
  class More extends Inbox {
    @Put()
    replace() {}
  }
  t.is((await ask('OPTIONS', '/', More)).allow, 'OPTIONS, POST, PUT');
});

test('OPTIONS is answered by its own handler where there is one', async t => {
  @Resource()
  class Own {
    @Options()
    list(_request: unknown, response: Response) {
      response.setHeader('Allow', 'OPTIONS, PURGE');
    }
  }
  t.like(await ask('OPTIONS', '/', Own), {status: 204, allow: 'OPTIONS, PURGE'});
});

test('`OPTIONS *` asks about the server as a whole', async t => {
  const {status, response} = await ask('OPTIONS', '*');
  t.deepEqual([status, response.headerList()], [200, ['Allow', 'OPTIONS', 'Content-Length', '0']]);
});

test('`*` is a 405 for any other method', async t => {
  for (const method of ['GET', 'HEAD', 'POST']) {
    t.like(await ask(method, '*'), {status: 405, allow: 'OPTIONS'});
  }
});

test('a slash too many is a 308 to the path without it', async t => {
  t.like(await ask('GET', '/page/'), {status: 308, location: '/page'});
  t.like(await ask('HEAD', '/page/'), {status: 308, location: '/page'});
});

test('the redirect keeps the query as it was sent', async t => {
  t.is((await ask('GET', '/page/?a=%20b&a=+/?')).location, '/page?a=%20b&a=+/?');
});

test('the redirect keeps what was encoded in a captured segment encoded', async t => {
  t.is((await ask('GET', '/any/a%2Fb%3Fc%20%C3%A9/')).location, '/any/a%2Fb%3Fc%20%C3%A9');
});

test('the redirect stays below the path that the site is mounted at', async t => {
  const {site} = testSite(Root);
  const message = {method: 'GET', url: '/page/?a', originalUrl: '/app/page/?a', headers: {}, socket: {}};
  const response = await site.handle(new Request(Object.assign(Readable.from([]), message)));
  t.is(response.header('Location'), '/app/page?a');
});

test('the handler is not called for a slash too many', async t => {
  const {response} = await ask('GET', '/page/');
  t.deepEqual([response.header('X-Shown'), response.body], [undefined, undefined]);
});

test('only safe methods that are answered are redirected: any other finds nothing', async t => {
  for (const method of ['POST', 'QUERY', 'PUT', 'OPTIONS', 'get', 'PROPFIND']) {
    t.like(await ask(method, '/page/'), {status: 404, location: undefined, allow: undefined});
  }
});

test('there is no redirect to what does not answer GET', async t => {
  t.like(await ask('GET', '/inbox/'), {status: 404, location: undefined});
  t.like(await ask('HEAD', '/silent/'), {status: 404, location: undefined});
});

test('HEAD is redirected to what answers HEAD alone', async t => {
  @Resource()
  class Peek {
    @Head()
    peek() {}
  }
  @Resource()
  @Child('a', Peek)
  class Above extends Page {}
  t.is((await ask('HEAD', '/a/', Above)).status, 308);
  t.is((await ask('GET', '/a/', Above)).status, 404);
});

test('there is no redirect where a child "" is declared, even if it does not answer GET', async t => {
  t.like(await ask('GET', '/section/'), {status: 405, allow: 'OPTIONS, POST', location: undefined});
  t.is((await ask('POST', '/section/')).response.body, 'added');
  t.is((await ask('GET', '/section')).response.body, 'shown');
});

/** Answers at any path of one segment. */
@Resource()
class Everything extends Page {
  @Child(':name', Page)
  open(): Page {
    return new Page();
  }
}

for (const [url, location] of [
  ['/%5Cevil.com/', '/%5Cevil.com'],
  ['/%2Fevil.com/', '/%2Fevil.com'],
  ['/%2F%2Fevil.com/', '/%2F%2Fevil.com'],
  ['/\\evil.com/', '/%5Cevil.com'],
  ['/%09/', '/%09'],
  ['/%0D%0ASet-Cookie:a=b/', '/%0D%0ASet-Cookie%3Aa%3Db'],
  ['http://evil.com/a/', '/a'],
] as const) {
  test(`the redirect from ${url} stays on this host`, async t => {
    t.like(await ask('GET', url, Everything), {status: 308, location});
    t.is(new URL(location, 'https://good.com').host, 'good.com');
  });
}

for (const url of ['//', '//evil.com', '//evil.com/', '///evil.com/', '/%5Cevil.com//', 'http://good.com//evil.com/']) {
  test(`${url} is a 404 and no redirect`, async t => {
    t.like(await ask('GET', url, Everything), {status: 404, location: undefined});
  });
}

const question = z.object({word: z.string()});
const formats = 'application/json, application/x-www-form-urlencoded, multipart/form-data';

/** Answers GET, and QUERY with a declared body. */
@Resource()
class Words extends Page {
  @Query({body: question})
  find({body}: {body: {word: string}}) {
    return [body.word];
  }
}

test('QUERY is answered with its body over a socket', async t => {
  const site = createSite(Words);
  const url = await site.listen({port: 0, host: '127.0.0.1'});
  t.teardown(() => site.close());
  const headers = {'Content-Type': 'application/json'};
  const answer = await fetch(url, {method: 'QUERY', headers, body: '{"word":"tree"}'});
  t.deepEqual([answer.status, await answer.json()], [200, ['tree']]);
});

test('a resource that answers QUERY lists it, and says in Accept-Query what types it takes', async t => {
  const allow = 'GET, HEAD, OPTIONS, POST, QUERY';
  for (const [method, status] of Object.entries({OPTIONS: 200, PUT: 405})) {
    const {response, ...told} = await ask(method, '/', Words);
    t.like(told, {status, allow});
    t.is(response.header('Accept-Query'), formats);
  }
  t.is((await ask('GET', '/', Words)).response.header('Accept-Query'), undefined);
  t.is((await ask('OPTIONS', '/page')).response.header('Accept-Query'), undefined);
});

test('a QUERY without a Content-Type, or with one that is not taken, is a 415 that says what is', async t => {
  const {site} = testSite(Words);
  const request = {method: 'QUERY', body: '{"word":"tree"}'};
  for (const headers of [{}, {'Content-Type': 'text/plain'}]) {
    const answer = await site.handle({...request, headers});
    t.deepEqual([answer.status, answer.header('Accept'), answer.header('Accept-Query')], [415, formats, formats]);
  }
  t.is((await site.handle({...request, headers: {'Content-Type': 'application/json'}})).status, 200);
});

test('a QUERY whose body is not declared takes any type, but has to name one', async t => {
  @Resource()
  class Free {
    @Query()
    async find(request: Request) {
      return request.text();
    }
  }
  const {site} = testSite(Free);
  const untyped = await site.handle({method: 'QUERY', body: 'tree'});
  t.deepEqual([untyped.status, untyped.header('Accept-Query')], [415, '*/*']);
  const typed = await site.handle({method: 'QUERY', body: 'tree', headers: {'Content-Type': 'text/word'}});
  t.deepEqual([typed.status, typed.body], [200, 'tree']);
});

test('QUERY is safe: a slash too many is a 308, which keeps the method', async t => {
  @Resource()
  @Child('words', Words)
  class Above {}
  t.like(await ask('QUERY', '/words/', Above), {status: 308, location: '/words'});
});

/** What the log says after two visits by GET, and two by HEAD. */
async function toldOf(root: ResourceClass) {
  const {visitor, log} = testSite(root);
  for (const method of ['GET', 'GET', 'HEAD', 'HEAD']) await visitor().fetch('/', {method});
  return log;
}

test('a handler for GET that returns nothing, and sets nothing, is named in the log once; the answer is a 204', async t => {
  for (const wait of [undefined, Promise.resolve()]) {
    @Resource()
    class Forgetful {
      @Get()
      show() {
        return wait;
      }
    }
    t.deepEqual(await toldOf(Forgetful), [
      {
        level: 'warn',
        message:
          'Forgetful.show() returned nothing to GET, and set no status and no header. Return what is to be answered. Where nothing is, set response.status = 204.',
      },
    ]);
    t.is((await testSite(Forgetful).visitor().get('/')).status, 204);
  }
});

test('a handler for GET that returns nothing is named whatever headers middleware has set before it', async t => {
  @Use(
    acting((_request, response, next) => {
      response.setHeader('X-Frame-Options', 'DENY');
      return next();
    }),
  )
  @Resource()
  class Forgetful {
    @Get()
    show() {}
  }
  t.is((await toldOf(Forgetful)).length, 1);
});

const meant: Record<string, (response: Response) => unknown> = {
  'sets the status': response => void (response.status = 204),
  redirects: response => response.redirect('/elsewhere'),
  'sets a header': response => response.setHeader('X-Seen', 'yes'),
  'sets a cookie': response => response.setCookie('a', '1'),
  'returns an empty text': () => '',
  'returns a page': () => html``,
  throws: () => {
    throw Object.assign(new Error('gone'), {status: 410, expose: true});
  },
};

for (const [what, act] of Object.entries(meant)) {
  test(`a handler for GET that ${what} is not taken for one that forgets to return`, async t => {
    @Resource()
    class Meant {
      @Get()
      show(_request: unknown, response: Response) {
        return act(response) as string | undefined;
      }
    }
    t.deepEqual(
      (await toldOf(Meant)).filter(({level}) => level === 'warn'),
      [],
    );
  });
}

test('a handler of another method may return nothing, and so may one for GET with a declared status', async t => {
  @Resource()
  class Quiet {
    @Post()
    add() {}
    @Head()
    peek() {}
    @Get({status: 204})
    show() {}
  }
  const {visitor, log} = testSite(Quiet);
  for (const method of ['POST', 'HEAD', 'GET']) t.is((await visitor().fetch('/', {method})).status, 204);
  t.deepEqual(log, []);
});

test('a middleware that answers in place of a handler that returned nothing leaves the log empty', async t => {
  @Use(
    acting(async (_request, _response, next) => {
      await next();
      return 'something';
    }),
  )
  @Resource()
  class Meant {
    @Get()
    show() {}
  }
  t.deepEqual(await toldOf(Meant), []);
});
