import {PostgresStore} from 'espalier/store/postgres';
import {until} from '../until.ts';
import {lifetime, quiet, share, test} from './postgres-world.ts';

const {server} = await share({isDurable: true});
const keys = Array.from({length: 64}, (_, i) => `${i}`);

test('what was answered of updates that were written together is there after the server was killed in the middle of them', async t => {
  const store = new PostgresStore({url: server.url, logger: quiet});
  t.teardown(() => store.close());
  await until(async () => (await store.count()) === 0);
  for (const uid of keys) await store.create({uid, ...lifetime});
  const answered = new Map(keys.map(key => [key, 0]));
  let [killAt, killed] = [64 + Math.floor(Math.random() * 1000), undefined as Promise<void> | undefined];
  const updateAgain = async (key: string) => {
    for (let revision = 0, count = 1; ; count += 1) {
      const written = await store.write(key, 'count', revision, String(count));
      if (written.state !== 'written') throw new Error(written.state);
      ({revision} = written);
      answered.set(key, count);
      if ((killAt -= 1) === 0) killed = server.kill();
    }
  };
  const outcomes = await Promise.allSettled(keys.map(updateAgain));
  t.true(outcomes.every(({status}) => status === 'rejected'));
  await killed;
  await server.restart();
  for (const [key, count] of answered) {
    const text = (await until(() => store.read(key))).components.get('count')?.text ?? '0';
    t.true(Number(text) === count || Number(text) === count + 1, `${text} after ${count}`);
  }
});
