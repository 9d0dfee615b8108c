import test from 'ava';
import {Broadcast, Container, ContainerModule, Get, Post, Resource, createSite, inject, type Request} from 'espalier';
import {testSite} from 'espalier/testing';
import {LocalBroadcast} from '../../src/broadcast/local.ts';

@Resource()
class News {
  constructor(@inject(Broadcast) private readonly broadcast: Broadcast) {}
  @Get()
  async *read(request: Request) {
    yield 'begun ';
    for await (const line of this.broadcast.subscribe<string>('news', request.signal)) yield line;
  }
  @Post()
  async write(request: Request) {
    await this.broadcast.publish('news', await request.text());
  }
}

test('without a binding a site has a broadcast of its own, for this process, and closes it', async t => {
  const {visitor, site} = testSite(News);
  const answer = await visitor().get('/');
  const reader = answer.body!.getReader();
  t.is(Buffer.from((await reader.read()).value!).toString(), 'begun ');
  const reading = reader.read();
  await visitor().post('/', {body: 'rain', headers: {'Content-Type': 'text/plain'}});
  t.is(Buffer.from((await reading).value!).toString(), 'rain');
  await reader.cancel();
  const broadcast = site.container.get<Broadcast>(Broadcast);
  const values = broadcast.subscribe('news');
  await site.close();
  t.true((await values.next()).done);
});

test('one that a module binds is closed with the site; one of the container of the application is not', async t => {
  const [brought, shared] = [new LocalBroadcast(), new LocalBroadcast()];
  const container = new Container();
  container.bind(Broadcast).toConstantValue(shared);
  const bringing = new ContainerModule(({bind}) => void bind(Broadcast).toConstantValue(brought));
  const values = [brought.subscribe('a'), shared.subscribe('a')] as const;
  for (const site of [createSite(News, {modules: [bringing]}), createSite(News, {container})]) await site.close();
  t.true((await values[0].next()).done);
  await shared.publish('a', 1);
  t.is((await values[1].next()).value, 1);
});
