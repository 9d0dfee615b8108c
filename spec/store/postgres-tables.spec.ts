import {PostgresStore} from 'espalier/store/postgres';
import {TestClock} from 'espalier/testing';
import {until} from '../until.ts';
import {lifetime, share, test} from './postgres-world.ts';

const {world} = await share();

test('finding a session writes nothing unless being seen gains enough, and then changes no index', async t => {
  const {schema, pool, rows} = world(t);
  const clock = new TestClock();
  const store = new PostgresStore({pool, schema, clock});
  t.teardown(() => store.close());
  for (let i = 0; i < 10; i += 1) await store.create({uid: `s${i}`, ...lifetime});
  const versions = () => rows('SELECT key, xmin, ctid FROM @.session ORDER BY key');
  const findAll = async () => {
    for (let i = 0; i < 10; i += 1) t.truthy(await store.find(`s${i}`, true));
  };
  const before = await versions();
  clock.advance(lifetime.idleTimeout / 20);
  await findAll();
  t.deepEqual(await versions(), before);
  clock.advance(1);
  await findAll();
  t.notDeepEqual(await versions(), before);
  const updates = async () =>
    (
      await rows(`SELECT n_tup_upd::int AS updates, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables
      WHERE schemaname = '@' AND relname = 'session'`)
    )[0] as {updates: number; hot: number};
  await until(async () => (await updates()).updates === 10);
  t.is((await updates()).hot, 10);
});
