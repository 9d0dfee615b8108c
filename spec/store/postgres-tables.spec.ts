import {PostgresStore} from 'espalier/store/postgres';
import {TestClock} from 'espalier/testing';
import {until} from '../until.ts';
import {formerSql} from './postgres-former-release.ts';
import {lifetime, share, test, testAlone} from './postgres-world.ts';

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

testAlone(
  'thousands of sessions that begin and end again and again need no more room than the first, and leave nothing dead behind',
  async t => {
    const {rows, made} = world(t);
    await made();
    const busy = ['session', 'component', 'former', 'ended'];
    // The server's own work would hold on to what is dead, at moments of its choice.
    for (const table of busy) await rows(`ALTER TABLE @.${table} SET (autovacuum_enabled = off)`);
    const keys = `(SELECT 'k' || n AS key FROM generate_series(1, 2000) AS n) AS many`;
    let now = 1e12;
    const cycle = async () => {
      await rows(`SELECT @.create(key, false, 60000, 600000, NULL, ${now}) FROM ${keys}`);
      await rows(`SELECT @.write(key, 'cart', 0, '[1,2,3]', NULL, ${now}) FROM ${keys}`);
      await rows(`SELECT @.touch(key, NULL, ${now + 10_000}) FROM ${keys}`);
      await rows(`SELECT @."end"(key, 'logout', NULL, ${now + 20_000}) FROM ${keys}`);
      await rows(`UPDATE @.ended SET noted_at = noted_at - interval '2 minutes'`);
      now += 1e6;
      while ((await rows(`SELECT @.sweep(${now}) AS more`))[0]!['more']);
      for (const table of busy) await rows(`VACUUM @.${table}`);
    };
    const pages = async () =>
      Number(
        (
          await rows(`SELECT sum(pg_total_relation_size(oid) / 8192) AS pages FROM pg_class
      WHERE relnamespace = '@'::regnamespace AND relkind = 'r'`)
        )[0]!['pages'],
      );
    await cycle();
    await cycle();
    const before = await pages();
    for (let i = 0; i < 4; i += 1) await cycle();
    t.true((await pages()) <= before * 1.1, `${await pages()} pages after ${before}`);
    t.deepEqual(
      await rows(`SELECT relname, n_dead_tup FROM pg_stat_user_tables WHERE schemaname = '@' AND n_dead_tup > 100`),
      [],
    );
  },
);

test('the server looks soon for room that sessions have left, in a schema of 0.1.0 too', async t => {
  for (const former of [false, true]) {
    const {pool, schema, rows, made} = world(t);
    if (former) await pool.query(formerSql(schema));
    await made();
    const tables = await rows(`SELECT relname FROM pg_class WHERE relnamespace = '@'::regnamespace AND relkind = 'r'
      AND NOT coalesce(reloptions::text, '') LIKE '%autovacuum_vacuum_scale_factor=0.02%'`);
    t.deepEqual(tables, [{relname: 'state'}]);
  }
});
