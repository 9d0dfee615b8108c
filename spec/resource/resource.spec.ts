import test from 'ava';
import {Child, Get, Resource, createError, literal, type Request, type ResourceClass} from 'espalier';
import {testSite} from 'espalier/testing';
import {undefinedChild} from '../../src/resource/resource.ts';

@Resource()
class Page {
  constructor(readonly title = 'page') {}
  @Get()
  show() {
    return this.title;
  }
}

@Resource()
class Other {
  readonly unlike = true;
  @Get()
  show() {
    return 'other';
  }
}

/** What a site answers to GET. */
async function answer(Root: ResourceClass, path: string): Promise<[status: number, text: string]> {
  const response = await testSite(Root).visitor().get(path);
  return [response.status, response.ok ? await response.text() : ''];
}

test('a child on a class answers below it', async t => {
  @Resource()
  @Child('page', Page)
  class Root {}
  t.deepEqual(await answer(Root, '/page'), [200, 'page']);
});

test('a child on a class is made once, before the first request', async t => {
  let made = 0;
  @Resource()
  class Counted {
    readonly number = (made += 1);
    @Get()
    show() {
      return `number ${this.number}`;
    }
  }
  @Resource()
  @Child('here', Counted)
  @Child('there', Counted)
  class Root {}
  const {visitor} = testSite(Root);
  t.is(made, 1);
  t.is(await (await visitor().get('/here')).text(), 'number 1');
  t.is(await (await visitor().get('/there')).text(), 'number 1', 'a class in two places is one instance');
});

test('two sites do not share a resource', async t => {
  @Resource()
  class Counter {
    #count = 0;
    @Get()
    count() {
      return `${(this.#count += 1)}`;
    }
  }
  const [one, two] = [testSite(Counter).visitor(), testSite(Counter).visitor()];
  await one.get('/');
  t.is(await (await one.get('/')).text(), '2');
  t.is(await (await two.get('/')).text(), '1');
});

test('a child that is declared later is named by a function', async t => {
  @Resource()
  @Child('late', () => Late)
  class Root {}
  @Resource()
  class Late extends Page {}
  t.deepEqual(await answer(Root, '/late'), [200, 'page']);
});

test('a method makes a child for each request, from the segment and the request', async t => {
  @Resource()
  class Root {
    @Child(':name', Page)
    open(segment: string, request: Request) {
      return new Page(`${segment} by ${request.method}`);
    }
  }
  t.deepEqual(await answer(Root, '/a%20b'), [200, 'a b by GET']);
});

