import {listAll, endAllOf} from '../../src/testing/store-contract/world.ts';
import {share, test} from './redis-world.ts';

const {world} = await share();

test('where a store has several partitions, the sessions of a user are listed and ended wherever they lie', async t => {
  const {store, signIn} = world(t, {partitions: 64});
  const keys = Array.from({length: 20}, (_, i) => `s${i}`);
  for (const key of keys) await signIn(key, 'ada');
  t.deepEqual(
    (await listAll(store, 'ada')).map(({key}) => key),
    keys,
  );
  t.is(await endAllOf(store, 'ada', 'revoked'), 20);
  t.deepEqual(await listAll(store, 'ada'), []);
});
