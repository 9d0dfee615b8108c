import test from 'ava';
import {Get, Logger, Resource, SessionService, inject} from 'espalier';
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
    return (await this.sessions.getSession()).createdAt;
  }
}

test('the site lives by the clock it comes with', async t => {
  const {clock, log, visitor} = testSite(Home);
  await visitor().get('/');
  t.like(log[1]?.error, {code: 'RESULT_UNSUPPORTED'});
  t.is(clock.now(), Date.UTC(2030, 0, 1));
});

test('what the site logs is there to be looked at', async t => {
  const {log, visitor} = testSite(Home);
  await visitor().get('/');
  t.deepEqual(log[0], {level: 'warn', message: 'somebody came'});
});
