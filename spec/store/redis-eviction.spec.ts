import {endAllOf, listAll} from '../../src/testing/store-contract/world.ts';
import {adminOf, openStore, siteWith, startServer, sweepAll, testAlone as test} from './redis-world.ts';

/** Fill Redis until it has evicted a hundred keys, while the sessions of `uids` are in use. */
async function fill({store}: ReturnType<typeof openStore>, admin: Awaited<ReturnType<typeof adminOf>>, uids: string[]) {
  const evicted = async () => Number(/evicted_keys:(\d+)/.exec(await admin.info('stats'))![1]);
  for (let round = 0; (await evicted()) < 100 && round < 200; round += 1) {
    const uid = (i: number) => `${round} ${i}`;
    await Promise.all(
      Array.from({length: 50}, async (_, i) => {
        await store.create({
          uid: uid(i),
          isSecure: false,
          device: undefined,
          idleTimeout: 600_000,
          absoluteTimeout: 6_000_000,
        });
        await store.write(uid(i), 'load', 0, 'x'.repeat(1000)).catch(() => undefined);
      }),
    );
    await Promise.all(uids.map(other => store.find(other, true)));
  }
  return evicted();
}

for (const policy of ['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl']) {
  test(`under ${policy} the list of a user’s sessions lacks none that is live, however many have been evicted`, async t => {
    const server = await startServer(t, '--maxmemory', '3mb', '--maxmemory-policy', policy);
    const admin = await adminOf(t, server);
    const opened = openStore(t, {url: server.url});
    const {store, signIn, warnings} = opened;
    const uids = Array.from({length: 60}, (_, i) => `s${i}`);
    for (const [i, uid] of uids.entries()) await signIn(uid, `user ${i % 20}`);
    t.true(
      (await fill(
        opened,
        admin,
        uids.map(uid => `${uid}'`),
      )) >= 100,
    );
    const live = async () => (await Promise.all(uids.map(uid => store.touch(uid)))).filter(Boolean).length;
    t.true((await live()) > 0);
    let ended = 0;
    for (let user = 0; user < 20; user += 1) ended += await endAllOf(store, `user ${user}`, 'revoked');
    t.true(ended > 0);
    t.is(await live(), 0);
    await sweepAll(store);
    t.deepEqual(warnings, [
      `Redis at 127.0.0.1:${server.port} may throw sessions away without an end (maxmemory-policy ${policy}): make that noeviction.`,
    ]);
  });
}

test('under a policy that evicts any key nobody can sign in, which is told once, until it is another', async t => {
  const server = await startServer(t, '--maxmemory-policy', 'allkeys-lru');
  const admin = await adminOf(t, server);
  const {store, begin, signIn, warnings} = openStore(t, {url: server.url});
  const name = `Redis at 127.0.0.1:${server.port}`;
  for (const uid of ['a', 'b', 'c']) {
    const message = `${name} may throw away any key (maxmemory-policy allkeys-lru), and so who is signed in.`;
    await t.throwsAsync(signIn(uid, 'u'), {message});
  }
  t.is((await begin('d')).key, 'd', 'whoever stays anonymous may have a session');
  await admin.configSet('maxmemory-policy', 'noeviction');
  await signIn('e', 'u');
  t.is((await listAll(store, 'u')).length, 1);
  await sweepAll(store);
  t.deepEqual(warnings, [
    `${name} may throw away any key (maxmemory-policy allkeys-lru), and so who is signed in: nobody can sign in until it is noeviction.`,
    `${name} has another maxmemory-policy now: whoever wants to can sign in again.`,
  ]);
});

test('a site answers a sign-in under such a policy with a 503, and adds no line to the log', async t => {
  const server = await startServer(t, '--maxmemory-policy', 'allkeys-random');
  const {store, warnings} = openStore(t, {url: server.url});
  const {visitor, log} = siteWith(store);
  t.is((await visitor().get('/')).status, 200);
  for (let i = 0; i < 3; i += 1) t.is((await visitor().post('/')).status, 503);
  t.deepEqual(log, []);
  t.is(warnings.length, 1);
});

test('where the policy can’t be read that is told once, and nobody is refused', async t => {
  const server = await startServer(t, '--maxmemory-policy', 'allkeys-lru');
  await (await adminOf(t, server)).sendCommand(['ACL', 'SETUSER', 'app', 'on', '>pw', '~*', '+@all', '-info']);
  const {store, signIn, warnings} = openStore(t, {url: `redis://app:pw@127.0.0.1:${server.port}`});
  await signIn('a', 'u');
  await sweepAll(store);
  await signIn('b', 'u');
  await sweepAll(store);
  t.is(warnings.length, 1);
  t.regex(warnings[0]!, /\+info/);
});
