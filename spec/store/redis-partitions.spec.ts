import {createHash} from 'node:crypto';
import test from 'ava';
import {RedisPartitions} from '../../src/store/redis-partitions.ts';

test('a store of one partition is called by the name that it has always had', t => {
  const {all, areMany} = new RedisPartitions('espalier', 1, false);
  t.deepEqual([all.map(({keys}) => keys), areMany], [[['{espalier}:']], false]);
});

test('sessions are spread evenly over the partitions', t => {
  const partitions = new RedisPartitions('espalier', 64, true);
  const counts = new Map(partitions.all.map(partition => [partition, 0]));
  for (let i = 0; i < 64_000; i += 1) {
    const partition = partitions.of(createHash('sha256').update(`${i}`).digest('base64url'));
    counts.set(partition, counts.get(partition)! + 1);
  }
  t.true(Math.min(...counts.values()) > 850);
  t.true(Math.max(...counts.values()) < 1150);
});
