import test from 'ava';
import {
  Clock,
  Container,
  createSite,
  Get,
  inject,
  OnExpire,
  Resource,
  SessionAdmin,
  SessionComponent,
  SessionService,
  SessionStore,
  type SessionEnd,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {Client, TestClock} from 'espalier/testing';
import {until} from '../until.ts';
import {distant} from './stores.ts';

const minute = 60_000;

/** A store with sessions of ada, of eve and of nobody, each begun a minute after the one before, and what looks after it. */
async function looked(count = 12) {
  const clock = new TestClock();
  const store = new MemoryStore({clock});
  const keys = Array.from({length: count}, (_, i) => `session ${i}`);
  for (const [i, uid] of keys.entries()) {
    const lifetime = {idleTimeout: 60 * minute, absoluteTimeout: 600 * minute};
    store.create({uid, isSecure: i % 2 === 0, device: `browser ${i}`, ...lifetime});
    store.write(uid, 'cart', 0, JSON.stringify({version: 0, fields: {items: [i]}}));
    const signIn = {user: i % 3 === 1 ? 'ada' : 'eve', limit: 100};
    if (i % 3 > 0) store.renew(uid, {from: uid, to: `${uid}'`, grace: 0, signIn});
    clock.advance(minute);
  }
  return {clock, store, keys, admin: new SessionAdmin(distant(store))};
}

test('an operator counts sessions, and lists them a page at a time, each once', async t => {
  const {admin, keys} = await looked(35);
  t.is(await admin.count(), 35);
  const listed: string[] = [];
  for (let after: string | undefined; ;) {
    const {sessions, next} = await admin.list({most: 12, after});
    t.true(sessions.length <= 12);
    listed.push(...sessions.map(({key}) => key));
    if (next === undefined) break;
    after = next;
  }
  t.deepEqual(listed.toSorted(), keys.toSorted());
});

test('a list is of one user, in the order of their sign-ins, or of those that are old, or idle', async t => {
  const {admin, store, clock} = await looked();
  const keysOf = async (query: object) => (await admin.list(query)).sessions.map(({key}) => key);
  t.deepEqual(await keysOf({user: 'ada'}), ['session 1', 'session 4', 'session 7', 'session 10']);
  t.deepEqual(await keysOf({user: 'ada', olderThan: 6 * minute}), ['session 1', 'session 4']);
  t.deepEqual(await keysOf({user: 'nobody'}), []);
  store.touch('session 1');
  clock.advance(minute);
  t.deepEqual(await keysOf({user: 'ada', idleFor: 6 * minute}), ['session 4']);
  t.deepEqual((await keysOf({olderThan: 11 * minute})).toSorted(), ['session 0', 'session 1']);
  await t.throwsAsync(admin.list({most: 0}), {code: 'OPTION_INVALID'});
  await t.throwsAsync(admin.list({user: ''}), {code: 'USER_INVALID'});
});

test('a session is shown with the sizes of what is in it, and with the values only where they are asked for', async t => {
  const {admin, store} = await looked();
  const seen = store.read('session 1')!.lastSeenAt;
  const shown = await admin.find('session 1');
  t.like(shown, {key: 'session 1', user: 'ada', device: 'browser 1', isSecure: false, lastSeenAt: seen});
  t.deepEqual(shown?.components, [{name: 'cart', bytes: 36}]);
  t.deepEqual((await admin.find('session 1', {values: true}))?.components, [
    {name: 'cart', bytes: 36, value: {items: [1]}},
  ]);
  t.is(await admin.find('no such key'), undefined);
  t.is(store.read('session 1')!.lastSeenAt, seen);
});

test('an operator ends one session, all of a user, or all there are', async t => {
  const {admin} = await looked();
  t.true(await admin.end('session 1'));
  t.false(await admin.end('session 1'));
  t.is(await admin.endAll('ada'), 3);
  t.is(await admin.endAll('ada'), 0);
  await t.throwsAsync(admin.endAll(''), {code: 'USER_INVALID'});
  t.is(await admin.endEveryone(), 8);
  t.is(await admin.count(), 0);
});

@SessionComponent('all kinds')
class AllKinds {
  when = new Date(0);
  places = new Map([['home', new Set([1n])]]);
  bytes = new Uint8Array([1, 2, 3]);
  self: unknown = undefined;
  link = new URL('https://example.org/');
  pattern = /a/g;
}

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async enter() {
    const session = await this.sessions.signIn('ada');
    const ring = {around: [] as unknown[]};
    ring.around.push(ring);
    await session.update(AllKinds, kinds => void (kinds.self = ring));
    return 'Welcome.';
  }
}