test('a method makes a child for a literal segment, too, with its resource as `this`', async t => {
  @Resource()
  class Root {
    readonly #name = 'Ada';
    @Child('me', Page)
    me() {
      return new Page(this.#name);
    }
  }
  t.deepEqual(await answer(Root, '/me'), [200, 'Ada']);
});

test('a method can promise the child', async t => {
  @Resource()
  class Root {
    @Child(':name', Page)
    async open(segment: string) {
      return new Page(await Promise.resolve(segment));
    }
  }
  t.deepEqual(await answer(Root, '/soon'), [200, 'soon']);
});

test('a method that gives nothing, now or later, is a 404', async t => {
  @Resource()
  class Root {
    @Child('now', Page)
    now(): Page | undefined {
      return undefined;
    }
    @Child('later', Page)
    async later(): Promise<Page | undefined> {
      return undefined;
    }
  }
  t.is((await answer(Root, '/now'))[0], 404);
  t.is((await answer(Root, '/later'))[0], 404);
});

test('what a method throws is answered as what a handler throws', async t => {
  @Resource()
  class Root {
    @Child('closed', Page)
    closed(): Page {
      throw createError(403, 'Closed.');
    }
    @Child('broken', Page)
    async broken(): Promise<Page> {
      throw new Error('secret');
    }
  }
  const {visitor, log} = testSite(Root);
  t.like(await (await visitor().get('/closed')).json(), {status: 403, detail: 'Closed.'});
  t.notRegex(await (await visitor().get('/broken')).text(), /secret/);
  t.like(log, {length: 1, 0: {error: {message: 'secret'}}});
});

test('a method may give an instance of a subclass', async t => {
  class Loud extends Page {
    override show() {
      return `${this.title}!`;
    }
  }
  @Resource()
  class Root {
    @Child(':name', Page)
    open(segment: string) {
      return new Loud(segment);
    }
  }
  t.deepEqual(await answer(Root, '/hey'), [200, 'hey!']);
});

test('children are inherited, and one declared anew replaces the inherited one', async t => {
  @Resource()
  @Child('kept', Page)
  @Child('replaced', Page)
  class Base {}
  @Resource()
  @Child('replaced', Other)
  class Root extends Base {}
  t.deepEqual(await answer(Root, '/kept'), [200, 'page']);
  t.deepEqual(await answer(Root, '/replaced'), [200, 'other']);
  t.deepEqual(await answer(Base, '/replaced'), [200, 'page']);
});

test('a method that makes children is inherited, and can be overridden without a decorator', async t => {
  @Resource()
  class Base {
    @Child(':name', Page)
    open(segment: string) {
      return new Page(segment);
    }
  }
  @Resource()
  class Same extends Base {}
  @Resource()
  class Root extends Base {
    override open(segment: string) {
      return new Page(segment.toUpperCase());
    }
  }
  t.deepEqual(await answer(Same, '/a'), [200, 'a']);
  t.deepEqual(await answer(Root, '/a'), [200, 'A']);
});

for (const [segment, why] of [
  [':', 'a capture is a colon and a name, like ":year". {}'],
  [':1st', 'a capture is a colon and a name, like ":year". {}'],
  [':a-b', 'a capture is a colon and a name, like ":year". {}'],
  ['/a', 'a slash is between segments. Give each part of the path a resource of its own. {}'],
  ['a/b', 'a slash is between segments. Give each part of the path a resource of its own. {}'],
  ['.', 'no request can reach it.'],
  ['..', 'no request can reach it.'],
  ['a\0b', 'no request can reach it.'],
] as const) {
  test(`the segment ${JSON.stringify(segment)} is refused where it stands`, t => {
    class Root {}
    const anyway = `For a segment that has it in its name, write literal(${JSON.stringify(segment)}).`;
    t.throws(() => Child(segment, Page)(Root), {
      code: 'CHILD_SEGMENT_INVALID',
      message: `Root has a child ${JSON.stringify(segment)}: ${why.replace('{}', anyway)} [CHILD_SEGMENT_INVALID]`,
    });
  });
}

for (const segment of ['', '...', 'a:b', ' ', '%2F', 'é', ':_private', ':__proto__']) {
  test(`the segment ${JSON.stringify(segment)} is not refused`, t => {
    t.notThrows(() => Child(segment, Page)(class Root {}));
  });
}

test('an undefined class is refused where it stands, with the way out', t => {
  class Root {}
  t.throws(() => Child('late', undefined as unknown as typeof Page)(Root), {
    code: 'CHILD_UNDEFINED',
    message:
      'The class of the child "late" of Root is undefined. If it is declared later or imported in a circle, write @Child("late", () => TheClass). [CHILD_UNDEFINED]',
  });
  t.is(undefinedChild('"late"', 'Root').code, 'CHILD_UNDEFINED');
});

test('two children for one segment are refused with the names of both', t => {
  t.throws(
    () => {
      @Child('a', Page)
      @Child('a', Other)
      class Root {}
      return Root;
    },
    {
      code: 'CHILD_TAKEN',
      message:
        'Root has two children for one segment: "a" (Page) and "a" (Other). Give one of them another segment. [CHILD_TAKEN]',
    },
  );
});

test('two captures are refused, for one takes any segment', t => {
  t.throws(
    () => {
      @Child(':year', Page)
      class Root {
        @Child(':name', Other)
        open() {
          return new Other();
        }
      }
      return Root;
    },
    {
      code: 'CHILD_TAKEN',
      message:
        'Root has two children for one segment: ":year" (Page) and ":name" (Other). Give one of them another segment. [CHILD_TAKEN]',
    },
  );
});

test('two children for one segment are refused even where a class is declared later', t => {
  t.throws(
    () => {
      @Child('a', () => Late)
      @Child('a', Page)
      class Root {}
      class Late {}
      return [Root, Late];
    },
    {
      code: 'CHILD_TAKEN',
      message:
        'Root has two children for one segment: "a" (a class declared later) and "a" (Page). Give one of them another segment. [CHILD_TAKEN]',
    },
  );
});

test('@Child on a static method is refused', t => {
  t.throws(
    () => {
      class Root {
        @Child('a', Page)
        static open() {
          return new Page();
        }
      }
      return Root;
    },
    {
      code: 'DECORATOR_MISPLACED',
      message: '@Child("a") stands on the static method Root.open. Put it on an instance method. [DECORATOR_MISPLACED]',
    },
  );
});

test('the compiler refuses a method whose result is not that class', t => {
  class Root {
    @Child('right', Page)
    async right(): Promise<Page | undefined> {
      return undefined;
    }
    // @ts-expect-error An Other is no Page.
    @Child('wrong', Page)
    wrong() {
      return new Other();
    }
    // @ts-expect-error Nor is a promised one.
    @Child('later', () => Page)
    async later() {
      return new Other();
    }
  }
  t.truthy(Root);
});

test('the compiler refuses a method that gives null, or asks for anything but segment and request', t => {
  class Root {
    // @ts-expect-error Nothing is undefined, not null.
    @Child('null', Page)
    none(): Page | null {
      return null;
    }
    // @ts-expect-error The first argument is the segment.
    @Child(':id', Page)
    open(_id: number) {
      return new Page();
    }
  }
  t.truthy(Root);
});

test('the compiler refuses a segment that is no string, and a child that is no class', t => {
  // @ts-expect-error A segment is a string.
  t.throws(() => Child(1, Page)(class Root {}), {code: 'CHILD_SEGMENT_INVALID'});
  // @ts-expect-error A child is a class, not an instance.
  t.throws(() => Child('page', new Page())(class Root {}), {code: 'CHILD_UNDEFINED'});
});

test('the compiler refuses an option that @Resource() does not have', t => {
  // @ts-expect-error It is `leaf`.
  t.throws(() => Resource({isLeaf: true}), {code: 'OPTION_INVALID'});
});

test('literal() takes a segment as it is written: with a colon first, or a slash', async t => {
  @Resource()
  class Where {
    @Get()
    show({pattern}: Request) {
      return pattern!;
    }
  }
  @Resource()
  @Child(literal(':name'), Where)
  @Child(literal('a/b'), Where)
  @Child(literal('100%'), Where)
  @Child(literal(':'), Where)
  @Child(literal('plain'), Where)
  @Child(':name', Where)
  class Root {}
  t.deepEqual(await answer(Root, '/:name'), [200, '/%3Aname']);
  t.deepEqual(await answer(Root, '/%3Aname'), [200, '/%3Aname']);
  t.deepEqual(await answer(Root, '/a%2Fb'), [200, '/a%2Fb']);
  t.deepEqual(await answer(Root, '/a/b'), [404, '']);
  t.deepEqual(await answer(Root, '/100%25'), [200, '/100%25']);
  t.deepEqual(await answer(Root, '/:'), [200, '/%3A']);
  t.deepEqual(await answer(Root, '/plain'), [200, '/plain']);
  t.deepEqual(await answer(Root, '/other'), [200, '/:name']);
  t.deepEqual(
    testSite(Root).site.tree.children.map(({pattern}) => pattern),
    ['/100%25', '/%3A', '/%3Aname', '/a%2Fb', '/plain', '/:name'],
  );
});

test('a literal below a method is made from the decoded segment', async t => {
  @Resource()
  class Root {
    @Child(literal('a/b'), Page)
    page(segment: string) {
      return new Page(segment);
    }
  }
  t.deepEqual(await answer(Root, '/a%2Fb'), [200, 'a/b']);
});

test('what no request can reach is refused as a literal too, and so is what is no text', t => {
  for (const segment of ['.', '..', 'a\0b']) {
    const message = `Root has a child literal(${JSON.stringify(segment)}): no request can reach it. [CHILD_SEGMENT_INVALID]`;
    t.throws(() => Child(literal(segment), Page)(class Root {}), {message});
  }
  const message = 'literal() was given a number: a segment is a text. [CHILD_SEGMENT_INVALID]';
  t.throws(() => literal(7 as never), {message});
});

test('a literal and the same segment written plainly are one', t => {
  const message =
    'Root has two children for one segment: "a" (Page) and "a" (Other). Give one of them another segment. [CHILD_TAKEN]';
  t.throws(
    () => {
      @Child(literal('a'), Page)
      @Child('a', Other)
      class Root {}
      return Root;
    },
    {message},
  );
  t.throws(
    () => {
      @Child(literal(':a'), Page)
      @Child(literal(':a'), Other)
      class Root {}
      return Root;
    },
    {message: /literal\(":a"\) \(Page\) and literal\(":a"\) \(Other\)/},
  );
});
