// What a runtime has to do, each by itself: the name of what it did, or of what it did not, on a line of its own.
import {strict as assert} from 'node:assert';
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {ContainerModule, SessionStore, createSite} from 'espalier';
import {MemoryStore} from 'espalier/store/memory';
import {storeContract, type StoreFixture} from 'espalier/testing';
import {WebSocket} from 'ws';
import {Home} from './site.ts';

const folder = mkdtempSync(join(tmpdir(), 'espalier-runtime-'));

/** By whom the program is run: the rest of the command that has run this one. */
const command = process.argv.slice(2);

type Ask = (path: string, init?: RequestInit) => Promise<Response>;

async function isVisited(ask: Ask): Promise<void> {
  const first = await ask('/');
  assert.equal(await first.text(), '1');
  const [cookie] = first.headers.getSetCookie()[0]!.split(';');
  const headers = {cookie: cookie!};
  // All at once: of these none may be lost.
  const texts = await Promise.all(Array.from({length: 50}, async () => (await ask('/', {headers})).text()));
  assert.deepEqual(
    texts.map(Number).toSorted((less, more) => less - more),
    Array.from({length: 50}, (_, at) => at + 2),
  );
  const json = {...headers, 'Content-Type': 'application/json'};
  const said = await ask('/said', {method: 'POST', headers: json, body: '{"word":"plum"}'});
  assert.deepEqual([said.status, await said.json()], [201, {word: 'plum'}]);
  assert.equal(await (await ask('/stream')).text(), 'one two');
  const page = await ask('/nowhere');
  assert.deepEqual([page.status, page.headers.get('content-type')], [404, 'application/problem+json']);
  const renewed = await ask('/sign-in', {method: 'POST', headers});
  const [after] = renewed.headers.getSetCookie()[0]!.split(';');
  assert.notEqual(after, cookie);
  assert.equal(await (await ask('/user', {headers: {cookie: after!}})).text(), 'ada');
}

async function inProcess(store: SessionStore): Promise<void> {
  const bound = new ContainerModule(({bind}) => void bind(SessionStore).toConstantValue(store));
  const site = createSite(Home, {modules: [bound], sessions: {insecure: true}});
  await isVisited((path, init) => site.fetch(new Request(`http://localhost${path}`, init)));
  await site.close();
}

async function served(isLeft: boolean): Promise<void> {
  const [file, ...args] = command;
  const child = spawn(file!, [...args, join(import.meta.dirname, `serve${import.meta.filename.slice(-3)}`)], {
    env: {...process.env, PORT: '0', HOST: '127.0.0.1'},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const url = line.replace('Listening on ', '');
    if (!isLeft) await isVisited((path, init) => fetch(url + path, init));
    else await isTalkedTo(url);
    // Not by the child itself: Deno would take the signal for its end.
    process.kill(child.pid!, 'SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
    const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
    clearTimeout(timer);
    assert.deepEqual([code, signal], [0, null]);
  } finally {
    child.kill('SIGKILL');
  }
}

async function isTalkedTo(url: string): Promise<void> {
  const first = await fetch(url);
  const [cookie] = first.headers.getSetCookie()[0]!.split(';');
  const socket = new WebSocket(`${url.replace('http', 'ws')}/talk`, {headers: {cookie: cookie!}});
  await once(socket, 'open');
  socket.send('plum');
  const [text] = (await once(socket, 'message')) as [Buffer];
  assert.equal(String(text), 'plum');
  socket.close();
  await once(socket, 'close');
}

async function sqlite(): Promise<void> {
  const {SqliteStore} = await import('espalier/store/sqlite');
  await inProcess(new SqliteStore({path: join(folder, 'sessions.db')}));
}

async function lawsOf(makeFixture: () => StoreFixture): Promise<void> {
  const broken: string[] = [];
  for (const {title, run} of storeContract(makeFixture)) {
    await run().catch((error: unknown) => broken.push(`${title}: ${String(error).split('\n')[0]}`));
  }
  assert.deepEqual(broken, []);
}

let count = 0;
const inFile = async () => {
  const {SqliteStore} = await import('espalier/store/sqlite');
  return (): StoreFixture => {
    const path = join(folder, `${(count += 1)}.db`);
    return {open: clock => new SqliteStore({path, clock}), dispose: () => undefined};
  };
};
const inMemory = (): StoreFixture => {
  let store: MemoryStore | undefined;
  return {open: clock => (store ??= new MemoryStore({clock})), dispose: () => undefined};
};

const tasks: Record<string, () => Promise<void>> = {
  'site.fetch, sessions in memory': () => inProcess(new MemoryStore()),
  'site.fetch, sessions in SQLite': sqlite,
  'serve, sessions in memory, and an end by SIGTERM': () => served(false),
  'serve, a WebSocket': () => served(true),
  'the laws of stores, in memory': () => lawsOf(inMemory),
  'the laws of stores, in SQLite': async () => lawsOf(await inFile()),
};

for (const [name, task] of Object.entries(tasks)) {
  try {
    await task();
    console.log(`works: ${name}`);
  } catch (error) {
    console.log(`fails: ${name}\n${error instanceof Error ? error.stack : String(error)}`);
  }
}
rmSync(folder, {recursive: true});
process.exit(0);
