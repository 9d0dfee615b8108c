import test from 'ava';
import {createError, EspalierError, Get, Post, Request, Resource, type Response} from 'espalier';
import {testSite} from 'espalier/testing';
import {problemOf, problemResponse, type Problem} from '../../src/http/problem.ts';

const firefox = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const chrome =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';
const safari = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

/** How a problem is told to a client that accepts this. */
function told(problem: Problem, accept?: string): Response {
  return problemResponse(problem, Request.from({headers: {accept}}));
}

/** The body of an answer that is text. */
function textOf({body}: Response): string {
  return body as string;
}

/** A site whose root throws this. */
function failing(error: unknown) {
  @Resource()
  class Root {
    @Get()
    fail() {
      throw error;
    }
  }
  return testSite(Root);
}

for (const [browser, accept] of Object.entries({firefox, chrome, safari})) {
  test(`a browser gets a page: ${browser}`, t => {
    const response = told({status: 404, detail: 'There is nothing.'}, accept);
    t.is(response.header('Content-Type'), 'text/html; charset=utf-8');
    t.regex(textOf(response), /<h1>404 Not Found<\/h1>\n<p>There is nothing\.<\/p>/);
  });
}

for (const accept of [
  undefined,
  '',
  '*/*',
  'application/json',
  'application/*',
  'application/json, text/html;q=0.9',
  'image/png',
]) {
  test(`another client gets application/problem+json: ${accept ?? 'no Accept'}`, t => {
    const response = told({status: 404, detail: 'There is nothing.'}, accept);
    t.is(response.header('Content-Type'), 'application/problem+json');
    t.deepEqual(JSON.parse(textOf(response)), {
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'There is nothing.',
    });
  });
}

test('a cache is told that the answer depends on Accept', t => {
  t.is(told({status: 404}, chrome).header('Vary'), 'Accept');
  t.is(told({status: 404}).header('Vary'), 'Accept');
});

test('what stands on the page is escaped', t => {
  const problem = {status: 400, detail: '<script>&"', instance: '</code><b>'};
  const page = textOf(told(problem, chrome));
  t.true(page.includes('<p>&lt;script&gt;&amp;&quot;</p>'));
  t.true(page.includes('<code>&lt;/code&gt;&lt;b&gt;</code>'));
});

test('a page without detail and instance says the status alone', t => {
  const page = textOf(told({status: 403}, chrome));
  t.false(page.includes('<p>'));
  t.false(page.includes('undefined'));
});

test('a status without a name is an error all the same', t => {
  t.is(JSON.parse(textOf(told({status: 499}))).title, 'Error');
});

test('an http error shows its status, text and headers', t => {
  const error = createError(405, 'Not so.', {headers: {Allow: 'GET'}});
  t.deepEqual(problemOf(error, 'urn:x'), {status: 405, headers: {Allow: 'GET'}, detail: 'Not so.'});
  t.is(told(problemOf(error, 'urn:x')).header('Allow'), 'GET');
});

test('an http error of 500 or above keeps its text for the log', t => {
  t.like(problemOf(createError(503, 'The database at 10.0.0.1 is down.'), 'urn:x'), {status: 503, instance: 'urn:x'});
  t.is(problemOf(createError(503, 'secret'), 'urn:x').detail, undefined);
});

for (const thrown of [new Error('secret'), 'secret', {status: 404, message: 'secret'}, null, undefined]) {
  test(`what was not made to be shown is a bare 500: ${JSON.stringify(thrown)}`, t => {
    t.deepEqual(problemOf(thrown, 'urn:x'), {status: 500, instance: 'urn:x'});
  });
}

for (const status of [0, 100, 200, 304, 399, 600, 404.5, NaN]) {
  test(`an error with a status that is no error’s is a bare 500: ${status}`, t => {
    const error = Object.assign(new Error('secret'), {status, statusCode: status, expose: true});
    t.deepEqual(problemOf(error, 'urn:x'), {status: 500, instance: 'urn:x'});
  });
}

test('an error with a header that can’t be sent is a bare 500, and in the log', async t => {
  const error = createError(401, {headers: {'WWW-Authenticate': 'Basic realm="a\r\nX: y"'}});
  const {site, log} = failing(error);
  t.is((await site.handle({})).status, 500);
  t.is(log[0]?.error, error);
});

