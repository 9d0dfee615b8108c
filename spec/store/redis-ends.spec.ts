import {until} from '../until.ts';
import {endedSince, share, testAlone as test} from './redis-world.ts';

const {admin, world} = await share();

test('thousands of ends at once are all in the log, in their order', async t => {
  const {store, begin} = world(t);
  const {mark} = await store.endsSince(undefined);
  const uids = Array.from({length: 2500}, (_, i) => `s${i}`);
  await Promise.all(uids.map(begin));
  await Promise.all(uids.map(uid => store.end(uid, 'revoked')));
  t.deepEqual(
    await endedSince(store, mark),
    uids.map(uid => `${uid} revoked`),
  );
});

test('ends are heard although the clock of Redis was put back since, and although its log was emptied before', async t => {
  const {store, key, begin} = world(t);
  let {mark} = await store.endsSince(undefined);
  const told: string[] = [];
  const end = async (...uids: string[]) => {
    for (const uid of uids) {
      await begin(uid);
      await store.end(uid, 'logout');
    }
    const news = await store.endsSince(mark);
    ({mark} = news);
    told.push(...news.ends.map(({key: of}) => of));
  };
  await end('a');
  // As it is when the clock was ten minutes ahead until now.
  await admin.xAdd(key('ended'), `${Date.now() + 600_000}-0`, {key: 'b', reason: 'logout'});
  await end('c');
  await admin.del(key('ended'));
  await end('d', 'e');
  await end('f');
  t.deepEqual(told, ['a', 'b', 'c', 'd', 'e', 'f']);
});

test('the log has the ends of the last minute, and is bounded also where the clock was put back', async t => {
  const {key, begin, store} = world(t);
  const ended = key('ended');
  const length = () => admin.xLen(ended);
  await admin.xAdd(ended, `${Date.now() - 61_000}-0`, {key: 'old', reason: 'logout'});
  await admin.xAdd(ended, `${Date.now() - 30_000}-0`, {key: 'new', reason: 'logout'});
  await store.sweep();
  t.is(await length(), 1);
  const ahead = `${Date.now() + 600_000}-0`;
  await admin.eval(
    "redis.call('XADD', KEYS[1], ARGV[1], 'key', 'k', 'reason', 'idle') for i = 1, 150000 do redis.call('XADD', KEYS[1], '*', 'key', 'k', 'reason', 'idle') end",
    {keys: [ended], arguments: [ahead]},
  );
  await until(async () => (await store.sweep(), (await length()) <= 101_000), 'the sweeps');
  await begin('a');
  await store.end('a', 'logout');
  t.true((await length()) >= 100_000);
});
