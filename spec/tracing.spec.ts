import {AsyncLocalStorage} from 'node:async_hooks';
import {tracingChannel} from 'node:diagnostics_channel';
import anyTest, {type ExecutionContext} from 'ava';
import {
  ContainerModule,
  createError,
  Get,
  inject,
  OnExpire,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  type SessionEnd,
} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {testSite, TestClock} from 'espalier/testing';
import {traced} from '../src/tracing.ts';
import {until} from './until.ts';

// Channels are the same for the whole process.
const test = anyTest.serial;

/** Listen to a channel for as long as a test goes on; gives what was told. */
function heard(t: ExecutionContext, name: string): {event: string; message: Record<string, unknown>}[] {
  const told: {event: string; message: Record<string, unknown>}[] = [];
  const channel = tracingChannel(name);
  const subscribers = Object.fromEntries(
    ['start', 'end', 'asyncStart', 'asyncEnd', 'error'].map(event => [
      event,
      (message: object) => told.push({event, message: {...message}}),
    ]),
  );
  channel.subscribe(subscribers as never);
  t.teardown(() => channel.unsubscribe(subscribers as never));
  return told;
}

@SessionComponent('count')
class Count {
  n = 0;
}

@Resource()
class Counting {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}
  @Get()
  async count() {
    const session = await this.sessions.getSession();
    return String((await session.update(Count, count => void (count.n += 1))).n);
  }
}

test('each call of a store is told, with the name of its method', async t => {
  const told = heard(t, 'espalier:store');
  const someone = testSite(Counting).visitor();
  await someone.get('/');
  await someone.get('/');
  const begun = told.filter(({event}) => event === 'start').map(({message}) => message['call']);
  t.deepEqual(begun, ['create', 'write', 'find', 'write']);
  t.is(told.filter(({event}) => event === 'asyncEnd').length, 4);
});

test('a call of a store that fails is told with its error', async t => {
  const told = heard(t, 'espalier:store');
  const clock = new TestClock();
  class Broken extends MemoryStore {
    override create(): never {
      throw new Error('The disk is full.');
    }
  }
  const module = new ContainerModule(({bind}) => {
    bind(SessionStore).toConstantValue(new Broken({clock}));
  });
  t.is(
    (
      await testSite(Counting, {modules: [module]})
        .visitor()
        .get('/')
    ).status,
    503,
  );
  const failed = told.find(({event}) => event === 'error');
  t.like(failed!.message, {call: 'create', error: {code: 'SESSION_STORE_DOWN'}});
});

test('each end of a session that a method is told of is told, and that the method failed', async t => {
  const told = heard(t, 'espalier:end');
  @Resource()
  class Root {
    constructor(@inject(SessionService) private readonly sessions: SessionService) {}
    @Get()
    async leave() {
      await this.sessions.getSession();
      await this.sessions.expire();
      return 'gone';
    }
    @OnExpire()
    hear({reason}: SessionEnd) {
      if (told.filter(({event}) => event === 'start').length === 1) throw createError(500, reason);
    }
  }
  const {visitor, clock} = testSite(Root);
  await visitor().get('/');
  await until(() => {
    clock.advance(1000);
    return told.filter(({event}) => event === 'asyncEnd').length === 2;
  });
  const begun = told.filter(({event}) => event === 'start').map(({message}) => message);
  t.like(begun, [
    {method: 'Root.hear()', reason: 'logout', attempts: 1},
    {method: 'Root.hear()', reason: 'logout', attempts: 2},
  ]);
  t.like(told.find(({event}) => event === 'error')!.message, {error: {message: 'logout'}});
});

test('where nobody listens nothing is made for it', t => {
  const channel = tracingChannel<unknown, object>('espalier:nobody');
  const value = {};
  t.is(
    traced(
      channel,
      () => t.fail(),
      () => value,
    ),
    value,
  );
});

test('what a handler does happens in the context of its trace', async t => {
  const trace = new AsyncLocalStorage<{request: {path: string}}>();
  const {start} = tracingChannel<unknown, {request: {path: string}}>('espalier:request');
  start.bindStore(trace);
  t.teardown(() => start.unbindStore(trace));
  @Resource()
  class Root {
    @Get()
    async show() {
      await Promise.resolve();
      return trace.getStore()!.request.path;
    }
  }
  t.is(await (await testSite(Root).visitor().get('/?a')).text(), '/');
});
