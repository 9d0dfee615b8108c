import test from 'ava';
import {Get, Resource, SessionService, inject} from 'espalier';
import {testSite} from 'espalier/testing';

@Resource()
class Page {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
}

test('x', async t => {
  const {visitor, clock} = testSite(Page);
  const v = visitor();
  const a = await (await v.get('/')).text();
  t.is(await (await v.get('/')).text(), a);
  clock.advance(15 * 60_000);
  t.not(await (await v.get('/')).text(), a);
});
