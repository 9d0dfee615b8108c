import test from 'ava';
import * as espalier from 'espalier';
import * as memory from 'espalier/store/memory';
import * as postgres from 'espalier/store/postgres';
import * as redis from 'espalier/store/redis';

test('espalier gives these names, and no others', t => {
  const types =
    'Broadcast Clock EspalierError Html Logger Request Response RuledStore SessionAdmin SessionService SessionStore SiteTree TokenSource';
  const decorators = 'Child Delete Get Head OnExpire Options Patch Post Put Query Resource SessionComponent Use inject';
  const functions =
    'createError createSite html idleDeadline literal pageOf requestKey serve sessionCorrupt systemClock use';
  const inversifys = 'Container ContainerModule injectable multiInject named optional postConstruct preDestroy';
  const names = [types, decorators, functions, inversifys].flatMap(line => line.split(' '));
  t.deepEqual(Object.keys(espalier).toSorted(), names.toSorted());
});

test('espalier/store/memory gives these names, and no others', t => {
  t.deepEqual(Object.keys(memory), ['MemoryStore']);
});

test('espalier/store/postgres gives these names, and no others', t => {
  t.deepEqual(Object.keys(postgres), ['PostgresStore']);
});

test('espalier/store/redis gives these names, and no others', t => {
  t.deepEqual(Object.keys(redis), ['RedisStore']);
});
