import test from 'ava';
import {Child, Get, Post, Resource} from 'espalier';
import {onClass} from '../../src/decorator.ts';
import {declarationsIn, declarationsOf, isResource} from '../../src/resource/declarations.ts';

class Base {}
class Middle extends Base {}
class Sub extends Middle {}

test('what stands on a class is one thing, however often it is asked for', t => {
  const on = (type: Function) => declarationsIn(onClass('@Resource()', type, undefined));
  t.is(on(Base), on(Base));
  t.not(on(Base), on(Sub));
});

test('a class without declarations has none', t => {
  const {options, children, handlers} = declarationsOf(class Bare {});
  t.is(options, undefined);
  t.deepEqual([children.size, handlers.size], [0, 0]);
});

test('decorators write to the class they stand on, not to its base', t => {
  class Page {
    @Get()
    show() {}
  }
  class Form extends Page {
    @Post()
    save() {}
  }
  const named = (type: Function) =>
    [...declarationsIn(onClass('@Get()', type, undefined)).handlers].map(([verb, {name}]) => [verb, name]);
  t.deepEqual(named(Page), [['GET', 'show']]);
  t.deepEqual(named(Form), [['POST', 'save']]);
});

test('declarations of every base class hold, and those of the nearest class win', t => {
  class Page {
    @Get()
    show() {}
    @Post()
    save() {}
  }
  class Between extends Page {}
  class Form extends Between {
    @Get()
    form() {}
  }
  t.deepEqual(
    [...declarationsOf(Form).handlers].map(([verb, {name}]) => [verb, name]),
    [
      ['GET', 'form'],
      ['POST', 'save'],
    ],
  );
  t.deepEqual(
    [...declarationsOf(Between).handlers.values()].map(({name}) => name),
    ['show', 'save'],
  );
});

test('a child that is declared anew replaces the inherited one', t => {
  @Child('a', Base)
  @Child('b', Base)
  class Page {}
  @Child('b', Sub)
  class Form extends Page {}
  const classes = [...declarationsOf(Form).children].map(([slot, child]) => [slot, child.resource()]);
  t.deepEqual(classes, [
    ['b', Sub],
    ['a', Base],
  ]);
});

test('a capture replaces an inherited capture of another name', t => {
  @Child(':year', Base)
  class Page {}
  @Child(':month', Sub)
  class Form extends Page {}
  t.deepEqual(
    [...declarationsOf(Form).children.values()].map(child => child.segment),
    [':month'],
  );
});

test('@Resource() stands for the very class alone, and its options for the classes that extend it, too', t => {
  @Resource({leaf: true})
  class Page {}
  class Plain extends Page {}
  @Resource()
  class Form extends Plain {}
  @Resource({leaf: false})
  class Section extends Form {}
  const classes = [Page, Plain, Form, Section];
  t.deepEqual(classes.map(isResource), [true, false, true, true]);
  t.deepEqual(
    classes.map(type => declarationsOf(type).options?.leaf),
    [true, true, true, false],
  );
});

test('a decorator without its parentheses is refused with the way to write it', t => {
  const misplaced = (decorator: string) => ({
    code: 'DECORATOR_MISPLACED',
    message: new RegExp(`^${decorator} on \\S+ has no parentheses\\. Write ${decorator}\\(\\)\\.`),
  });
  t.throws(() => (Resource as (target: unknown) => unknown)(class Page {}), misplaced('@Resource'));
  t.throws(() => (Get as (...target: unknown[]) => unknown)({}, 'show', {}), misplaced('@Get'));
});

test('a verb with a path is refused, for a path is a place in the tree', t => {
  t.throws(() => (Get as (path: string) => unknown)('/list'), {
    code: 'DECORATOR_MISPLACED',
    message: /^@Get\(\) takes no path\. .*@Child\(segment, TheClass\)/,
  });
});
