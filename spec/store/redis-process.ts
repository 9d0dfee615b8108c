// A process of its own that keeps sessions in the same Redis: `node redis-process.js <url> <prefix> <task> …`.
import {writeSync} from 'node:fs';
import {createCluster} from 'redis';
import {RedisStore} from 'espalier/store/redis';

const [url, prefix, task, ...args] = process.argv.slice(2) as [string, string, string, ...string[]];
const lifetime = {isSecure: false, device: undefined, idleTimeout: 60_000, absoluteTimeout: 600_000};

/** Count up in a component, so many times, and never let go of what another process has counted. */
async function count(store: RedisStore, key: string, times: number): Promise<void> {
  for (let done = 0; done < times;) {
    const {components} = (await store.touch(key))!;
    const {revision, text} = components.get('count') ?? {revision: 0, text: '0'};
    const written = await store.write(key, 'count', revision, String(Number(text) + 1));
    if (written.state === 'written') done += 1;
  }
}

/** Update a component ten thousand times, and say of each that it was answered. */
async function update(store: RedisStore, key: string): Promise<void> {
  for (let revision = 0; revision < 10_000;) {
    const written = await store.write(key, 'count', revision, String(revision + 1));
    if (written.state !== 'written') throw new Error(written.state);
    ({revision} = written);
    writeSync(1, `${revision}\n`);
  }
}

/** Find a session of another process, begin one, and look for what is due. */
async function visit(store: RedisStore, others: string, own: string): Promise<void> {
  const found = await store.find(others, true);
  await store.create({uid: own, ...lifetime});
  await store.sweep();
  console.log(JSON.stringify({now: Date.now(), isFound: found !== undefined}));
}

/** Sign in to a session of a cluster, up to a step. */
async function signIn(key: string, to: string, user: string, limit: number, step: string): Promise<void> {
  const client = createCluster({rootNodes: url.split(',').map(node => ({url: node}))});
  client.on('error', () => {});
  await client.connect();
  const evalSha = client.evalSha.bind(client);
  client.evalSha = (async (sha1: string, options: {arguments: string[]}) => {
    if (options.arguments[0] === step) process.kill(process.pid, 'SIGKILL');
    return evalSha(sha1, options);
  }) as typeof client.evalSha;
  const store = new RedisStore({client, prefix, timeout: 10_000});
  await store.renew(key, {from: key, to, grace: 1000, signIn: {user, limit}});
}

if (task === 'signIn') await signIn(args[0]!, args[1]!, args[2]!, Number(args[3]), args[4]!);
if (task === 'visit') {
  const {now} = Date;
  Date.now = () => now() + Number(args[2]);
}
const store = new RedisStore({...(task !== 'signIn' && {url}), prefix, timeout: 10_000});
if (task === 'count') await count(store, args[0]!, Number(args[1]));
if (task === 'update') await update(store, args[0]!);
if (task === 'visit') await visit(store, args[0]!, args[1]!);
if (task === 'find') console.log((await store.find(args[0]!, false))?.key);
// It ends here, since a store keeps no process alive.
