import test from 'ava';
import {
  Child,
  Container,
  ContainerModule,
  createSite,
  Get,
  injectable,
  inject,
  Resource,
  SessionService,
  Use,
  use,
  type Middleware,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {testSite} from 'espalier/testing';
import {makingIn} from '../src/use.ts';

const Name = Symbol('Name');
const named = new ContainerModule(({bind}) => void bind(Name).toConstantValue('Ada'));

const answer = async (Root: new (...args: any[]) => object, modules: readonly ContainerModule[] = [named]) =>
  (await testSite(Root, {modules}).visitor().get('/')).text();

test('the default of a constructor parameter is what is bound to the token', async t => {
  @Resource()
  class Page {
    constructor(private readonly name = use<string>(Name)) {}
    @Get()
    show() {
      return `Hello ${this.name}`;
    }
  }
  t.is(await answer(Page), 'Hello Ada');
  t.is(new Page('Grace').show(), 'Hello Grace', 'a test hands over another');
});

test('a field is what is bound to the token, and a private one too', async t => {
  @Resource()
  class Page {
    readonly #name = use<string>(Name);
    readonly sessions = use(SessionService);
    @Get()
    show() {
      return `${this.#name} ${this.sessions instanceof SessionService}`;
    }
  }
  t.is(await answer(Page), 'Ada true');
});

test('services and middleware ask by it too, as deep as may be', async t => {
  @injectable()
  class Names {
    readonly first = use<string>(Name);
  }
  @injectable()
  class Greeter {
    constructor(@inject(Names) private readonly names: Names) {}
    readonly again = use(Names);
    greet() {
      return `${this.names.first} ${this.again.first} ${this.names === this.again}`;
    }
  }
  @injectable()
  class Signed implements Middleware {
    readonly #name = use<string>(Name);
    async handle(_request: Request, _response: Response, next: Next) {
      return `${String(await next())}, ${this.#name}`;
    }
  }
  @Resource()
  @Use(Signed)
  class Page {
    constructor(private readonly greeter = use(Greeter)) {}
    @Get()
    show() {
      return this.greeter.greet();
    }
  }
  const services = new ContainerModule(({bind}) => {
    bind(Names).toSelf().inSingletonScope();
    bind(Greeter).toSelf();
  });
  t.is(await answer(Page, [named, services]), 'Ada Ada true, Ada');
});

test('where nothing is bound the way there is told, and the site does not come about', t => {
  class Missing {}
  @injectable()
  class Greeter {
    readonly missing = use(Missing);
  }
  @Resource()
  class Page {
    readonly greeter = use(Greeter);
  }
  @Resource()
  @Child('page', Page)
  class Root {}
  const container = new Container();
  container.bind(Greeter).toSelf();
  t.throws(() => createSite(Root, {container}), {
    code: 'DEPENDENCY_MISSING',
    message:
      'Root → "page" Page → Greeter → Missing: nothing is bound to Missing. Bind it in a module or container given to createSite(). [DEPENDENCY_MISSING]',
  });
});

test('what depends on itself is told with the whole circle', t => {
  @injectable()
  class Hen {
    readonly egg: unknown = use(Egg);
  }
  @injectable()
  class Egg {
    readonly hen: unknown = use(Hen);
  }
  @Resource()
  class Root {
    readonly hen = use(Hen);
  }
  const container = new Container();
  container.bind(Hen).toSelf();
  container.bind(Egg).toSelf();
  t.throws(() => createSite(Root, {container}), {
    code: 'DEPENDENCY_CYCLE',
    message: /^Root → Hen → Egg → Hen: this depends on itself\. /,
  });
});

test('a token that is not there is told of', t => {
  @Resource()
  class Root {
    readonly name = use(undefined as never);
  }
  t.throws(() => createSite(Root), {code: 'DEPENDENCY_UNDEFINED', message: /^Root: a token to inject is undefined\./});
});

test('where no site is made it says what to do', t => {
  @Resource()
  class Page {
    readonly sessions = use(SessionService);
  }
  t.throws(() => new Page(), {
    code: 'DEPENDENCY_OUTSIDE',
    message:
      'use(SessionService) was called when no site is made. It works while a site makes its resources and services. Hand the value over yourself: new Page(theService). [DEPENDENCY_OUTSIDE]',
  });
});

test('two sites that are made in each other ask each its own container', t => {
  const containers = ['Ada', 'Grace'].map(name => {
    const container = new Container();
    container.bind(Name).toConstantValue(name);
    return container;
  });
  const [outer, inner] = containers as [Container, Container];
  const asked = makingIn(outer, 'Outer', () => [
    use(Name),
    makingIn(inner, 'Inner', () => use(Name)),
    t.throws(() => makingIn(inner, 'Inner', () => use('nothing'))) && use(Name),
  ]);
  t.deepEqual(asked, ['Ada', 'Grace', 'Ada']);
});
