import test from 'ava';
import {SessionComponent, type ComponentClass, type EspalierError} from 'espalier';
import {componentOf} from '../../src/session/component.ts';
import {visitedSite} from './world.ts';

@SessionComponent('visits')
class Visits {
  count = 0;
}

test('a marked class is found by its name, with version 0 unless it says another', t => {
  @SessionComponent('later', {version: 3})
  class Later {}
  t.like(componentOf(Visits), {name: 'visits', version: 0});
  t.like(componentOf(Later), {name: 'later', version: 3});
});

test('a name that is none is refused when the class is declared', t => {
  for (const name of ['', 'a\0b', '\ud800', undefined, 7] as string[]) {
    t.throws(() => SessionComponent(name), {code: 'OPTION_INVALID', message: /^The name of a component is/});
  }
});

test('a version that is no whole number is refused when the class is declared', t => {
  for (const version of [-1, 1.5, NaN, Infinity, '1' as unknown as number]) {
    t.throws(() => SessionComponent('x', {version}), {code: 'OPTION_INVALID', message: /"x" is/});
  }
});

test('a component may have any name that is a text, like one that all objects have', async t => {
  @SessionComponent('__proto__')
  class Odd {
    text = '';
  }
  const {visit} = visitedSite();
  await visit(session => session.update(Odd, odd => (odd.text = 'kept')));
  t.is(await visit(session => session.get(Odd).text), 'kept');
});

test('a class without @SessionComponent is refused by its name, whatever is asked of the session', async t => {
  class Plain {}
  const {visit} = visitedSite();
  const refused = {code: 'COMPONENT_UNMARKED', message: /^Plain is no component\. Put @SessionComponent/};
  await visit(async session => {
    t.throws(() => session.get(Plain), refused);
    await t.throwsAsync(
      session.update(Plain, () => undefined),
      refused,
    );
    await t.throwsAsync(session.remove(Plain), refused);
    await t.throwsAsync(session.take(Plain), refused);
  });
});

test('what is no class is refused without being told', async t => {
  const {visit} = visitedSite();
  for (const none of [undefined, null, 'secret', {secret: true}] as unknown[] as ComponentClass[]) {
    const error = await visit(session => t.throws<EspalierError>(() => session.get(none)));
    t.is(error?.code, 'COMPONENT_UNMARKED');
    t.notRegex(String(error), /secret/);
  }
});

test('a class that extends a component is none until it is marked, and then rests beside it', async t => {
  class More extends Visits {}
  @SessionComponent('marked')
  class Marked extends Visits {
    extra = 'yes';
  }
  const {visit} = visitedSite();
  await visit(async session => {
    t.throws(() => session.get(More), {code: 'COMPONENT_UNMARKED'});
    await session.update(Marked, marked => marked.count++);
    await session.update(Visits, visits => (visits.count = 5));
  });
  t.deepEqual({...(await visit(session => session.get(Marked)))}, {count: 1, extra: 'yes'});
  t.is(await visit(session => session.get(Visits).count), 5);
});

test('a compiler that calls decorators the TC39 way is told what to set', t => {
  const decorate = SessionComponent('x') as (target: unknown, context: unknown) => void;
  t.throws(() => decorate(class {}, {kind: 'class'}), {
    code: 'DECORATOR_MISPLACED',
    message: /@SessionComponent\(\).*experimentalDecorators/,
  });
});
