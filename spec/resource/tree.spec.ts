import test from 'ava';
import {
  Child,
  Container,
  ContainerModule,
  Get,
  OnExpire,
  Post,
  Resource,
  createSite,
  inject,
  postConstruct,
  preDestroy,
} from 'espalier';
import {testSite} from 'espalier/testing';
import type {ResourceClass} from '../../src/resource/declarations.ts';
import {Tree} from '../../src/resource/tree.ts';

@Resource()
class Page {
  @Get()
  show() {
    return 'page';
  }
}

class Unmarked extends Page {}

/** A tree whose instances are made without a container; `made` lists the ways to them. */
function grown(Root: ResourceClass) {
  const made: string[] = [];
  const {root} = new Tree(Root, (resource, trail) => {
    made.push(trail);
    return new resource();
  });
  return {root, made};
}

test('a tree is a graph of classes: a class in two places is one node', t => {
  @Resource()
  @Child('a', Page)
  @Child(':b', Page)
  class Root {}
  const {root} = grown(Root);
  t.is(root.node.resource, Root);
  t.is(root.node.literals.get('a')!.node, root.node.capture!.node);
  t.is(root.node.capture!.capture, 'b');
});

test('the way to a resource is told segment by segment from the root', t => {
  @Resource()
  @Child('b', Page)
  class Middle {}
  @Resource()
  @Child('a', Middle)
  class Root {}
  t.deepEqual(grown(Root).made, ['Root → "a" Middle → "b" Page', 'Root → "a" Middle', 'Root']);
});

test('what a method makes is not made with the tree, but its own children are', t => {
  @Resource()
  @Child('b', Page)
  class Made {}
  @Resource()
  class Root {
    @Child(':id', Made)
    open(): Made {
      return new Made();
    }
  }
  const {root, made} = grown(Root);
  t.deepEqual(made, ['Root → ":id" Made → "b" Page', 'Root']);
  t.is(root.node.capture!.instance, undefined);
  t.like(root.node.capture!.method, {name: 'open', title: 'Root.open()'});
});

test('Allow lists the declared verbs, OPTIONS, and HEAD where GET is answered', t => {
  @Resource()
  class Form {
    @Post()
    save() {}
  }
  t.is(grown(Page).root.node.allow, 'GET, HEAD, OPTIONS');
  t.is(grown(Form).root.node.allow, 'OPTIONS, POST');
});

test('a class without @Resource() is refused with the way to it', t => {
  @Resource()
  @Child('b', Unmarked)
  class Middle {}
  @Resource()
  @Child('a', Middle)
  class Root {}
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_UNMARKED',
    message:
      'Root → "a" Middle → "b" Unmarked: Unmarked is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]',
  });
});

test('a root without @Resource() is refused', t => {
  t.throws(() => createSite(Unmarked), {
    code: 'RESOURCE_UNMARKED',
    message: 'Unmarked: Unmarked is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]',
  });
});

test('a class without @Resource() is refused below a method, too', t => {
  @Resource()
  class Root {
    @Child(':id', Unmarked)
    open(): Unmarked {
      return new Unmarked();
    }
  }
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_UNMARKED',
    message:
      'Root → ":id" Unmarked: Unmarked is in the tree but has no @Resource(). Add it above the class. [RESOURCE_UNMARKED]',
  });
});

test('a function that gives no class is refused when the site is built, with the way out', t => {
  @Resource()
  @Child('a', () => undefined as unknown as typeof Page)
  class Root {}
  t.throws(() => createSite(Root), {
    code: 'CHILD_UNDEFINED',
    message:
      'The class of the child "a" of Root is undefined. If it is declared later or imported in a circle, write @Child("a", () => TheClass). [CHILD_UNDEFINED]',
  });
});

test('a child "" of the root is refused, for no request can reach it', t => {
  @Resource()
  @Child('', Page)
  class Root {}
  t.throws(() => createSite(Root), {
    code: 'CHILD_UNREACHABLE',
    message:
      'Root is the root and has a child "": no request can reach it, for "/" is the root itself. Let Root answer. [CHILD_UNREACHABLE]',
  });
});

test('a child "" of the root is allowed where the root is also below itself', async t => {
  @Resource()
  @Child('', Page)
  class Folder {
    @Child(':name', () => Folder)
    open(): Folder {
      return new Folder();
    }
  }
  const {visitor} = testSite(Folder);
  t.is(await (await visitor().get('/a/')).text(), 'page');
});

const endless =
  'this class is above itself already, so the tree would have no end. Put @Child on a method that makes the child when it is asked for. [RESOURCE_CYCLE]';

