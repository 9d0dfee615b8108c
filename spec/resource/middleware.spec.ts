import test from 'ava';
import {
  Child,
  createError,
  createSite,
  Get,
  inject,
  injectable,
  Put,
  Resource,
  SessionService,
  Use,
  type Middleware,
  type MiddlewareClass,
  type Next,
  type Request,
  type Response,
  type ResourceClass,
} from 'espalier';
import {testSite} from 'espalier/testing';
import {marking, acting, textOf, Trail} from './on-the-way.ts';

test('middleware goes from the root inward, on one class in the order written, before that of the method', async t => {
  @Use(marking('c1'), marking('c2'))
  @Use(marking('c3'))
  @Resource()
  class Page extends Trail {
    @Get()
    @Use(marking('m1'))
    @Use(marking('m2'))
    override tell(request: Request) {
      return super.tell(request);
    }
  }
  @Use(marking('root'))
  @Resource()
  @Child('page', Page)
  class Root {}
  const {visitor} = testSite(Root, {use: [marking('site')]});
  const answer = await visitor().get('/page');
  t.is(await answer.text(), 'site root c1 c2 c3 m1 m2');
  t.is(answer.headers.get('x-left'), 'm2, m1, c3, c2, c1, root, site');
});

test('a class has the middleware of the class that it extends, before its own', async t => {
  @Use(marking('base'))
  @Resource()
  class Base extends Trail {}
  @Use(marking('own'))
  @Resource()
  class Root extends Base {}
  t.is(await textOf(testSite(Root).visitor().get('/')), 'base own');
});

test('middleware on a method stays where a subclass writes the method anew', async t => {
  @Resource()
  class Base extends Trail {
    @Get()
    @Use(marking('base'))
    override tell(request: Request) {
      return super.tell(request);
    }
  }
  @Resource()
  class Root extends Base {
    @Get()
    @Use(marking('own'))
    override tell(request: Request) {
      return super.tell(request);
    }
  }
  t.is(await textOf(testSite(Root).visitor().get('/')), 'base own');
});

test('middleware on a method covers that method alone, with HEAD where it answers GET', async t => {
  @Resource()
  class Root {
    @Get()
    @Use(marking('get'))
    show() {
      return 'shown';
    }
    @Put()
    put() {
      return 'put';
    }
  }
  const {site} = testSite(Root);
  for (const [method, left] of [
    ['GET', 'get'],
    ['HEAD', 'get'],
    ['PUT', undefined],
    ['OPTIONS', undefined],
    ['POST', undefined],
  ] as const) {
    t.is((await site.handle({method})).header('X-Left'), left, method);
  }
});

test('middleware on a class covers what is not found below it, what is not allowed there, OPTIONS and the redirect of a slash', async t => {
  @Use(marking('branch'))
  @Resource()
  class Branch extends Trail {}
  @Resource()
  @Child('branch', Branch)
  class Root extends Trail {}
  const {site} = testSite(Root);
  for (const [method, url, status, left] of [
    ['GET', '/branch/none/at/all', 404, 'branch'],
    ['POST', '/branch', 405, 'branch'],
    ['OPTIONS', '/branch', 200, 'branch'],
    ['GET', '/branch/', 308, 'branch'],
    ['GET', '/none', 404, undefined],
  ] as const) {
    const response = await site.handle({method, url});
    t.is(response.status, status, url);
    t.is(response.header('X-Left'), left, url);
  }
});

test('a guard comes before any child below it is looked up or made', async t => {
  const made: string[] = [];
  @Resource()
  class Leaf extends Trail {}
  @Use(
    acting(() => {
      throw createError(403, 'No.');
    }),
  )
  @Resource()
  class Guarded {
    @Child(':name', Leaf)
    find(name: string) {
      made.push(name);
      return new Leaf();
    }
  }
  @Resource()
  @Child('guarded', Guarded)
  class Root {}
  const {site} = testSite(Root);
  for (const url of ['/guarded', '/guarded/', '/guarded/a', '/guarded/a/b/c']) {
    t.is((await site.handle({url})).status, 403, url);
  }
  t.deepEqual(made, []);
});

test('where a method makes an instance of a subclass, what stands on that is asked too, once', async t => {
  @Use(marking('declared'))
  @Resource()
  class Declared extends Trail {}
  @Use(marking('own'))
  @Resource()
  class Own extends Declared {}
  @Resource()
  class Root {
    @Child('a', Declared)
    make() {
      return new Own();
    }
    @Child('b', Declared)
    async makeLater() {
      return new Own();
    }
  }
  const {visitor} = testSite(Root);
  t.is(await textOf(visitor().get('/a')), 'declared own');
  t.is(await textOf(visitor().get('/b')), 'declared own');
});

