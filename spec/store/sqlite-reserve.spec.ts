import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, statSync} from 'node:fs';
import test from 'ava';
import {lifetime, SqliteFolder} from './sqlite-folder.ts';

// A disk that is full is made of memory, by a process that may do so in a room of its own (Linux).
const canMount = spawnSync('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt']).status === 0;
const onDisk = canMount ? test : test.skip;

for (const [count, room] of [
  [20, 12],
  [600, 20],
] as const) {
  onDisk(`on a full disk ${count} sessions can be ended and told of, after which one can begin again`, async t => {
    const outcome = await new SqliteFolder(t).outcomeOnDisk(room, 'endOnFullDisk', count);
    t.is(outcome, `${count} ${count} true`);
  });

  onDisk(`so it is where ${count} are ended in one turn of the event loop`, async t => {
    const outcome = await new SqliteFolder(t).outcomeOnDisk(room, 'endOnFullDisk', count, 'together');
    t.is(outcome, `${count} ${count} true`);
  });
}

test('the room that is kept for ends is taken little by little, is 4 MiB in all, and is for its owner alone', async t => {
  const folder = new SqliteFolder(t);
  await folder.open().create({uid: 'a', ...lifetime});
  const reserve = `${folder.path}-reserve`;
  t.false(existsSync(reserve));
  folder.clock.advance(500);
  t.is(statSync(reserve).size, 262_144);
  folder.clock.advance(20_000);
  t.is(statSync(reserve).size, 4_194_304);
  t.is(statSync(reserve).mode & 0o777, 0o600);
});

test('where no room can be kept all else goes on', async t => {
  const folder = new SqliteFolder(t);
  const store = folder.open();
  mkdirSync(`${folder.path}-reserve`);
  await store.create({uid: 'a', ...lifetime});
  folder.clock.advance(500);
  t.true(await store.end('a', 'logout'));
  t.deepEqual(folder.errors, []);
});
