import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {SqliteStore} from 'espalier/store/sqlite';
import {TestClock} from 'espalier/testing';
import {espalier, project} from './project.ts';

const lifetime = {idleTimeout: 15 * 60_000, absoluteTimeout: 12 * 60 * 60_000};
const keys = ['kFb0-the-first', 'm3Qx-the-second', 'Zs81-the-third'] as const;

/** A folder with a program on a file of three sessions, two of which are ada's. */
async function shop(t: ExecutionContext): Promise<string> {
  const folder = project(t, {
    'shop.ts': `
import {ContainerModule, Get, Resource, SessionStore, serve} from 'espalier';
import {SqliteStore} from 'espalier/store/sqlite';
console.log('begins');
@Resource()
class Shop { @Get() show() { return 'shop'; } }
const store = new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(new SqliteStore({path: 'sessions.db'})));
await serve(Shop, {modules: [store]});
`,
    'alone.ts': `
import {Get, Resource, serve} from 'espalier';
@Resource()
class Shop { @Get() show() { return 'shop'; } }
await serve(Shop);
`,
  });
  const store = new SqliteStore({path: join(folder, 'sessions.db'), clock: new TestClock()});
  await store.keepEnds();
  for (const [i, uid] of keys.entries()) {
    const device = ['Firefox', 'Chromium', undefined][i];
    await store.create({uid, isSecure: true, device, ...lifetime});
    const signIn = {user: 'ada', limit: 100};
    if (i < 2) await store.renew(uid, {from: uid, to: `${uid}'`, grace: 0, signIn});
  }
  await store.write(keys[0], 'cart', 0, JSON.stringify({version: 0, fields: {items: [1]}}));
  await store.close();
  return folder;
}

const page = readFileSync('docs/looking-after-sessions.md', 'utf8');

test('the commands in docs/looking-after-sessions.md print what it says', async t => {
  const folder = await shop(t);
  const blocks = [...page.matchAll(/^```console\n([^]*?)^```$/gm)].map(([, body]) => body!);
  t.true(blocks.length > 5);
  for (const block of blocks) {
    const [command, ...output] = block.trimEnd().split('\n');
    // The last one is of a file in which no end is kept any more.
    if (command!.includes(' ends ')) continue;
    const {stdout, stderr} = await espalier(command!.replace('$ npx espalier ', '').split(' '), folder);
    t.is(stdout.trimEnd(), output.join('\n'), command);
    t.is(stderr, '');
  }
});

test('a program says by which store it is, and nothing of it listens; what it prints is no part of the answer', async t => {
  const folder = await shop(t);
  const {code, stdout, stderr} = await espalier(['sessions', 'count', 'shop.ts', '--json'], folder);
  t.deepEqual([code, JSON.parse(stdout)], [0, {sessions: 3}]);
  t.regex(stderr, /begins/);
});

test('what no command can look into is refused, with the reason', async t => {
  const folder = await shop(t);
  const alone = await espalier(['sessions', 'count', 'alone.ts'], folder);
  t.deepEqual([alone.code, alone.stdout], [1, '']);
  t.regex(alone.stderr, /in the memory of its own process.*\[SESSION_STORE_PRIVATE\]/);
  const missing = await espalier(['sessions', 'count', 'sqlite:nowhere.db'], folder);
  t.deepEqual([missing.code, missing.stdout], [1, '']);
  t.regex(missing.stderr, /There is no file nowhere\.db/);
  t.is((await espalier(['sessions', 'list', 'sqlite:sessions.db', '--older-than', 'soon'], folder)).code, 2);
  t.is((await espalier(['sessions', 'list', 'sqlite:sessions.db', '--most', '0'], folder)).code, 2);
  const away = await espalier(['sessions', 'count', 'redis://127.0.0.1:1'], folder);
  t.is(away.code, 1);
  for (const scheme of ['mysql', 'postgres+ssl', 'MySQL']) {
    const unknown = await espalier(['sessions', 'count', `${scheme}://ada:kept-secret@127.0.0.1/shop`], folder);
    t.deepEqual([unknown.code, unknown.stdout], [1, '']);
    t.true(unknown.stderr.startsWith(`There is no store at ${scheme.toLowerCase()}: addresses. `), unknown.stderr);
    t.notRegex(unknown.stderr, /kept-secret/);
  }
});

