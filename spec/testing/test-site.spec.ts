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
