import test from 'ava';
import {
  Child,
  ContainerModule,
  createSite,
  Get,
  inject,
  Post,
  Resource,
  SiteTree,
  Use,
  type Middleware,
  type Next,
  type Request,
  type ResourceView,
  type Response,
} from 'espalier';
import {z} from 'zod';

class First implements Middleware {
  handle(_request: Request, _response: Response, next: Next) {
    return next();
  }
}
class Second extends First {}
class Third extends First {}

const Name = z.object({name: z.string()});

@Resource({leaf: true})
class Files {
  @Get()
  show() {
    return 'shown';
  }
}

@Resource()
class Person {
  @Get()
  show() {
    return 'shown';
  }
  @Post({body: Name, status: 201})
  @Use(Third)
  rename({body}: {body: {name: string}}) {
    return body;
  }
  @Child(':friend', () => Person)
  friend() {
    return new Person();
  }
}

@Resource()
@Use(Second)
class People {
  @Child(':name', Person)
  async find() {
    return new Person();
  }
}

@Resource()
@Child('people', People)
@Child('files', Files)
@Child('', () => Slash)
class Parts {
  @Get()
  show() {
    return 'shown';
  }
}

@Resource({leaf: true})
class Section extends Parts {}

@Resource()
class Slash extends Files {}

@Resource()
@Child('section', Section)
class Root {}

/** A line for each resource. */
function drawn({pattern, name, madeBy, isLeaf, isRepeated, middleware, handlers, children}: ResourceView): string[] {
  const notes = [
    ...middleware.map(each => each.name),
    ...handlers.map(handler => `${handler.verb} ${handler.method}`),
    ...(madeBy ? [`by ${madeBy}`] : []),
    ...(isLeaf ? ['leaf'] : []),
    ...(isRepeated ? ['repeated'] : []),
  ];
  return [[pattern, name, ...notes].join(' | '), ...children.flatMap(drawn)];
}

test('a site tells its tree: the way to each resource, its class, verbs, middleware, and who makes it', t => {
  t.deepEqual(drawn(createSite(Root, {use: [First]}).tree), [
    '/ | Root | First',
    '/section | Section | GET Section.show() | leaf',
    '/section/ | Slash | GET Slash.show() | leaf',
    '/section/files | Files | GET Files.show() | leaf',
    '/section/people | People | Second',
    '/section/people/:name | Person | GET Person.show() | POST Person.rename() | by People.find()',
    '/section/people/:name/:friend | Person | GET Person.show() | POST Person.rename() | by Person.friend() | repeated',
  ]);
});

test('a method tells its schemas, its status and what stands before it, and where it was written', t => {
  const person = createSite(People).tree.children[0]!;
  const [show, rename] = person.handlers;
  t.is(person.type, Person);
  t.is(rename!.options.body, Name);
  t.is(rename!.options.status, 201);
  const [third] = rename!.middleware;
  t.like(third, {name: 'Third', type: Third});
  t.deepEqual(show!.options, {});
  t.regex(person.place!, /^spec\/resource\/tree-view\.spec\.ts:\d+$/);
  const lineOf = (place?: string) => Number(place!.split(':').at(-1));
  t.true(lineOf(person.place) < lineOf(show!.place) && lineOf(show!.place) < lineOf(rename!.place));
  t.regex(third!.place!, /^spec\/resource\/tree-view\.spec\.ts:\d+$/);
  t.is(lineOf(third!.place), lineOf(rename!.place) + 1);
});

test('a resource can ask for the tree that it is part of, when a request comes', async t => {
  @Resource()
  class Map {
    constructor(@inject(SiteTree) private readonly tree: SiteTree) {}
    @Get()
    show() {
      return drawn(this.tree.root);
    }
  }
  const site = createSite(Map);
  t.is((await site.handle({})).body, '["/ | Map | GET Map.show()"]');
  @Resource()
  class Hasty {
    constructor(@inject(SiteTree) tree: SiteTree) {
      drawn(tree.root);
    }
  }
  t.throws(() => createSite(Hasty), {code: 'DEPENDENCY_FAILED', message: /before the site was built/});
});

test('two sites that share what a parent container holds have a tree each', t => {
  const modules = [new ContainerModule(() => undefined)];
  t.is(createSite(Root, {modules}).tree.name, 'Root');
  t.is(createSite(People).tree.name, 'People');
});
