// What this machine alone takes, beside the figures of a store and in the same run: a process that does nothing but go round its
// event loop, and write a page and wait for the disk now and then. Whoever measures sends it anything at the end, and gets how long that took.
import {fork} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

/** The value that so many of all do not exceed. */
export const at = (values, part) => values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? 0;

/** Begin to measure the machine. `end()` gives how long a turn of a bare event loop, and a bare wait for the disk, took. */
export async function startFloor() {
  const child = fork(fileURLToPath(import.meta.url));
  await once(child, 'message');
  const end = async () => {
    child.send('end');
    const [floor] = await once(child, 'message');
    return floor;
  };
  return {end};
}

const summary = values => ({usual: at(values, 0.999), longest: at(values, 1)});

async function measure() {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
  const file = openSync(join(folder, 'page'), 'w');
  const page = Buffer.alloc(4096, 1);
  const turns = [];
  const syncs = [];
  const over = new AbortController();
  process.once('message', () => over.abort());
  process.send('ready');
  while (!over.signal.aborted) {
    // A timer of a millisecond: by how much it is late.
    const began = performance.now();
    await sleep(1);
    turns.push(Math.max(0, performance.now() - began - 1));
    if (turns.length % 10 > 0) continue;
    writeSync(file, page, 0, page.length, 0);
    const written = performance.now();
    fdatasyncSync(file);
    syncs.push(performance.now() - written);
  }
  closeSync(file);
  rmSync(folder, {recursive: true});
  process.send({turn: summary(turns), sync: summary(syncs)}, () => process.disconnect());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await measure();
