import test from 'ava';
import {Delete, Get, Head, Options, Patch, Post, Put, Query, Resource, type Request, type Response} from 'espalier';
import {testSite} from 'espalier/testing';

@Resource()
class Article {
  @Get()
  show() {
    return 'shown';
  }
  @Post()
  add() {
    return 'added';
  }
  @Put()
  replace() {
    return 'replaced';
  }
  @Patch()
  change() {
    return 'changed';
  }
  @Delete()
  remove() {
    return 'removed';
  }
  @Query()
  search() {
    return 'found';
  }
  @Options()
  list() {
    return 'listed';
  }
  @Head()
  peek(_request: Request, response: Response) {
    response.setHeader('X-Peeked', 'yes');
  }
}

const answers = {
  GET: 'shown',
  POST: 'added',
  PUT: 'replaced',
  PATCH: 'changed',
  DELETE: 'removed',
  QUERY: 'found',
  OPTIONS: 'listed',
};

for (const [method, text] of Object.entries(answers)) {
  test(`${method} is answered by the method declared for it`, async t => {
    const {visitor} = testSite(Article);
    const response = await visitor().fetch('/', {method, headers: {'Content-Type': 'text/plain'}});
    t.deepEqual([response.status, await response.text()], [200, text]);
  });
}

test('HEAD is answered by the method declared for it rather than by that for GET', async t => {
  const {visitor} = testSite(Article);
  t.is((await visitor().head('/')).headers.get('X-Peeked'), 'yes');
});

test('one method can answer for several verbs', async t => {
  @Resource()
  class Page {
    @Get()
    @Post()
    answer(request: Request) {
      return request.method;
    }
  }
  const {visitor} = testSite(Page);
  t.is(await (await visitor().get('/')).text(), 'GET');
  t.is(await (await visitor().post('/')).text(), 'POST');
});

test('a method named by a symbol can be a handler', async t => {
  const show = Symbol('show');
  @Resource()
  class Page {
    @Get()
    [show]() {
      return 'shown';
    }
  }
  t.is(await (await testSite(Page).visitor().get('/')).text(), 'shown');
});

test('a handler has its resource as `this`', async t => {
  @Resource()
  class Page {
    readonly #text = 'mine';
    @Get()
    show() {
      return this.#text;
    }
  }
  t.is(await (await testSite(Page).visitor().get('/')).text(), 'mine');
});

test('a subclass answers with the handlers of its base class', async t => {
  @Resource()
  class Note extends Article {}
  const {visitor} = testSite(Note);
  t.is(await (await visitor().delete('/')).text(), 'removed');
});

test('a handler that is overridden needs no decorator again', async t => {
  @Resource()
  class Note extends Article {
    override show() {
      return `a note is ${super.show()}`;
    }
  }
  t.is(await (await testSite(Note).visitor().get('/')).text(), 'a note is shown');
});

test('a handler that is declared anew under another name replaces the inherited one', async t => {
  @Resource()
  class Note extends Article {
    @Get()
    read() {
      return 'read';
    }
  }
  t.is(await (await testSite(Note).visitor().get('/')).text(), 'read');
  t.is(await (await testSite(Article).visitor().get('/')).text(), 'shown', 'the base class is as it was');
});

test('two methods for one verb are refused with the names of both', t => {
  t.throws(
    () => {
      class Page {
        @Delete()
        remove() {}
        @Delete()
        drop() {}
      }
      return Page;
    },
    {
      code: 'VERB_TAKEN',
      message: 'Page has two methods for DELETE: remove() and drop(). Keep one of them. [VERB_TAKEN]',
    },
  );
});

test('a verb on a static method is refused', t => {
  t.throws(
    () => {
      class Page {
        @Patch()
        static change() {}
      }
      return Page;
    },
    {
      code: 'DECORATOR_MISPLACED',
      message: '@Patch() stands on the static method Page.change. Put it on an instance method. [DECORATOR_MISPLACED]',
    },
  );
});

test('the compiler refuses a handler that asks for anything but request and response', t => {
  class Page {
    @Get()
    right(_request: Request, _response: Response) {}
    // @ts-expect-error A handler gets a Request first.
    @Post()
    wrong(_id: string) {}
    // @ts-expect-error A handler gets two arguments.
    @Put()
    greedy(_request: Request, _response: Response, _next: () => void) {}
    // @ts-expect-error A handler is a method.
    @Patch()
    readonly text = 'no method';
  }
  t.is(new Page().text, 'no method');
});