/** A site with a session of ada, in which there is a component of all kinds of values. */
async function served(Root = Home) {
  const clock = new TestClock();
  const store = new MemoryStore({clock});
  const container = new Container();
  container.bind(SessionStore).toConstantValue(store);
  container.bind(Clock).toConstantValue(clock);
  const site = createSite(Root, {container});
  const visitor = new Client(site);
  await visitor.get('/', {headers: {'user-agent': 'Firefox'}});
  return {clock, store, site, visitor, admin: new SessionAdmin(store)};
}

test('what is stored of a user is given as plain data, whatever values there are', async t => {
  const {admin, store, site} = await served();
  const data = await admin.export('ada');
  t.deepEqual(JSON.parse(JSON.stringify(data)), data);
  t.like(data, {user: 'ada', sessions: [{user: 'ada', device: 'Firefox'}]});
  t.deepEqual(data.sessions[0]?.components[0]?.value, {
    when: '1970-01-01T00:00:00.000Z',
    places: [['home', ['1']]],
    bytes: 'AQID',
    self: {around: [null]},
    link: 'https://example.org/',
    pattern: '/a/g',
  });
  const {key} = data.sessions[0]!;
  store.write(key, 'broken', 0, 'no component');
  const {sessions} = await admin.export('ada');
  t.is(sessions[0]?.components.find(({name}) => name === 'broken')?.value, 'no component');
  t.deepEqual(await admin.export('bob'), {user: 'bob', sessions: []});
  await site.close();
});

test('what an operator ends is told to @OnExpire, be it to erase what there is of a user', async t => {
  const told: string[] = [];
  @Resource()
  class Hearing extends Home {
    @OnExpire()
    hear({user, reason}: SessionEnd) {
      told.push(`${user} ${reason}`);
    }
  }
  const {admin, site, clock} = await served(Hearing);
  await new Promise(setImmediate);
  t.deepEqual(await admin.erase('ada'), {sessions: 1, ends: 0});
  clock.advance(500);
  await until(() => told.length > 0);
  t.deepEqual(told, ['ada revoked']);
  await until(async () => (await admin.countEnds()).waiting === 0);
  await site.close();
});

test('ends that are not told yet are forgotten with the rest where that is asked for, and nobody else’s', async t => {
  const {admin, store} = await looked();
  store.keepEnds();
  await admin.end('session 1');
  const [end] = store.takeEnds(10, 1000);
  store.settleEnd(end!.key, 'parked');
  await admin.end('session 2');
  t.deepEqual(await admin.countEnds(), {waiting: 1, parked: 1});
  t.deepEqual(await admin.erase('ada', {untoldEnds: true}), {sessions: 3, ends: 4});
  t.deepEqual(await admin.countEnds(), {waiting: 1, parked: 0});
  t.is((await admin.list({user: 'ada'})).sessions.length, 0);
});

test('ends that were set aside are told again when an operator says so', async t => {
  const {admin, store} = await looked();
  store.keepEnds();
  await admin.endEveryone();
  for (const {key} of store.takeEnds(100, 1000)) store.settleEnd(key, 'parked');
  t.is(await admin.retryEnds(), 12);
  t.is(await admin.retryEnds(), 0);
  t.is(store.takeEnds(100, 1000).length, 12);
});

test('a store that keeps no ends has none to tell of', async t => {
  const {store} = await looked();
  const bare = new Proxy(store, {
    has: (_, name) => name !== 'keepEnds',
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const admin = new SessionAdmin(bare);
  t.deepEqual(await admin.countEnds(), {waiting: 0, parked: 0});
  t.is(await admin.retryEnds(), 0);
  t.deepEqual(await admin.erase('ada', {untoldEnds: true}), {sessions: 4, ends: 0});
});
