import test from 'ava';
import {Container, ContainerModule, Get, Resource, SessionService, SessionStore, createSite, inject} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite} from 'espalier/testing';

@Resource()
class Home {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    return (await this.sessions.getSession()).uid;
  }
}

/** A store that is far away: every answer is a promise, and it may be out of reach. */
class RemoteStore implements SessionStore {
  readonly #near = new MemoryStore();
  isDown = false;
  isClosed = false;

  async create(session: Parameters<SessionStore['create']>[0]) {
    if (this.isDown) throw new Error('connect ECONNREFUSED');
    return this.#near.create(session);
  }
  async touch(uid: string) {
    if (this.isDown) throw new Error('connect ECONNREFUSED');
    return this.#near.touch(uid);
  }
  async end(uid: string, reason: Parameters<SessionStore['end']>[1]) {
    return this.#near.end(uid, reason);
  }
  onEnd() {
    return () => undefined;
  }
  async close() {
    this.isClosed = true;
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
  t.is((await store.touch(uid))?.uid, uid);
});

test('S72: a store that fails is a 503 with Retry-After, never a visitor without a session or with a second one', async t => {
  const {visitor, store, log} = world();
  const someone = visitor();
  const uid = await (await someone.get('/')).text();
  store.isDown = true;
  const answer = await someone.get('/');
  t.deepEqual([answer.status, answer.headers.get('Retry-After'), answer.headers.get('Set-Cookie')], [503, '5', null]);
  t.like(await answer.json(), {detail: 'Sessions are out of reach for the moment. Try again. [SESSION_STORE_DOWN]'});
  t.is(String((log[0]!.error as Error).cause), 'Error: connect ECONNREFUSED');
  store.isDown = false;
  t.is(await (await someone.get('/')).text(), uid);
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
