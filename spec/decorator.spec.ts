import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {
  Child,
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
} from 'espalier';
import {setCommandLine} from '../src/command-line.ts';
import {
  decorating,
  isStandard,
  noteIn,
  noteOn,
  onClass,
  onClassOrMethod,
  onField,
  onMethod,
  refuseBareCall,
} from '../src/decorator.ts';

class Base {}
class Sub extends Base {}

const key = Symbol('note');
const nowhere = {toString: () => undefined};
const place = {toString: () => 'src/shop.ts:12'};

test('a decorator finds the class, in either dialect, and the method', t => {
  t.like(onClass('@Resource()', Base, undefined), {notes: Base, owner: 'Base', name: undefined});
  t.like(onMethod('@Get()', Sub.prototype, 'show', place), {notes: Sub, owner: 'Sub', name: 'show'});
  const metadata = {};
  t.like(onClass('@Resource()', Base, {kind: 'class', metadata}), {notes: metadata, owner: 'Base', name: undefined});
  const standard = {kind: 'method', name: 'show', metadata};
  t.like(
    onMethod('@Get()', () => {}, standard, place),
    {notes: metadata, name: 'show'},
  );
  t.like(
    onClassOrMethod('@Use()', () => {}, standard, place),
    {name: 'show'},
  );
  t.like(onClassOrMethod('@Use()', Base, {kind: 'class', metadata}, place), {owner: 'Base', name: undefined});
  t.like(onField('@inject()', {kind: 'field', name: 'pool', metadata}, place), {notes: metadata, name: 'pool'});
});

test('a class of the standard dialect, which is not made yet, is called by the place where it is written', t => {
  const context = {kind: 'method', name: 'show', metadata: {}};
  t.is(onMethod('@Get()', () => {}, context, place).owner, 'The class at src/shop.ts:12');
  t.is(onMethod('@Get()', () => {}, context, nowhere).owner, 'This class');
});

test('what is noted on a class is there for that very class', t => {
  class Page {}
  const decorated = onClass('@Resource()', Page, undefined);
  t.is(noteOn(key, Page), undefined);
  t.is(
    noteIn(key, decorated, () => 7),
    7,
  );
  t.is(
    noteIn(key, decorated, () => 8),
    7,
  );
  t.is(noteOn(key, Page), 7);
  t.is(noteOn(key, class extends Page {}), undefined);
});

test('a decorator on what it is not for is refused by the name of the member, in both dialects', t => {
  const refused = (act: () => unknown, message: string) =>
    void t.throws(act, {code: 'DECORATOR_MISPLACED', message: `@Get() stands on ${message} [DECORATOR_MISPLACED]`});
  const method = () => {};
  const on = (context: object) => () => onMethod('@Get()', method, {name: 'show', metadata: {}, ...context}, place);
  refused(() => onMethod('@Get()', Base, 'show', place), 'the static method Base.show. Put it on an instance method.');
  refused(on({kind: 'method', static: true}), 'the static method show. Put it on a public instance method.');
  refused(on({kind: 'method', private: true}), 'the private method show. Put it on a public instance method.');
  refused(on({kind: 'getter'}), 'the getter show, which is no method. Put it on a method.');
  refused(on({kind: 'class'}), 'a class. Put it on a method.');
  refused(() => onClass('@Get()', method, {kind: 'method', name: 'show'}), 'the method show. Put it on a class.');
});

test('a compiler that gives no metadata is told of, with the way out', t => {
  t.throws(() => onClass('@Resource()', Base, {kind: 'class'}), {
    code: 'DECORATOR_MISPLACED',
    message:
      '@Resource() was given no metadata by the compiler. Import espalier before the module of the class, or have a compiler that knows Symbol.metadata. [DECORATOR_MISPLACED]',
  });
});

