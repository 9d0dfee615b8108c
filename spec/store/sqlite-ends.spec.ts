import test from 'ava';
import {lifetime, listen, SqliteFolder} from './sqlite-folder.ts';

test('the log of ends is short: those of more than some minutes ago are not in it', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  for (let i = 0; i < 20; i += 1) {
    await store.create({uid: `${i}`, ...lifetime});
    await store.end(`${i}`, 'logout');
    folder.clock.advance(10_000);
  }
  const {ends} = folder.look().prepare('SELECT count(*) AS ends FROM ended').get() as {ends: number};
  t.true(ends > 0 && ends < 10, String(ends));
});

test('who listens hears of ends in another process, of each once, and of none that came before', async t => {
  const folder = new SqliteFolder(t);
  const [here, there] = [folder.open(), folder.open()];
  const first = listen(here, folder.clock);
  for (const uid of ['a', 'b']) await there.create({uid, ...lifetime});
  await there.end('a', 'logout');
  folder.clock.advance(500);
  const second = listen(here, folder.clock);
  t.deepEqual([first, second], [['a logout'], []]);
  await there.end('b', 'revoked');
  folder.clock.advance(500);
  t.deepEqual([first, second], [['a logout', 'b revoked'], ['b revoked']]);
});

test('the log goes on counting where it was when all of it is forgotten, so that nobody misses an end', async t => {
  const folder = new SqliteFolder(t);
  const here = folder.open();
  await here.create({uid: 'a', ...lifetime});
  const told = listen(here, folder.clock);
  await here.end('a', 'logout');
  folder.clock.advance(200_000);
  const there = folder.open();
  await there.create({uid: 'b', ...lifetime});
  await there.end('b', 'logout');
  folder.clock.advance(500);
  t.deepEqual(told, ['a logout', 'b logout']);
});
