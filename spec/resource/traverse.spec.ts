import test from 'ava';
import {Child, Get, Resource, Use, type Request, type ResourceClass} from 'espalier';
import {testSite} from 'espalier/testing';
import {acting, textOf} from './on-the-way.ts';

/** Tells what the walk left in the request. */
@Resource()
class Walked {
  @Get()
  tell({params, prepath, postpath}: Request) {
    return {params, prepath, postpath};
  }
}

/** Tells the same, and is the end of every path. */
@Resource({leaf: true})
class Leaf extends Walked {}

@Resource()
class Literal {
  @Get()
  tell() {
    return 'literal';
  }
}

/** What a site answers to GET on a path that no URL parser has touched. */
async function answer(Root: ResourceClass, url: string): Promise<unknown> {
  const {status, body} = await testSite(Root).site.handle({url});
  return status === 200 ? body : status;
}

/** The same as JSON. */
const walked = async (Root: ResourceClass, url: string) => JSON.parse(String(await answer(Root, url))) as unknown;

test('the root answers at "/", with nothing walked and nothing left', async t => {
  t.deepEqual(await walked(Walked, '/'), {params: {}, prepath: [], postpath: []});
  t.deepEqual(await walked(Walked, '/?a=/b'), {params: {}, prepath: [], postpath: []});
});

test('a target in absolute form is walked by its path', async t => {
  @Resource()
  @Child('a', Walked)
  class Root {}
  t.deepEqual(await walked(Root, 'http://localhost/a?b'), {params: {}, prepath: ['a'], postpath: []});
});

test('a literal child beats a capture, whatever the order of declaration', async t => {
  @Resource()
  @Child('a', Literal)
  @Child(':name', Walked)
  class LiteralFirst {}
  @Resource()
  @Child(':name', Walked)
  @Child('a', Literal)
  class CaptureFirst {}
  for (const Root of [LiteralFirst, CaptureFirst]) {
    t.is(await answer(Root, '/a'), 'literal');
    t.deepEqual(await walked(Root, '/b'), {params: {name: 'b'}, prepath: ['b'], postpath: []});
  }
});

test('a path leads to the same place each time, with its own query, segments and rest', async t => {
  @Resource()
  @Child('a', Walked)
  class Nested {}
  const made: string[] = [];
  @Resource()
  @Child('nested', Nested)
  @Child('leaf', Leaf)
  @Child(':name', Walked)
  class Root {
    @Child('made', Walked)
    make(segment: string) {
      made.push(segment);
      return new Walked();
    }
  }
  const {site} = testSite(Root);
  const ask = async (url: string) => JSON.parse(String((await site.handle({url})).body)) as unknown;
  for (const query of ['', '?a=1', '?a=2']) {
    t.deepEqual(await ask(`/nested/a${query}`), {params: {}, prepath: ['nested', 'a'], postpath: []});
    t.deepEqual(await ask(`/nested/%61${query}`), {params: {}, prepath: ['nested', 'a'], postpath: []});
    t.deepEqual(await ask(`/leaf${query}`), {params: {}, prepath: ['leaf'], postpath: []});
    t.deepEqual(await ask(`/leaf/on${query}`), {params: {}, prepath: ['leaf'], postpath: ['on']});
    t.deepEqual(await ask(`/other${query}`), {params: {name: 'other'}, prepath: ['other'], postpath: []});
    t.deepEqual(await ask(`/made${query}`), {params: {}, prepath: ['made'], postpath: []});
  }
  t.deepEqual(made, ['made', 'made', 'made'], 'what is made for a request is made for each');
});

test('a literal child beats an inherited capture, and an inherited literal beats a capture', async t => {
  @Resource()
  @Child(':name', Walked)
  class Capturing {}
  @Resource()
  @Child('a', Literal)
  class WithLiteral extends Capturing {}
  @Resource()
  @Child(':other', Walked)
  class WithCapture extends WithLiteral {}
  t.is(await answer(WithLiteral, '/a'), 'literal');
  t.is(await answer(WithCapture, '/a'), 'literal');
});

test('a literal that gives nothing is a 404, not a case for the capture', async t => {
  @Resource()
  @Child(':name', Walked)
  class Root {
    @Child('gone', Walked)
    gone(): Walked | undefined {
      return undefined;
    }
  }
  t.is(await answer(Root, '/gone'), 404);
});

/** Captures a year and a month. */
@Resource()
@Child(':year', () => Year)
class Archive {}
@Resource()
@Child(':month', Walked)
class Year {}

test('captured segments are in request.params, decoded once', async t => {
  t.like(await walked(Archive, '/1984/%C3%A9t%C3%A9'), {params: {year: '1984', month: 'été'}});
  t.like(await walked(Archive, '/%2541/a+b'), {params: {year: '%41', month: 'a+b'}});
});

