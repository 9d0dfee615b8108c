import {Readable} from 'node:stream';
import {Validator} from '@seriousme/openapi-schema-validator';
import test from 'ava';
import {
  Child,
  ContainerModule,
  createSite,
  Delete,
  Get,
  Head,
  Logger,
  Options,
  Patch,
  Post,
  Put,
  Query,
  Resource,
  Use,
  type Middleware,
  type MiddlewareAnswer,
  type Next,
  type Request,
  type ResourceClass,
  type Response,
  type SiteOptions,
} from 'espalier';
import {
  basicAuth,
  bearer,
  etag,
  openApi,
  requireSignIn,
  virtualHosts,
  type OpenApiOperation,
  type OpenApiOptions,
} from 'espalier/builtin';
import {rateLimit} from 'espalier/builtin/rate-limit';
import * as v from 'valibot';
import {z} from 'zod';

const info = {title: 'Shop', version: '1'};

interface Document {
  readonly paths: Record<string, Record<string, OpenApiOperation>>;
  readonly components: Record<'schemas' | 'responses' | 'securitySchemes', Record<string, object>>;
  readonly tags: unknown;
}

/** The document of what a class describes, which a validator has taken, and what was warned of. */
async function described(Root: ResourceClass, options: Partial<OpenApiOptions> = {}, more: SiteOptions = {}) {
  @Resource()
  @Child('docs', openApi({info, ...options}))
  class WithDocs extends Root {}
  const warnings: string[] = [];
  const logger = {error: () => undefined, warn: (line: string) => void warnings.push(line)};
  const modules = [new ContainerModule(({bind}) => void bind(Logger).toConstantValue(logger))];
  const site = createSite(WithDocs, {...more, modules});
  const {body} = await site.handle({url: '/docs/openapi.json'});
  const document = JSON.parse(String(body)) as Document;
  const {valid, errors} = await new Validator().validate(JSON.parse(String(body)) as Record<string, unknown>);
  if (!valid) throw new Error(JSON.stringify(errors));
  return {document, warnings};
}

class Passes implements Middleware {
  handle(_request: Request, _response: Response, next: Next) {
    return next();
  }
}

test('an operation has what its method takes: of the path, the query and the headers', async t => {
  const options = {
    params: z.object({id: z.coerce.number().int().describe('Its number.')}),
    query: z.object({most: z.coerce.number().optional(), tag: z.array(z.string())}),
    headers: z.object({'x-shop': z.string(), authorization: z.string()}),
  };
  @Resource()
  class Article {
    @Get(options)
    show() {
      return 'shown';
    }
  }
  @Resource()
  class Articles {
    @Child(':id', Article)
    find() {
      return new Article();
    }
  }
  @Resource()
  class Shop {
    @Child(':shop', Articles)
    find() {
      return new Articles();
    }
  }
  const {document, warnings} = await described(Shop);
  t.deepEqual(Object.keys(document.paths), ['/{shop}/{id}']);
  const {get} = document.paths['/{shop}/{id}']!;
  t.deepEqual(get!.parameters, [
    {name: 'shop', in: 'path', schema: {type: 'string'}, required: true},
    {
      name: 'id',
      in: 'path',
      required: true,
      description: 'Its number.',
      schema: {
        type: 'integer',
        minimum: Number.MIN_SAFE_INTEGER,
        maximum: Number.MAX_SAFE_INTEGER,
      },
    },
    {name: 'most', in: 'query', schema: {type: 'number'}},
    {name: 'tag', in: 'query', required: true, schema: {type: 'array', items: {type: 'string'}}},
    {name: 'x-shop', in: 'header', required: true, schema: {type: 'string'}},
  ]);
  t.deepEqual(Object.keys(get!.responses), ['200', '204', '400', '404']);
  t.deepEqual(warnings, []);
});

