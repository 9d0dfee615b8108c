import {AsyncLocalStorage} from 'node:async_hooks';
import test, {type ExecutionContext} from 'ava';
import {
  Child,
  Container,
  ContainerModule,
  Get,
  OnExpire,
  Resource,
  SessionComponent,
  SessionService,
  createSite,
  inject,
  injectable,
  type EndReason,
  type ResourceClass,
  type SessionEnd,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';
import {calm, Cart, Home, world} from '../processes.ts';
import {distant} from '../stores.ts';
import {until} from '../../until.ts';
import {endHandlersOf, hearsOfEnds} from '../../../src/session/end/on-expire.ts';

const minute = 60_000;
const hour = 60 * minute;

/** A root that hears of ends, and what it has heard. */
function listening() {
  const ends: SessionEnd[] = [];
  @Resource()
  class Root extends Home {
    @OnExpire()
    hear(end: SessionEnd) {
      ends.push(end);
    }
  }
  return {Root, ends};
}

type Scene = ReturnType<ReturnType<typeof world>['begin']> & ReturnType<typeof world>;

/** How a session comes to each of its ends. */
const ways: Record<EndReason, (scene: Scene) => Promise<unknown>> = {
  idle: ({pass}) => pass(15 * minute + 1000),
  async absolute({clock, visitor, pass}) {
    const busy = visitor();
    const key = await (await busy.get('/?user=ada&item=tea')).text();
    for (let passed = 0; passed < 12 * hour; passed += 10 * minute) {
      if ((await (await busy.get('/')).text()) !== key) throw new Error('It has ended before.');
      await calm();
      clock.advance(10 * minute);
      await calm();
    }
    await pass(1000);
  },
  async logout({visitor}) {
    const leaving = visitor();
    await leaving.get('/?user=ada&item=tea');
    await leaving.post('/');
  },
  revoked: ({sessions}) => sessions.of('ada').expireAll(),
  async replaced({visitor}) {
    const someone = visitor();
    await someone.get('/?user=ada&item=tea');
    await someone.get('/?user=bob');
  },
  async evicted({visitor}) {
    for (let i = 0; i < 3; i += 1) await visitor().get(`/?user=other${i}`);
  },
};

for (const [name, far] of [
  ['in this process', (store: MemoryStore) => store],
  ['far away', distant],
] as const) {
  for (const reason of Object.keys(ways) as EndReason[]) {
    test(`S64: an end as ${reason} is told with all there is to know of it, by a store ${name}`, async t => {
      const limit = reason === 'evicted' ? 3 : 100;
      const scene = world(clock => far(new MemoryStore({clock, limit, logger: {error: t.log, warn: () => undefined}})));
      const {Root, ends} = listening();
      const process = scene.begin(Root);
      await calm();
      const begunAt = scene.clock.now();
      await process.visitor().get('/?user=ada&item=tea');
      await ways[reason]({...scene, ...process});
      await scene.pass(500);
      await until(() => ends.some(end => end.reason === reason));
      const end = ends.find(one => one.reason === reason)!;
      t.regex(end.key, /^[\w-]{43}$/);
      t.like(end, {user: 'ada', attempts: 1, createdAt: begunAt});
      t.true(end.lastSeenAt >= begunAt && end.lastSeenAt <= end.endedAt && end.endedAt <= scene.clock.now());
      t.deepEqual(end.get(Cart).items, ['tea']);
      t.true(end.get(Cart) instanceof Cart);
      await process.site.close();
      // To a site whose clock is turned by minutes, a store that is asked meanwhile has taken too long.
      t.deepEqual(
        scene.log.filter(({message}) => !/^The session store (?:does not work|works again)/.test(message)),
        [],
      );
    });
  }
}

test('an end gives a new component where there was none, and nothing that it gives can be changed', async t => {
  const {begin} = world();
  const {Root, ends} = listening();
  const visitor = begin(Root).visitor();
  const key = await (await visitor.get('/')).text();
  await visitor.post('/');
  await until(() => ends.length === 1);
  const [end] = ends as [SessionEnd];
  t.like(end, {key, user: undefined, reason: 'logout'});
  t.deepEqual(end.get(Cart).items, []);
  t.throws(() => (end.get(Cart).items as string[]).push('tea'), {instanceOf: TypeError});
  class Unmarked {}
  t.throws(() => end.get(Unmarked), {code: 'COMPONENT_UNMARKED'});
});

test('the key of an end is that of the session’s beginning, whatever its uid was last', async t => {
  const {begin} = world();
  const {Root, ends} = listening();
  const visitor = begin(Root).visitor();
  const key = await (await visitor.get('/')).text();
  await visitor.get('/?user=ada');
  await visitor.post('/');
  await until(() => ends.length === 1);
  t.like(ends[0], {key, user: 'ada'});
});

/** Whom a site with these modules, in this container, tells of an end. */
async function toldOf(
  t: ExecutionContext,
  told: string[],
  {Root = Home, modules = [], container}: {Root?: ResourceClass; modules?: ContainerModule[]; container?: Container},
): Promise<string[]> {
  const {site, visitor, log} = testSite(Root, {modules, ...(container && {container})});
  const someone = visitor();
  await someone.get('/');
  await someone.post('/');
  await calm();
  await site.close();
  t.deepEqual(log, []);
  return told.toSorted();
}

/** A class that notes who was told, under a name. */
function hearing(told: string[], name = 'told') {
  @injectable()
  class Hearing {
    @OnExpire()
    hear(end: SessionEnd) {
      told.push(`${name} ${end.reason}`);
    }
  }
  return Hearing;
}

test('a service that a module binds, and that nobody injects, is told', async t => {
  const told: string[] = [];
  const modules = [new ContainerModule(({bind}) => void bind('audit').to(hearing(told)).inSingletonScope())];
  t.deepEqual(await toldOf(t, told, {modules}), ['told logout']);
});

test('a constant value is told, once, and so is a service that several tokens lead to', async t => {
  const told: string[] = [];
  const Hearing = hearing(told);
  const modules = [
    new ContainerModule(({bind}) => {
      bind('one').toConstantValue(new Hearing());
      bind('alias').toService('one');
    }),
  ];
  t.deepEqual(await toldOf(t, told, {modules}), ['told logout']);
});

test('a singleton of a parent container is told, by each site that has it', async t => {
  const told: string[] = [];
  const container = new Container();
  container.bind('audit').to(hearing(told)).inSingletonScope();
  await toldOf(t, told, {container});
  t.deepEqual(await toldOf(t, told, {container}), ['told logout', 'told logout']);
});

test('what a factory has made while the tree was made is told', async t => {
  const told: string[] = [];
  const [Resolved, Dynamic, Unasked] = ['resolved', 'dynamic', 'unasked'].map(name => hearing(told, name));
  @Resource()
  class Root extends Home {
    @inject('resolved') readonly resolved: unknown;
    @inject('dynamic') readonly dynamic: unknown;
  }
  const modules = [
    new ContainerModule(({bind}) => {
      bind('resolved')
        .toResolvedValue(() => new Resolved!())
        .inSingletonScope();
      bind('dynamic')
        .toDynamicValue(() => new Dynamic!())
        .inSingletonScope();
      bind('unasked')
        .toDynamicValue(() => new Unasked!())
        .inSingletonScope();
    }),
  ];
  t.deepEqual(await toldOf(t, told, {Root, modules}), ['dynamic logout', 'resolved logout']);
});

test('every method that is marked is told of one end: several of a class, by symbol too, and those of another class', async t => {
  const told: string[] = [];
  const secret = Symbol('secret');
  @Resource()
  class Root extends Home {
    @OnExpire()
    first() {
      told.push('first');
    }
    @OnExpire()
    async second() {
      await calm();
      told.push('second');
    }
    @OnExpire()
    [secret]() {
      told.push(`secret, ${this instanceof Root}`);
    }
  }
  const modules = [new ContainerModule(({bind}) => void bind('audit').to(hearing(told)).inSingletonScope())];
  t.deepEqual(await toldOf(t, told, {Root, modules}), ['first', 'second', 'secret, true', 'told logout']);
});

test('a method is inherited, and told once where it is overridden, marked again or not', async t => {
  const told: string[] = [];
  class Base extends Home {
    @OnExpire()
    inherited() {
      told.push('inherited');
    }
    @OnExpire()
    marked() {
      told.push('never');
    }
    @OnExpire()
    unmarked() {
      told.push('never');
    }
  }
  @Resource()
  class Root extends Base {
    @OnExpire()
    override marked() {
      told.push('marked');
    }
    override unmarked() {
      told.push('unmarked');
    }
  }
  t.deepEqual(await toldOf(t, told, {Root}), ['inherited', 'marked', 'unmarked']);
  const names = endHandlersOf(Object.create(Root.prototype) as object).map(({name}) => name);
  t.deepEqual(names.toSorted(), ['Root.inherited()', 'Root.marked()', 'Root.unmarked()']);
  t.false(hearsOfEnds(Home));
});

for (const scope of ['inTransientScope', 'inRequestScope'] as const) {
  test(`a class that is bound ${scope}() can't be told, and the site does not come about`, t => {
    const modules = [new ContainerModule(({bind}) => void bind('audit').to(hearing([]))[scope]())];
    t.throws(() => createSite(Home, {modules}), {
      code: 'DECORATOR_MISPLACED',
      message:
        'Hearing has an @OnExpire() method, but its binding makes more than one of it. Bind it in singleton scope. [DECORATOR_MISPLACED]',
    });
  });
}

test('a static method is refused', t => {
  t.throws(
    () => {
      class Wrong {
        @OnExpire()
        static hear() {}
      }
      return Wrong;
    },
    {code: 'DECORATOR_MISPLACED', message: /@OnExpire\(\) stands on the static method Wrong\.hear/},
  );
});

test('it is refused where a method makes the instances for single requests: nobody would be told', t => {
  @Resource()
  class Page {
    @OnExpire()
    hear() {}
    @Get()
    show() {
      return 'page';
    }
  }
  @Resource()
  class Pages {
    @Child(':name', Page)
    find() {
      return new Page();
    }
  }
  @Resource()
  @Child('pages', Pages)
  class Root {}
  t.throws(() => testSite(Root), {
    code: 'DECORATOR_MISPLACED',
    message:
      'Page has an @OnExpire() method, but is not made with the site: a method with @Child makes it, or what is above it. Put @OnExpire() on what is there from the beginning. [DECORATOR_MISPLACED]',
  });
  @Resource()
  @Child('always', Page)
  class Both extends Pages {}
  t.notThrows(() => testSite(Both));
});

test('missing parentheses are refused', t => {
  const bare = OnExpire as unknown as (...given: unknown[]) => void;
  t.throws(() => bare({}, 'hear', {}), {
    code: 'DECORATOR_MISPLACED',
    message: /@OnExpire on Object\.hear has no parentheses\. Write @OnExpire\(\)\./,
  });
});

test('it runs outside any request, and in no context of one, even when the end came of one', async t => {
  const context = new AsyncLocalStorage<string>();
  const found: unknown[] = [];
  @Resource()
  class Root {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async comeAndGo() {
      await context.run('request', async () => {
        await this.sessions.getSession();
        await this.sessions.expire();
      });
    }
    @OnExpire()
    async hear() {
      found.push(context.getStore());
      await this.sessions.getSession().catch((error: unknown) => found.push(error));
    }
  }
  const {visitor} = testSite(Root);
  await calm();
  await visitor().get('/');
  await until(() => found.length === 2);
  t.is(found[0], undefined);
  t.like(found[1], {code: 'OUTSIDE_REQUEST'});
});

test('an end gives no class the fields of another that has its name at the site', async t => {
  @SessionComponent('cart')
  class Other {
    items: unknown;
  }
  const {Root, ends} = listening();
  const {begin} = world();
  const {visitor} = begin(Root);
  const leaving = visitor();
  await leaving.get('/?item=tea');
  await leaving.post('/');
  await until(() => ends.length === 1);
  t.deepEqual(ends[0]!.get(Cart).items, ['tea']);
  t.throws(() => ends[0]!.get(Other), {code: 'COMPONENT_TAKEN', message: /Cart and Other/});
});
