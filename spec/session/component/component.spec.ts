import test from 'ava';
import {SessionComponent, type ComponentClass, type EspalierError} from 'espalier';
import {componentOf} from '../../../src/session/component/component.ts';
import {twoSites, visitedSite} from '../world.ts';

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
    t.throws(() => SessionComponent('x', {version}), {
      code: 'OPTION_INVALID',
      message: /^@SessionComponent\("x"\): version is/,
    });
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

/** A class of a shop, and one of a plug-in that has its name. */
function namesakes() {
  @SessionComponent('user')
  class Profile {
    name = '';
    role = 'guest';
  }
  @SessionComponent('user')
  class FormDraft {
    role: unknown;
  }
  return {Profile, FormDraft};
}

test('two classes under one name never share their fields at a site: the second is refused, and both are named', async t => {
  const {Profile, FormDraft} = namesakes();
  const {look, visit} = visitedSite();
  await visit(session => session.update(Profile, profile => (profile.name = 'Ann')));
  for (const act of ['get', 'update', 'remove', 'take'] as const) {
    const {error} = await look<unknown>(session => session[act](FormDraft, draft => void (draft.role = 'admin')));
    t.like(error, {code: 'COMPONENT_TAKEN', status: 500});
    t.regex(
      String(error),
      /The classes Profile and FormDraft are both the component "user"\. Give each a name of its own/,
    );
  }
  t.deepEqual({...(await visit(session => session.get(Profile)))}, {name: 'Ann', role: 'guest'});
});

test('two sites of one process may each have a class of their own under one name', async t => {
  const {Profile, FormDraft} = namesakes();
  const {first, second} = await twoSites();
  await first.visit(session => session.update(Profile, profile => (profile.role = 'editor')));
  t.is(await second.visit(session => session.get(FormDraft).role), 'editor');
});

test('a class that is loaded a second time from the same source goes on with what the first has stored', async t => {
  const load = (role: string) => {
    @SessionComponent('user')
    class Profile {
      name = '';
      role = role;
    }
    return Profile;
  };
  const {visit} = visitedSite();
  const [First, Again] = [load('guest'), load('guest')];
  await visit(session => session.update(First, profile => (profile.name = 'Ann')));
  t.is(await visit(session => session.get(Again).name), 'Ann');
  t.is(await visit(session => session.get(First).name), 'Ann');
});

test('a class of the same name and another source, or another version, is none that was loaded again', async t => {
  const {Profile: First} = namesakes();
  const others = () => {
    @SessionComponent('user')
    class Profile {
      role = 'admin';
    }
    return Profile;
  };
  const versions = (version: number) => {
    @SessionComponent('versions', {version})
    class Versions {
      n = 0;
    }
    return Versions;
  };
  const {visit} = visitedSite();
  await visit(session => {
    session.get(First);
    t.throws(() => session.get(others()), {code: 'COMPONENT_TAKEN'});
    session.get(versions(0));
    t.throws(() => session.get(versions(1)), {code: 'COMPONENT_TAKEN'});
  });
});

test('a class whose constructor wants arguments is refused by its name when it is declared', t => {
  class Point {
    constructor(readonly x: number) {}
  }
  t.throws(() => SessionComponent('point')(Point as unknown as ComponentClass), {
    code: 'COMPONENT_INVALID',
    message: /^The component point can't be made: the constructor of Point wants arguments\./,
  });
});

test('a class whose constructor fails without arguments is told by its name, and with the cause, when it is first used', async t => {
  @SessionComponent('point')
  class Point {
    readonly x: number;
    constructor(...places: {readonly x: number}[]) {
      this.x = places[0]!.x;
    }
  }
  const {visit} = visitedSite();
  await visit(async session => {
    const refused = {
      code: 'COMPONENT_INVALID',
      message: /^The component point can't be made: the constructor of Point fails\./,
    };
    const error = t.throws(() => session.get(Point), refused);
    t.true(error?.cause instanceof TypeError);
    await t.throwsAsync(
      session.update(Point, () => undefined),
      refused,
    );
  });
});
