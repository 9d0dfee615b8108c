import test from 'ava';
import {classOf, refuseStandardCall} from '../src/decorator.ts';

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

test('a decorator that is called the legacy way is not refused', t => {
  for (const context of [undefined, 'show', Symbol('show'), 0, null]) {
    t.notThrows(() => refuseStandardCall('@Get()', context));
  }
});
