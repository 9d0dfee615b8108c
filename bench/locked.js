// How long a page without a session waits while another process holds the write lock of SQLite's file, and many visitors
// want to write.
import {once} from 'node:events';
import {createServer} from 'node:http';
import {DatabaseSync} from 'node:sqlite';
import {setTimeout as sleep} from 'node:timers/promises';
import {SqliteStore} from '../dist/src/store/sqlite.js';
import {newFile} from './backends.js';
import {median} from './process.js';
import {tableOf} from './table.js';

/** For how long the lock is held, in milliseconds. */
const hold = 4000;
/** The longest that a page may take that has nothing to do with the file, in milliseconds. */
const allowed = 20;

const lifetime = {isSecure: false, idleTimeout: 600_000, absoluteTimeout: 600_000};

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

/** How long each answer took, in milliseconds. */
async function visit(url, until) {
  const took = [];
  while (performance.now() < until) {
    const began = performance.now();
    await (await fetch(url)).text();
    took.push(performance.now() - began);
    await sleep(2);
  }
  return took;
}

const rounded = value => Number(value.toFixed(1));

async function measure(writers, url) {
  const file = newFile();
  const store = new SqliteStore({path: file.at});
  const keys = Array.from({length: writers}, (_, i) => `${i}`);
  for (const uid of keys) await store.create({uid, ...lifetime});
  const other = new DatabaseSync(file.at);
  other.exec('BEGIN IMMEDIATE');
  const writes = keys.map(key => write(store, key));
  const took = await visit(url, performance.now() + hold);
  other.exec('COMMIT');
  const refused = await Promise.all(writes);
  other.close();
  store.close();
  file.stop();
  return {
    writers,
    refused: refused.reduce((all, one) => all + one, 0),
    pages: took.length,
    'median, ms': rounded(median(took)),
    'longest, ms': rounded(Math.max(...took)),
  };
}

const server = createServer((request, response) => response.end('pong')).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}`;
for (let i = 0; i < 200; i += 1) await (await fetch(url)).text();

const rows = [];
for (const writers of [0, 1, 20, 100, 300]) rows.push(await measure(writers, url));
server.close();
server.closeAllConnections();
console.log(`${tableOf(rows)}\n`);
const [alone, ...beside] = rows.map(row => row['longest, ms']);
const longest = Math.max(...beside);
console.log(
  alone > allowed
    ? `Without any writer one took ${alone} ms: this machine has too much else to do to tell.`
    : `The longest took ${longest} ms; ${allowed} ms are allowed.`,
);
process.exitCode = longest > allowed ? 1 : 0;