test('sessions are listed, shown with values, and ended, as plain data where that is asked for', async t => {
  const folder = await shop(t);
  const run = async (...args: string[]) => {
    const {code, stdout, stderr} = await espalier(['sessions', ...args], folder);
    return {code, stderr, said: stdout === '' ? undefined : (JSON.parse(stdout) as unknown)};
  };
  const at = 'sqlite:sessions.db';
  const first = await run('list', at, '--user', 'ada', '--most', '1', '--json');
  t.like(first.said, {sessions: [{key: keys[0], user: 'ada', device: 'Firefox'}]});
  const {next} = first.said as {next: string};
  t.like((await run('list', at, '--user', 'ada', '--after', next, '--json')).said, {sessions: [{key: keys[1]}]});
  t.like((await run('show', at, keys[0], '--values', '--json')).said, {
    components: [{name: 'cart', value: {items: [1]}}],
  });
  t.deepEqual(await run('end', at, keys[2], '--json'), {code: 0, stderr: '', said: {ended: 1}});
  t.deepEqual(await run('end', at, keys[2]), {
    code: 1,
    stderr: 'There is no session Zs81-the-third.\n',
    said: undefined,
  });
  t.is((await run('show', at, keys[2])).code, 1);
  t.deepEqual((await run('ends', at, '--json')).said, {waiting: 1, parked: 0});
  t.deepEqual((await run('ends', at, '--retry', '--json')).said, {waiting: 1, parked: 0, released: 0});
  t.like((await run('export', at, 'ada')).said, {user: 'ada', sessions: [{key: keys[0]}, {key: keys[1]}]});
  const {code, stderr} = await run('erase', at, 'ada');
  t.deepEqual(
    [code, stderr],
    [1, 'It would end 2 sessions of theirs, and forget what is in them. Say --yes, and it does.\n'],
  );
  t.deepEqual((await run('erase', at, 'ada', '--yes', '--untold-ends', '--json')).said, {sessions: 2, ends: 2});
  t.is((await run('end-all', at)).code, 1);
  t.deepEqual((await run('end-all', at, '--yes', '--json')).said, {ended: 0});
});

test('in words, too: of what is more, of ends that wait, of what was erased, and of what visitors write nothing paints', async t => {
  const folder = await shop(t);
  const store = new SqliteStore({path: join(folder, 'sessions.db'), clock: new TestClock()});
  await store.create({uid: 'rude', isSecure: false, device: 'a\u001b[31mred', ...lifetime});
  await store.close();
  const run = async (...args: string[]) => (await espalier(['sessions', ...args], folder)).stdout;
  const at = 'sqlite:sessions.db';
  t.regex(await run('list', at, '--most', '2'), /2 sessions\nThere may be more: --after '2'\n$/);
  t.regex(await run('list', at), /rude .*a\?\[31mred/);
  t.regex(await run('show', at, keys[0], '--values'), /^cart: \d+ bytes \{"items":\[1\]\}$/m);
  t.is(await run('end', at, 'rude'), 'It has ended.\n');
  t.is(await run('ends', at), '1 end waits to be told, 0 set aside.\n');
  t.regex(await run('ends', at, '--retry'), /^0 ends that were set aside will be told again\.\n1 end waits/);
  t.is(
    await run('erase', at, 'ada', '--yes'),
    'Forgotten: 2 sessions. Where @OnExpire is told of ends, it is told first.\n',
  );
  t.is(await run('erase', at, 'ada', '--yes', '--untold-ends'), 'Forgotten: 0 sessions, 2 ends.\n');
  t.is(await run('end-all', at, '--yes'), '1 session has ended.\n');
});
