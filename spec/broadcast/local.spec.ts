import test from 'ava';
import {LocalBroadcast} from '../../src/broadcast/local.ts';
import {take} from './world.ts';

test('what is published is told to all who have subscribed in the process', async t => {
  const broadcast = new LocalBroadcast();
  const values = broadcast.subscribe<{n: number}>('a');
  t.true(await broadcast.publish('a', {n: 1}));
  t.deepEqual(await take(values, 1), [{n: 1}]);
  await t.throwsAsync(broadcast.publish('a', undefined), {instanceOf: TypeError});
  broadcast.close();
  t.true((await values.next()).done);
});