test('an encoded slash stays inside its segment', async t => {
  const expected = {params: {year: 'a/b', month: '/'}, prepath: ['a/b', '/'], postpath: []};
  t.deepEqual(await walked(Archive, '/a%2Fb/%2f'), expected);
});

test('a segment is compared decoded with a literal, letter by letter', async t => {
  @Resource()
  @Child('a b', Literal)
  class Root {}
  t.is(await answer(Root, '/a%20b'), 'literal');
  t.is(await answer(Root, '/%61%20b'), 'literal');
  t.is(await answer(Root, '/A%20b'), 404);
});

test('a deeper capture by the same name wins', async t => {
  @Resource()
  @Child(':id', () => Inner)
  class Root {}
  @Resource()
  @Child(':id', Walked)
  class Inner {}
  t.like(await walked(Root, '/a/b'), {params: {id: 'b'}});
});

test('request.params has no prototype, with and without captures', async t => {
  @Resource({leaf: true})
  class Names {
    @Get()
    tell({params}: Request) {
      return [Object.getPrototypeOf(params), 'toString' in params];
    }
  }
  @Resource()
  @Child(':id', Names)
  class Root {}
  t.is(await answer(Names, '/'), '[null,false]');
  t.is(await answer(Root, '/a'), '[null,false]');
});

test('`__proto__` is an ordinary name for a capture', async t => {
  @Resource()
  @Child(':__proto__', () => Inner)
  class Root {}
  @Resource()
  @Child(':id', Walked)
  class Inner {}
  t.is(await answer(Root, '/a/b'), '{"params":{"__proto__":"a","id":"b"},"prepath":["a","b"],"postpath":[]}');
});

test('`__proto__` is an ordinary name for a segment', async t => {
  @Resource()
  @Child('__proto__', Literal)
  class Root {}
  t.is(await answer(Root, '/__proto__'), 'literal');
  t.is(await answer(Archive, '/__proto__'), 405, 'captured: a Year, which answers nothing');
});

for (const name of ['constructor', '__proto__', 'toString', 'tell', 'size']) {
  test(`the segment "${name}" leads nowhere unless a child is declared for it`, async t => {
    t.is(await answer(Walked, `/${name}`), 404);
  });
}

test('a request does not see what another has captured', async t => {
  const {site} = testSite(Archive);
  const answers = await Promise.all(['/1/2', '/3/4'].map(url => site.handle({url})));
  t.deepEqual(
    answers.map(({body}) => (JSON.parse(body as string) as {params: unknown}).params),
    [
      {year: '1', month: '2'},
      {year: '3', month: '4'},
    ],
  );
});

test('a leaf ends the walk, and finds the rest of the path in request.postpath', async t => {
  @Resource()
  @Child('files', Leaf)
  class Root {}
  t.deepEqual(await walked(Root, '/files'), {params: {}, prepath: ['files'], postpath: []});
  t.deepEqual(await walked(Root, '/files/a%2Fb/c'), {params: {}, prepath: ['files'], postpath: ['a/b', 'c']});
});

test('a leaf finds empty segments, too, and no redirect takes a slash away', async t => {
  @Resource()
  @Child('files', Leaf)
  class Root {}
  t.like(await walked(Root, '/files/'), {postpath: ['']});
  t.like(await walked(Root, '/files//a//'), {postpath: ['', 'a', '', '']});
});

test('a leaf can be the root', async t => {
  t.deepEqual(await walked(Leaf, '/a/b'), {params: {}, prepath: [], postpath: ['a', 'b']});
  t.deepEqual(await walked(Leaf, '//'), {params: {}, prepath: [], postpath: ['', '']});
});

test('a leaf has no use for children, not even inherited ones', async t => {
  @Resource()
  @Child('a', Literal)
  class Branching extends Walked {}
  @Resource({leaf: true})
  class Root extends Branching {}
  t.like(await walked(Root, '/a'), {postpath: ['a']});
});

test('a method that makes a child sees what is walked and captured so far', async t => {
  const seen: unknown[] = [];
  @Resource()
  class Root {
    @Child(':id', Leaf)
    open(_segment: string, {prepath, postpath, params}: Request) {
      seen.push(prepath, postpath, {...params});
      return new Leaf();
    }
  }
  await answer(Root, '/a/b');
  t.deepEqual(seen, [['a'], ['b'], {id: 'a'}]);
});

test('a child that a method makes leads on to its own children', async t => {
  @Resource()
  class Folder {
    constructor(readonly path = '') {}
    @Child(':name', () => Folder)
    open(name: string): Folder {
      return new Folder(`${this.path}/${name}`);
    }
    @Get()
    show() {
      return this.path;
    }
  }
  t.is(await answer(Folder, '/a/b/c'), '/a/b/c');
  t.is(await answer(Folder, '/a'.repeat(1000)), '/a'.repeat(1000));
});