test('a body is told for JSON and both forms, by JSON alone where no form could be it, and by multipart where it has files', async t => {
  @Resource()
  class Home {
    @Post({
      body: z.object({name: z.string()}).meta({description: 'Who.'}),
      status: 201,
      result: z.object({id: z.string()}),
    })
    add() {
      return {id: '1'};
    }
    @Put({body: z.array(z.string()).optional()})
    replace() {}
    @Patch({body: z.object({photo: z.file()})})
    change() {}
  }
  const {post, put, patch} = (await described(Home)).document.paths['/']!;
  const types = ['application/json', 'application/x-www-form-urlencoded', 'multipart/form-data'];
  t.deepEqual(Object.keys(post!.requestBody!.content), types);
  t.is(post!.requestBody!.description, 'Who.');
  t.deepEqual(Object.keys(put!.requestBody!.content), types.slice(0, 1));
  t.deepEqual(Object.keys(patch!.requestBody!.content), types.slice(2));
  t.deepEqual(
    [post, put, patch].map(each => each!.requestBody!.required),
    [true, false, true],
  );
  t.deepEqual(Object.keys(post!.responses), ['201', '400', '413', '415', '422']);
});

test('an answer is told by its status, its schema and its type', async t => {
  const result = (schema: z.ZodType, status?: number) => ({result: schema, ...(status && {status})});
  @Resource()
  class Home {
    @Get(result(z.object({at: z.date()}).describe('When.')))
    show() {
      return {at: new Date()} as never;
    }
    @Post(result(z.string(), 202))
    write() {
      return 'text' as never;
    }
    @Delete(result(z.void()))
    remove() {
      return undefined as never;
    }
    @Put({status: 205})
    reset() {}
  }
  const {get, post, put, delete: remove} = (await described(Home)).document.paths['/']!;
  t.like(get!.responses['200'], {
    description: 'When.',
    content: {'application/json': {schema: {properties: {at: {type: 'string', format: 'date-time'}}}}},
  });
  t.deepEqual(post!.responses, {202: {description: 'Accepted', content: {'text/plain': {schema: {type: 'string'}}}}});
  t.deepEqual(remove!.responses, {204: {description: 'No Content'}});
  t.deepEqual(put!.responses, {205: {description: 'Reset Content'}});
});

test('what is bytes or a stream is told as such, not as JSON, and without a warning', async t => {
  @Resource()
  class Home {
    @Get({result: z.instanceof(Buffer)})
    show() {
      return Buffer.from('bytes');
    }
    @Post({result: v.instance(Uint8Array) as never, status: 201})
    write() {
      return new Uint8Array(1) as never;
    }
    @Put({result: z.custom<AsyncIterable<Uint8Array>>(value => Symbol.asyncIterator in Object(value))})
    stream() {
      return Readable.from(['bytes']);
    }
    @Delete({result: z.any()})
    remove() {
      return {any: 'thing'};
    }
  }
  const {document, warnings} = await described(Home);
  const {get, post, put, delete: remove} = document.paths['/']!;
  const content = {'application/octet-stream': {}};
  t.deepEqual(get!.responses, {200: {description: 'OK', content}});
  t.deepEqual(post!.responses, {201: {description: 'Created', content}});
  t.deepEqual(put!.responses, {200: {description: 'OK', content}});
  t.deepEqual(remove!.responses, {200: {description: 'OK', content: {'application/json': {schema: {}}}}});
  t.deepEqual(warnings, []);
});

test('what etag() and rateLimit() answer is told where they stand, with the headers', async t => {
  @Resource()
  @Use(etag())
  class Note {
    @Get()
    show() {
      return 'note';
    }
    @Put()
    change() {}
    @Post()
    @Use(rateLimit({limit: 1, per: 1000}))
    copy() {}
    @Patch()
    @Use(rateLimit({limit: 1, per: 1000, whenDown: 'refuse'}))
    mend() {}
  }
  @Resource()
  @Child('note', Note)
  class Home {
    @Get()
    show() {
      return 'home';
    }
  }
  const {document} = await described(Home);
  const {get, put, post, patch} = document.paths['/note']!;
  const others = (operation: OpenApiOperation) =>
    Object.keys(operation.responses).filter(status => !['200', '204'].includes(status));
  t.deepEqual(others(get!), ['304', '412']);
  t.deepEqual(others(put!), ['412', '428']);
  t.deepEqual(others(post!), ['412', '429']);
  t.deepEqual(others(patch!), ['412', '428', '429', '503']);
  t.deepEqual(others(document.paths['/']!['get']!), []);
  const {NotModified, TooManyRequests, PreconditionFailed} = document.components.responses as Record<
    string,
    {headers?: object; content?: object}
  >;
  t.deepEqual([Object.keys(NotModified!.headers!), NotModified!.content], [['ETag'], undefined]);
  t.deepEqual(Object.keys(TooManyRequests!.headers!), ['Retry-After', 'RateLimit', 'RateLimit-Policy']);
  t.deepEqual(Object.keys(TooManyRequests!.content!), ['application/problem+json']);
  t.deepEqual(TooManyRequests!.content, PreconditionFailed!.content);
});

