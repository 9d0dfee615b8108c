import test from 'ava';
import {
  Child,
  Container,
  ContainerModule,
  createSite,
  Delete,
  Get,
  inject,
  injectable,
  multiInject,
  named,
  OnExpire,
  optional,
  Post,
  postConstruct,
  preDestroy,
  Resource,
  SessionComponent,
  SessionService,
  Use,
  use,
  type Middleware,
  type Next,
  type Request,
  type Response,
  type SessionEnd,
} from 'espalier';
import {Socket} from 'espalier/builtin';
import {testSite} from 'espalier/testing';
import type {WebSocket} from 'ws';
import {z} from 'zod';

// All in here is compiled without `experimentalDecorators`, as TC39 has decorators.

@SessionComponent('cart')
class Cart {
  items: string[] = [];
}

@injectable()
class Shout implements Middleware {
  async handle(_request: Request, _response: Response, next: Next) {
    return `${String(await next())}!`;
  }
}

@injectable()
class Quote implements Middleware {
  async handle(_request: Request, _response: Response, next: Next) {
    return `"${String(await next())}"`;
  }
}

@Resource()
class Item {
  constructor(private readonly name: string) {}
  @Get()
  show() {
    return this.name;
  }
}

abstract class Base {
  @inject(SessionService) protected readonly sessions!: SessionService;

  @Get()
  async show() {
    const session = await this.sessions.getSession();
    return session.get(Cart).items.join(' ');
  }

  @OnExpire()
  ended(end: SessionEnd) {
    ends.push(`${end.reason} ${end.get(Cart).items.join(' ')}`);
  }
}

const ends: string[] = [];

@Resource()
@Use(Quote)
@Use(Shout)
class Basket extends Base {
  @Post({body: z.object({item: z.string()})})
  async add({body}: {body: {item: string}}) {
    await (await this.sessions.getSession()).update(Cart, cart => void cart.items.push(body.item));
  }

  @Delete()
  @Use(Shout)
  async end() {
    await this.sessions.expire();
    return 'ended';
  }

  @Child(':name', Item)
  item(segment: string) {
    return segment === 'none' ? undefined : new Item(segment);
  }
}

@Resource()
@Child('basket', Basket)
@Child('late', () => Late)
class Root {}

@Resource({leaf: true})
class Late {
  @Get()
  show(request: Request) {
    return request.postpath.join(' ');
  }
}

test('resources, children, handlers, input, middleware, components and ends work without experimentalDecorators', async t => {
  const {visitor, site} = testSite(Root);
  const ada = visitor();
  await ada.post('/basket', {json: {item: 'tea'}});
  await ada.post('/basket', {json: {item: 'cup'}});
  t.is(await (await ada.get('/basket')).text(), '"tea cup!"');
  t.is((await ada.post('/basket', {json: {item: 7}})).status, 422);
  t.is(await (await ada.get('/basket/pot')).text(), '"pot!"');
  t.is((await ada.get('/basket/none')).status, 404);
  t.is(await (await ada.get('/late/a/b')).text(), 'a b');
  t.is(await (await ada.delete('/basket')).text(), '"ended!!"');
  await site.close();
  t.deepEqual(ends, ['logout tea cup']);
});

test('the tree tells where its classes and methods are written', t => {
  const {tree} = testSite(Root).site;
  const [basket] = tree.children;
  t.regex(basket!.place!, /spec\/standard\/decorators\.spec\.ts:\d+$/);
  t.deepEqual(
    basket!.handlers.map(({method}) => method),
    ['Basket.show()', 'Basket.add()', 'Basket.end()'],
  );
  t.deepEqual(
    basket!.middleware.map(({name}) => name),
    ['Quote', 'Shout'],
  );
});

test('what stands on a base class is not changed by a class that extends it', async t => {
  @Resource()
  class Parent {
    @Get()
    show(): string {
      return 'parent';
    }
  }
  @Resource()
  class Heir extends Parent {
    @Post()
    save() {
      return 'saved';
    }
    override show() {
      return 'heir';
    }
  }
  @Resource()
  @Child('parent', Parent)
  @Child('heir', Heir)
  class Home {}
  const ada = testSite(Home).visitor();
  t.is(await (await ada.get('/heir')).text(), 'heir');
  t.is(await (await ada.post('/heir')).text(), 'saved');
  t.is(await (await ada.get('/parent')).text(), 'parent');
  t.is((await ada.post('/parent')).status, 405);
});

const Name = Symbol('Name');

test('fields and accessors are injected, and the container calls the methods it is told of', async t => {
  const told: string[] = [];
  @injectable()
  class Names {
    @inject(Name)
    @named('first')
    readonly first!: string;
    @inject(Name)
    @named('last')
    accessor last!: string;
    @inject('nobody')
    @optional()
    readonly nobody: unknown;
    @multiInject(Name) readonly plain!: readonly string[];
    @postConstruct()
    begin() {
      told.push(`begin ${this.first} ${this.last} ${String(this.nobody)} ${this.plain.join()}`);
    }
    @preDestroy()
    end() {
      told.push('end');
    }
  }
  @Resource()
  class Home {
    constructor(readonly names = use(Names)) {}
  }
  const module = new ContainerModule(({bind}) => {
    bind(Name).toConstantValue('Ada').whenNamed('first');
    bind(Name).toConstantValue('Lovelace').whenNamed('last');
    bind(Name).toConstantValue('A. L.').whenDefault();
    bind(Names).toSelf().inSingletonScope();
  });
  await createSite(Home, {modules: [module]}).close();
  t.deepEqual(told, ['begin Ada Lovelace undefined A. L.', 'end']);
});

