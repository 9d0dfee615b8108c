// What was measured the last time, workload by workload, so that one of them can be measured again by itself.
import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {cpus, totalmem} from 'node:os';

const file = new URL('results.json', import.meta.url);

export const readResults = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});

/** Keep what was measured on this major version of Node. */
export function keepResult(major, id, result) {
  const results = readResults();
  const machine = `${cpus().length} × ${cpus()[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const date = new Date().toISOString().slice(0, 10);
  (results[major] ??= {})[id] = {...result, machine, date};
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}