test('a middleware of its own says what it answers, to which verbs and in which headers', async t => {
  @Resource()
  @Use(
    class Closed extends Passes {
      static readonly answers: readonly MiddlewareAnswer[] = [
        {status: 403, verbs: ['POST'], headers: {'X-Until': 'When it opens.'}},
      ];
    },
    class Away extends Passes {
      static readonly answers: readonly MiddlewareAnswer[] = [{status: 302}];
    },
  )
  class Home {
    @Get()
    show() {
      return 'home';
    }
    @Post()
    write() {}
  }
  const {document} = await described(Home);
  const {get, post} = document.paths['/']!;
  t.deepEqual(Object.keys(get!.responses), ['200', '204', '302']);
  t.deepEqual(Object.keys(post!.responses), ['200', '204', '302', '403']);
  t.deepEqual(document.components.responses['Found'], {description: 'Found'});
  t.like(document.components.responses['Forbidden'], {
    headers: {'X-Until': {description: 'When it opens.', schema: {type: 'string'}}},
  });
});

test('all problems are of one schema, which has the places that do not fit', async t => {
  @Resource()
  class Home {
    @Post({body: z.object({}), query: z.object({})})
    add() {}
  }
  const {components, paths} = (await described(Home)).document;
  t.deepEqual(paths['/']!['post']!.responses['422'], {$ref: '#/components/responses/UnprocessableEntity'});
  for (const response of Object.values(components.responses)) {
    t.like(response, {content: {'application/problem+json': {schema: {$ref: '#/components/schemas/Problem'}}}});
  }
  t.like(components.schemas['Problem'], {
    properties: {errors: {items: {required: ['in', 'pointer', 'detail']}}},
    required: ['type', 'title', 'status'],
  });
});

test('what guards on the way ask for is told: one scheme of each, and 401 and 403', async t => {
  class ByToken extends Passes {
    static readonly security = {
      token: {type: 'http', scheme: 'bearer'},
      key: {type: 'apiKey', in: 'header', name: 'X-Key'},
    } as const;
  }
  class OtherToken extends Passes {
    static readonly security = {token: {type: 'http', scheme: 'basic'}} as const;
  }
  @Resource()
  @Use(ByToken)
  class Inner {
    @Get()
    show() {
      return 'shown';
    }
    @Post()
    @Use(OtherToken)
    add() {}
  }
  @Resource()
  class Open {
    @Get()
    show() {
      return 'shown';
    }
  }
  @Resource()
  @Use(Passes, requireSignIn())
  @Child('inner', Inner)
  class Members {}
  @Resource()
  @Child('members', Members)
  @Child('open', Open)
  class Home {}
  const {paths, components} = (await described(Home, {}, {sessions: {cookie: {name: 'shop'}}})).document;
  t.deepEqual(components.securitySchemes, {
    session: {type: 'apiKey', in: 'cookie', name: '__Host-Http-shop'},
    token: {type: 'http', scheme: 'bearer'},
    key: {type: 'apiKey', in: 'header', name: 'X-Key'},
    token_2: {type: 'http', scheme: 'basic'},
  });
  const {get, post} = paths['/members/inner']!;
  t.deepEqual(get!.security, [
    {session: [], token: []},
    {session: [], key: []},
  ]);
  t.deepEqual(post!.security, [
    {session: [], token: [], token_2: []},
    {session: [], key: [], token_2: []},
  ]);
  t.deepEqual(Object.keys(get!.responses), ['200', '204', '401', '403']);
  t.is(paths['/open']!['get']!.security, undefined);
});

test('a guard of the whole site is told too', async t => {
  class Guard extends Passes {
    static readonly security = {everywhere: {type: 'mutualTLS'}} as const;
  }
  @Resource()
  class Home {
    @Get()
    show() {
      return 'shown';
    }
  }
  const {document} = await described(Home, {}, {use: [Guard]});
  t.deepEqual(document.paths['/']!['get']!.security, [{everywhere: []}]);
});