test('a class that is its own child is refused', t => {
  @Resource()
  @Child('a', () => Root)
  class Root {}
  t.throws(() => createSite(Root), {code: 'RESOURCE_CYCLE', message: `Root → "a" Root: ${endless}`});
});

test('a class below itself over others is refused with the whole way', t => {
  @Resource()
  @Child('a', () => Middle)
  class Root {}
  @Resource()
  @Child(':b', () => Last)
  class Middle {}
  @Resource()
  @Child('c', Middle)
  class Last {}
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_CYCLE',
    message: `Root → "a" Middle → ":b" Last → "c" Middle: ${endless}`,
  });
});

test('a cycle is refused below a method, too', t => {
  @Resource()
  class Root {
    @Child(':id', () => Made)
    open(): Made {
      return new Made();
    }
  }
  @Resource()
  @Child('a', () => Made)
  class Made {}
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_CYCLE',
    message: `Root → ":id" Made → "a" Made: ${endless}`,
  });
});

test('a cycle is refused even where a method leads into it before it is closed', t => {
  @Resource()
  @Child('root', () => Root)
  class Below {}
  @Resource()
  @Child('below', Below)
  class Way {}
  @Resource()
  @Child('below', Below)
  class Root {
    @Child('way', Way)
    way(): Way {
      return new Way();
    }
  }
  t.throws(() => createSite(Root), {
    code: 'RESOURCE_CYCLE',
    message: `Root → "below" Below → "root" Root: ${endless}`,
  });
});

test('a class may be below itself where a method makes it', async t => {
  @Resource()
  @Child('page', Page)
  class Folder {
    @Child(':name', () => Folder)
    open(): Folder {
      return new Folder();
    }
  }
  t.is(await (await testSite(Folder).visitor().get('/a/b/page')).text(), 'page');
});

test('a class may be below itself where only one step of the way is a method', async t => {
  @Resource()
  @Child('home', () => Root)
  class Room {}
  @Resource()
  class Root extends Page {
    @Child('room', Room)
    room(): Room {
      return new Room();
    }
  }
  t.is(await (await testSite(Root).visitor().get('/room/home/room/home')).text(), 'page');
});

test('one class on two ways is no cycle', t => {
  @Resource()
  @Child('page', Page)
  class Left {}
  @Resource()
  @Child('page', Page)
  class Right {}
  @Resource()
  @Child('left', Left)
  @Child('right', Right)
  @Child('page', Page)
  class Root {}
  t.notThrows(() => createSite(Root));
});

test('what the container can not make is refused with the way through the tree', t => {
  const Missing = Symbol('Missing');
  @Resource()
  class Needy {
    constructor(@inject(Missing) readonly missing: unknown) {}
  }
  @Resource()
  @Child(':id', Needy)
  class Made {}
  @Resource()
  class Root {
    @Child('made', Made)
    open(): Made {
      return new Made();
    }
  }
  t.throws(() => createSite(Root), {
    code: 'DEPENDENCY_MISSING',
    message:
      'Root → "made" Made → ":id" Needy → Missing: nothing is bound to Missing. Bind it in a module or container given to createSite(). [DEPENDENCY_MISSING]',
  });
});

test('two sites can grow from one class', async t => {
  @Resource()
  @Child('page', Page)
  class Root {}
  const [one, two] = [testSite(Root), testSite(Root)];
  await one.site.close();
  t.is((await one.visitor().get('/page')).status, 503);
  t.is((await two.visitor().get('/page')).status, 200);
});

test('a root that is no class is refused', t => {
  t.throws(() => createSite(undefined as never), {
    code: 'RESOURCE_UNMARKED',
    message: 'The root is undefined. Give the class of a resource. [RESOURCE_UNMARKED]',
  });
});

test('a class that is not there yet when the site is built is refused with its segment', t => {
  @Resource()
  @Child('late', () => {
    throw new ReferenceError("Cannot access 'Late' before initialization");
  })
  class Early {}
  const error = t.throws(() => createSite(Early), {
    code: 'CHILD_UNDEFINED',
    message: /^The class of the child "late" of Early is undefined\./,
  });
  t.true(error.cause instanceof ReferenceError);
});

test('what stands for a child and is no class is refused', t => {
  t.throws(() => Child('x', 'Page' as never)(class Home {}), {
    code: 'CHILD_UNDEFINED',
    message: 'What stands for the child "x" of Home is a string. Give its class. [CHILD_UNDEFINED]',
  });
});

@Resource()
@Child('below', Page)
class Entry {
  @Get()
  show() {
    return 'entry';
  }
}

