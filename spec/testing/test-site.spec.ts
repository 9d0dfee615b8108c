import test from 'ava';
import {Clock, Container, ContainerModule, Get, Logger, Resource, SessionService, inject, systemClock} from 'espalier';
import {testSite} from 'espalier/testing';

@Resource()
class Home {
  constructor(
    @inject(SessionService) private readonly sessions: SessionService,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  @Get()
  async show() {
    this.logger.warn('somebody came');
    return String((await this.sessions.getSession()).createdAt);
  }
}

test('the site lives by the clock it comes with', async t => {
  const {clock, visitor} = testSite(Home);
  clock.advance(5000);
  t.is(await (await visitor().get('/')).text(), String(Date.UTC(2030, 0, 1) + 5000));
});

test('what the site logs is there to be looked at', async t => {
  const {log, visitor} = testSite(Home);
  await visitor().get('/');
  t.deepEqual(log, [{level: 'warn', message: 'somebody came'}]);
});

test("an application's own container and modules may bind a clock and a logger: the test's own come before them", async t => {
  const logger: Logger = {error: () => t.fail(), warn: () => t.fail()};
  const container = new Container();
  container.bind(Logger).toConstantValue(logger);
  const modules = [
    new ContainerModule(({bind}) => {
      bind(Clock).toConstantValue(systemClock);
    }),
  ];
  const {clock, log, visitor} = testSite(Home, {container, modules});
  t.is(await (await visitor().get('/')).text(), String(clock.now()));
  t.is(log.length, 1);
  t.is(container.get(Logger), logger);
});

test('to replace a service its other binding must be left out: two are refused', t => {
  class Greeter {}
  @Resource()
  class Page {
    constructor(@inject(Greeter) readonly greeter: Greeter) {}
  }
  const binding = () =>
    new ContainerModule(({bind}) => {
      bind(Greeter).toConstantValue(new Greeter());
    });
  t.throws(() => testSite(Page, {modules: [binding(), binding()]}), {code: 'DEPENDENCY_FAILED'});
});

@Resource()
class Account {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show() {
    return (await this.sessions.requireSignIn()).user!;
  }
}

test('a visitor can be somebody who has signed in, over TLS too, each in a session of their own', async t => {
  const {as, visitor, site} = testSite(Account);
  const [ada, grace, again] = [as('ada'), as('grace', 'https://shop.example'), as('ada')];
  t.is(await (await ada.get('/')).text(), 'ada');
  t.is(await (await grace.get('/')).text(), 'grace');
  t.is(await (await again.get('/')).text(), 'ada');
  t.is((await visitor().get('/')).status, 401);
  const sessions = await site.container.get(SessionService).of('ada').list();
  t.is(new Set(sessions.map(({uid}) => uid)).size, 2);
  await sessions[0]!.expire();
  t.is((await ada.get('/')).status, 401);
});

test('who can not be signed in can not ask', async t => {
  const {as} = testSite(Account);
  await t.throwsAsync(as('').get('/'), {code: 'USER_INVALID'});
  await t.throwsAsync(as('ada', 'http://shop.example').get('/'), {code: 'SESSION_INSECURE'});
});

test('a double stands in the place of a service in one line, whoever has bound it, or nobody', async t => {
  class Weather {
    now() {
      return 'rain';
    }
  }
  @Resource()
  class Porch {
    constructor(@inject(Weather) private readonly weather: Weather) {}
    @Get()
    look() {
      return this.weather.now();
    }
  }
  const bound = new ContainerModule(({bind}) => {
    bind(Weather).toSelf();
  });
  const container = new Container();
  container.bind(Weather).toSelf();
  const sunny = {now: () => 'sun'};
  for (const options of [{}, {modules: [bound]}, {container}]) {
    const {visitor} = testSite(Porch, {...options, replace: [[Weather, sunny]]});
    t.is(await (await visitor().get('/')).text(), 'sun');
  }
  t.is(await (await testSite(Porch, {container}).visitor().get('/')).text(), 'rain');
  t.throws(() => testSite(Porch, {replace: [[undefined, sunny]] as never}), {code: 'OPTION_INVALID'});
  t.throws(() => testSite(Porch, {replace: [Weather, sunny] as never}), {code: 'OPTION_INVALID'});
});
