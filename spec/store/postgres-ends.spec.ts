import {until} from '../until.ts';
import {share, test} from './postgres-world.ts';

const {world} = await share();

test('an end that is committed late is heard of, though later ones were heard of before', async t => {
  const {schema, pool, store, begin} = world(t);
  const heard: string[] = [];
  store.onEnd(key => heard.push(key));
  for (const uid of ['slow', 'quick', 'last']) await begin(uid);
  const slow = await pool.connect();
  await slow.query('BEGIN');
  await slow.query(`SELECT ${schema}."end"('slow', 'logout', NULL)`);
  await store.end('quick', 'logout');
  await until(() => heard.length === 1);
  await slow.query('COMMIT');
  slow.release();
  await until(() => heard.length === 2);
  await store.end('last', 'logout');
  await until(() => heard.length === 3);
  t.deepEqual(heard, ['quick', 'slow', 'last']);
});

test('each listener is told of what ends from its own beginning on, once, until it is taken back', async t => {
  const {store, begin} = world(t);
  const [first, second, third]: [string[], string[], string[]] = [[], [], []];
  const end = async (uid: string) => {
    await begin(uid);
    await store.end(uid, 'logout');
  };
  store.onEnd(key => first.push(key));
  await end('a');
  store.onEnd(key => second.push(key));
  await end('b');
  const takeBack = store.onEnd(key => third.push(key));
  await until(() => second.length === 1);
  takeBack();
  await end('c');
  await until(() => first.length === 3 && second.length === 2);
  t.deepEqual([first, second, third], [['a', 'b', 'c'], ['b', 'c'], []]);
});

test('a function that listens twice is told twice, and taken back once at a time', async t => {
  const {store, begin} = world(t);
  const heard: string[] = [];
  const hear = (key: string) => heard.push(key);
  const takeBack = store.onEnd(hear);
  store.onEnd(hear);
  for (const uid of ['a', 'b']) await begin(uid);
  await store.end('a', 'logout');
  await until(() => heard.length === 2);
  takeBack();
  await store.end('b', 'logout');
  await until(() => heard.length === 3);
  t.deepEqual(heard, ['a', 'a', 'b']);
});
