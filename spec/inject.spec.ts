import test from 'ava';
import {ContainerModule, Get, Resource, inject, injectable} from 'espalier';
import {testSite} from 'espalier/testing';

const Name = Symbol('Name');
const Place = Symbol('Place');

/** Binds both tokens. */
const named = new ContainerModule(({bind}) => {
  bind(Name).toConstantValue('Ada');
  bind(Place).toConstantValue('London');
});

@Resource()
class Greeting {
  constructor(@inject(Name) protected readonly name: string) {}
  @Get()
  greet() {
    return `Hello ${this.name}`;
  }
}

@Resource()
class Address {
  @inject(Place)
  protected readonly place!: string;
  @Get()
  tell() {
    return `at ${this.place}`;
  }
}

/** What the root of a site with both tokens bound answers. */
async function answer(Root: new (...args: any[]) => object): Promise<string> {
  const {visitor} = testSite(Root, {modules: [named]});
  return (await visitor().get('/')).text();
}

test('a constructor parameter is given what is bound to its token', async t => {
  t.is(await answer(Greeting), 'Hello Ada');
});

test('a property is given what is bound to its token', async t => {
  t.is(await answer(Address), 'at London');
});

test('what a base class asks for in its constructor is there in the subclass', async t => {
  @Resource()
  class Louder extends Greeting {
    override greet() {
      return `${super.greet()}!`;
    }
  }
  t.is(await answer(Louder), 'Hello Ada!');
});

test('what a base class asks for by a property is there in the subclass, beside its own', async t => {
  @Resource()
  class Full extends Address {
    @inject(Name)
    private readonly name!: string;
    override tell() {
      return `${this.name} ${super.tell()}`;
    }
  }
  t.is(await answer(Full), 'Ada at London');
});

test('members are inherited from a base class that is no resource itself', async t => {
  class Plain {
    @inject(Place)
    protected readonly place!: string;
  }
  @Resource()
  class Page extends Plain {
    @Get()
    tell() {
      return this.place;
    }
  }
  t.is(await answer(Page), 'London');
});

test('members are inherited over several generations', async t => {
  @Resource()
  class Middle extends Greeting {}
  @Resource()
  class Last extends Middle {}
  t.is(await answer(Last), 'Hello Ada');
});

test('a constructor parameter that is declared anew replaces the inherited one', async t => {
  @Resource()
  class Elsewhere extends Greeting {
    constructor(@inject(Place) place: string) {
      super(place);
    }
  }
  t.is(await answer(Elsewhere), 'Hello London');
  t.is(await answer(Greeting), 'Hello Ada', 'the base class is as it was');
});

test('a property that is declared anew replaces the inherited one', async t => {
  @Resource()
  class Elsewhere extends Address {
    @inject(Name)
    protected override readonly place: string = 'nowhere';
  }
  t.is(await answer(Elsewhere), 'at Ada');
  t.is(await answer(Address), 'at London', 'the base class is as it was');
});

test('a service asks for what it needs in the same way', async t => {
  @injectable()
  class Greeter {
    constructor(@inject(Name) readonly name: string) {}
  }
  @Resource()
  class Page {
    constructor(@inject(Greeter) private readonly greeter: Greeter) {}
    @Get()
    show() {
      return this.greeter.name;
    }
  }
  const services = new ContainerModule(({bind}) => void bind(Greeter).toSelf());
  const {visitor} = testSite(Page, {modules: [named, services]});
  t.is(await (await visitor().get('/')).text(), 'Ada');
});

test('an undefined token is refused where it stands, with the class and the parameter', t => {
  t.throws(
    () => {
      class Page {
        constructor(
          @inject(Name) readonly name: string,
          @inject(undefined as never) readonly other: string,
        ) {}
      }
      return Page;
    },
    {
      code: 'DEPENDENCY_UNDEFINED',
      message:
        'Page: the token to inject at constructor parameter 2 is undefined. If its module imports this one in a circle, move the token to a module of its own. [DEPENDENCY_UNDEFINED]',
    },
  );
});

test('an undefined token is refused where it stands, with the class and the property', t => {
  t.throws(
    () => {
      class Page {
        @inject(undefined as never)
        readonly name!: string;
      }
      return Page;
    },
    {
      code: 'DEPENDENCY_UNDEFINED',
      message:
        'Page: the token to inject at property name is undefined. If its module imports this one in a circle, move the token to a module of its own. [DEPENDENCY_UNDEFINED]',
    },
  );
});