/** A site whose root makes the child of every name by a function; `tell` is the status of an answer, and its text where there is one. */
function making(make: () => unknown, modules: ContainerModule[] = []) {
  @Resource()
  class Home {
    @Child(':name', Entry)
    open() {
      return make() as Entry;
    }
  }
  const {visitor, log} = testSite(Home, {modules});
  const tell = async (path: string, method = 'GET') => {
    const response = await visitor().fetch(path, {method});
    return response.ok ? response.text() : response.status;
  };
  return {tell, log};
}

/** As `Entry` as far as the compiler can see. */
@Resource()
class Denied {
  @Get()
  show() {
    return 'You may not.';
  }
}

test('a child of another class than is declared is a 500 that names the method and both classes, and nothing below it is reached', async t => {
  const others: [unknown, string][] = [
    [new Denied(), 'an object of class Denied'],
    [{show: () => 'entry'}, 'an object of class Object'],
    [Entry, 'a function'],
    ['entry', 'a string'],
    [null, 'null'],
    [false, 'a boolean'],
    [Promise.resolve(new Denied()), 'an object of class Denied'],
    [Object.create(null), 'an object'],
  ];
  for (const [other, name] of others) {
    const {tell, log} = making(() => other);
    t.is(await tell('/a'), 500);
    t.is(await tell('/a/below'), 500);
    t.is(await tell('/a/'), 500);
    t.is(
      String(log[0]!.error),
      `EspalierError: Home.open() gave ${name}, where it has to give an instance of Entry, or of a class that extends it. [CHILD_MISMATCH]`,
    );
    t.is(log.length, 3);
  }
});

test('the class of what a method makes decides on the verbs and children that it has beyond those of the declared class', async t => {
  @Resource()
  @Child('within', Page)
  class Folder extends Entry {
    @Post()
    add() {
      return 'added';
    }
    @Child(':name', Entry)
    open() {
      return new Folder();
    }
  }
  const {tell} = making(() => new Folder());
  t.is(await tell('/a'), 'entry');
  t.is(await tell('/a', 'POST'), 'added');
  t.is(await tell('/a/below'), 'page');
  t.is(await tell('/a/within'), 'page');
  t.is(await tell('/a/b/c/within'), 'page');
});

test('the class of what a method makes decides on whether the walk ends there', async t => {
  @Resource({leaf: true})
  class File extends Entry {}
  class Report extends File {}
  @Resource({leaf: false})
  class Archive extends File {}
  t.is(await making(() => new File()).tell('/a/below'), 'entry');
  t.is(await making(() => new Report()).tell('/a/below'), 'entry', 'leaf is inherited');
  t.is(await making(() => new Archive()).tell('/a/below'), 'page', 'unless it is said otherwise');
  t.is(await making(() => new Entry()).tell('/a/below'), 'page');
});

test('an instance that has been made without a constructor, or has a field of that name, is of its class', async t => {
  t.is(await making(() => Object.create(Entry.prototype)).tell('/a/below'), 'page');
  t.is(await making(() => Object.assign(new Entry(), {constructor: Denied})).tell('/a/below'), 'page');
  t.is(await making(() => Object.create({__proto__: Entry.prototype, constructor: Denied})).tell('/a/below'), 'page');
});

test('what hangs below a class that is met at a request is made by the container, once', async t => {
  let made = 0;
  @Resource()
  class Counted {
    readonly number = (made += 1);
    constructor(@inject('name') private readonly name: string) {}
    @Get()
    show() {
      return `${this.name} ${this.number}`;
    }
  }
  @Resource()
  @Child('counted', Counted)
  class Folder extends Entry {}
  const named = new ContainerModule(({bind}) => void bind('name').toConstantValue('number'));
  const {tell} = making(() => new Folder(), [named]);
  t.is(made, 0);
  t.is(await tell('/a/counted'), 'number 1');
  t.is(await tell('/b/counted'), 'number 1');
});

test('what can not hang below a class that is met at a request is a 500 each time, with the way to it in the log', async t => {
  @Resource()
  class Needy {
    constructor(@inject('name') readonly name: string) {}
  }
  @Resource()
  @Child('needy', Needy)
  class Folder extends Entry {}
  const {tell, log} = making(() => new Folder());
  t.is(await tell('/a'), 500);
  t.is(await tell('/a/below'), 500);
  const way = 'Home → ":name" Entry as Folder → "needy" Needy → name';
  for (const {error} of log) t.true(String(error).startsWith(`EspalierError: ${way}: nothing is bound to name.`));
  t.is(log.length, 2);
});

test('a class that is met at a request is not above itself, either', async t => {
  @Resource()
  @Child('again', () => Folder)
  class Folder extends Entry {}
  const {tell, log} = making(() => new Folder());
  t.is(await tell('/a'), 500);
  t.regex(String(log[0]!.error), /Home → ":name" Entry as Folder → "again" Folder: this class is above itself already/);
});

