import test from 'ava';
import {createError, Get, Request, Resource, type Response} from 'espalier';
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
