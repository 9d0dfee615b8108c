import {execFile} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {promisify} from 'node:util';
import test from 'ava';
import {type} from 'arktype';
import {
  Child,
  Get,
  Post,
  Put,
  Query,
  Resource,
  Use,
  createError,
  type HandlerOptions,
  type InputOf,
  type Middleware,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {testSite} from 'espalier/testing';
import * as v from 'valibot';
import {z} from 'zod';

type Schema = NonNullable<HandlerOptions['body']>;

/** A schema that is whatever this function says. */
function byHand(validate: Schema['~standard']['validate']): Schema {
  return {'~standard': {version: 1, vendor: 'by hand', validate}};
}
const anything = byHand(value => ({value}));

/** A site whose child `:id` gives the input that these options make of a request, and what the input was. */
function taking(options: HandlerOptions) {
  const taken: unknown[] = [];
  @Resource()
  class Note {
    @Post(options as {body: Schema})
    post(input: unknown) {
      taken.push(input);
      return {};
    }
  }
  @Resource()
  @Child(':id', Note)
  class Notes {}
  return {...testSite(Notes), taken};
}

const form = 'application/x-www-form-urlencoded';
type Problem = {status: number; detail: string; errors: {in: string; pointer: string; detail: string}[]};
const problemOf = async (answer: globalThis.Response) => (await answer.json()) as Problem;

// Each of the three makes a number of a text, trims one, and refuses a name that is empty.
const zods = {
  params: z.object({id: z.coerce.number<string>()}),
  query: z.object({page: z.coerce.number<string>().default(1)}),
  headers: z.object({'x-tenant': z.string()}),
  body: z.object({name: z.string().min(1), tags: z.array(z.string()).optional()}),
};
const valibots = {
  params: v.object({id: v.pipe(v.string(), v.transform(Number), v.finite())}),
  query: v.object({page: v.optional(v.pipe(v.string(), v.transform(Number), v.finite()), '1')}),
  headers: v.object({'x-tenant': v.string()}),
  body: v.object({name: v.pipe(v.string(), v.minLength(1)), tags: v.optional(v.array(v.string()))}),
};
const arktypes = {
  params: type({id: 'string.numeric.parse'}),
  query: type({page: type('string.numeric.parse').default('1')}),
  headers: type({'x-tenant': 'string'}),
  body: type({name: 'string > 0', 'tags?': 'string[]'}),
};

const validators = {zod: zods, valibot: valibots, ArkType: arktypes};

for (const [name, schemas] of Object.entries(validators)) {
  test(`a handler is called with what schemas of ${name} make of params, query, headers and body`, async t => {
    const {visitor, taken} = taking(schemas);
    const init = {json: {name: 'ada', tags: ['a']}, headers: {'X-Tenant': 'acme'}};
    t.is((await visitor().post('/7?page=2', init)).status, 200);
    t.like(taken[0], {
      params: {id: 7},
      query: {page: 2},
      headers: {'x-tenant': 'acme'},
      body: {name: 'ada', tags: ['a']},
    });
    await visitor().post('/7', init);
    t.like(taken[1], {query: {page: 1}});
  });

  test(`what does not fit a schema of ${name} is told with its place, and the handler is not called`, async t => {
    const {visitor, taken, log} = taking(schemas);
    const headers = {'X-Tenant': 'acme'};
    const params = await visitor().post('/seven', {json: {name: ''}});
    t.like(await problemOf(params), {
      status: 404,
      detail: 'There is nothing at this path.',
      errors: [{in: 'params', pointer: '/id'}],
    });
    const query = await visitor().post('/7?page=two', {json: {name: ''}});
    t.like(await problemOf(query), {
      status: 400,
      detail: 'The query and the headers are not as expected.',
      errors: [
        {in: 'query', pointer: '/page'},
        {in: 'headers', pointer: '/x-tenant'},
      ],
    });
    const body = await visitor().post('/7', {headers, json: {name: '', tags: ['a', 1]}});
    t.is(body.headers.get('Content-Type'), 'application/problem+json');
    const problem = await problemOf(body);
    t.like(problem, {status: 422, detail: 'The body is not as expected.'});
    t.deepEqual(
      problem.errors.map(error => [error.in, error.pointer]),
      [
        ['body', '/name'],
        ['body', '/tags/1'],
      ],
    );
    t.true(problem.errors.every(({detail}) => detail.length > 0));
    t.deepEqual([taken.length, log.length], [0, 0]);
  });
}

test('the compiler knows the input by the schemas of each validator, and refuses a parameter that does not fit', t => {
  const perhaps: {body?: typeof zods.body} = {};
  const declare = () => {
    class Page {
      @Post(zods) zod({params, query, headers, body}: InputOf<typeof zods>) {
        return {id: params.id.toFixed(), page: query.page + 1, tenant: headers['x-tenant'].at(0), tags: body.tags?.[0]};
      }
      @Post(valibots) valibot({params, query, headers, body}: InputOf<typeof valibots>) {
        return {id: params.id.toFixed(), page: query.page + 1, tenant: headers['x-tenant'].at(0), tags: body.tags?.[0]};
      }
      @Post(arktypes) arktype({params, query, headers, body}: InputOf<typeof arktypes>) {
        return {id: params.id.toFixed(), page: query.page + 1, tenant: headers['x-tenant'].at(0), tags: body.tags?.[0]};
      }
      @Put({body: zods.body}) inPlace({body}: {body: {name: string}}, _request: Request, _response: Response) {
        return body.name;
      }
      @Put({body: zods.body}) less() {}
      @Put({body: zods.body, status: 201}) unknown(_input: unknown, request: Request) {
        return request.path;
      }
      @Put({status: 201}) none(request: Request) {
        return request.path;
      }
      // @ts-expect-error The name is a text.
      @Put({body: zods.body}) wrong(_input: {body: {name: number}}) {}
      // @ts-expect-error The query is not declared.
      @Put({body: zods.body}) undeclared(_input: {query: unknown}) {}
      // @ts-expect-error The input comes first.
      @Put({body: valibots.body}) request(_request: Request) {}
      // @ts-expect-error The request comes second.
      @Put({body: arktypes.body}) response(_input: unknown, _response: Response) {}
      // @ts-expect-error Nothing is declared, so that there is no input.
      @Put({status: 201}) input(_input: {body: unknown}) {}
      // @ts-expect-error That is no schema.
      @Put({body: String}) noSchema() {}
      // @ts-expect-error There is no such option.
      @Put({boddy: zods.body}) unknownOption() {}
      // @ts-expect-error Whether there is a body is not known.
      @Put(perhaps) perhaps(_input: {body: {name: string}}) {}
      // @ts-expect-error Nor by the type of all options.
      @Put(perhaps as HandlerOptions) some(_input: {body: {name: string}}) {}
      // @ts-expect-error A part that is undefined is none.
      @Put({body: undefined}) noPart() {}
    }
    return Page;
  };
  t.truthy(declare);
});

const mistake = `
import {Get, Post, Put, type InputOf} from 'espalier';
import {z} from 'zod';
const adding = {body: z.object({text: z.string()})};
class Notes {
  @Post(adding) add({body}: InputOf<typeof adding>) { return body.text.trim(); }
  @Post(adding) wrong(input: {body: {text: number}}) { return {...input}; }
  @Put({result: adding.body}) unfit() { return {text: 5}; }
  @Get() unsendable() { return 5; }
}
`;

test('the compiler says what does not fit: it shows the input, not what makes the schemas, and tells of the result', async t => {
  const folder = mkdtempSync('dist/input-');
  t.teardown(() => rmSync(folder, {recursive: true}));
  writeFileSync(`${folder}/main.ts`, mistake);
  const compilerOptions = {module: 'nodenext', target: 'es2023', types: ['node'], strict: true, noEmit: true};
  const settings = {compilerOptions: {...compilerOptions, experimentalDecorators: true}};
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify(settings));
  const failure: unknown = await t.throwsAsync(promisify(execFile)('node_modules/.bin/tsc', ['-p', folder]));
  const {stdout: said} = failure as {stdout: string};
  t.regex(said, /\(input: \{ readonly body: \{ text: string; \}; \}, request: Request, response: Response\) => /);
  t.regex(
    said,
    /The types of 'body\.text' are incompatible between these types\.\s+Type 'string' is not assignable to type 'number'\./,
  );
  t.notRegex(said, /Zod/);
  t.regex(said, /this handler can return what does not fit the schema of its result/);
  t.regex(said, /this handler can return what is not a string, html, a plain object/);
  t.is(said.match(/error TS/g)?.length, 3);
});

