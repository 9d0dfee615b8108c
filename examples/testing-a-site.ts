// Run it with `npm run example testing-a-site`.
import {strict as assert} from 'node:assert';
import {test} from 'node:test';
import {Get, Post, Resource, SessionService, inject} from 'espalier';
import {testSite} from 'espalier/testing';

@Resource()
class Door {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async look() {
    return (await this.sessions.findSession()) ? 'You are in.' : 'You are out.';
  }

  @Post()
  async enter() {
    await this.sessions.getSession();
    return 'Welcome.';
  }
}

test('a visitor who has entered is in, and nobody else', async () => {
  const {visitor} = testSite(Door);
  const [ada, grace] = [visitor(), visitor()];
  await ada.post('/');
  assert.equal(await (await ada.get('/')).text(), 'You are in.');
  assert.equal(await (await grace.get('/')).text(), 'You are out.');
});

test('a visitor who stays away for a quarter of an hour is out', async () => {
  const {visitor, clock} = testSite(Door);
  const ada = visitor();
  await ada.post('/');
  clock.advance(15 * 60 * 1000);
  assert.equal(await (await ada.get('/')).text(), 'You are out.');
});

class Weather {
  async now(): Promise<string> {
    return (await fetch('https://weather.example/now')).text();
  }
}

@Resource()
class Porch {
  constructor(@inject(Weather) private readonly weather: Weather) {}

  @Get()
  async look() {
    return `Outside it is ${await this.weather.now()}.`;
  }
}

test('the weather is as the test has it', async () => {
  const {visitor} = testSite(Porch, {replace: [[Weather, {now: async () => 'sunny'}]]});
  assert.equal(await (await visitor().get('/')).text(), 'Outside it is sunny.');
});

@Resource()
class Desk {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    return `The desk of ${(await this.sessions.requireSignIn()).user}.`;
  }
}

test('the desk is for visitors who have signed in', async () => {
  const {visitor, as} = testSite(Desk);
  assert.equal((await visitor().get('/')).status, 401);
  assert.equal(await (await as('ada').get('/')).text(), 'The desk of ada.');
});