test('a decorator knows by its context which dialect it was called in', t => {
  for (const context of [undefined, 'show', Symbol('show'), 0, null]) t.false(isStandard(context));
  t.true(isStandard({kind: 'class'}));
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
  class Page {}
  const legacy = {method: [Page.prototype, 'show', {}], class: [Page], parameter: [Page, undefined, 0]} as const;
  const standard = {
    method: [() => {}, {kind: 'method', name: 'show'}],
    field: [undefined, {kind: 'field', name: 'show'}],
    class: [Page, {kind: 'class', name: 'Page'}],
  } as const;
  for (const [decorator, given, written, on = 'Page.show'] of [
    [Get, legacy.method, '@Get()'],
    [OnExpire, legacy.method, '@OnExpire()'],
    [Child, legacy.method, '@Child(segment, TheClass)'],
    [Child, legacy.class, '@Child(segment, TheClass)', 'Page'],
    [Resource, legacy.class, '@Resource()', 'Page'],
    [SessionComponent, legacy.class, "@SessionComponent('name')", 'Page'],
    [inject, legacy.method, '@inject(Token)'],
    [inject, legacy.parameter, '@inject(Token)', 'Page'],
    [multiInject, legacy.method, '@multiInject(Token)'],
    [multiInject, legacy.parameter, '@multiInject(Token)', 'Page'],
    [named, legacy.method, "@named('name')"],
    [named, legacy.parameter, "@named('name')", 'Page'],
    [optional, legacy.method, '@optional()'],
    [optional, legacy.parameter, '@optional()', 'Page'],
    [postConstruct, legacy.method, '@postConstruct()'],
    [preDestroy, legacy.method, '@preDestroy()'],
    [injectable, legacy.class, '@injectable()', 'Page'],
    [Get, standard.method, '@Get()', 'the method show'],
    [Resource, standard.class, '@Resource()', 'the class Page'],
    [SessionComponent, standard.class, "@SessionComponent('name')", 'Page'],
    [inject, standard.field, '@inject(Token)', 'the field show'],
    [multiInject, standard.field, '@multiInject(Token)', 'the field show'],
    [named, standard.field, "@named('name')", 'the field show'],
    [optional, standard.field, '@optional()', 'the field show'],
    [postConstruct, standard.method, '@postConstruct()', 'the method show'],
    [preDestroy, standard.method, '@preDestroy()', 'the method show'],
    [injectable, standard.class, '@injectable()', 'the class Page'],
  ] as const) {
    const [name] = written.split('(');
    t.throws(() => (decorator as (...all: readonly unknown[]) => unknown)(...given), {
      code: 'DECORATOR_MISPLACED',
      message: `${name} on ${on} has no parentheses. Write ${written}. [DECORATOR_MISPLACED]`,
    });
  }
  t.notThrows(() => multiInject(class Token {}));
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

test.serial('where the command line collects what decorators refuse, it is told, and the program goes on', t => {
  const told: Error[] = [];
  setCommandLine({onRefusal: error => told.push(error)});
  decorating('@Get()', () => {
    throw new TypeError('It is frozen.\nThere is more.');
  });
  t.deepEqual(
    told.map(({message}) => message),
    ["@Get() can't stand there: It is frozen. [DECORATOR_MISPLACED]"],
  );
  Reflect.deleteProperty(globalThis, Symbol.for('espalier.command-line'));
});

test('what the container is asked by stands where the container can heed it, in both dialects', t => {
  class Page {
    show() {}
    static shared() {}
  }
  const method = [() => {}, {kind: 'method', name: 'show', metadata: {}}];
  const field = [undefined, {kind: 'field', name: 'note', metadata: {}}];
  const getter = [() => {}, {kind: 'getter', name: 'text', metadata: {}}];
  const type = [Page, {kind: 'class', name: 'Page', metadata: {}}];
  const accessor = {get: () => 1, configurable: true};
  Object.defineProperty(Page.prototype, 'text', accessor);
  for (const [decorator, name, given, standing] of [
    [Resource(), '@Resource()', field, /^the field note\. Put it on a class\./],
    [injectable(), '@injectable()', field, /^the field note\. Put it on a class\./],
    [SessionComponent('a'), '@SessionComponent()', field, /^the field note\. Put it on a class\./],
    [Resource(), '@Resource()', [Page.prototype, 'show', {}], /^Page\.show\. Put it on a class\./],
    [injectable(), '@injectable()', [Page, 'shared', {}], /^Page\.shared\. Put it on a class\./],
    ...[inject('a'), multiInject('a'), named('a'), optional()].flatMap((of, at) => {
      const called = ['@inject()', '@multiInject()', '@named()', '@optional()'][at]!;
      return [
        [of, called, method, /^the method show of the class at \S*spec\/decorator\.spec\.ts:\d+\. Put it on a field\./],
        [of, called, getter, /^the getter text of the class at \S+\. Put it on a field\./],
        [of, called, type, /^the class Page\. Put it on a field\./],
      ] as const;
    }),
    ...[postConstruct(), preDestroy()].flatMap((of, at) => {
      const called = ['@postConstruct()', '@preDestroy()'][at]!;
      return [
        [of, called, field, /^the field note, which is no method\. Put it on a method\./],
        [of, called, type, /^a class\. Put it on a method\./],
        [of, called, [Page, 'shared', {}], /^the static method Page\.shared\. Put it on an instance method\./],
        [of, called, [Page.prototype, 'text', accessor], /^Page\.text, which is no method\. Put it on a method\./],
      ] as const;
    }),
  ] as const) {
    const error = t.throws(() => (decorator as (...all: readonly unknown[]) => void)(...given), {
      code: 'DECORATOR_MISPLACED',
    });
    t.true(error.message.startsWith(`${name} stands on `), error.message);
    t.regex(error.message.slice(`${name} stands on `.length), standing);
  }
});
