// How long a page without a session waits while another process holds the write lock of SQLite's file, and many visitors
// want to write. The visitor is a process of its own, and so is a bare event loop beside, which tells what the machine takes.
import {fork} from 'node:child_process';
import {once} from 'node:events';
import {createServer} from 'node:http';
import {DatabaseSync} from 'node:sqlite';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {SqliteStore} from '../dist/src/store/sqlite.js';
import {newFile} from './backends.js';
import {at, startFloor} from './floor.js';
import {tableOf} from './table.js';

/** For how long the lock is held, in milliseconds. */
const hold = 4000;
/** The longest that a page may take that has nothing to do with the file, in milliseconds. */
const allowed = 20;

const lifetime = {isSecure: false, device: undefined, idleTimeout: 600_000, absoluteTimeout: 600_000};

const busy = 5;

/** Write, and again when that was refused. Gives how often it was. */
async function write(store, key) {
  for (let refused = 0; ; refused += 1) {
    try {
      await store.write(key, 'cart', 0, '1');
      return refused;
    } catch (error) {
      if (error.errcode !== busy) throw error;
    }
  }
}

/** In a process of its own, whose garbage is none of the server's: how long each answer took, in milliseconds. */
async function visit(url) {
  const took = [];
  for (let i = 0; i < 200; i += 1) await (await fetch(url)).text();
  process.send('ready');
  for (const until = performance.now() + hold; performance.now() < until;) {
    const began = performance.now();
    await (await fetch(url)).text();
    took.push(performance.now() - began);
    await sleep(2);
  }
  process.send(took);
}

const rounded = value => Number(value.toFixed(1));

async function measure(writers, url) {
  const file = newFile();
  const store = new SqliteStore({path: file.at});
  const keys = Array.from({length: writers}, (_, i) => `${i}`);
  for (const uid of keys) await store.create({uid, ...lifetime});
  const other = new DatabaseSync(file.at);
  const floor = await startFloor();
  const visitor = fork(fileURLToPath(import.meta.url), {env: {...process.env, VISIT: url}});
  await once(visitor, 'message');
  other.exec('BEGIN IMMEDIATE');
  const writes = keys.map(key => write(store, key));
  const [took] = await once(visitor, 'message');
  other.exec('COMMIT');
  const refused = await Promise.all(writes);
  const {turn} = await floor.end();
  other.close();
  await store.close();
  file.stop();
  return {
    writers,
    refused: refused.reduce((all, one) => all + one, 0),
    pages: took.length,
    'median, ms': rounded(at(took, 0.5)),
    '99.9 %, ms': rounded(at(took, 0.999)),
    'longest, ms': rounded(at(took, 1)),
    'a bare loop meanwhile, ms': rounded(turn.longest),
  };
}

async function compare() {
  const server = createServer((request, response) => response.end('pong')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${server.address().port}`;
  const rows = [];
  for (const writers of [0, 1, 20, 100, 300]) rows.push(await measure(writers, url));
  server.close();
  server.closeAllConnections();
  console.log(`${tableOf(rows)}\n`);
  const [alone, ...beside] = rows.map(row => row['longest, ms']);
  const bare = Math.max(alone, ...rows.map(row => row['a bare loop meanwhile, ms']));
  const longest = Math.max(...beside);
  console.log(`The longest took ${longest} ms; ${allowed} ms are allowed.`);
  if (bare > allowed)
    console.log(`Without any writer one took ${bare} ms: this machine has too much else to do to tell.`);
  process.exitCode = longest > allowed ? 1 : 0;
}

if (process.env.VISIT) await visit(process.env.VISIT);
else await compare();
