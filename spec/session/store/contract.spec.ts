import test from 'ava';
import {
  Container,
  ContainerModule,
  Get,
  Resource,
  SessionService,
  SessionStore,
  createSite,
  inject,
  type EndReason,
  type NewSession,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';
import {isLive} from '../../../src/session/store/contract.ts';

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
}

/** A store that is far away: every answer is a promise, and it may be out of reach. */
class RemoteStore extends MemoryStore {
  isDown = false;
  isClosed = false;

  override create(session: NewSession) {
    return this.#answer(() => super.create(session));
  }
  override find(uid: string, isSeen: boolean) {
    return this.#answer(() => super.find(uid, isSeen));
  }
  override end(key: string, reason: EndReason) {
    return this.#answer(() => super.end(key, reason));
  }
  override close() {
    super.close();
    this.isClosed = true;
  }
  // Typed as what it overrides, though it is a promise: to the site, a store may answer either way.
  #answer<T>(act: () => T): T {
    return (async () => {
      if (this.isDown) throw new Error('connect ECONNREFUSED');
      return act();
    })() as T;
  }
}

function world() {
  const store = new RemoteStore();
  const remote = new ContainerModule(({bind}) => {
    bind(SessionStore).toConstantValue(store);
  });
  return {store, ...testSite(Home, {modules: [remote]})};
}

test('a site keeps its sessions in the store that is bound', async t => {
  const {visitor, store} = world();
  const someone = visitor();
  const uid = await (await someone.get('/')).text();
  t.is(await (await someone.get('/')).text(), uid);
  t.true(isLive(await Promise.resolve(store.find(uid, false))));
});

test('S72: a store that fails is a 503 with Retry-After, never a visitor without a session or with a second one', async t => {
  const {visitor, store, log} = world();
  const someone = visitor();
  const uid = await (await someone.get('/')).text();
  store.isDown = true;
  const answer = await someone.get('/');
  t.deepEqual([answer.status, answer.headers.get('Retry-After'), answer.headers.get('Set-Cookie')], [503, '5', null]);
  const {detail} = (await answer.json()) as {detail: string};
  t.is(detail, 'The session store has failed, or has taken too long. It may still do what it was asked for.');
  store.isDown = false;
  t.is(await (await someone.get('/')).text(), uid);
  t.deepEqual(log, [
    {level: 'warn', message: 'The session store does not work (connect ECONNREFUSED).'},
    {level: 'warn', message: 'The session store works again.'},
  ]);
});

test('the store is closed with the site', async t => {
  const {site, store} = world();
  await site.close();
  t.true(store.isClosed);
});

test("a store of the application's own container stays open when the site closes", async t => {
  const store = new RemoteStore();
  const container = new Container();
  container.bind(SessionStore).toConstantValue(store);
  await createSite(Home, {container}).close();
  t.false(store.isClosed);
});
