import {execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {text} from 'node:stream/consumers';
import {promisify} from 'node:util';
import test from 'ava';
import {Child, Get, OnExpire, Post, Resource, SessionComponent, inject} from 'espalier';
import {classOf, decorating, refuseBareCall, refuseStandardCall} from '../src/decorator.ts';

class Base {}
class Sub extends Base {}

test('a decorated method belongs to the class that has it', t => {
  t.is(classOf(Sub.prototype, '@Get()', 'show'), Sub);
});

test('a decorator on a static method is refused with the name of the method', t => {
  t.throws(() => classOf(Base, '@Get()', 'show'), {
    code: 'DECORATOR_MISPLACED',
    message: '@Get() stands on the static method Base.show. Put it on an instance method. [DECORATOR_MISPLACED]',
  });
});

test('a decorator that is called the TC39 way is refused with the compiler option that helps', t => {
  const message =
    '@Get() was called as a TC39 decorator. Set "experimentalDecorators": true in tsconfig.json. [DECORATOR_MISPLACED]';
  t.throws(() => classOf(() => {}, '@Get()', {kind: 'method', name: 'show'}), {code: 'DECORATOR_MISPLACED', message});
  t.throws(() => refuseStandardCall('@Get()', {kind: 'class'}), {code: 'DECORATOR_MISPLACED', message});
});

test('the compiler names "experimentalDecorators" at each decorator where tsconfig.json lacks it', async t => {
  const folder = mkdtempSync('dist/standard-');
  t.teardown(() => rmSync(folder, {recursive: true}));
  const lines = [
    "import {Child, Get, OnExpire, Resource, SessionComponent, SessionService, inject} from 'espalier';",
    "@SessionComponent('visits')",
    'class Visits {}',
    '@Resource()',
    'class Page {}',
    '@Resource()',
    "@Child('page', Page)",
    'export class Home {',
    '  @inject(SessionService) sessions!: SessionService;',
    '  @Get()',
    '  show() {}',
    "  @Child(':name', Page)",
    '  open() { return new Page(); }',
    '  @OnExpire()',
    '  end() { return Visits; }',
    '}',
  ];
  writeFileSync(`${folder}/main.ts`, lines.join('\n'));
  const options = {module: 'nodenext', target: 'es2022', types: ['node'], noEmit: true, skipLibCheck: true};
  writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({compilerOptions: options}));
  const {stdout} = await promisify(execFile)('node_modules/.bin/tsc', ['-p', folder, '--pretty', 'false']).catch(
    (error: {stdout: string}) => error,
  );
  const hint = JSON.stringify('Set "experimentalDecorators": true in tsconfig.json.');
  const places = stdout.split(/^(?=\S+\(\d)/m).map(error => [Number(/\((\d+)/.exec(error)![1]), error.includes(hint)]);
  const decorators = lines.flatMap((line, i) => (line.trim().startsWith('@') ? [[i + 1, true]] : []));
  t.deepEqual(places, decorators, stdout);
});

test('a decorator that is called the legacy way is not refused', t => {
  for (const context of [undefined, 'show', Symbol('show'), 0, null]) {
    t.notThrows(() => refuseStandardCall('@Get()', context));
  }
});

test('what is no method is refused: a getter has nothing to be called', t => {
  t.throws(
    () => {
      class Page {
        // @ts-expect-error A handler is a method.
        @Get()
        get text() {
          return 'no method';
        }
      }
      return Page;
    },
    {
      code: 'DECORATOR_MISPLACED',
      message: '@Get() stands on Page.text, which is no method. Put it on a method. [DECORATOR_MISPLACED]',
    },
  );
});

test('every decorator that is written without its parentheses says how to write it, in both dialects', t => {
  const onMethod = [{}, 'show', {}];
  const onClass = [class Page {}];
  for (const [decorator, given, written] of [
    [Get, onMethod, '@Get()'],
    [OnExpire, onMethod, '@OnExpire()'],
    [Child, onMethod, '@Child(segment, TheClass)'],
    [Child, onClass, '@Child(segment, TheClass)'],
    [Resource, onClass, '@Resource()'],
    [SessionComponent, onClass, "@SessionComponent('name')"],
    [inject, [{}, 'names'], '@inject(Token)'],
    [inject, [class Page {}, undefined, 0], '@inject(Token)'],
    [Get, [() => {}, {kind: 'method', name: 'show'}], '@Get()'],
    [Resource, [class Page {}, {kind: 'class'}], '@Resource()'],
    [SessionComponent, [class Page {}, {kind: 'class'}], "@SessionComponent('name')"],
  ] as const) {
    const [name] = written.split('(');
    t.throws(() => (decorator as (...all: readonly unknown[]) => unknown)(...given), {
      code: 'DECORATOR_MISPLACED',
      message: `${name} has no parentheses. Write ${written}. [DECORATOR_MISPLACED]`,
    });
  }
  t.notThrows(() => inject(class Token {}));
  t.notThrows(() => refuseBareCall('@Get()', [{body: {}}]));
});

const schema = {'~standard': {version: 1, vendor: 'by hand', validate: (value: unknown) => ({value})}};

test('a decorator that is given what it does not take says so, and what to do', t => {
  const takes =
    (decorator: unknown, ...given: unknown[]) =>
    () =>
      (decorator as (...all: unknown[]) => unknown)(...given);
  t.throws(takes(Post, {body: {}}), {
    code: 'OPTION_INVALID',
    message:
      '@Post(): body is an object of class Object. It must be a schema that keeps the Standard Schema specification. [OPTION_INVALID]',
  });
  t.throws(takes(Post, {boddy: schema}), {message: /^@Post\(\) has no option "boddy"\. Did you mean "body"\? /});
  t.throws(takes(Post, {status: 600}), {message: /status is 600\. It must be a whole number from 200 to 599\. /});
  for (const alone of [schema, Object.assign(() => undefined, schema)]) {
    t.throws(takes(Post, alone), {
      code: 'DECORATOR_MISPLACED',
      message: '@Post() was given a schema alone. Write @Post({body: TheSchema}). [DECORATOR_MISPLACED]',
    });
  }
  t.throws(takes(Post, {status: 201}, 7), {
    message: '@Post() takes one object of options, and has a number beside it. [DECORATOR_MISPLACED]',
  });
  t.throws(takes(Post, '/notes'), {message: /^@Post\(\) takes no path\. /});
  t.throws(takes(Resource, '/notes'), {message: /^@Resource\(\) takes no path\. /});
  t.throws(() => (Child as Function)(7, class Page {})(class Home {}), {
    code: 'CHILD_SEGMENT_INVALID',
    message: 'Home has a child 7: a segment is a text. [CHILD_SEGMENT_INVALID]',
  });
});

test("what the container refuses of a decorator is told by the decorator's and the class's name, in one line", t => {
  @Resource()
  class Note {
    constructor(
      readonly title: unknown,
      @inject('names') readonly names: unknown,
    ) {}
  }
  const error = t.throws(() => Resource()(class Memo extends Note {}), {code: 'DECORATOR_MISPLACED'});
  t.regex(error.message, /^@Resource\(\) of Memo can't stand there: .* \[DECORATOR_MISPLACED\]$/);
});

/** What a module's evaluation has a process say. */
async function ended(program: string) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return {stderr, code: code as number};
}

const twice = `
  import {Get} from 'espalier';
  class Page { show() {} read() {} }
  const declare = () => { for (const name of ['show', 'read']) Get()(Page.prototype, name, {}); };`;

test('what a decorator refuses is one line where nobody catches it, and the process ends with code 1', async t => {
  const stderr = 'Page has two methods for GET: show() and read(). Keep one of them. [VERB_TAKEN]\n';
  t.deepEqual(await ended(`${twice} declare();`), {stderr, code: 1});
});

test('what a decorator does is given back', t => {
  t.is(
    decorating('@Get()', () => 7),
    7,
  );
});
