import {setImmediate} from 'node:timers/promises';
import test from 'ava';
import {
  Child,
  Container,
  ContainerModule,
  Get,
  Logger,
  Resource,
  SessionService,
  SessionStore,
  createSite,
  inject,
  injectable,
  postConstruct,
  preDestroy,
  type ResourceClass,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';
import {LazyServiceIdentifier, inject as injectLazily, multiInject, optional, type Bind, type Newable} from 'inversify';
import {SiteContainer} from '../src/container.ts';

const Mail = Symbol('Mail');
const Transport = Symbol('Transport');
const Host = Symbol('Host');

@injectable()
class Mailer {
  constructor(@inject(Transport) readonly transport: unknown) {}
}
@injectable()
class Smtp {
  constructor(@inject(Host) readonly host: unknown) {}
}
@Resource()
class Form {
  constructor(@inject(Mail) readonly mail: Mailer) {}
  @Get()
  show() {
    return 'form';
  }
}
@Resource()
@Child('form', Form)
class Root {}

@Resource()
class Page {
  @Get()
  show() {
    return 'page';
  }
}

/** Binds each token to a class, one instance of it. */
const binding = (...pairs: readonly (readonly [token: symbol, type: Newable])[]) =>
  new ContainerModule(({bind}) => {
    for (const [token, type] of pairs) bind(token).to(type).inSingletonScope();
  });

/** A root resource that asks for a token, and a container in which it is bound to `made`. */
function asking(...made: unknown[]): {Asking: ResourceClass; container: Container} {
  @Resource()
  class Asking {
    constructor(@inject(Mail) readonly mail: unknown) {}
    @Get()
    show() {
      return String(this.mail);
    }
  }
  const container = new Container();
  for (const one of made) container.bind(Mail).toConstantValue(one);
  return {Asking, container};
}

const missing = (name: string) =>
  `nothing is bound to ${name}. Bind it in a module or container given to createSite(). [DEPENDENCY_MISSING]`;
const cyclic =
  'this depends on itself. Take one of these dependencies out, or look it up when it is needed. [DEPENDENCY_CYCLE]';

test('a missing binding is told with the whole way from the root, behind tokens too', t => {
  const modules = [binding([Mail, Mailer], [Transport, Smtp])];
  t.throws(() => createSite(Root, {modules}), {
    code: 'DEPENDENCY_MISSING',
    message: `Root → "form" Form → Mail → Transport → Host: ${missing('Host')}`,
  });
});

test('a missing binding that the root itself asks for is told', t => {
  t.throws(() => createSite(asking().Asking), {
    code: 'DEPENDENCY_MISSING',
    message: `Asking → Mail: ${missing('Mail')}`,
  });
});

test('a missing binding is named as its token is: a class, a string, or a symbol', t => {
  const tokens = [
    [Mailer, 'Mailer'],
    ['mail', 'mail'],
    [Symbol(''), ''],
    [Symbol(), 'a symbol'],
  ] as const;
  for (const [token, name] of tokens) {
    @Resource()
    class Needy {
      @inject(token)
      readonly needed!: unknown;
    }
    t.throws(() => createSite(Needy), {message: `Needy → ${name}: ${missing(name)}`});
  }
});

test('a missing binding behind a factory with tokens is told', t => {
  const modules = [new ContainerModule(({bind}) => void bind(Mail).toResolvedValue((host: unknown) => host, [Host]))];
  t.throws(() => createSite(Root, {modules}), {message: `Root → "form" Form → Mail → Host: ${missing('Host')}`});
});

test('a missing binding is told even where another way to a sound token comes first', t => {
  @injectable()
  class Both {
    constructor(
      @inject(Host) readonly host: unknown,
      @inject(Transport) readonly transport: unknown,
    ) {}
  }
  const {Asking, container} = asking();
  container.bind(Mail).to(Both);
  container.bind(Host).toConstantValue('localhost');
  t.throws(() => createSite(Asking, {container}), {message: `Asking → Mail → Transport: ${missing('Transport')}`});
});

test('a missing binding is told at once below many services that share what they need', t => {
  const tokens = Array.from({length: 30}, (_, level) => Symbol(`level ${level}`));
  const {Asking, container} = asking();
  tokens.forEach((token, level) => {
    const next = tokens[level + 1];
    container.bind(token).toResolvedValue((...all: unknown[]) => all, next ? [next, next] : []);
  });
  container.bind(Mail).toResolvedValue((...all: unknown[]) => all, [tokens[0]!, Host]);
  t.throws(() => createSite(Asking, {container}), {message: `Asking → Mail → Host: ${missing('Host')}`});
});

test('the error of the container is the cause', t => {
  const error = t.throws(() => createSite(asking().Asking), {code: 'DEPENDENCY_MISSING'});
  t.true(error.cause instanceof Error);
});

test('a cycle of dependencies is told with the whole way round', t => {
  @injectable()
  class Wire {
    constructor(@inject(Mail) readonly mail: unknown) {}
  }
  const modules = [binding([Mail, Mailer], [Transport, Wire])];
  t.throws(() => createSite(Root, {modules}), {
    code: 'DEPENDENCY_CYCLE',
    message: `Root → "form" Form → Mail → Transport → Mail: ${cyclic}`,
  });
});

test('a service that asks for itself is a cycle', t => {
  const modules = [binding([Mail, Mailer], [Transport, Mailer])];
  t.throws(() => createSite(Root, {modules}), {
    code: 'DEPENDENCY_CYCLE',
    message: `Root → "form" Form → Mail → Transport → Transport: ${cyclic}`,
  });
});

test('a token that turns out to be undefined is told with the way to it', t => {
  @Resource()
  class Needy {
    constructor(@injectLazily(new LazyServiceIdentifier(() => undefined as never)) readonly needed: unknown) {}
  }
  t.throws(() => createSite(Needy), {
    code: 'DEPENDENCY_UNDEFINED',
    message:
      'Needy → undefined: a token to inject is undefined. If its module imports this one in a circle, move the token to a module of its own. [DEPENDENCY_UNDEFINED]',
  });
});

test('a token that can not be looked up yet is told with the way to it', t => {
  const token = new LazyServiceIdentifier(() => {
    throw new ReferenceError('Not there yet.');
  });
  @injectable()
  class Early {
    constructor(@injectLazily(token) readonly needed: unknown) {}
  }
  const {Asking, container} = asking();
  container.bind(Mail).to(Early);
  t.throws(() => createSite(Asking, {container}), {
    code: 'DEPENDENCY_FAILED',
    message: 'Asking → Mail: Not there yet. [DEPENDENCY_FAILED]',
  });
});

test('a constructor parameter without @inject is refused with the class that has it', t => {
  @Resource()
  class Needy {
    constructor(readonly name: string) {}
  }
  t.throws(() => createSite(Needy), {
    code: 'DEPENDENCY_FAILED',
    message: 'Needy: Needy has a constructor parameter without @inject(Token). [DEPENDENCY_FAILED]',
  });
});

test('a constructor parameter without @inject beside one with it is refused', t => {
  @Resource()
  class Needy {
    constructor(
      readonly name: string,
      @inject(Mail) readonly mail: unknown,
    ) {}
  }
  t.throws(() => createSite(Needy, {container: asking('mail').container}), {
    code: 'DEPENDENCY_FAILED',
    message: 'Needy: Needy has a constructor parameter without @inject(Token). [DEPENDENCY_FAILED]',
  });
});

test('a dependency that is only there later is refused with what the container says', t => {
  const {Asking, container} = asking();
  container.bind(Mail).toDynamicValue(async () => 'mail');
  t.throws(() => createSite(Asking, {container}), {
    code: 'DEPENDENCY_FAILED',
    message: 'Asking: Unexpected asynchronous service when resolving service "Asking" [DEPENDENCY_FAILED]',
  });
});

test('a dependency that is bound twice is refused with what the container says', t => {
  const {Asking, container} = asking('one', 'two');
  const error = t.throws(() => createSite(Asking, {container}), {code: 'DEPENDENCY_FAILED'});
  t.regex(error.message, /^Asking: Ambiguous bindings found for service: "Symbol\(Mail\)"\./);
});

test('what a constructor throws comes out as it is', t => {
  const own = new TypeError('own');
  @Resource()
  class Failing {
    constructor() {
      throw own;
    }
  }
  @Resource()
  @Child('failing', Failing)
  class Above {}
  t.is(
    t.throws(() => createSite(Above)),
    own,
  );
});

test('what the constructor of a dependency throws comes out as it is', t => {
  const own = new TypeError('own');
  @injectable()
  class Failing {
    constructor() {
      throw own;
    }
  }
  t.is(
    t.throws(() => createSite(Root, {modules: [binding([Mail, Failing])]})),
    own,
  );
});

test('what a constructor throws comes out as it is where optional things are not bound', t => {
  const own = new TypeError('own');
  @Resource()
  class Failing {
    constructor(@inject(Mail) @optional() _mail: unknown, @multiInject(Host) _hosts: unknown[]) {
      throw own;
    }
  }
  t.is(
    t.throws(() => createSite(Failing)),
    own,
  );
});

test('what is optional need not be bound', async t => {
  @Resource()
  class Relaxed {
    constructor(
      @inject(Mail) @optional() readonly mail: unknown,
      @multiInject(Host) readonly hosts: unknown[],
    ) {}
    @Get()
    show() {
      return `${typeof this.mail} ${this.hosts.length}`;
    }
  }
  t.is(await (await testSite(Relaxed).visitor().get('/')).text(), 'undefined 0');
});

/** A module with a chain of services, the first needing the second and so on, that write down their ends. */
function chain(ended: string[], failing: readonly string[] = []) {
  function end(name: string) {
    ended.push(name);
    if (failing.includes(name)) throw new Error(`${name} failed`);
  }
  @injectable()
  class Last {
    @preDestroy()
    async end() {
      end('Host');
    }
  }
  @injectable()
  class Middle extends Smtp {
    constructor(@inject(Host) host: unknown) {
      super(host);
    }
    @preDestroy()
    end() {
      end('Transport');
    }
  }
  @injectable()
  class First extends Mailer {
    constructor(@inject(Transport) transport: unknown) {
      super(transport);
    }
    @preDestroy()
    end() {
      end('Mail');
    }
  }
  return {
    inOrder: [
      [Mail, First],
      [Transport, Middle],
      [Host, Last],
    ] as const,
    end,
  };
}

test('services end when the site closes, each before what it depends on, in whatever order they are bound', async t => {
  for (const arrange of [<T>(list: readonly T[]) => list, <T>(list: readonly T[]) => list.toReversed()]) {
    const ended: string[] = [];
    const {site} = testSite(Root, {modules: [binding(...arrange(chain(ended).inOrder))]});
    t.deepEqual(ended, []);
    await site.close();
    t.deepEqual(ended, ['Mail', 'Transport', 'Host']);
  }
});

test('a resource ends before the services it depends on', async t => {
  const ended: string[] = [];
  const {inOrder, end} = chain(ended);
  @Resource()
  class Ending extends Form {
    @preDestroy()
    end() {
      end('Ending');
    }
  }
  const {site} = testSite(Ending, {modules: [binding(...inOrder)]});
  await site.close();
  t.deepEqual(ended, ['Ending', 'Mail', 'Transport', 'Host']);
});

test('services end once, however often the site is closed', async t => {
  const ended: string[] = [];
  const {site} = testSite(Root, {modules: [binding(...chain(ended).inOrder)]});
  await Promise.all([site.close(), site.close()]);
  await site.close();
  t.is(ended.length, 3);
});

test('a service that was made after the first requests ends before what it depends on, too', async t => {
  const ended: string[] = [];
  const {site} = testSite(Page, {modules: [binding(...chain(ended).inOrder)]});
  site.container.get(Mail);
  await site.close();
  t.deepEqual(ended, ['Mail', 'Transport', 'Host']);
});

test('a service that was never made is not ended', async t => {
  const ended: string[] = [];
  const {site} = testSite(Page, {modules: [binding(...chain(ended).inOrder)]});
  await site.close();
  t.deepEqual(ended, []);
});

test('a service that fails to end does not stop the others, and close() rejects with what failed', async t => {
  const ended: string[] = [];
  const {site} = testSite(Root, {modules: [binding(...chain(ended, ['Mail', 'Host']).inOrder)]});
  const error = await t.throwsAsync<AggregateError>(site.close(), {
    instanceOf: AggregateError,
    message: 'Not everything could be ended.',
  });
  t.deepEqual(ended, ['Mail', 'Transport', 'Host']);
  t.deepEqual(
    error.errors.map((one: Error) => one.message),
    ['Mail failed', 'Host failed'],
  );
});

test('a container can serve another site even after something failed to end', async t => {
  const container = new Container();
  const {site} = testSite(Root, {container, modules: [binding(...chain([], ['Mail']).inOrder)]});
  await t.throwsAsync(site.close());
  const {visitor} = testSite(Root, {container, modules: [binding(...chain([]).inOrder)]});
  t.is(await (await visitor().get('/form')).text(), 'form');
});

test('a container of the application keeps its own bindings when the site closes, and nothing else', async t => {
  const ended: string[] = [];
  const container = new Container();
  const {inOrder} = chain(ended);
  container.load(binding(...inOrder.slice(1)));
  const {site} = testSite(Root, {container, modules: [binding(...inOrder.slice(0, 1))]});
  const transport = container.get(Transport);
  await site.close();
  t.deepEqual(ended, ['Mail']);
  t.is(container.get(Transport), transport);
  for (const token of [Mail, Root, Form, SessionService]) t.false(container.isBound(token));
});

test('a container of the application can serve one site after another, each with resources of its own', async t => {
  let made = 0;
  @Resource()
  class Numbered {
    readonly number = (made += 1);
    @Get()
    show() {
      return `${this.number}`;
    }
  }
  const container = new Container();
  for (const number of ['1', '2', '3']) {
    const {site, visitor} = testSite(Numbered, {container});
    t.is(await (await visitor().get('/')).text(), number);
    await site.close();
  }
});

test('a second site on the same container at once is refused, and the first goes on', async t => {
  const container = new Container();
  const first = createSite(Page, {container});
  t.throws(() => createSite(Page, {container}), {
    code: 'CONTAINER_TAKEN',
    message:
      'This container serves another site already. Close that one first, or give each a container, with what they share in a common parent. [CONTAINER_TAKEN]',
  });
  t.is((await first.handle({url: '/'})).status, 200);
});

test('two sites with containers of one parent share what the parent has, and nothing else', async t => {
  const parent = asking('mail').container;
  @Resource()
  class Counter {
    #count = 0;
    constructor(@inject(Mail) readonly mail: string) {}
    @Get()
    count() {
      return `${this.mail} ${(this.#count += 1)}`;
    }
  }
  const [one, two] = [1, 2].map(() => testSite(Counter, {container: new Container({parent})}));
  await one!.visitor().get('/');
  t.is(await (await one!.visitor().get('/')).text(), 'mail 2');
  t.is(await (await two!.visitor().get('/')).text(), 'mail 1');
  await one!.site.close();
  t.is(await (await two!.visitor().get('/')).text(), 'mail 2');
  t.is(parent.get(Mail), 'mail');
});

test('two sites share nothing: not the container, not a resource, not a service of one module', async t => {
  const modules = [binding([Mail, class Service {}])];
  const [one, two] = [testSite(Root, {modules}).site, testSite(Root, {modules}).site];
  t.not(one.container, two.container);
  for (const token of [Mail, Root, Form, SessionService]) t.not(one.container.get(token), two.container.get(token));
  await one.close();
  t.true(two.container.isBound(Mail));
});

test('a resource class in two places is one instance in a site, and the container gives it', t => {
  @Resource()
  @Child('here', Page)
  @Child('there', Page)
  class Above {}
  const {container} = createSite(Above);
  t.is(container.get(Page), container.get(Page));
});

test('a resource that the application has bound itself is taken as it is, and kept', async t => {
  const container = new Container();
  const own = Object.assign(new Page(), {show: () => 'own'});
  container.bind(Page).toConstantValue(own);
  const {site, visitor} = testSite(Page, {container});
  t.is(await (await visitor().get('/')).text(), 'own');
  await site.close();
  t.is(container.get(Page), own);
});

test('an asynchronous @postConstruct is refused by its name, with the way out, however far down', t => {
  @injectable()
  class Slow {
    @postConstruct()
    async warmUp() {
      await Promise.resolve();
    }
  }
  @Resource()
  class Waiting {
    constructor(@inject(Slow) readonly slow: Slow) {}
  }
  const container = new Container();
  container.bind(Slow).toSelf();
  t.throws(() => createSite(Waiting, {container}), {
    code: 'DEPENDENCY_FAILED',
    message:
      'Waiting → Slow: its @postConstruct() method warmUp() is asynchronous, and a site is made at once. Make it and await it before createSite(), and bind it by toConstantValue(). [DEPENDENCY_FAILED]',
  });
});

test('what has a method called then() is refused by its name, for the container takes it for a promise', t => {
  @Resource()
  class Thenable {
    @Get()
    // oxlint-disable-next-line unicorn/no-thenable -- that is the point
    then() {
      return 'then';
    }
  }
  t.throws(() => createSite(Thenable), {
    code: 'DEPENDENCY_FAILED',
    message:
      'Thenable: it has a method called then(), so it is taken for a promise. Give the method another name. [DEPENDENCY_FAILED]',
  });
});

test('a resource is made ready by @postConstruct', async t => {
  @Resource()
  class Ready {
    #state = 'raw';
    @postConstruct()
    prepare() {
      this.#state = 'ready';
    }
    @Get()
    show() {
      return this.#state;
    }
  }
  t.is(await (await testSite(Ready).visitor().get('/')).text(), 'ready');
});

test('a SiteContainer makes one instance of a class, and ends it', async t => {
  const ended: string[] = [];
  class Thing {
    @preDestroy()
    end() {
      ended.push('Thing');
    }
  }
  const housing = new SiteContainer(new Container());
  t.is(housing.make(Thing, 'Thing'), housing.make(Thing, 'Thing'));
  await housing.end();
  t.deepEqual(ended, ['Thing']);
  t.false(housing.container.isBound(Thing));
});

test('a SiteContainer tells the trail it was given before the way through the dependencies', t => {
  const housing = new SiteContainer(new Container());
  housing.container.bind(Mail).to(Mailer);
  t.throws(() => housing.make(Form, 'the very way'), {
    message: `the very way → Mail → Transport: ${missing('Transport')}`,
  });
});

test('what an application binds while its site is there stays when the site has gone', async t => {
  const container = new Container();
  const site = createSite(Page, {container});
  container.bind('later').toConstantValue(1);
  await site.close();
  t.is(container.get('later'), 1);
});

test('what a module adds to a token of the application goes with the site', async t => {
  const container = new Container();
  container.bind('plugin').toConstantValue('application');
  const module = new ContainerModule(({bind}) => {
    bind('plugin').toConstantValue('module');
  });
  const site = createSite(Page, {container, modules: [module]});
  t.deepEqual(container.getAll('plugin'), ['application', 'module']);
  await site.close();
  t.deepEqual(container.getAll('plugin'), ['application']);
});

test('a module whose function gives something back is refused with the way out', t => {
  const module = new ContainerModule((({bind}: {bind: Bind}) => bind('a').toConstantValue(1)) as never);
  t.throws(() => createSite(Page, {modules: [module]}), {
    code: 'DEPENDENCY_FAILED',
    message: /^A module can't be loaded: The function of a module must give nothing back: put braces around its body\./,
  });
});

/** A SiteContainer, and what it finds of a class. */
function holding() {
  @injectable()
  class Wanted {}
  const container = new Container();
  const hold = new SiteContainer(container);
  return {Wanted, container, found: () => hold.instances(type => type === Wanted)};
}

test('instances() gives each singleton of a class once, and it is the one that others are given', t => {
  const {Wanted, container, found} = holding();
  container.bind('one').to(Wanted).inSingletonScope();
  container.bind('two').toConstantValue(new Wanted());
  container.bind('alias').toService('one');
  container.onActivation<object>('two', (_, made) => new Proxy(made, {}));
  const all = found();
  t.deepEqual(new Set(all), new Set([container.get('one'), container.get('two')]));
  t.is(all.length, 2);
  t.deepEqual(found(), all);
});

test('instances() makes nothing but what it is asked for', t => {
  const {Wanted, container, found} = holding();
  const unasked = () => t.fail();
  container.bind('factory').toDynamicValue(unasked).inSingletonScope();
  container.bind('resolved').toResolvedValue(unasked).inSingletonScope();
  container.bind('transient').toDynamicValue(unasked);
  container
    .bind('later')
    .toDynamicValue(async () => new Wanted())
    .inSingletonScope();
  container.bind(Mailer).toSelf().inSingletonScope();
  t.deepEqual(found(), []);
});

for (const [what, value] of [
  ['has no prototype', Object.create(null)],
  ['has a field "constructor"', {constructor: 'Bob the builder'}],
  [
    'has a field "constructor" that throws',
    Object.defineProperty({}, 'constructor', {
      get: () => {
        throw new Error();
      },
    }),
  ],
  ['inherits from such a thing', Object.create({constructor: null})],
  ['is nothing', undefined],
  ['is null', null],
  ['is a text', 'text'],
  ['is a class', class {}],
  ['is a promise', Promise.resolve({})],
] as const) {
  test(`a constant value that ${what} stops no site`, async t => {
    const container = new Container();
    container.bind('constant').toConstantValue(value as unknown);
    t.is(await (await testSite(Page, {container}).visitor().get('/')).text(), 'page');
  });
}

test('instances() gives what is bound under a condition, once somebody was given it', t => {
  const {Wanted, container, found} = holding();
  container.bind('conditional').to(Wanted).inSingletonScope().whenNamed('this');
  const made = container.get('conditional', {name: 'this'});
  t.deepEqual(found(), [made]);
});

test('instances() refuses what is bound under a condition and that nobody was given, rather than forget it', t => {
  const {Wanted, container, found} = holding();
  container.bind('conditional').to(Wanted).inSingletonScope().whenNamed('this');
  t.throws(found, {
    code: 'DECORATOR_MISPLACED',
    message: /^What is bound to conditional has an @OnExpire\(\) method, but it can't be made now: /,
  });
});

test('instances() refuses a singleton that is made later, and takes one that was waited for', async t => {
  @injectable()
  class Slow {
    @postConstruct()
    async prepare() {}
  }
  const container = new Container();
  container.bind(Slow).toSelf().inSingletonScope();
  const find = () => new SiteContainer(container).instances(type => type === Slow);
  t.throws(find, {code: 'DEPENDENCY_FAILED'});
  const made = await container.getAsync(Slow);
  t.deepEqual(find(), [made]);
});

test('instances() tells the way to what is missing', t => {
  const container = new Container();
  container.bind(Mail).to(Mailer).inSingletonScope();
  t.throws(() => new SiteContainer(container).instances(type => type === Mailer), {
    code: 'DEPENDENCY_MISSING',
    message: `Mail → Transport: ${missing('Transport')}`,
  });
});

test('instances() finds those of a parent container too', t => {
  const {Wanted, container} = holding();
  container.bind('one').to(Wanted).inSingletonScope();
  const child = new SiteContainer(new Container({parent: container}));
  t.deepEqual(
    child.instances(type => type === Wanted),
    [container.get('one')],
  );
});

test('a store that is bound to a promise is refused with the way out, and nothing is made of it later', async t => {
  let made = 0;
  const late = new ContainerModule(({bind}) => {
    bind(SessionStore)
      .toDynamicValue(async () => new MemoryStore())
      .inSingletonScope();
    bind(Logger).toDynamicValue(() => {
      made += 1;
      return console;
    });
  });
  t.throws(() => createSite(Page, {modules: [late]}), {
    code: 'DEPENDENCY_FAILED',
    message: /^espalier\.SessionStore is bound to a promise\. Await it before/,
  });
  await setImmediate();
  t.is(made, 0);
});

class Told {
  @inject(Transport) readonly transport: unknown;
  readonly calls: string[] = [];
  constructor(@inject(Host) readonly host: unknown) {}
  @postConstruct()
  begin() {
    this.calls.push('begun');
  }
}
/** As a site has made this. */
function madeFor<T extends object>(type: Newable<T>, sites = 1): T {
  const container = new Container();
  container.bind(Host).toConstantValue('host');
  container.bind(Transport).toConstantValue('transport');
  container.bind(Mail).toConstantValue('mail');
  container.bind(type).toSelf().inSingletonScope();
  for (let i = 0; i < sites; i += 1) createSite(Page, {container: new Container({parent: container})});
  return container.get(type);
}

test('a service that is bound by toSelf() gets what its base classes inject, and is begun by them', t => {
  class Mailing extends Told {}
  class Loud extends Mailing {
    readonly volume = 11;
  }
  for (const made of [madeFor(Mailing), madeFor(Loud), madeFor(Loud, 2)]) {
    t.like(made, {host: 'host', transport: 'transport', calls: ['begun']});
  }
});

test('a service that injects something itself gets that beside what its base classes inject', t => {
  class Own extends Told {
    @inject(Mail) readonly mail: unknown;
  }
  const {host, mail, transport} = madeFor(Own);
  t.deepEqual([host, mail, transport], ['host', 'mail', 'transport']);
});

test('a service with a constructor of its own gets what that asks for alone', t => {
  class Fake extends Told {
    readonly given: number;
    constructor() {
      super('fake');
      this.given = arguments.length;
    }
  }
  class Other extends Told {
    constructor(@inject(Mail) readonly mail: unknown) {
      super('other');
    }
  }
  t.like(madeFor(Fake), {host: 'fake', given: 0});
  t.like(madeFor(Other), {host: 'other', mail: 'mail'});
});

test('what a base class of a service injects and nobody binds is named when the site is made', t => {
  class Service extends Told {}
  @Resource()
  class Asking {
    constructor(@inject(Service) readonly service: Service) {}
  }
  const services = new ContainerModule(({bind}) => void bind(Service).toSelf());
  t.throws(() => createSite(Asking, {modules: [services]}), {
    code: 'DEPENDENCY_MISSING',
    message: /Service → Transport|Service → Host/,
  });
});