test('basicAuth() and bearer() are told by their schemes', async t => {
  @Resource()
  @Use(basicAuth({realm: 'Shop', check: () => true}))
  class Orders {
    @Get()
    @Use(bearer({check: () => true}))
    show() {
      return 'shown';
    }
  }
  @Resource()
  @Child('orders', Orders)
  class Home {}
  const {components, paths} = (await described(Home)).document;
  t.deepEqual(paths['/orders']!['get']!.security, [{basic: [], bearer: []}]);
  t.deepEqual(components.securitySchemes, {
    basic: {type: 'http', scheme: 'basic'},
    bearer: {type: 'http', scheme: 'bearer'},
  });
});

test('HEAD and OPTIONS are left out, and QUERY, which OpenAPI 3.1 does not know, is told as an extension', async t => {
  @Resource()
  class Home {
    @Get()
    show() {
      return 'shown';
    }
    @Head()
    look() {}
    @Options()
    ask() {}
    @Query({body: z.object({})})
    search() {
      return 'found';
    }
  }
  const {paths} = (await described(Home)).document;
  t.deepEqual(Object.keys(paths['/']!).toSorted(), ['get', 'x-query']);
  t.is(paths['/']!['x-query']!.operationId, 'WithDocs_search');
  t.true('415' in paths['/']!['x-query']!.responses);
});

test('each operation has a name of its own, and the tag of its resource; a name that is captured twice is two', async t => {
  @Resource()
  class Person {
    @Get()
    show() {
      return 'shown';
    }
    @Child(':name', () => Person)
    friend() {
      return new Person();
    }
  }
  @Resource()
  class Home {
    @Child(':name', Person)
    find() {
      return new Person();
    }
  }
  const {document} = await described(Home);
  t.deepEqual(Object.keys(document.paths), ['/{name}', '/{name_1}/{name}']);
  const operations = Object.values(document.paths).map(item => item['get']!);
  t.deepEqual(
    operations.map(({operationId}) => operationId),
    ['Person_show', 'Person_show_2'],
  );
  t.deepEqual(document.tags, [{name: 'Person'}]);
});

test('a segment that looks like a template is none', async t => {
  @Resource()
  class Leaf {
    @Get()
    show() {
      return 'shown';
    }
  }
  @Resource()
  @Child('{a} b', Leaf)
  class Home {}
  t.deepEqual(Object.keys((await described(Home)).document.paths), ['/%7Ba%7D%20b']);
});

test('what can not be said is left open, and told when the site is built, by method, verb, way and field', async t => {
  @Resource()
  class Home {
    @Post({
      body: z.object({size: z.bigint(), list: z.array(z.map(z.string(), z.string()))}),
      query: z.record(z.string(), z.string()),
    })
    add() {}
    @Put({body: v.object({name: v.string()}), result: z.map(z.string(), z.string()) as never})
    replace(): never {
      throw new Error('never called');
    }
  }
  const {document, warnings} = await described(Home);
  t.deepEqual(document.paths['/']!['put']!.requestBody!.content['application/json'], {schema: {}});
  t.deepEqual(warnings.toSorted(), [
    'OpenAPI: the body of WithDocs.add(), POST /, can\'t be told in full: JSON Schema has no words for its field "list[]".',
    'OpenAPI: the body of WithDocs.add(), POST /, can\'t be told in full: JSON Schema has no words for its field "size".',
    "OpenAPI: the body of WithDocs.replace(), PUT /, can't be told in full: the schema gives no JSON Schema. Put it into toStandardJsonSchema() of @valibot/to-json-schema.",
    "OpenAPI: the query of WithDocs.add(), POST /, can't be told in full: its schema does not name the fields.",
    "OpenAPI: the result of WithDocs.replace(), PUT /, can't be told in full: JSON Schema has no words for it.",
  ]);
});

test('nothing is converted, and nothing told, where no document is', t => {
  let asked = 0;
  const schema = {
    '~standard': {
      version: 1 as const,
      vendor: 'own',
      validate: (value: unknown) => ({value}),
      get jsonSchema() {
        asked += 1;
        return undefined;
      },
    },
  };
  @Resource()
  class Home {
    @Post({body: schema})
    add() {}
  }
  createSite(Home);
  t.is(asked, 0);
});