test('a service without @injectable() is given what its fields ask for too', async t => {
  class Greeter {
    @inject(Name) readonly name!: string;
  }
  @Resource()
  class Home {
    @inject(Greeter) readonly greeter!: Greeter;
    @Get()
    greet() {
      return this.greeter.name;
    }
  }
  const container = new Container();
  container.bind(Name).toConstantValue('Ada');
  container.bind(Greeter).toSelf();
  t.is(await (await testSite(Home, {container}).visitor().get('/')).text(), 'Ada');
});

test('what can not stand is refused, with the place of the class where its name is not known yet', t => {
  const twice = () => {
    class Page {
      @Get()
      show() {}
      @Get()
      read() {}
    }
    return Page;
  };
  t.throws(twice, {
    code: 'VERB_TAKEN',
    message:
      /^The class at \S*spec\/standard\/decorators\.spec\.ts:\d+ has two methods for GET: show\(\) and read\(\)\./,
  });
  const fixed = () => {
    class Page {
      @Get()
      static show() {}
    }
    return Page;
  };
  t.throws(fixed, {
    code: 'DECORATOR_MISPLACED',
    message: '@Get() stands on the static method show. Put it on a public instance method. [DECORATOR_MISPLACED]',
  });
  const undefinedToken = () => {
    @Resource()
    class Page {
      @inject(undefined as never) readonly name!: string;
    }
    return Page;
  };
  t.throws(undefinedToken, {code: 'DEPENDENCY_UNDEFINED', message: /^Page: the token to inject at property name /});
  const segment = () => {
    @Child('a/b', Item)
    class Page {}
    return Page;
  };
  t.throws(segment, {code: 'CHILD_SEGMENT_INVALID', message: /^Page has a child "a\/b": /});
});

test('the compiler refuses the same as with experimentalDecorators', t => {
  const decorated = () => {
    class Page {
      // @ts-expect-error A handler gets a Request first.
      @Get()
      wrong(_id: string) {}
      // @ts-expect-error A number can't be sent.
      @Post()
      five() {
        return 5;
      }
      // @ts-expect-error The input has a body that is a text.
      @Delete({body: z.string()})
      unfit(_input: {body: number}) {}
      // @ts-expect-error The method gives another class than the one declared.
      @Child('other', Item)
      other() {
        return new Date();
      }
      // @ts-expect-error A handler is a method.
      @Get()
      readonly text = 'no method';
    }
    return Page;
  };
  t.throws(decorated, {
    code: 'DECORATOR_MISPLACED',
    message: /^@Get\(\) stands on the field text, which is no method\./,
  });
});

test('a method takes WebSockets without experimentalDecorators, in a class that extends another too', async t => {
  class Talk {
    @Socket({protocols: ['talk']})
    talk(socket: WebSocket, request: Request) {
      socket.send(`${this.greeting} ${request.query.get('name')}`);
    }
    protected readonly greeting: string = 'Hello';
  }
  @Resource()
  class Politely extends Talk {
    protected override readonly greeting = 'Good day';
  }
  const socket = await testSite(Politely).visitor().socket('/?name=Ada');
  t.is(await socket.next(), 'Good day Ada');
  t.like(await socket.close(1000), {code: 1000});
  const twice = () => {
    class Page {
      @Socket()
      one(_socket: WebSocket) {}
      @Socket()
      other(_socket: WebSocket) {}
    }
    return Page;
  };
  t.throws(twice, {code: 'VERB_TAKEN', message: /two methods for WebSockets: one\(\) and other\(\)/});
  const wrong = () => {
    class Page {
      // @ts-expect-error A method that takes sockets gets one first.
      @Socket()
      wrong(_name: string) {}
    }
    return Page;
  };
  t.notThrows(wrong);
});

/** As a compiler with `experimentalDecorators` calls decorators: when the class is there. */
type Legacy = (target: object, name?: string, descriptor?: object) => void;

test('a class of either kind may extend one of the other', async t => {
  class Ancestor {
    show() {
      return 'ancestor';
    }
  }
  (Get() as unknown as Legacy)(Ancestor.prototype, 'show', {});
  (Resource() as unknown as Legacy)(Ancestor);
  @Resource()
  class Parent extends Ancestor {
    @Post()
    save() {
      return 'saved';
    }
  }
  class Heir extends Parent {
    end() {
      return 'ended';
    }
  }
  (Delete() as unknown as Legacy)(Heir.prototype, 'end', {});
  (Resource() as unknown as Legacy)(Heir);
  const ada = testSite(Heir).visitor();
  t.is(await (await ada.get('/')).text(), 'ancestor');
  t.is(await (await ada.post('/')).text(), 'saved');
  t.is(await (await ada.delete('/')).text(), 'ended');
  t.is((await testSite(Parent).visitor().delete('/')).status, 405);
});