for (const url of [
  '/open/%',
  '/open/%zz',
  '/open/%ff',
  '/open/%C3%28',
  '/open/..',
  '/open/%2e%2E/x',
  '/open/.',
  '/open/%00',
]) {
  test(`${url} is a 400 before anything is called`, async t => {
    let calls = 0;
    @Resource()
    class Root {
      @Child('open', Leaf)
      open() {
        calls += 1;
        return new Leaf();
      }
    }
    t.is(await answer(Root, url), 400);
    t.is(calls, 0);
  });
}

for (const url of ['a', 'ftp://localhost/a']) {
  test(`the target ${JSON.stringify(url)} is a 400, for it is no path`, async t => {
    t.is(await answer(Walked, url), 400);
  });
}

test('a handler may be called `then`, of a child that a method makes', async t => {
  @Resource()
  class Thenable {
    @Get()
    // oxlint-disable-next-line unicorn/no-thenable -- that is the point
    then() {
      return 'then';
    }
  }
  @Resource()
  class Home {
    @Child('made', Thenable)
    make() {
      return new Thenable();
    }
  }
  t.is(await answer(Home, '/made'), 'then');
});

test('three dots are an ordinary name', async t => {
  t.like(await walked(Archive, '/.../..a'), {params: {year: '...', month: '..a'}});
});

/** A folder in a folder without an end. */
@Resource()
class Folder {
  @Get()
  depth({prepath, params}: Request) {
    return [prepath.length, params['name']];
  }
  @Child(':name', () => Folder)
  open(): Folder | Promise<Folder> {
    return new Folder();
  }
}

@Resource()
class SlowFolder extends Folder {
  @Child(':name', () => SlowFolder)
  override async open() {
    return new SlowFolder();
  }
}

test('a path of 1,000 segments is walked, made children all the way; one more is a 414', async t => {
  for (const Root of [Folder, SlowFolder]) {
    t.deepEqual(await walked(Root, `${'/a'.repeat(999)}/b`), [1000, 'b']);
    t.is(await answer(Root, '/a'.repeat(1001)), 414);
  }
  for (const Root of [Folder, Leaf, Walked]) {
    for (const url of ['/'.repeat(1002), '/%41'.repeat(1001), '/a'.repeat(8000)])
      t.is(await answer(Root, url), 414, url);
  }
});

test('an empty segment anywhere but at the end is a 404, and never captured', async t => {
  for (const url of ['//', '//a', '/a//', '/a//b', '///', '//a/b']) t.is(await answer(Archive, url), 404, url);
});

test('a child "" answers for the path with a slash at its end, and for no other', async t => {
  @Resource()
  @Child('', Literal)
  @Child(':name', Literal)
  class Section {}
  @Resource()
  @Child('a', Section)
  class Root {}
  t.is(await answer(Root, '/a/'), 'literal');
  t.is(await answer(Root, '/a//'), 404);
  t.is(await answer(Root, '/a//b'), 404);
});

test('a child "" is walked like any other', async t => {
  @Resource()
  @Child('', Walked)
  class Section {}
  @Resource()
  @Child('a', Section)
  class Root {}
  t.deepEqual(await walked(Root, '/a/'), {params: {}, prepath: ['a', ''], postpath: []});
});

test('a capture does not take the empty segment at the end', async t => {
  let calls = 0;
  @Resource()
  class Section {
    @Child(':name', Literal)
    open() {
      calls += 1;
      return new Literal();
    }
  }
  @Resource()
  @Child('a', Section)
  class Root {}
  t.is(await answer(Root, '/a/'), 404);
  t.is(calls, 0);
});

test('a request has its pattern once the walk has ended', async t => {
  const seen: unknown[] = [];
  @Use(
    acting(async ({pattern}, _response, next) => {
      seen.push(pattern);
      return next();
    }),
  )
  @Resource()
  class Person {
    @Get()
    tell({pattern}: Request) {
      return pattern;
    }
  }
  @Resource({leaf: true})
  class Rest extends Person {}
  @Resource()
  class People {
    @Child(':name', Person)
    find() {
      return new Person();
    }
  }
  const after: unknown[] = [];
  @Resource()
  @Child('people', People)
  @Child('rest', Rest)
  class Root {}
  const watching = acting(async (request, _response, next) => {
    const result = await next().catch(() => undefined);
    after.push(request.pattern);
    return result;
  });
  const {visitor} = testSite(Root, {use: [watching]});
  t.is(await textOf(visitor().get('/people/ada')), '/people/:name');
  t.is(await textOf(visitor().get('/people/%3Aname')), '/people/:name');
  t.is(await textOf(visitor().get('/rest/of/it')), '/rest');
  await visitor().get('/none');
  t.deepEqual(seen, [undefined, undefined, undefined]);
  t.deepEqual(after, ['/people/:name', '/people/:name', '/rest', undefined]);
});