test('describe changes an operation, or leaves it out, and what describes the docs is not in the document', async t => {
  @Resource()
  class Home {
    @Get()
    show() {
      return 'shown';
    }
    @Post()
    add() {}
  }
  const {document} = await described(Home, {
    describe: (operation, {verb, method}, {pattern}) =>
      verb === 'POST' ? undefined : {...operation, summary: `${method} at ${pattern}`, 'x-own': true},
  });
  t.deepEqual(Object.keys(document.paths), ['/']);
  t.like(document.paths['/'], {get: {summary: 'WithDocs.show() at /', 'x-own': true}});
  t.false('post' in document.paths['/']!);
});

test('the document is of the branch that it hangs in, guards above it too', async t => {
  @Resource()
  class Page {
    @Get()
    show() {
      return 'shown';
    }
  }
  @Resource()
  @Child('docs', openApi({info}))
  @Child('page', Page)
  class Api extends Page {}
  @Resource()
  @Use(
    class Guard extends Passes {
      static readonly security = {key: {type: 'apiKey', in: 'header', name: 'X-Key'}} as const;
    },
  )
  @Child('api', Api)
  @Child('page', Page)
  class Home extends Page {}
  const {body} = await createSite(Home).handle({url: '/api/docs'});
  const {paths} = JSON.parse(String(body)) as Document;
  t.deepEqual(Object.keys(paths), ['/api', '/api/page']);
  t.deepEqual(paths['/api/page']!['get']!.security, [{key: []}]);
});

/** A resource that answers by this verb, with this class name. */
function answering(name: string, verb: typeof Get) {
  const made = {
    [name]: class {
      answer() {
        return name;
      }
    },
  }[name]!;
  verb()(made.prototype, 'answer', Object.getOwnPropertyDescriptor(made.prototype, 'answer') as never);
  Resource()(made);
  return made;
}

/** Two hosts, and a third for all below, that share paths. */
function hosted() {
  @Resource()
  @Child('goods', answering('Goods', Get))
  @Child('both', answering('First', Get))
  class Shop {}
  @Resource()
  @Child('goods', answering('Orders', Post))
  @Child('both', answering('Second', Get))
  class Admin {}
  @Resource()
  @Child('tenant', answering('Tenant', Get))
  class Tenants {}
  @Resource()
  @Child('own', answering('Own', Get))
  @Child('by-host', virtualHosts({'shop.test': Shop, 'admin.test': Admin, '*.shop.test': Tenants}))
  class Home {}
  return Home;
}

test('an operation of one of several hosts has the server of that host, beside that of another host on its path', async t => {
  const {document, warnings} = await described(hosted());
  const {'/by-host/goods': goods, '/by-host/tenant': tenant, '/own': own} = document.paths;
  t.deepEqual(goods!['get']!.servers, [{url: '//shop.test'}]);
  t.deepEqual(goods!['post']!.servers, [{url: '//admin.test'}]);
  t.deepEqual(tenant!['get']!.servers, [{url: '//{name}.shop.test', variables: {name: {default: 'www'}}}]);
  t.is(own!['get']!.servers, undefined);
  t.deepEqual(document.paths['/by-host/both']!['get']!.tags, ['First']);
  t.deepEqual(warnings, [
    'OpenAPI: GET /by-host/both is declared for shop.test and for admin.test. A document has room for one, so this one has the first. openApi({host: "admin.test"}) describes the other.',
  ]);
});

test('a document of one host tells what stands for that, and for all', async t => {
  const {document, warnings} = await described(hosted(), {host: 'admin.test'});
  t.deepEqual(Object.keys(document.paths), ['/by-host/both', '/by-host/goods', '/own']);
  t.deepEqual(document.paths['/by-host/both']!['get']!.tags, ['Second']);
  t.deepEqual(Object.keys(document.paths['/by-host/goods']!), ['post']);
  t.deepEqual(warnings, []);
});

test('a document that stands below a host describes that host, without a word of it', async t => {
  @Resource()
  @Child('goods', answering('Goods', Get))
  @Child('docs', openApi({info}))
  class Shop {}
  const site = createSite(virtualHosts({'shop.test': Shop, 'admin.test': answering('Admin', Get)}));
  const {body} = await site.handle({url: '/docs/openapi.json', headers: {host: 'shop.test'}});
  const {paths} = JSON.parse(String(body)) as Document;
  t.deepEqual(Object.keys(paths), ['/goods']);
  t.is(paths['/goods']!['get']!.servers, undefined);
});