test('@OnExpire() below a class that is met at a request is refused there: nobody would be told', async t => {
  @Resource()
  class Hearing {
    @OnExpire()
    hear() {}
  }
  @Resource()
  @Child('hearing', Hearing)
  class Folder extends Entry {}
  const {tell, log} = making(() => new Folder());
  t.is(await tell('/a/hearing'), 500);
  t.regex(String(log[0]!.error), /Hearing has an @OnExpire\(\) method, but is not made with the site/);
});

test('what a container gives for a class is of that class, or of one that extends it, whose own declarations then hold', async t => {
  @Resource()
  class Folder extends Entry {
    @Post()
    add() {
      return 'added';
    }
  }
  @Resource()
  @Child('entry', Entry)
  class Root extends Page {}
  @Resource()
  @Child('more', Page)
  class Wider extends Root {}
  const container = new Container();
  container.bind(Entry).to(Folder).inSingletonScope();
  container.bind(Root).to(Wider);
  const visitor = testSite(Root, {container}).visitor();
  t.is(await (await visitor.post('/entry')).text(), 'added');
  t.is(await (await visitor.get('/more')).text(), 'page');
  const wrong = new Container();
  wrong.bind<object>(Entry).to(Denied);
  t.throws(() => createSite(Root, {container: wrong}), {
    code: 'CHILD_MISMATCH',
    message:
      'Root → "entry" Entry: its binding gave an object of class Denied, where it has to give an instance of Entry, or of a class that extends it. [CHILD_MISMATCH]',
  });
});

/** A site whose root makes a child of a class by `new`, with what a module binds. */
function madeOf(Profile: ResourceClass, bind: (options: {bind: Container['bind']}) => void = () => undefined) {
  @Resource()
  class People {
    @Child(':name', Profile)
    find() {
      return new Profile('handed over');
    }
  }
  return createSite(People, {modules: [new ContainerModule(bind)]});
}

test('a decorator for the container is refused, with the way out, in a class that only methods make', t => {
  @Resource()
  class Profile {
    @inject('names')
    readonly names!: unknown;
  }
  const message = (name: string, member: string) =>
    `People → ":name" ${name}: the decorator on ${name}.${member} is for the container, but methods with @Child make ${name} themselves. Hand over what it needs by the constructor, or bind ${name} and have a factory in the container make it. [DECORATOR_MISPLACED]`;
  t.throws(() => madeOf(Profile), {code: 'DECORATOR_MISPLACED', message: message('Profile', 'names')});
  @Resource()
  class Inheriting extends Profile {}
  t.throws(() => madeOf(Inheriting), {message: message('Inheriting', 'names')});
  @Resource()
  class Beginning {
    @postConstruct()
    begin() {}
  }
  t.throws(() => madeOf(Beginning), {message: message('Beginning', 'begin')});
  @Resource()
  class Ending {
    @preDestroy()
    end() {}
  }
  t.throws(() => madeOf(Ending), {message: message('Ending', 'end')});
});

test('a decorator for the container is refused in a class that is met at a request, and that methods make', async t => {
  class Folder extends Entry {
    @inject('names')
    readonly names!: unknown;
  }
  const {tell, log} = making(() => new Folder());
  t.is(await tell('/a'), 500);
  t.regex(String(log[0]!.error), /Home → ":name" Entry as Folder: the decorator on Folder\.names is for the container/);
});

test('what a method is to hand over can have a decorator, too, on a constructor parameter', t => {
  @Resource()
  class Profile {
    constructor(
      @inject('names') readonly names: unknown,
      readonly name: string,
    ) {}
  }
  t.notThrows(() => madeOf(Profile));
});

test('a factory that the container binds makes a child with what it injects', async t => {
  type NewProfile = (name: string) => Profile;
  @Resource()
  class Profile {
    @inject('greeting')
    readonly greeting!: string;
    name = '';
    @Get()
    show() {
      return `${this.greeting} ${this.name}`;
    }
  }
  @Resource()
  class People {
    constructor(@inject('NewProfile') private readonly newProfile: NewProfile) {}
    @Child(':name', Profile)
    find(segment: string) {
      return this.newProfile(segment);
    }
  }
  const services = new ContainerModule(({bind}) => {
    bind('greeting').toConstantValue('I am');
    bind(Profile).toSelf();
    bind<NewProfile>('NewProfile').toFactory(context => name => Object.assign(context.get(Profile), {name}));
  });
  const visitor = testSite(People, {modules: [services]}).visitor();
  t.is(await (await visitor.get('/ada')).text(), 'I am ada');
  t.is(await (await visitor.get('/grace')).text(), 'I am grace');
});
