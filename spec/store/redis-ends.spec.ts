import {until} from '../until.ts';
import {openStore, share, startServer, test, testAlone} from './redis-world.ts';

const {url, world} = await share();

test('each listener is told of what ends from its own beginning on, once, until it is taken back', async t => {
  const {store, begin} = world(t);
  const [first, second, third]: string[][] = [[], [], []];
  const end = async (uid: string) => {
    await begin(uid);
    await store.end(uid, 'logout');
  };
  store.onEnd(key => first!.push(key));
  await end('a');
  store.onEnd(key => second!.push(key));
  await end('b');
  const takeBack = store.onEnd(key => third!.push(key));
  await until(() => second!.length === 1, 'the first look');
  takeBack();
  await end('c');
  await until(() => first!.length === 3 && second!.length === 2, 'the second look');
  t.deepEqual([first, second, third], [['a', 'b', 'c'], ['b', 'c'], []]);
});

test('thousands of ends at once are all told of, in each process, in their order', async t => {
  const {store, prefix, begin} = world(t);
  const other = openStore(t, {url, prefix});
  const told: string[][] = [[], []];
  for (const [i, each] of [store, other.store].entries()) each.onEnd(key => told[i]!.push(key));
  await other.store.find('nobody', false);
  const uids = Array.from({length: 2500}, (_, i) => `s${i}`);
  await Promise.all(uids.map(begin));
  await Promise.all(uids.map(uid => store.end(uid, 'revoked')));
  await until(() => told.every(keys => keys.length >= uids.length), 'the looks');
  t.deepEqual(told, [uids, uids]);
});

testAlone('a listener that comes while Redis is away is told of what ends when it is back', async t => {
  const server = await startServer(t);
  await server.stop();
  const {store, begin, works} = openStore(t, {url: server.url});
  const told: string[] = [];
  store.onEnd(key => told.push(key));
  await server.start();
  await until(works, 'the beginning');
  let ended = 0;
  const hears = async () => {
    await begin(`s${(ended += 1)}`);
    await store.end(`s${ended}`, 'logout');
    return told.length > 0;
  };
  await until(hears, 'the next look');
  t.pass();
});
