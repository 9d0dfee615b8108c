// npm run bench: Espalier beside bare node:http and beside its peers, in interleaved rounds. See the README of this folder.
import {execFileSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {bare, contenders, espalier, together, versionsOf} from './contenders.js';
import {measureLive} from './live.js';
import {generator} from './load.js';
import {canPin} from './process.js';
import {race} from './race.js';
import {writePage} from './report.js';
import {keepResult} from './results.js';
import {measureStored} from './stored.js';
import {tableOf} from './table.js';
import {workloads} from './workloads.js';

const {values: options} = parseArgs({
  options: {
    brief: {type: 'boolean', default: false},
    node: {type: 'string'},
    only: {type: 'string'},
    quick: {type: 'boolean', default: false},
    write: {type: 'boolean', default: false},
  },
});

const {quick} = options;
const plans = {
  full: {warmUp: 12, processes: 2, rounds: 5, seconds: 2},
  brief: {warmUp: 12, processes: 1, rounds: 3, seconds: 2},
  quick: {warmUp: 1, processes: 1, rounds: 2, seconds: 1},
};
const plan = plans[quick ? 'quick' : options.brief ? 'brief' : 'full'];

/** The Node that runs this, and a later one, by their major versions. */
const nodes = [process.execPath, fileURLToPath(new URL('node_modules/node/bin/node', import.meta.url))].map(node => {
  const version = execFileSync(node, ['--version'], {encoding: 'utf8'}).trim();
  return {node, version, major: version.slice(1).split('.')[0]};
});
const folder = mkdtempSync(join(tmpdir(), 'espalier-bench-'));
const env = {FOLDER: folder};

/** Who races in a workload: everyone in those that all can do, and on the later Node in one of them alone. */
function entrants(id, {flat, isOurs, onNode}, isFirst) {
  if (flat) return [{...espalier, name: 'Espalier, flat route', path: flat}, espalier, bare];
  if (isOurs || !(isFirst || id === 'established')) return [bare, together, espalier];
  return contenders.filter(({python}) => !(onNode && python));
}

const isWanted = id => options.only === undefined || options.only.split(',').includes(id);
const log = line => console.error(`${new Date().toLocaleTimeString('en-GB')} ${line}`);

async function measure({node, version, major}, isFirst) {
  for (const [id, workload] of Object.entries(workloads).filter(([name]) => isWanted(name))) {
    log(`Node ${version}: ${workload.title}`);
    const racing = entrants(id, workload, isFirst);
    const rows = await race(racing, workload, {node, env, ...plan});
    print(rows);
    keepResult(major, id, {node: version, versions: versionsOf(racing), generator, plan, rows});
  }
  if (!isFirst) return;
  for (const [id, measureMore] of Object.entries({stored: measureStored, live: measureLive})) {
    if (!isWanted(id)) continue;
    const result = await measureMore({node, quick, log});
    print(result.rows);
    keepResult(major, id, {node: version, generator, ...result});
  }
}

const short = value => (typeof value === 'number' ? Number(value.toPrecision(4)) : value);

function print(rows) {
  const shortened = rows.map(row => Object.fromEntries(Object.entries(row).map(([key, value]) => [key, short(value)])));
  console.log(`\n${tableOf(shortened)}\n`);
}

function tellWhatComes() {
  const races = nodes
    .filter(({major}) => !options.node || options.node === major)
    .flatMap(node =>
      Object.entries(workloads).map(([id, workload]) => isWanted(id) && entrants(id, workload, node === nodes[0])),
    );
  const each = plan.warmUp + plan.rounds * (plan.seconds + 1) + 2;
  const minutes = Math.ceil((races.flat().filter(Boolean).length * each) / 60);
  log(
    `The races take about ${minutes} minutes, stores and live sessions some ten more. The machine should rest meanwhile.`,
  );
  if (!contenders.some(({python}) => python)) log('Twisted is not installed here: python3-twisted.');
}

tellWhatComes();
if (!canPin) log('There are no two cores to pin to, or no taskset: expect noise.');
for (const [name, size] of [
  ['large.txt', 2 ** 20],
  ['small.txt', 2 ** 10],
]) {
  writeFileSync(join(folder, name), Buffer.alloc(size, 'x'));
}
try {
  for (const [i, node] of nodes.entries())
    if (!options.node || options.node === node.major) await measure(node, i === 0);
} finally {
  rmSync(folder, {recursive: true});
}
if (options.write) await writePage();
