import {once} from 'node:events';
import {createInterface} from 'node:readline';
import test from 'ava';
import {SqliteStore} from 'espalier/store/sqlite';
import {systemClock, type Clock} from '../../src/clock.ts';
import {lifetime, SqliteFolder} from './sqlite-folder.ts';

test('an end that was handed out to a process that was killed is handed out again after the lease', async t => {
  const folder = new SqliteFolder(t);
  let offset = 0;
  const clock: Clock = {now: () => Date.now() + offset, after: (delay, act) => systemClock.after(delay, act)};
  const store = new SqliteStore({path: folder.path, clock});
  t.teardown(() => store.close());
  await store.keepEnds();
  await store.create({uid: 'a', ...lifetime});
  await store.end('a', 'logout');
  const child = folder.run('take', 600_000);
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string];
  t.is(said, 'a 1');
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.deepEqual(await store.takeEnds(10, 1000), []);
  offset = 600_001;
  const [again, ...others] = await store.takeEnds(10, 1000);
  t.like(again, {key: 'a', reason: 'logout', attempts: 2});
  t.deepEqual(others, []);
  await store.settleEnd('a', 'told');
  offset *= 2;
  t.deepEqual(await store.takeEnds(10, 1000), []);
});

for (const [what, text] of [
  ['no JSON', '{'],
  ['no session', '{}'],
  ['nothing', 'null'],
] as const) {
  test(`a kept end of which the session is ${what} any more is handed out without it, among the others`, async t => {
    const folder = new SqliteFolder(t);
    const store = folder.open();
    await store.keepEnds();
    for (const uid of ['a', 'b']) {
      await store.create({uid, ...lifetime});
      await store.write(uid, 'cart', 0, '[]');
      await store.end(uid, 'logout');
    }
    folder.look().prepare("UPDATE outbox SET session = ? WHERE key = 'a'").run(text);
    const [a, b] = await store.takeEnds(10, 1000);
    t.like(a, {key: 'a', reason: 'logout', attempts: 1, session: undefined});
    t.deepEqual(b!.session!.components, new Map([['cart', {revision: 1, text: '[]'}]]));
  });
}
