import test from 'ava';
import {
  Get,
  inject,
  OnExpire,
  Resource,
  SessionService,
  type SessionEnd,
  type SessionOptions,
  type SiteOptions,
} from 'espalier';
import {testSite} from 'espalier/testing';
import {Request} from '../../../src/http/request.ts';
import {deviceOf} from '../../../src/session/visit/device.ts';

const request = (agent: string | undefined, ip = '203.0.113.7') =>
  Request.from({ip, headers: {host: 'localhost', 'user-agent': agent}});

test('a device is what the browser calls itself, 256 characters at most, and nothing where it does not say', t => {
  t.is(deviceOf(request('Mozilla/5.0 (X11; Linux)'), 'agent'), 'Mozilla/5.0 (X11; Linux)');
  t.is(deviceOf(request('x'.repeat(20_000)), 'agent'), 'x'.repeat(256));
  t.is(deviceOf(request(undefined), 'agent'), undefined);
});

test('characters that move a cursor are taken out of a device, and halves of characters', t => {
  t.is(deviceOf(request('a\u0000b\u001b[31m\u0085c'), 'agent'), 'a b [31m c');
  t.is(deviceOf(request(`${'x'.repeat(255)}🛒`), 'agent'), `${'x'.repeat(255)}\ufffd`);
});

test('a device has the visitor’s address where the application asks for it', t => {
  t.is(deviceOf(request('Firefox'), 'agent and address'), 'Firefox (203.0.113.7)');
  t.is(deviceOf(request(undefined), 'agent and address'), '(203.0.113.7)');
  t.is(deviceOf(request(undefined, ''), 'agent and address'), undefined);
  const long = deviceOf(request('x'.repeat(300)), 'agent and address')!;
  t.is(long.length, 256);
  t.true(long.endsWith('x (203.0.113.7)'));
});

test('nothing is noted where the application wants none', t => {
  t.is(deviceOf(request('Firefox'), false), undefined);
});

/** A page that signs its visitor in and shows the devices of that user. */
function account(options: SessionOptions, trustProxy: SiteOptions['trustProxy'] = []) {
  const ended: (string | undefined)[] = [];
  @Resource()
  class Account {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async show() {
      const own = await this.sessions.signIn('ada');
      const all = await this.sessions.of('ada').list();
      return {own: own.device, all: all.map(({device}) => device)};
    }
    @OnExpire()
    hear({device}: SessionEnd) {
      ended.push(device);
    }
  }
  return {...testSite(Account, {sessions: options, trustProxy}), ended};
}

test('session.device says with what a session was begun, in the list of a user too, whatever its visitor comes with later', async t => {
  const {visitor, site, ended} = account({});
  const [first, second] = [visitor(), visitor()];
  const show = async (who: typeof first, agent: string) =>
    (await who.get('/', {headers: {'user-agent': agent}})).json() as Promise<unknown>;
  t.deepEqual(await show(first, 'Firefox'), {own: 'Firefox', all: ['Firefox']});
  t.deepEqual(await show(second, 'Chromium'), {own: 'Chromium', all: ['Firefox', 'Chromium']});
  t.deepEqual(await show(first, 'Firefox 2'), {own: 'Firefox', all: ['Chromium', 'Firefox']});
  await site.container.get(SessionService).of('ada').expireAll();
  for (let turns = 0; ended.length < 2 && turns < 100; turns += 1) await new Promise(setImmediate);
  t.deepEqual(ended.map(String).toSorted(), ['Chromium', 'Firefox']);
});

test('the address in a device is the one that trustProxy sees, and device: false notes nothing', async t => {
  const headers = {'user-agent': 'Firefox', 'x-forwarded-for': '198.51.100.9'};
  const trusting = account({device: 'agent and address'}, () => true);
  const given = {url: '/', ip: '10.0.0.1', secure: true, headers: {host: 'example.org', ...headers}};
  t.like(JSON.parse(String((await trusting.site.handle(given)).body)), {own: 'Firefox (198.51.100.9)'});
  const silent = account({device: false});
  const own = {'user-agent': 'Firefox'};
  t.deepEqual(await (await silent.visitor().get('/', {headers: own})).json(), {all: [null]});
  t.throws(() => account({device: 'address' as never}), {code: 'OPTION_INVALID'});
});
