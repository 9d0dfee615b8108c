import {until} from '../until.ts';
import {openStore, share, startServer, test, testAlone} from './redis-world.ts';

const {url, admin, world} = await share();

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

test('ends are heard although the clock of Redis was put back since, and although its log was emptied before', async t => {
  const {store, key, begin} = world(t);
  const told: string[] = [];
  store.onEnd(uid => told.push(uid));
  const end = async (uid: string) => {
    await begin(uid);
    await store.end(uid, 'logout');
  };
  const ahead = Date.now() + 600_000;
  await end('a');
  await until(() => told.length === 1, 'the first look');
  // As it is when the clock was ten minutes ahead until now.
  await admin.xAdd(key('ended'), `${ahead}-0`, {key: 'b', reason: 'logout'});
  await end('c');
  await until(() => told.length === 3, 'the second look');
  await admin.del(key('ended'));
  for (const uid of ['d', 'e']) await end(uid);
  await until(() => told.length === 5, 'the third look');
  await end('f');
  await until(() => told.length === 6, 'the fourth look');
  t.deepEqual(told, ['a', 'b', 'c', 'd', 'e', 'f']);
});

test('the log has the ends of the last minute, and is bounded also where the clock was put back', async t => {
  const {key, begin, store} = world(t);
  const ended = key('ended');
  const length = () => admin.xLen(ended);
  await admin.xAdd(ended, `${Date.now() - 61_000}-0`, {key: 'old', reason: 'logout'});
  await admin.xAdd(ended, `${Date.now() - 30_000}-0`, {key: 'new', reason: 'logout'});
  await until(async () => (await length()) === 1, 'the look');
  const ahead = `${Date.now() + 600_000}-0`;
  await admin.eval(
    "redis.call('XADD', KEYS[1], ARGV[1], 'key', 'k', 'reason', 'idle') for i = 1, 150000 do redis.call('XADD', KEYS[1], '*', 'key', 'k', 'reason', 'idle') end",
    {keys: [ended], arguments: [ahead]},
  );
  await until(async () => (await length()) <= 101_000, 'the next look');
  await begin('a');
  await store.end('a', 'logout');
  t.true((await length()) >= 100_000);
});
