import {readFileSync} from 'node:fs';
import {PostgresError} from '../../src/store/postgres-error.ts';
import {lifetime, share, test} from './postgres-world.ts';

const {world} = await share();

for (const schema of ['plain', 'Mine']) {
  test(`what fails within a function is told with the file and the line, in the schema ${schema} too`, async t => {
    const {store, rows, begin} = world(t, {schema});
    await begin('a');
    const places = async (failing: Promise<unknown>) => {
      const {reason} = await t.throwsAsync<PostgresError>(failing, {instanceOf: PostgresError});
      const [, line, name] = /, at postgres-functions\.sql:(\d+), in (\S+)$/.exec(reason) ?? [];
      return [name, readFileSync('src/store/postgres-functions.sql', 'utf8').split('\n')[Number(line) - 1]?.trim()];
    };
    await rows(`ALTER TABLE "@".component ADD CONSTRAINT none CHECK (text <> 'no')`);
    t.deepEqual(await places(store.write('a', 'cart', 0, 'no')), [
      'write',
      'INSERT INTO espalier.component VALUES (this_key, this_name, fresh, new_text) ON CONFLICT DO NOTHING;',
    ]);
    await rows(`ALTER TABLE "@".former ADD CONSTRAINT none CHECK (uid <> 'a')`);
    t.is((await places(store.end('a', 'logout')))[0], 'conclude');
    await rows(`ALTER TABLE "@".session ADD CONSTRAINT none CHECK (idle_timeout <> 7)`);
    t.is((await places(store.create({uid: 'b', ...lifetime, idleTimeout: 7})))[0], 'create');
  });
}