for (const accept of [chrome, '*/*']) {
  test(`the text of an unexpected error goes to the log, its id to the client: ${accept}`, async t => {
    const error = new Error('secret', {cause: 'secret too'});
    const {site, log} = failing(error);
    const response = await site.handle({headers: {accept}});
    t.is(response.status, 500);
    t.false(`${response.headerList().join()}${textOf(response)}`.includes('secret'));
    const [id] = /urn:uuid:[-0-9a-f]{36}/.exec(textOf(response))!;
    t.deepEqual(log, [{level: 'error', message: `GET / failed: ${id}`, error}]);
  });
}

test('an error that the client may see is not in the log', async t => {
  const {site, log} = failing(createError(418, 'Short and stout.'));
  t.is((await site.handle({})).status, 418);
  t.deepEqual(log, []);
});

test('an error answered to HEAD has the length of the page, and no body', async t => {
  const response = await failing(createError(404)).site.handle({method: 'HEAD'});
  t.is(response.sentBody, undefined);
  t.is(response.headerList().at(-1), String(textOf(response).length));
});

test('an error with a header of the connection is a logged 500, and no end of the process', async t => {
  t.is(problemOf(createError(503, {headers: {Connection: 'close'}}), 'urn:x').status, 500);
  t.is(problemOf(createError(426, {headers: {Upgrade: 'h2c'}}), 'urn:x').status, 426);
});

test('each of several cookies of an error is a header of its own', async t => {
  const error = createError(403, 'No.', {headers: {'Set-Cookie': ['a=1', 'b=2'], Allow: 'GET'}});
  const response = await failing(error).visitor().get('/');
  t.deepEqual([response.status, response.headers.getSetCookie()], [403, ['a=1', 'b=2']]);
  const bad = createError(403, 'No.', {headers: {'Set-Cookie': ['a=1', 'b\r\n=2']}});
  t.is((await failing(bad).visitor().get('/')).status, 500);
});
for (const [what, spoil] of Object.entries({
  'a headers getter that throws': (error: object) =>
    Object.defineProperty(error, 'headers', {
      get: () => {
        throw new Error('no');
      },
    }),
  'headers that are no object': (error: object) => Object.assign(error, {headers: {'a b': 'x'}}),
  'no status of an error': (error: object) => Object.assign(error, {status: 600}),
  'a trap for whoever looks at it': (error: object) =>
    new Proxy(error, {
      get: () => {
        throw new Error('no');
      },
    }),
})) {
  test(`whatever is thrown, it is answered with a 500 and logged: an error with ${what}`, async t => {
    const {site, log} = failing(spoil(createError(404)));
    t.is((await site.handle({})).status, 500);
    t.is(log.length, 1);
  });
}

/** The headers of the answer to a handler that sets these before it throws this. */
async function afterFailing(headers: readonly (readonly [string, string])[], error: unknown = createError(409, 'no')) {
  @Resource()
  class Root {
    @Get()
    fail(_: Request, response: Response) {
      for (const [name, value] of headers) response.appendHeader(name, value);
      throw error;
    }
  }
  return (await testSite(Root).visitor().get('/')).headers;
}