test('a form is an object of texts: a field that comes twice has an array, an empty one the empty text', async t => {
  const {visitor, taken} = taking({body: anything});
  const body = 'name=ada&tag=a&tag=b&tag=c&note=&__proto__=x&constructor=y';
  await visitor().post('/7', {body, headers: {'Content-Type': form}});
  const {body: read} = taken[0] as {body: object};
  t.deepEqual(Object.entries(read), [
    ['name', 'ada'],
    ['tag', ['a', 'b', 'c']],
    ['note', ''],
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
  t.is(Object.getPrototypeOf(read), null);
});

test('a form in parts has its files as File, beside its texts', async t => {
  const {visitor, taken} = taking({body: z.object({title: z.string(), photo: z.file().min(1)})});
  const body = new FormData();
  body.set('title', 'the tree');
  body.set('photo', new File(['bytes'], 'tree.png', {type: 'image/png'}));
  t.is((await visitor().post('/7', {body})).status, 200);
  const {photo} = (taken[0] as {body: {photo: File}}).body;
  t.deepEqual([photo.name, photo.type, await photo.text()], ['tree.png', 'image/png', 'bytes']);
  body.set('photo', new File([], ''));
  t.like(await problemOf(await visitor().post('/7', {body})), {status: 422, errors: [{in: 'body', pointer: '/photo'}]});
});

test('a name that comes twice in the query has an array, which a schema of one text refuses', async t => {
  const {visitor, taken} = taking({query: z.object({tag: z.string(), __proto__: z.undefined()})});
  t.like(await problemOf(await visitor().post('/7?tag=a&tag=b')), {
    status: 400,
    errors: [{in: 'query', pointer: '/tag'}],
  });
  await visitor().post('/7?tag=a%20b&__proto__=x');
  t.deepEqual(taken, [{query: {tag: 'a b'}}]);
});

test('params are decoded texts, and headers go by lower-case names', async t => {
  const {visitor, taken} = taking({params: anything, headers: anything});
  await visitor().post('/a%2Fb%20c', {headers: {'X-Who': 'Ada'}});
  t.like(taken[0], {params: {id: 'a/b c'}, headers: {'x-who': 'Ada'}});
});

test('where there is no body, the schema decides about undefined', async t => {
  const {visitor, taken} = taking({body: z.object({name: z.string()}).optional()});
  t.is((await visitor().post('/7')).status, 200);
  t.is((await visitor().post('/7', {headers: {'Content-Type': 'application/json'}})).status, 200);
  t.deepEqual(taken, [{body: undefined}, {body: undefined}]);
  const strict = taking({body: z.object({name: z.string()})}).visitor();
  t.like(await problemOf(await strict.post('/7')), {status: 422, errors: [{in: 'body', pointer: ''}]});
  // A form without a field is a form.
  const empty = taking({body: z.object({})}).visitor();
  t.is((await empty.post('/7', {body: '', headers: {'Content-Type': form}})).status, 200);
});

test('JSON is known by its type and by one that ends in +json', async t => {
  const {visitor, taken} = taking({body: anything});
  for (const name of ['application/json', 'application/merge-patch+json', 'APPLICATION/JSON; charset=utf-8']) {
    await visitor().post('/7', {body: '{"a":1}', headers: {'Content-Type': name}});
  }
  t.deepEqual(
    taken,
    Array.from({length: 3}, () => ({body: {a: 1}})),
  );
});

test('a body of another type is a 415 that says what is taken, and broken JSON a 400', async t => {
  const {visitor, taken} = taking({body: anything});
  for (const name of ['text/plain', 'application/xml', 'application/json5', '']) {
    const answer = await visitor().post('/7', {body: new Blob(['{}'], {type: name})});
    const accepted = 'application/json, application/x-www-form-urlencoded, multipart/form-data';
    t.deepEqual([answer.status, answer.headers.get('Accept')], [415, accepted], name);
  }
  const headers = {'Content-Type': 'application/json'};
  t.is((await visitor().post('/7', {body: '{"a":', headers})).status, 400);
  const multipart = {'Content-Type': 'multipart/form-data; boundary=a'};
  t.is((await visitor().post('/7', {body: '--a', headers: multipart})).status, 400);
  t.is(taken.length, 0);
});

test('a pointer escapes what has a meaning in it', async t => {
  const {visitor} = taking({body: z.record(z.string(), z.number())});
  const {errors} = await problemOf(await visitor().post('/7', {json: {'a/b': 1, 'c~/d': 'two'}}));
  t.deepEqual(
    errors.map(({pointer}) => pointer),
    ['/c~0~1d'],
  );
});

test('at most a hundred things that do not fit are told, however many there are', async t => {
  const {visitor} = taking({body: z.array(z.string())});
  const {errors} = await problemOf(await visitor().post('/7', {json: Array.from({length: 5000}, () => 1)}));
  t.is(errors.length, 100);
  t.is(errors[99]!.pointer, '/99');
});

test('asynchronous schemas are waited for', async t => {
  const free = z.object({
    name: z.string().refine(async name => Promise.resolve(name !== 'ada'), 'This name is taken.'),
  });
  const {visitor, taken} = taking({query: free, body: free});
  t.is((await visitor().post('/7?name=bob', {json: {name: 'eve'}})).status, 200);
  t.deepEqual(taken, [{query: {name: 'bob'}, body: {name: 'eve'}}]);
  t.like(await problemOf(await visitor().post('/7?name=bob', {json: {name: 'ada'}})), {
    status: 422,
    errors: [{in: 'body', pointer: '/name', detail: 'This name is taken.'}],
  });
});

test('a schema that throws or rejects is a 500 whose log line names the method and the part, without the value', async t => {
  const cause = new TypeError('broken');
  for (const [part, validate] of [
    ['body', () => Promise.reject(cause)],
    [
      'query',
      () => {
        throw cause;
      },
    ],
  ] as const) {
    const {visitor, log} = taking({[part]: byHand(validate)});
    const answer = await visitor().post('/7?password=hunter2', {json: {password: 'hunter2'}});
    t.is(answer.status, 500);
    t.notRegex(await answer.text(), /hunter2|broken/);
    const message = `Note.post(): the schema of its ${part} failed. [SCHEMA_FAILED]`;
    t.like(log[0]!.error, {code: 'SCHEMA_FAILED', message, cause});
  }
});

test('a browser is shown a page with all that does not fit, escaped', async t => {
  const schema = byHand(() => ({issues: [{message: '"<b>" is too bold.', path: ['<i>']}, {message: 'Say more.'}]}));
  const answer = await taking({body: schema})
    .visitor()
    .post('/7', {json: {}, headers: {Accept: 'text/html'}});
  t.is(answer.status, 422);
  const page = await answer.text();
  const [, list] = /<ul>(.*)<\/ul>/.exec(page)!;
  t.is(
    list,
    '<li><code>body/&lt;i&gt;</code>: &quot;&lt;b&gt;&quot; is too bold.</li><li><code>body</code>: Say more.</li>',
  );
  t.regex(page, /<p>The body is not as expected\.<\/p>/);
});

test('errors of an application that look alike are listed on the page too, and others are not', async t => {
  const errors = [{detail: 'a'}, {pointer: '/b', detail: 'b'}, {message: 'c'}, null];
  @Resource()
  class Page {
    @Get()
    show() {
      throw createError(409, 'Not so.', {errors});
    }
  }
  const page = await testSite(Page)
    .visitor()
    .get('/', {headers: {Accept: 'text/html'}});
  t.regex(await page.text(), /<ul><li>a<\/li><li><code>\/b<\/code>: b<\/li><\/ul>/);
});

test('the declared status is that of an answer whose handler sets none', async t => {
  @Resource()
  class Notes {
    @Post({body: z.object({name: z.string()}), status: 201})
    add({body}: {body: {name: string}}, _request: Request, response: Response) {
      if (body.name === 'slow') response.status = 202;
      if (body.name === 'taken') throw createError(409);
      return body;
    }
    @Put({status: 201})
    replace(request: Request) {
      return request.path;
    }
  }
  const visitor = testSite(Notes).visitor();
  const statuses = [];
  for (const name of ['ada', 'slow', 'taken', 7]) statuses.push((await visitor.post('/', {json: {name}})).status);
  t.deepEqual(statuses, [201, 202, 409, 422]);
  t.is((await visitor.put('/')).status, 201);
});

test('middleware on the method can answer what does not fit, with what the visitor has typed', async t => {
  class FormAgain implements Middleware {
    async handle(request: Request, _response: Response, next: Next) {
      try {
        return await next();
      } catch (error) {
        const {errors = []} = error as {errors?: {pointer: string}[]};
        const typed = (await request.form()).get('name') as string;
        return `${typed}: ${errors.map(({pointer}) => pointer).join()}`;
      }
    }
  }
  @Resource()
  class Notes {
    @Use(FormAgain)
    @Post({body: z.object({name: z.string().max(3)})})
    add() {
      return 'added';
    }
  }
  const answer = await testSite(Notes)
    .visitor()
    .post('/', {body: new URLSearchParams({name: 'adaada'})});
  t.deepEqual([answer.status, await answer.text()], [422, 'adaada: /name']);
});

test('a subclass that writes the method anew keeps its input', async t => {
  const {visitor} = (() => {
    class Base {
      @Post({query: z.object({page: z.coerce.number()})})
      add({query}: {query: {page: number}}) {
        return `base ${query.page}`;
      }
    }
    @Resource()
    class Sub extends Base {
      override add({query}: {query: {page: number}}) {
        return `sub ${query.page + 1}`;
      }
    }
    return testSite(Sub);
  })();
  t.is(await (await visitor().post('/?page=1')).text(), 'sub 2');
});

test('a guard is asked before the body is read', async t => {
  class Closed implements Middleware {
    handle() {
      throw createError(403);
    }
  }
  @Use(Closed)
  @Resource()
  class Notes {
    @Post({body: anything})
    add() {}
    @Query({body: anything})
    search() {}
  }
  const {site} = testSite(Notes);
  for (const method of ['POST', 'QUERY']) {
    let read = 0;
    async function* body() {
      read += 1;
      yield new Uint8Array();
    }
    t.is((await site.handle({method, body: body()})).status, 403);
    t.is(read, 0);
  }
});

test('a schema that refuses without saying why, or says it in no way that can be told, lets nothing through', async t => {
  const schemaOf = (issues: unknown) => ({
    '~standard': {version: 1 as const, vendor: 'odd', validate: () => ({issues}) as never},
  });
  for (const [issues, status] of [
    [[], 422],
    ['no', 500],
    [[null], 500],
    [[{message: 'x', path: [null]}], 500],
    [[{message: 5n}], 500],
    [[{}], 500],
  ] as const) {
    let calls = 0;
    @Resource()
    class Root {
      @Post({body: schemaOf(issues)})
      take() {
        calls += 1;
        return 'taken';
      }
    }
    const {visitor, log} = testSite(Root);
    const answer = await visitor().post('/', {json: {}});
    t.is(answer.status, status);
    t.is(calls, 0);
    if (status === 500) t.like(log[0]!.error, {code: 'SCHEMA_FAILED'});
    else t.like(await answer.json(), {errors: [{in: 'body', pointer: ''}]});
  }
});