test('a middleware is made once by the container, with what it asks for', async t => {
  let made = 0;
  @injectable()
  class Greets implements Middleware {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {
      made += 1;
    }
    async handle(request: Request, _response: Response, next: Next) {
      await this.sessions.getSession(request);
      return next();
    }
  }
  @Use(Greets)
  @Resource()
  class Page extends Trail {}
  @Use(Greets)
  @Resource()
  @Child('page', Page)
  class Root extends Trail {}
  const {visitor} = testSite(Root, {use: [Greets]});
  t.is(made, 1);
  t.is((await visitor().get('/page')).status, 200);
  t.is(made, 1);
});

test('a middleware that lacks something fails when the site is built, with the way to it', t => {
  abstract class Missing {}
  @injectable()
  class Lacking implements Middleware {
    constructor(@inject(Missing) readonly missing: Missing) {}
    handle(_request: Request, _response: Response, next: Next) {
      return next();
    }
  }
  @Use(Lacking)
  @Resource()
  class Page extends Trail {}
  @Resource()
  @Child('page', Page)
  class Root extends Trail {}
  const message =
    'Root → "page" Page → Lacking → Missing: nothing is bound to Missing. Bind it in a module or container given to createSite(). [DEPENDENCY_MISSING]';
  t.throws(() => createSite(Root), {code: 'DEPENDENCY_MISSING', message});
  t.throws(() => createSite(Trail, {use: [Lacking]}), {
    code: 'DEPENDENCY_MISSING',
    message: /^use → Lacking → Missing/,
  });
});

test('what is no middleware is refused at once, with what to give', t => {
  const given = (value: unknown) => () => Use(value as MiddlewareClass);
  t.throws(given(undefined), {code: 'MIDDLEWARE_INVALID', message: /given undefined\. If its module imports this one/});
  t.throws(
    given(() => 'x'),
    {code: 'MIDDLEWARE_INVALID', message: /given a function\. Give a class with a method handle/},
  );
  t.throws(given(class Empty {}), {code: 'MIDDLEWARE_INVALID'});
  t.throws(given(new (marking('a'))()), {code: 'MIDDLEWARE_INVALID'});
  t.throws(() => createSite(Trail, {use: [class Empty {} as unknown as MiddlewareClass]}), {
    code: 'MIDDLEWARE_INVALID',
  });
  t.throws(() => createSite(Trail, {use: marking('a') as never}), {code: 'OPTION_INVALID'});
  const bare = Use as unknown as (target: ResourceClass) => void;
  t.throws(() => bare(Trail), {code: 'MIDDLEWARE_INVALID'});
});

test('middleware on a method that answers no verb is refused when the site is built', t => {
  @Resource()
  class Root extends Trail {
    @Use(marking('a'))
    @Child('b', Trail)
    make() {
      return new Trail();
    }
  }
  t.throws(() => createSite(Root), {
    code: 'DECORATOR_MISPLACED',
    message: /^Root\.make\(\) has @Use\(\), but answers no verb/,
  });
});

test('middleware of the site comes by what no resource is asked for', async t => {
  const {site} = testSite(Trail, {use: [marking('site')]});
  for (const [init, status] of [
    [{url: '/%ff'}, 400],
    [{url: '/a/../b'}, 400],
    [{headers: {host: 'a b'}}, 400],
    [{url: '/a'.repeat(2000)}, 414],
    [{url: '/none'}, 404],
    [{method: 'OPTIONS', url: '*'}, 200],
  ] as const) {
    const response = await site.handle(init);
    t.is(response.status, status, JSON.stringify(init).slice(0, 60));
    t.is(response.header('X-Left'), 'site');
  }
});

test('a middleware has what the classes that it extends ask for, by the constructor and by properties', async t => {
  @injectable()
  class Base implements Middleware {
    @inject(SessionService) readonly again!: SessionService;
    constructor(@inject(SessionService) protected readonly sessions: SessionService) {}
    async handle(request: Request, _response: Response, next: Next) {
      t.is(this.again, this.sessions);
      await this.sessions.getSession(request);
      return next();
    }
  }
  class Sub extends Base {}
  class Own extends Sub {
    constructor(@inject(SessionService) sessions: SessionService) {
      super(sessions);
    }
  }
  @Use(Sub)
  @Use(Own)
  @Resource()
  class Root extends Trail {}
  const {visitor} = testSite(Root, {use: [Sub]});
  t.is((await visitor().get('/')).status, 200);
});