test('an error answer keeps the headers and cookies that were set, those for CORS and the security policy too', async t => {
  const headers = await afterFailing([
    ['Access-Control-Allow-Origin', 'https://app.example'],
    ['Vary', 'Origin'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['Content-Security-Policy', "default-src 'none'"],
    ['Cache-Control', 'private, max-age=5'],
    ['X-Request-Id', '7'],
  ]);
  t.is(headers.get('Access-Control-Allow-Origin'), 'https://app.example');
  t.is(headers.get('Vary'), 'Origin, Accept');
  t.deepEqual(headers.getSetCookie(), ['a=1', 'b=2']);
  t.is(headers.get('Content-Security-Policy'), "default-src 'none'");
  t.is(headers.get('Cache-Control'), 'private, max-age=5');
  t.is(headers.get('X-Request-Id'), '7');
});

test('an error answer keeps nothing that describes the body that is not sent, or lets it be stored', async t => {
  const gone =
    'Content-Encoding Content-Language Content-Location Content-Range Content-Disposition Content-Digest ETag ' +
    'Last-Modified Accept-Ranges Location Expires CDN-Cache-Control Surrogate-Control';
  const headers = await afterFailing([
    ...gone.split(' ').map(name => [name, 'x'] as const),
    ['Content-Type', 'text/csv'],
    ['Content-Length', '7'],
    ['Cache-Control', 'public, max-age=60'],
  ]);
  t.deepEqual(
    [...gone.split(' '), 'Cache-Control'].filter(name => headers.has(name)),
    [],
  );
  t.is(headers.get('Content-Type'), 'application/problem+json');
  t.not(headers.get('Content-Length'), '7');
  t.is((await afterFailing([['Cache-Control', 'no-store']])).get('Cache-Control'), 'no-store');
});

test('of what the error says and what was set the error’s counts, and its cookies are added', async t => {
  const said = {'Retry-After': '5', 'WWW-Authenticate': 'Basic', 'Set-Cookie': ['b=2', 'c=3'], Vary: 'Origin'};
  const headers = await afterFailing(
    [
      ['Retry-After', '9'],
      ['WWW-Authenticate', 'Bearer'],
      ['Set-Cookie', 'a=1'],
      ['Vary', 'Cookie'],
    ],
    createError(503, 'no', {headers: said}),
  );
  t.is(headers.get('Retry-After'), '5');
  t.is(headers.get('WWW-Authenticate'), 'Basic');
  t.deepEqual(headers.getSetCookie(), ['a=1', 'b=2', 'c=3']);
  t.is(headers.get('Vary'), 'Cookie, Origin, Accept');
});

test('an unexpected error keeps what was set as well', async t => {
  const headers = await afterFailing([['X-Request-Id', '7']], new Error('no'));
  t.is(headers.get('X-Request-Id'), '7');
});

test('of a Response whose body fails before it begins no header is in the error', async t => {
  @Resource()
  class Root {
    @Get()
    fail() {
      const body = new ReadableStream({
        pull() {
          throw new Error('no');
        },
      });
      return new globalThis.Response(body, {headers: {'X-Upstream': '1'}});
    }
  }
  t.false((await testSite(Root).visitor().get('/')).headers.has('X-Upstream'));
});

test('what an error of createError is given besides stands in the document, and no other error’s members do', async t => {
  const errors = [{in: 'body', pointer: '/name', detail: 'It is missing.'}];
  const document = await failing(createError(422, 'Not so.', {errors, type: 'https://example.com/invalid'}))
    .visitor()
    .get('/');
  t.deepEqual(await document.json(), {
    type: 'https://example.com/invalid',
    title: 'Unprocessable Entity',
    errors,
    status: 422,
    detail: 'Not so.',
  });
  const foreign = createError(409, Object.assign(new Error('Duplicate.'), {query: 'select secret'}));
  t.deepEqual(await (await failing(foreign).visitor().get('/')).json(), {
    type: 'about:blank',
    title: 'Conflict',
    status: 409,
    detail: 'Duplicate.',
  });
  t.is(
    (
      await failing(createError(422, 'x', {errors: 1n}))
        .visitor()
        .get('/')
    ).status,
    500,
  );
});

test('the code of an error of ours is a member of the document, and stands in no text', async t => {
  const error = new EspalierError('SIGN_IN_REQUIRED', 'Sign in first.', {status: 401});
  t.deepEqual(await (await failing(error).visitor().get('/')).json(), {
    type: 'about:blank',
    title: 'Unauthorized',
    code: 'SIGN_IN_REQUIRED',
    status: 401,
    detail: 'Sign in first.',
  });
  const page = await failing(error)
    .visitor()
    .get('/', {headers: {Accept: 'text/html'}});
  t.notRegex(await page.text(), /SIGN_IN_REQUIRED/);
});

test('onError answers any error, those of the framework too, in a page of the site', async t => {
  @Resource()
  class Root {
    @Get()
    show(request: Request, response: Response) {
      response.setHeader('Content-Language', 'en');
      response.setHeader('X-Set', 'stays');
      throw request.query.has('odd') ? 'a text' : new TypeError('oh');
    }
    @Post()
    async take(request: Request) {
      return (await request.json()) as object;
    }
  }
  const seen: unknown[] = [];
  const {site, log} = testSite(Root, {
    bodyLimit: 10,
    onError: (error, request, response) => {
      seen.push([error instanceof Error, error.status, response.status]);
      return request.path === '/ours' ? undefined : {fehler: error.status};
    },
  });
  const cases = [
    [{url: '/'}, 500],
    [{url: '/?odd'}, 500],
    [{url: '/none'}, 404],
    [{url: '/%ff'}, 400],
    [{method: 'PUT'}, 405],
    [{method: 'POST', body: 'x'}, 415],
    [{method: 'POST', body: 'x'.repeat(11)}, 413],
    [{headers: {host: 'a b'}}, 400],
  ] as const;
  for (const [init, status] of cases) {
    const response = await site.handle(init);
    t.is(response.status, status);
    t.is(response.body, `{"fehler":${status}}`);
    t.is(response.header('Content-Type'), 'application/json');
    t.is(response.header('Content-Language'), undefined);
    t.regex(response.header('Vary')!, /\bAccept\b/, 'a cache must not give the page to another kind of client');
  }
  t.deepEqual(
    seen,
    cases.map(([, status]) => [true, status, status]),
  );
  t.is((await site.handle({method: 'PUT'})).header('Allow'), 'GET, HEAD, OPTIONS, POST');
  t.is((await site.handle({})).header('X-Set'), 'stays');
  t.regex(String((await site.handle({url: '/ours'})).body), /"status":404/);
  t.is(log.length, 3, 'what is unexpected is told in the log all the same');
  await site.close();
  t.is((await site.handle({})).body, '{"fehler":503}');
});

test('what onError throws is answered in place of the error, and where it fails, we answer', async t => {
  class NotTwice extends Error {}
  @Resource()
  class Root {
    @Get()
    show() {
      throw new NotTwice();
    }
    @Post()
    fail() {
      throw new RangeError();
    }
  }
  const {site, log} = testSite(Root, {
    onError: async error => {
      if (error instanceof NotTwice) throw createError(409, 'Not twice.');
      return 5;
    },
  });
  const conflict = await site.handle({});
  t.is(conflict.status, 409);
  t.regex(String(conflict.body), /Not twice/);
  t.is((await site.handle({method: 'POST'})).status, 500);
  t.regex((log.at(-1)!.error as Error).message, /^onError\(\) returned a number/);
});

test('an error keeps its class and its own members for onError, and is not changed', async t => {
  class Own extends Error {
    readonly status = 200;
    readonly told = 'x';
  }
  const thrown = Object.freeze(new Own('oh'));
  @Resource()
  class Root {
    @Get()
    show() {
      throw thrown;
    }
  }
  const {site} = testSite(Root, {
    onError: error => {
      t.true(error instanceof Own);
      t.is(error.status, 500);
      t.is(error.message, 'oh');
      t.is((error as unknown as Own).told, 'x');
      t.regex(error.stack!, /oh/);
      return 'told';
    },
  });
  t.is((await site.handle({})).body, 'told');
  t.is(thrown.status, 200);
});

test('onError can read an error that tells nothing to whom is not itself', async t => {
  class Private extends Error {
    readonly #n = 7;
    get n() {
      return this.#n;
    }
    twice() {
      return 2 * this.#n;
    }
  }
  for (const [thrown, read] of [
    [new DOMException('It took too long.', 'TimeoutError'), (error: DOMException) => `${error.name} ${error.message}`],
    [new Private('oh'), (error: Private) => `${error.n} ${error.twice()} ${'status' in error}`],
  ] as const) {
    @Resource()
    class Root {
      @Get()
      show(): string {
        throw thrown;
      }
    }
    const {site} = testSite(Root, {
      onError: error => {
        t.true(error instanceof Object.getPrototypeOf(thrown).constructor);
        t.is(error.status, 500);
        return read(error as never);
      },
    });
    t.is((await site.handle({})).body, read(thrown as never).replace('false', 'true'));
  }
});
